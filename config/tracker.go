package config

import (
	"math"
	"time"
)

// Unset stands for the tracker's or the model's own value where a setting is not
// given.
const Unset = math.MinInt32

// Tracker holds the settings of association. What they do to each tracker is
// written in package track.
type Tracker struct {
	// Name of the association algorithm; empty for the program's own.
	Name string `yaml:"tracker"`
	// MaxAge is how many frames a track survives without a detection, and MaxGap how
	// much media time. Where only one is given, it takes the other's place.
	MaxAge int           `yaml:"max-age"`
	MaxGap time.Duration `yaml:"max-gap"`
	// MinHits is how many detections confirm a track.
	MinHits int `yaml:"min-hits"`
	// IoU is the least overlap of a track and its detection, 0..1.
	IoU float64 `yaml:"track-iou"`
}

// DefaultTracker leaves everything to the tracker.
func DefaultTracker() Tracker {
	return Tracker{MaxAge: Unset, MaxGap: Unset, MinHits: Unset, IoU: Unset}
}

// Validate reports every setting that is out of range.
func (t *Tracker) Validate() error {
	var f faults
	t.validate(&f)
	return f.join()
}

func (t *Tracker) validate(f *faults) {
	f.check(t.MaxAge == Unset || t.MaxAge >= 0, []string{"max-age"}, "max-age is %d, want 0 or more", t.MaxAge)
	f.check(t.MaxGap == Unset || t.MaxGap > 0, []string{"max-gap"}, "max-gap is %v, want more than 0s", t.MaxGap)
	f.check(t.MinHits == Unset || t.MinHits >= 0, []string{"min-hits"}, "min-hits is %d, want 0 or more", t.MinHits)
	f.check(t.IoU == Unset || t.IoU > 0 && t.IoU <= 1, []string{"track-iou"}, "track-iou is %g, want more than 0 and at most 1", t.IoU)
}
