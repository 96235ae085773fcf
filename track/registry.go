package track

import (
	"fmt"
	"strings"
)

// Config holds the settings that flags and files give to any tracker; SORTConfig
// says what raising and lowering each of them does.
type Config struct {
	MaxAge  int     // frames a track may go without a detection, 0 or more
	MinHits int     // frames in a row before a track is reported, 0 or more
	IoU     float64 // least overlap of a match, in (0,1]
}

// Validate says what is wrong with the settings, if anything.
func (c Config) Validate() error {
	switch {
	case c.MaxAge < 0:
		return fmt.Errorf("max age is %d frames; want 0 or more", c.MaxAge)
	case c.MinHits < 0:
		return fmt.Errorf("min hits is %d frames; want 0 or more", c.MinHits)
	case !(c.IoU > 0 && c.IoU <= 1):
		return fmt.Errorf("least IoU is %g; want more than 0 and at most 1, such as 0.3", c.IoU)
	}
	return nil
}

// entry is one tracker that can be had by name.
type entry struct {
	name     string
	defaults Config
	build    func(Config) Tracker
}

// entries lists the trackers by name, in alphabetical order.
var entries = []entry{
	{"bytetrack", Config{IoU: .1}, func(Config) Tracker { return NewByteTrack(DefaultByteTrackConfig()) }},
	{"ocsort", Config{IoU: .1}, func(Config) Tracker { return NewOCSORT(DefaultOCSORTConfig()) }},
	{"sort", Config(DefaultSORTConfig()), func(c Config) Tracker { return NewSORT(SORTConfig(c)) }},
}

// Names lists the trackers that New makes, in alphabetical order.
func Names() []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	return names
}

// DefaultConfig is what the tracker of that name is published with: the place to
// start from when changing one setting. An unknown name has the zero Config, and
// New says so.
func DefaultConfig(name string) Config {
	e, _ := lookup(name)
	return e.defaults
}

// New makes the tracker of that name, with no tracks. The zero Config stands for
// DefaultConfig(name); any other is taken as it is, zero fields included.
func New(name string, cfg Config) (Tracker, error) {
	e, ok := lookup(name)
	if !ok {
		return nil, fmt.Errorf("track: no tracker %q; choose one of: %s", name, strings.Join(Names(), ", "))
	}
	if cfg == (Config{}) {
		cfg = e.defaults
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("track: configure %s: %w", name, err)
	}
	return e.build(cfg), nil
}

func lookup(name string) (entry, bool) {
	for _, e := range entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}
