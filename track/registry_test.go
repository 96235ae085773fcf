package track

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
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
		{"negative age", "sort", with(func(c *Config) { c.MaxAge = -2 }), []string{"sort", "max age", "-2"}},
		{"negative gap", "sort", with(func(c *Config) { c.MaxGap = -1 }), []string{"max gap", "-1ns"}},
		{"no bound", "sort", with(func(c *Config) { c.MaxAge = -1 }), []string{"never end", "max gap"}},
		{"score above one", "ocsort", Config{IoU: 0.3, Score: 60}, []string{"ocsort", "score", "60"}},
		{"score not a number", "ocsort", Config{IoU: 0.3, Score: math.NaN()}, []string{"score", "NaN"}},
		{"a score for sort", "sort", with(func(c *Config) { c.Score = 0.5 }), []string{"sort takes every detection"}},
		{"hits for bytetrack", "bytetrack", Config{IoU: 0.1, Score: 0.6, MinHits: 3}, []string{"bytetrack", "min hits", "3"}},
		{"whole overlap for tempo", "tempo", Config{MaxAge: 1, IoU: 0.95, Score: 0.6}, []string{"tempo", "IoU is 0.95", "such as 0.12"}},
		{"whole overlap for bytetrack", "bytetrack", Config{MaxAge: 1, IoU: 1, Score: 0.6}, []string{"bytetrack", "IoU is 1", "such as 0.1"}},
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

// The general settings say all that the published ones do.
func TestConfigRoundTrip(t *testing.T) {
	if got, want := sortConfig(DefaultConfig("sort")), DefaultSORTConfig(); got != want {
		t.Errorf("sort: %+v, want %+v", got, want)
	}
	if got, want := ocsortConfig(DefaultConfig("ocsort")), DefaultOCSORTConfig(); got != want {
		t.Errorf("ocsort: %+v, want %+v", got, want)
	}
	if got, want := tempoConfig(DefaultConfig("tempo")), DefaultTempoConfig(); got != want {
		t.Errorf("tempo: %+v, want %+v", got, want)
	}
	got, want := byteTrackConfig(DefaultConfig("bytetrack")), DefaultByteTrackConfig()
	if math.Abs(got.MaxCost-want.MaxCost) > 1e-12 || math.Abs(got.NewScore-want.NewScore) > 1e-12 {
		t.Errorf("bytetrack: %+v, want %+v", got, want)
	}
	if !slices.Contains(Names(), Default) {
		t.Errorf("no tracker %q among %v", Default, Names())
	}
}

// The highest overlap that a tracker takes lets a track go on.
func TestHighestIoU(t *testing.T) {
	for name, iou := range map[string]float64{"sort": 1, "ocsort": 1, "bytetrack": 0.99, "tempo": 0.94} {
		cfg := DefaultConfig(name)
		cfg.IoU = iou
		tracker, err := New(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		d := at(0, 0, 64, 128)
		d.Score = 1
		ids := map[int]bool{}
		for k := range 10 {
			for _, o := range tracker.Update(Input{Time: time.Duration(k) * time.Second / 25, Detections: []detect.Detection{d}}) {
				ids[o.ID] = true
			}
		}
		if len(ids) != 1 {
			t.Errorf("%s: who stands still is %d tracks", name, len(ids))
		}
	}
}

// The zero Config stands for the defaults wherever one is given.
func TestNeedsOfTheZeroConfig(t *testing.T) {
	for _, name := range Names() {
		if got, want := NeedsOf(name, Config{}), NeedsOf(name, DefaultConfig(name)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
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
