package backbones

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tracker-go/tracker/models"
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

// Installed lists the manifests in the data folders and then those built into the
// program, by name; where two have the same name, the one found first wins.
// Manifests that cannot be read are reported together in err, beside the ones that
// could.
func Installed() (list []*Manifest, err error) {
	var errs []error
	seen := map[string]bool{}
	add := func(m *Manifest, err error) {
		switch {
		case err != nil:
			errs = append(errs, err)
		case !seen[m.Name]:
			seen[m.Name] = true
			list = append(list, m)
		}
	}
	for _, dir := range DataDirs() {
		paths, err := manifestPaths(filepath.Join(dir, "models"))
		if err != nil {
			errs = append(errs, err)
		}
		for _, path := range paths {
			m, err := ReadManifest(path)
			if err == nil {
				m.origin = inStore
			}
			add(m, err)
		}
	}
	paths, err := fs.Glob(models.Files, "*.json")
	if err != nil {
		errs = append(errs, err)
	}
	for _, path := range paths {
		add(readBuiltIn(path))
	}
	slices.SortFunc(list, func(a, b *Manifest) int { return strings.Compare(a.Name, b.Name) })
	return list, errors.Join(errs...)
}

// readBuiltIn reads the manifest of a model in the program.
func readBuiltIn(path string) (*Manifest, error) {
	f, err := models.Files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readManifest(f, path)
	if err != nil {
		return nil, err
	}
	m.files, m.origin = models.Files, inProgram
	return m, nil
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

// Find gives a backbone family's model, which is the one its manifest recommends,
// else the first by name; or the model of that exact name. NAME-PRECISION also
// finds a model called NAME, where none has all of that name. The error for a family with no model says which are
// installed.
func Find(name string) (*Manifest, error) {
	list, listErr := Installed()
	family, err := LookupFamily(name)
	if err != nil {
		for _, calls := range []func(*Manifest) string{
			func(m *Manifest) string { return m.Name },
			func(m *Manifest) string { return m.Name + "-" + m.Precision },
		} {
			if i := slices.IndexFunc(list, func(m *Manifest) bool { return strings.EqualFold(calls(m), name) }); i >= 0 {
				return list[i], nil
			}
		}
		return nil, errors.Join(fmt.Errorf("%w; %s; %s", err, installedNames(list), installHint), listErr)
	}
	var found *Manifest
	for _, m := range list {
		if m.Backbone == family.Name && (found == nil || m.Recommended && !found.Recommended) {
			found = m
		}
	}
	if found == nil {
		return nil, errors.Join(fmt.Errorf("backbone %s has no model (%s); %s", family.Name, installedNames(list), installHint), listErr)
	}
	return found, nil
}

// installHint is what to do about a missing model.
const installHint = "install one with 'tracker models add FILE', or name a file with --model FILE.onnx"

func installedNames(list []*Manifest) string {
	if len(list) == 0 {
		return "none is installed in " + strings.Join(DataDirs(), ", ")
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.Name
	}
	return "the models are: " + strings.Join(names, ", ")
}

// FromFile describes a model given by its path: with the manifest that stands
// beside it as FILE.json, or without one by what its outputs look like, where they
// are those of a known kind of detector.
func FromFile(path string) (*Manifest, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open model: %w; give the path of an ONNX file, or a --backbone that 'tracker models' lists", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("open model %s: is a folder; give the ONNX file", path)
	}
	beside := manifestBeside(path)
	m, err := ReadManifest(beside)
	if errors.Is(err, fs.ErrNotExist) {
		m, err = recognise(path)
		switch {
		case errors.As(err, new(unknownError)):
			return nil, fmt.Errorf("open model %s: no manifest %s beside it, and %w; describe it there as docs/models.md shows",
				path, filepath.Base(beside), err)
		case err != nil:
			return nil, fmt.Errorf("open model %s: %w", path, err)
		}
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if m.File != filepath.Base(path) {
		return nil, fmt.Errorf("open model %s: the manifest %s describes %s, not this file", path, beside, m.File)
	}
	return m, nil
}

// manifestBeside is where the manifest of a model file stands.
func manifestBeside(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
}
