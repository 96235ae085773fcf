package backbones

import (
	"fmt"
	"os"
	"path/filepath"
)

// cacheFolder is where the device's provider keeps what it builds from this model:
// one for each model file and kind of device, under the user's cache folder. It is
// empty for providers that build nothing.
func (m *Model) cacheFolder() (string, error) {
	if !m.device.builds() {
		return "", nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("device %s keeps what it builds in the cache folder: %w; set XDG_CACHE_HOME", m.device, err)
	}
	dir := filepath.Join(base, "tracker", m.device.Kind, m.manifest.SHA256[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("device %s: make its cache: %w; set XDG_CACHE_HOME to a folder that can be written", m.device, err)
	}
	return dir, nil
}

// builds says that the provider compiles the network, which may take minutes.
func (d Device) builds() bool {
	return d.Kind == "tensorrt" || d.Kind == "openvino" && d.Target != "CPU"
}

// announceBuild says so where a network is compiled for the first time.
func (m *Model) announceBuild() {
	dir, err := m.cacheFolder()
	if err != nil || dir == "" {
		return // attaching says what is wrong
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
		m.notify(fmt.Sprintf("%s: compiling %s for the first time, which may take minutes; it is kept in %s", m.device, m.manifest.Name, dir))
	}
}
