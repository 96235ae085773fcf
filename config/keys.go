package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one setting: its key and where Config holds it.
type field struct {
	key   string
	index []int
}

// fields lists the settings in the order in which Config declares them.
var fields = fieldsOf(reflect.TypeFor[Config](), nil)

func fieldsOf(t reflect.Type, at []int) (list []field) {
	for i := range t.NumField() {
		index := append(append([]int{}, at...), i)
		switch tag := t.Field(i).Tag.Get("yaml"); tag {
		case ",inline":
			list = append(list, fieldsOf(t.Field(i).Type, index)...)
		default:
			list = append(list, field{tag, index})
		}
	}
	return list
}

func (f field) of(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(f.index) }

// Keys lists every key, in the order in which Config declares them.
func Keys() []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// Text is the value of a key as YAML has it; empty for one that is not given. An
// unknown key has none.
func (c *Config) Text(key string) string {
	f, ok := lookup(key)
	if !ok {
		return ""
	}
	return text(f.of(c))
}

func lookup(key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func text(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		if value == Unset {
			return ""
		}
		return value.String()
	case int:
		if value == Unset {
			return ""
		}
	case float64:
		if value == Unset {
			return ""
		}
		return strconv.FormatFloat(value, 'f', -1, 64)
	case string:
		return quoted(value)
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	if v.Len() == 0 {
		return ""
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = text(v.Index(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// quoted is a text as YAML has it: in quotes where it could be taken for something
// else.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '/' || r == '.'
	}
	switch {
	case s == "":
		return ""
	case plain(rune(s[0])) && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) && (r < '0' || r > '9') && r != '-' && r != ':' }) &&
		!strings.HasSuffix(s, ":") && !yamlWords[strings.ToLower(s)] && s[0] != '.':
		return s
	}
	return strconv.Quote(s)
}

// yamlWords are what YAML 1.1 or 1.2 takes for a value of its own.
var yamlWords = map[string]bool{"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "null": true, "y": true, "n": true}

// TimeExample is a time as most settings have them; timeExamples are those of others.
const TimeExample = "1.5s"

var timeExamples = map[string]string{"budget": "33ms"}

// WantedTime says what a time looks like where text is none: one like the example, or that
// number with the example's unit.
func WantedTime(text, example string) string {
	withUnit := text + strings.TrimLeft(example, "0123456789.")
	if _, err := time.ParseDuration(withUnit); err == nil {
		example = withUnit
	}
	return "a time with its unit, as in " + example
}

// kind says in words what a setting's value must look like, where text is none.
func (f field) kind(text string) string {
	t := reflect.TypeFor[Config]().FieldByIndex(f.index).Type
	switch t {
	case reflect.TypeFor[time.Duration]():
		return WantedTime(text, cmp.Or(timeExamples[f.key], TimeExample))
	case reflect.TypeFor[List[int]]():
		return "a whole number, or a list of them as in [0, 2]"
	case reflect.TypeFor[List[string]]():
		return "a text, or a list of them as in [one, two]"
	}
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	}
	return "a text"
}

// Closest is the key that a mistyped one was most likely meant to be; empty where
// none is near.
func Closest(typed string) string {
	typed = strings.ToLower(strings.ReplaceAll(typed, "_", "-"))
	best, found := max(2, len(typed)/3)+1, ""
	for _, f := range fields {
		d := distance(typed, f.key)
		if len(typed) > 2 && (strings.HasPrefix(f.key, typed) || strings.HasPrefix(typed, f.key)) {
			d = min(d, 2)
		}
		if d < best {
			best, found = d, f.key
		}
	}
	return found
}

// distance is how many letters must be put in, left out or changed to make one
// text the other (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
