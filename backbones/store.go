//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// HomeEnv names the folder that is searched first for lib/ and models/.
const HomeEnv = "TRACKER_HOME"

// DataDirs lists the folders that may hold lib/ (the ONNX Runtime) and models/,
// in the order they are searched.
func DataDirs() []string {
	var dirs []string
	add := func(dir string) {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	add(os.Getenv(HomeEnv))
	if xdg := os.Getenv("XDG_DATA_HOME"); xdg != "" {
		add(filepath.Join(xdg, "tracker"))
	} else if home, err := os.UserHomeDir(); err == nil {
		add(filepath.Join(home, ".local", "share", "tracker"))
	}
	add("/usr/local/share/tracker")
	add("/usr/share/tracker")
	return dirs
}

// Installed lists the manifests in the data folders by name; where two have the
// same name, the folder searched first wins. Manifests that cannot be read are
// reported together in err, beside the ones that could.
func Installed() (list []*Manifest, err error) {
	var errs []error
	seen := map[string]bool{}
	for _, dir := range DataDirs() {
		paths, err := manifestPaths(filepath.Join(dir, "models"))
		if err != nil {
			errs = append(errs, err)
		}
		for _, path := range paths {
			m, err := ReadManifest(path)
			switch {
			case err != nil:
				errs = append(errs, err)
			case !seen[m.Name]:
				seen[m.Name] = true
				m.installed = true
				list = append(list, m)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Manifest) int { return strings.Compare(a.Name, b.Name) })
	return list, errors.Join(errs...)
}

func manifestPaths(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// Find gives the installed model for a backbone family, or of that exact model
// name. The error for a family with no model says which are installed.
func Find(name string) (*Manifest, error) {
	list, listErr := Installed()
	for _, m := range list {
		if strings.EqualFold(m.Name, name) {
			return m, nil
		}
	}
	family, err := LookupFamily(name)
	if err != nil {
		return nil, errors.Join(err, listErr)
	}
	for _, m := range list {
		if m.Backbone == family.Name {
			return m, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("backbone %s has no installed model (%s); %s",
		family.Name, installedNames(list), installHint), listErr)
}

// installHint is what to do about a missing model or library.
const installHint = "run 'make setup' to install the first model, or give your own with --model FILE.onnx"

func installedNames(list []*Manifest) string {
	if len(list) == 0 {
		return "none is installed in " + strings.Join(DataDirs(), ", ")
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = fmt.Sprintf("%s: %s", m.Backbone, m.Name)
	}
	return "installed: " + strings.Join(names, ", ")
}

// FromFile describes a model given by its path, with the manifest that stands
// beside it as FILE.json.
func FromFile(path string) (*Manifest, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open model: %w; give the path of an ONNX file, or a --backbone that 'tracker models' lists", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("open model %s: is a folder; give the ONNX file", path)
	}
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
	m, err := ReadManifest(beside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open model %s: no manifest %s beside it, so its outputs cannot be read as detections%s",
			path, filepath.Base(beside), describeGraph(path))
	}
	if err != nil {
		return nil, err
	}
	if m.File != filepath.Base(path) {
		return nil, fmt.Errorf("open model %s: the manifest %s describes %s, not this file", path, beside, m.File)
	}
	return m, nil
}
