//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
)

// Nothing that is written may take the place of what is read, or of another result.

// checkOutputs refuses outputs of a run that cannot be written or would replace what it
// reads, file with its settings included, or each other.
func checkOutputs(c config.Config, file string) error {
	var errs []error
	if c.Save != "" {
		codec := sink.Auto // where there is no such codec, which Validate says
		if slices.Contains(sink.Codecs(), c.Codec) {
			codec = c.Codec
		}
		errs = append(errs, config.Faulty(sink.CheckVideo(c.Save, codec), "save", "codec"))
	}
	files, read := runFiles(c, file)
	return errors.Join(append(errs, checkNames(files, read))...)
}

// runFiles are the files of a run: what it reads, which is so many, and what it writes.
func runFiles(c config.Config, file string) (files []outputPath, read int) {
	files = append([]outputPath{{"config", &file}}, modelFiles(c)...)
	for _, input := range c.Input {
		path := input
		if spec, err := capture.ParseInput(input); err == nil {
			path = spec.Path
			if spec.Kind == capture.Stdin {
				path = "/dev/stdin" // may be a file
			}
		}
		files = append(files, outputPath{"input", &path})
	}
	read = len(files)
	for _, in := range inputsOf(c) {
		files = append(files, outputPaths(&in.config)...)
	}
	return files, read
}

// modelFiles are the run's model, the user's own or an installed one, and where its manifest would be.
func modelFiles(c config.Config) []outputPath {
	path := c.Model
	if path == "" {
		m, err := findModel(c)
		if err != nil || m.BuiltIn() { // to open it will say what is wrong
			return nil
		}
		path = m.Path()
	}
	manifest := strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
	return []outputPath{{"model", &path}, {"model", &manifest}}
}

// checkNames refuses outputs that would replace one of the files that are read, which come
// first, or each other, under their own names or those they have while they are written.
func checkNames(files []outputPath, read int) error {
	var errs []error
	for i, a := range files {
		for _, b := range files[max(i+1, read):] {
			x, y := *a.path, *b.path
			if x == "" || y == "" || x == "-" || y == "-" {
				continue
			}
			same := a.flag != b.flag && atomicfile.Same(x, y) // names differ within a flag
			if same || atomicfile.Same(x, atomicfile.PartialName(y)) || i >= read && atomicfile.Same(atomicfile.PartialName(x), y) {
				err := fmt.Errorf("%s %s would replace %s %s; give it another name", b.flag, y, a.flag, x)
				errs = append(errs, config.Faulty(err, b.flag, a.flag))
			}
		}
	}
	return errors.Join(errs...)
}

// checkReplaced refuses a batch of which a result, or what is made on the way to it, would
// replace an input or one of the other files that are read. Whole archives are compared:
// by folder and name first, as most are nowhere near.
func (w *workshop) checkReplaced(items []item, others []outputPath) error {
	type place struct{ folder, name string }
	read := make(map[place][]outputPath)
	add := func(f outputPath) {
		for _, path := range []string{batch.Absolute(*f.path), resolved(*f.path)} {
			// Some file systems take names of different case for one.
			at := place{resolved(filepath.Dir(path)), strings.ToLower(filepath.Base(path))}
			read[at] = append(read[at], f)
		}
	}
	for i := range items {
		add(outputPath{"input", &items[i].Path})
	}
	for _, f := range others {
		if *f.path != "" {
			add(f)
		}
	}
	folders := make(map[string]string)
	for _, it := range items {
		j := job{workshop: w, item: it}
		for _, path := range j.leaves() {
			dir := filepath.Dir(path)
			if _, known := folders[dir]; !known {
				folders[dir] = resolved(dir)
			}
			for _, f := range read[place{folders[dir], strings.ToLower(filepath.Base(path))}] {
				if atomicfile.Same(path, *f.path) {
					return fmt.Errorf("%s, of input %s, would replace %s %s; give another --out", path, it.Path, f.flag, *f.path)
				}
			}
		}
	}
	return nil
}

// listFiles are the files that arguments of a batch take inputs from.
func listFiles(args []string) (files []outputPath) {
	for _, arg := range args {
		if arg == "-" {
			arg = "@/dev/stdin" // may be a file
		}
		if list, is := batch.ListFile(arg); is {
			files = append(files, outputPath{"list", &list})
		}
	}
	return files
}

// resolved is a path without symbolic links, as far as it is there.
func resolved(path string) string {
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		path = whole
	}
	return batch.Absolute(path)
}
