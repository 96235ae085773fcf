package track

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Config holds the settings that flags and files give to any tracker. Each
// tracker has its own defaults, DefaultConfig, and says more in its own
// configuration: SORTConfig, ByteTrackConfig, OCSORTConfig, TempoConfig.
type Config struct {
	// MaxAge is how many frames in a row a track may go without a detection, and
	// MaxGap how much media time. A track ends when it exceeds either; −1 frames
	// and 0 time set no bound. Raising them carries identities through longer
	// occlusions, and risks that a stale track picks up another object.
	MaxAge int
	MaxGap time.Duration
	// MinHits is how many detections a track needs before it is reported, counted
	// as its paper counts them. Raising it suppresses false detections and reports
	// objects later. ByteTrack has no such setting: 0.
	MinHits int
	// IoU is the least overlap of a match, in (0,1]; for bytetrack and tempo of the
	// overlap weighed down by the score, which is below 1, and below 0.95 for tempo.
	// Lowering it follows faster motion and lower frame rates; raising it makes fewer
	// wrong matches in crowds.
	IoU float64
	// Score is from where on a detection counts as sure, 0..1: the threshold that
	// one would use without a tracker. Below it bytetrack and tempo continue tracks
	// but start none; ocsort does not look at it. With 0, tempo finds it out by
	// itself; SORT, which takes every detection, has no such setting.
	Score float64
}

// Validate says what is wrong with the settings, if anything.
func (c Config) Validate() error {
	switch {
	case c.MaxAge < -1:
		return fmt.Errorf("max age is %d frames; want 0 or more, or -1 for no bound in frames", c.MaxAge)
	case c.MaxGap < 0:
		return fmt.Errorf("max gap is %v; want 0s (no bound in time) or more", c.MaxGap)
	case c.MaxAge == -1 && c.MaxGap == 0:
		return fmt.Errorf("max age is -1 and max gap 0s: tracks would never end; bound one of them, such as max gap 1s")
	case c.MinHits < 0:
		return fmt.Errorf("min hits is %d; want 0 or more", c.MinHits)
	case !(c.IoU > 0 && c.IoU <= 1):
		return fmt.Errorf("least IoU is %g; want more than 0 and at most 1, such as 0.3", c.IoU)
	case !(c.Score >= 0 && c.Score <= 1):
		return fmt.Errorf("score is %g; want 0 to 1, such as 0.6", c.Score)
	}
	return nil
}

// Ended says whether a track without a detection for so many frames in a row, the last
// one included, and so much media time has ended.
func (c Config) Ended(frames int, gap time.Duration) bool {
	return lifetime{c.MaxAge, c.MaxGap}.ends(frames, gap)
}

// entry is one tracker that can be had by name.
type entry struct {
	name     string
	defaults Config
	build    func(Config) Tracker
	// lowScore is the least score that the tracker looks at; nil for any.
	lowScore func(Config) float64
	motion   bool    // looks at Input.Motion
	looks    bool    // at Detection.Embedding
	below    float64 // what IoU must be less than; 0 for no such bound
}

// entries lists the trackers by name, in alphabetical order.
var entries = []entry{
	{"bytetrack", DefaultByteTrackConfig().general(), func(c Config) Tracker { return NewByteTrack(byteTrackConfig(c)) },
		func(c Config) float64 { return byteTrackConfig(c).LowScore }, false, false, 1},
	{"ocsort", DefaultOCSORTConfig().general(), func(c Config) Tracker { return NewOCSORT(ocsortConfig(c)) }, nil, false, false, 0},
	{"sort", DefaultSORTConfig().general(), func(c Config) Tracker { return NewSORT(sortConfig(c)) }, nil, false, false, 0},
	{"tempo", DefaultTempoConfig().general(), func(c Config) Tracker { return NewTempo(tempoConfig(c)) },
		tempoLowScore, true, true, topConfidence},
}

// Default is the name of the tracker to use where nothing speaks for another.
const Default = "tempo"

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
	cfg = cmp.Or(cfg, e.defaults)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("track: configure %s: %w", name, err)
	}
	if err := e.refuse(cfg); err != nil {
		return nil, fmt.Errorf("track: configure %s: %w", name, err)
	}
	return e.build(cfg), nil
}

// Adjust gives a tracker that New made other settings from the next frame on; its
// tracks stay. What New would refuse it refuses, and changes nothing.
func Adjust(t Tracker, cfg Config) error {
	name, adjust := "", func() {}
	switch t := t.(type) {
	case *ByteTrack:
		name, adjust = "bytetrack", func() { t.cfg = byteTrackConfig(cfg) }
	case *OCSORT:
		name, adjust = "ocsort", func() { t.cfg = ocsortConfig(cfg) }
	case *SORT:
		name, adjust = "sort", func() { t.cfg = sortConfig(cfg) }
	case *Tempo:
		name, adjust = "tempo", func() { t.cfg = tempoConfig(cfg) }
	}
	if _, err := New(name, cfg); err != nil {
		return err
	}
	cfg = cmp.Or(cfg, DefaultConfig(name))
	adjust()
	return nil
}

// WithScore sets Score where the tracker of that name has such a setting.
func (c Config) WithScore(name string, score float64) Config {
	if name != "sort" {
		c.Score = score
	}
	return c
}

// Needs is what a tracker can use, so that a caller need not work for nothing.
type Needs struct {
	// Score is the least score of a detection that the tracker looks at, where it
	// looks at weaker ones than those it is sure of; 1 where it is the caller's to
	// leave the weak ones out.
	Score float64
	// Motion says that the tracker looks at Input.Motion.
	Motion bool
	// Looks says that the tracker looks at the detections' embeddings.
	Looks bool
}

// NeedsOf tells what the tracker of that name can use with those settings, which are
// those of New. An unknown name needs nothing.
func NeedsOf(name string, cfg Config) Needs {
	e, _ := lookup(name)
	n := Needs{Score: 1, Motion: e.motion, Looks: e.looks}
	if e.lowScore != nil {
		n.Score = e.lowScore(cmp.Or(cfg, e.defaults))
	}
	return n
}

// refuse says which setting the tracker does not have, or not with that value.
func (e entry) refuse(cfg Config) error {
	switch {
	case e.below > 0 && cfg.IoU >= e.below:
		return fmt.Errorf("least IoU is %g, but %s weighs overlaps down by scores, and none is above %g: no track would go on; want less, such as %.2g",
			cfg.IoU, e.name, e.below, e.defaults.IoU)
	case e.name == "bytetrack" && cfg.MinHits != 0:
		return fmt.Errorf("min hits is %d, but bytetrack always reports from the second detection on; leave it at 0", cfg.MinHits)
	case e.name == "sort" && cfg.Score != 0:
		return fmt.Errorf("score is %g, but sort takes every detection: leave the weak ones out before", cfg.Score)
	}
	return nil
}

func lookup(name string) (entry, bool) {
	for _, e := range entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}
