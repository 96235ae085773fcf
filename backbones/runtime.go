package backbones

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	// RuntimeVersion is the ONNX Runtime that setup installs and tests run on.
	RuntimeVersion = "1.24.3"
	// RuntimeEnv names a library file to load instead of the installed one.
	RuntimeEnv = "TRACKER_ORT_LIB"
)

var (
	runtimeMu   sync.Mutex
	runtimePath string // the library in use; "" before LoadRuntime
)

// LoadRuntime loads the ONNX Runtime library, once for the whole process: the
// file that RuntimeEnv names, else the pinned version in lib/ of the data folders,
// beside the program or in its ../lib, or among the system's libraries. The error
// names the folders it looked in and what to do.
func LoadRuntime() error { return LoadRuntimeFor(Device{}) }

// LoadRuntimeFor is LoadRuntime, but that a build made for the device, as setup
// installs it in a folder of its own under lib/, comes before the others. A library
// that is loaded already stays.
func LoadRuntimeFor(d Device) error {
	runtimeMu.Lock()
	defer runtimeMu.Unlock()
	if runtimePath != "" {
		return nil
	}
	path, err := findRuntime(d)
	if err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	// The library prints its errors and returns them; the returned ones are
	// reported, with what they mean here.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("load ONNX Runtime %s: %w; it must be version %s or newer: run 'make setup'", path, err, RuntimeVersion)
	}
	runtimePath = path
	return nil
}

// RuntimeInUse gives the version and the file of the loaded library.
func RuntimeInUse() (version, path string, err error) {
	if err := LoadRuntime(); err != nil {
		return "", "", err
	}
	return ort.GetVersion(), runtimePath, nil
}

func findRuntime(d Device) (string, error) {
	if path := os.Getenv(RuntimeEnv); path != "" {
		if err := isFile(path); err != nil {
			return "", fmt.Errorf("load ONNX Runtime: %s=%s: %w; unset it or name the library file", RuntimeEnv, path, err)
		}
		return path, nil
	}
	dirs := runtimeDirs()
	if path := findBundle(dirs, d.provider().bundle); path != "" {
		return path, nil
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, runtimeFile()); isFile(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("load ONNX Runtime: no %s in %s; run 'make setup', put the library beside the program, or set %s to it",
		runtimeFile(), strings.Join(dirs, ", "), RuntimeEnv)
}

// findBundle looks for a build of any version in the folder of that name in one of
// dirs; empty where there is none.
func findBundle(dirs []string, bundle string) string {
	if bundle == "" {
		return ""
	}
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, bundle, sharedLibrary("onnxruntime")+".*")) // the pattern is well-formed
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

// runtimeDirs lists where the library may be, best first: lib/ of the data
// folders, the program's own folder and its ../lib, the system's libraries.
func runtimeDirs() []string {
	var dirs []string
	for _, dir := range DataDirs() {
		dirs = append(dirs, filepath.Join(dir, "lib"))
	}
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		dirs = append(dirs, filepath.Dir(exe), filepath.Join(filepath.Dir(exe), "..", "lib"))
	}
	return append(dirs, systemLibraries()...)
}

// systemLibraries are the folders of shared libraries that packages install into.
func systemLibraries() []string {
	if runtime.GOOS != "linux" {
		return []string{"/usr/local/lib"}
	}
	triplet := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + "-linux-gnu"
	return []string{"/usr/local/lib", filepath.Join("/usr/lib", triplet), "/usr/lib"}
}

// sharedLibrary is the file name of a shared library.
func sharedLibrary(name string) string {
	switch runtime.GOOS {
	case "darwin":
		return "lib" + name + ".dylib"
	case "windows":
		return name + ".dll"
	}
	return "lib" + name + ".so"
}

// runtimeFile is the library's file name, version included, as its builds name it.
func runtimeFile() string {
	switch runtime.GOOS {
	case "darwin":
		return "libonnxruntime." + RuntimeVersion + ".dylib"
	case "windows":
		return "onnxruntime.dll"
	}
	return "libonnxruntime.so." + RuntimeVersion
}

func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Unwrap(err)
	}
	if info.IsDir() {
		return errors.New("is a folder")
	}
	return nil
}
