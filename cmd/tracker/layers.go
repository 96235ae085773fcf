//go:build gocv_specific_modules

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/config"
)

// layers are where settings come from: the command line over the environment over a
// file over the defaults. The file is read anew each time that they are settled.
type layers struct {
	file              string // empty for none
	byVariable        bool   // the file is named by the environment
	environment, line map[string][]string
}

// configVariable names the file of settings where --config does not.
const configVariable = "TRACKER_CONFIG"

func newLayers(flags *pflag.FlagSet, file string) layers {
	l := layers{file: file, environment: make(map[string][]string), line: make(map[string][]string)}
	if file == "" && !flags.Changed("config") { // --config "" is no file, whatever the environment says
		l.file = os.Getenv(configVariable)
		l.byVariable = l.file != ""
	}
	for _, key := range config.Keys() {
		f := flags.Lookup(key)
		if v, ok := os.LookupEnv(environmentName(key)); ok && (v != "" || mayBeEmpty(f)) {
			l.environment[key] = []string{v}
		}
		if f != nil && f.Changed {
			l.line[key] = flagTexts(f.Value)
		}
	}
	wrong := misspelt(os.Environ())
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		slog.Warn(name+" is no setting", "did you mean", wrong[name])
	}
	return l
}

// mayBeEmpty tells a text from a number or a time, of which an empty variable, as
// files of services have them, says nothing.
func mayBeEmpty(f *pflag.Flag) bool { return f != nil && strings.HasPrefix(f.Value.Type(), "string") }

// misspelt are the variables that look like a setting's, and are none, with those
// that were likely meant.
func misspelt(environment []string) map[string]string {
	found := make(map[string]string)
	for _, v := range environment {
		name, _, _ := strings.Cut(v, "=")
		key, ours := strings.CutPrefix(name, environmentName(""))
		if len(key) < 5 || !ours || slices.Contains(otherVariables, name) {
			continue
		}
		if near := config.Closest(key); near != "" && environmentName(near) != name {
			found[name] = environmentName(near)
		}
	}
	return found
}

// otherVariables are no settings of a run: the file that has some, and what the program is made of.
var otherVariables = []string{configVariable, "TRACKER_HOME", "TRACKER_ORT_LIB", "TRACKER_CUDA_OPTIONS", "TRACKER_DATA"}

// settle puts the layers together, and tells where each value came from. It checks
// everything but whether there is an input, after forget has taken away what does not
// apply, where it is given.
func (l layers) settle(forget ...func(*config.Config)) (config.Config, config.Origins, error) {
	c, origins := config.Default(), config.Origins{}
	if l.file != "" {
		data, err := os.ReadFile(l.file)
		if err != nil {
			err = checkSpelling(err)
			if l.byVariable {
				err = fmt.Errorf("%w (the file is named by %s)", err, configVariable)
			}
			return c, nil, fmt.Errorf("read configuration: %w", err)
		}
		if len(data) == 0 { // not even a comment: somebody may be about to write it
			return c, nil, fmt.Errorf("%s:1:1: the file is empty; 'tracker config show' prints one with the defaults", l.file)
		}
		if origins, err = config.Parse(l.file, data, &c); err != nil {
			return c, nil, err
		}
	}
	layered := pflag.NewFlagSet("", pflag.ContinueOnError)
	bind(layered, &c)
	for _, layer := range []struct {
		values map[string][]string
		called func(string) string
	}{{itemized(layered, l.environment), environmentName}, {l.line, func(name string) string { return "--" + name }}} {
		if err := overlayFlags(layered, layer.values, layer.called, origins); err != nil {
			return c, nil, err
		}
	}
	for _, f := range forget {
		f(&c)
	}
	return c, origins, origins.Locate(errors.Join(c.Validate(), checkOutputs(c, l.file)))
}

// environmentName is the variable that sets a flag: TRACKER_MAX_FRAMES.
func environmentName(flag string) string {
	return "TRACKER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// itemized takes variables apart that are lists for flags of which each takes one item, as
// --input does, whose paths may have commas. The other lists take themselves apart.
func itemized(f *pflag.FlagSet, environment map[string][]string) map[string][]string {
	all := maps.Clone(environment)
	for name, values := range all {
		if f.Lookup(name).Value.Type() == "stringArray" {
			all[name] = itemsOf(values[0])
		}
	}
	return all
}

// itemsOf reads a list as CSV. Quotes count where an item begins with them, so that no
// text is wrong; one without an item is an empty item, which its setting refuses.
func itemsOf(text string) []string {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1 // lines need not be as long as each other
	r.LazyQuotes, r.TrimLeadingSpace = true, true
	rows, _ := r.ReadAll()
	if len(rows) == 0 {
		return []string{""}
	}
	return slices.Concat(rows...)
}

// rivals are settings of which a later layer's one replaces an earlier layer's
// other.
var rivals = map[string]string{"cam": "input", "input": "cam", "model": "backbone", "backbone": "model"}

// overlayFlags sets one layer's values over those of the layers below. A value
// takes the place of a rival from below, not of one beside it.
func overlayFlags(f *pflag.FlagSet, values map[string][]string, called func(string) string, origins config.Origins) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "classes" && nothingIn(values[name]) {
			return emptyClasses(called(name))
		}
		rival := rivals[name]
		if _, beside := values[rival]; rival != "" && !beside {
			if err := unset(f.Lookup(rival).Value); err != nil {
				return err
			}
			delete(origins, rival)
		}
		if err := unset(f.Lookup(name).Value); err != nil {
			return err
		}
		for _, v := range values[name] {
			if err := f.Set(name, v); err != nil {
				return fmt.Errorf("%s %s: %w", called(name), v, wantedValue(err))
			}
		}
		origins[name] = called(name)
	}
	return nil
}

// nothingIn says whether the values of a list, with commas or parted, hold nothing.
func nothingIn(values []string) bool { return strings.Trim(strings.Join(values, ""), ",") == "" }

// emptyClasses is the error of classes that are given and none, as by a variable that a script
// has not set: all would be kept, where a few were meant.
func emptyClasses(called string) error {
	return fmt.Errorf("%s is empty; leave it out to keep all classes", called)
}

// unset takes away what layers below have put into a list or a text.
func unset(v pflag.Value) error {
	if list, ok := v.(pflag.SliceValue); ok {
		return list.Replace(nil)
	}
	if v.Type() == "string" {
		return v.Set("")
	}
	return nil
}

// flagTexts is a flag's value as the command line would give it, once for each time.
func flagTexts(v pflag.Value) []string {
	list, ok := v.(pflag.SliceValue)
	switch {
	case !ok:
		return []string{v.String()}
	case v.Type() == "stringSlice": // which reads each text as CSV
		return quoted(list.GetSlice())
	}
	return list.GetSlice()
}

// quoted puts items into the quotes that CSV wants around commas and quotes.
func quoted(items []string) []string {
	texts := slices.Clone(items)
	for i, item := range items {
		if strings.ContainsAny(item, ",\"\n") {
			texts[i] = `"` + strings.ReplaceAll(item, `"`, `""`) + `"`
		}
	}
	return texts
}
