//go:build gocv_specific_modules

package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/config"
)

// input is one source of a run with its own settings.
type input struct {
	name    string // in the names of its outputs, different from every other input's
	renamed bool   // another has the name that it would have
	config  config.Config
}

// inputsOf takes a run's settings apart: each input gets them with itself as the
// only one, and its name in the names of its outputs.
func inputsOf(c config.Config) []input {
	var list []input
	for _, n := range c.Cam {
		own := c
		own.Cam = config.List[int]{n}
		list = append(list, input{config: own})
	}
	for _, path := range c.Input {
		own := c
		own.Input = config.List[string]{path}
		list = append(list, input{config: own})
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = nameOf(list[i].config)
	}
	for i, name := range distinct(names) {
		list[i].name, list[i].renamed = name, name != names[i]
		for _, out := range outputPaths(&list[i].config) {
			*out.path = strings.ReplaceAll(*out.path, config.NamePlace, name)
		}
	}
	return list
}

// outputPath is where one kind of result goes, empty for nowhere.
type outputPath struct {
	flag string
	path *string
}

func outputPaths(c *config.Config) []outputPath {
	var all []outputPath
	for _, kind := range outputKinds {
		all = append(all, outputPath{kind.key, kind.path(c)})
	}
	return all
}

// specOf is the source of a single input's settings.
func specOf(c config.Config) (capture.Spec, error) {
	if len(c.Cam) > 0 {
		return capture.CameraSpec(c.Cam[0]), nil
	}
	return capture.ParseInput(c.Input[0])
}

// shownInputs are the inputs as they may be shown.
func shownInputs(c config.Config) string {
	names := make([]string, len(c.Input))
	for i, input := range c.Input {
		names[i] = shownInput(input)
	}
	return strings.Join(names, ", ")
}

// shownChange are inputs that change, as they may be shown; what may not can be all that does.
func shownChange(before, after config.Config) (from, to string) {
	from, to = shownInputs(before), shownInputs(after)
	if from == to {
		to += " (with another password or query)"
	}
	return from, to
}

func shownInput(input string) string {
	spec, err := capture.ParseInput(input)
	if err != nil {
		return "URL" // that is wrong, and may have a password
	}
	return spec.Name()
}

// nameOf is a short name that can be part of a file's: a file's without its
// extension, a folder's, a stream's host and path.
func nameOf(c config.Config) string {
	spec, err := specOf(c)
	if err != nil {
		return "input" // opening it will say what is wrong
	}
	path := spec.Path
	switch spec.Kind {
	case capture.Stdin:
		return "stdin"
	case capture.Camera:
		return fileName("camera" + strings.TrimPrefix(path, "/dev/video"))
	case capture.URL:
		if u, err := url.Parse(spec.Name()); err == nil { // which has no password
			return fileName(u.Host + u.Path)
		}
	case capture.Images:
		if strings.ContainsAny(filepath.Base(path), "*?[") {
			path = filepath.Dir(path)
		}
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
	}
	base := filepath.Base(path)
	return fileName(strings.TrimSuffix(base, filepath.Ext(base)))
}

// fileName makes a text part of a file's name: letters, digits, dots and _ stay.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, s)
	if s = strings.Trim(s, ".-"); s == "" {
		return "input"
	}
	return s
}

// distinct adds -2, -3, … to names that came before or come later without one. Case
// does not tell names apart, since in some file systems it does not tell files.
func distinct(names []string) []string {
	taken := make(map[string]bool)
	for _, name := range names {
		taken[strings.ToLower(name)] = true
	}
	seen := make(map[string]bool)
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = name
		for n := 2; seen[strings.ToLower(out[i])]; n++ {
			if next := fmt.Sprintf("%s-%d", name, n); !taken[strings.ToLower(next)] {
				out[i] = next
			}
		}
		seen[strings.ToLower(out[i])] = true
	}
	return out
}
