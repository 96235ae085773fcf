package track

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestNewMakesEveryName(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names are not in order or repeat: %v", names)
	}
	for _, name := range names {
		if err := DefaultConfig(name).Validate(); err != nil {
			t.Errorf("%s: default settings: %v", name, err)
		}
		a, errA := New(name, Config{})
		b, errB := New(name, DefaultConfig(name))
		if errA != nil || errB != nil || a == nil || b == nil {
			t.Errorf("New(%q): %v, %v", name, errA, errB)
		}
	}
}

func TestNewRejects(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := DefaultConfig("sort")
		change(&c)
		return c
	}
	for _, tc := range []struct {
		what, name string
		cfg        Config
		want       []string // in the error
	}{
		{"unknown name", "srot", Config{}, []string{`"srot"`, "sort"}},
		{"no name", "", Config{}, []string{`""`, "sort"}},
		{"negative age", "sort", with(func(c *Config) { c.MaxAge = -1 }), []string{"sort", "max age", "-1"}},
		{"negative hits", "sort", with(func(c *Config) { c.MinHits = -2 }), []string{"min hits", "-2"}},
		{"no overlap", "sort", with(func(c *Config) { c.IoU = 0 }), []string{"IoU", "0.3"}},
		{"overlap above one", "sort", with(func(c *Config) { c.IoU = 30 }), []string{"IoU", "30"}},
		{"overlap not a number", "sort", with(func(c *Config) { c.IoU = math.NaN() }), []string{"IoU", "NaN"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			tracker, err := New(tc.name, tc.cfg)
			if err == nil || tracker != nil {
				t.Fatalf("no error, tracker %v", tracker)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestNewTakesZeroFieldsAsTheyAre(t *testing.T) {
	tracker, err := New("sort", Config{IoU: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tracker.(*SORT).cfg, (SORTConfig{IoU: 0.5}); got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
}
