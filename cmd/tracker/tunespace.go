//go:build gocv_specific_modules

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// contender is settings that a search tries. What is config.Unset stays the tracker's
// own, or that of the record.
type contender struct {
	config.Tracker
	Conf float64
}

func defaultsOf(tracker string) contender {
	c := contender{config.DefaultTracker(), config.Unset}
	c.Name = tracker
	return c
}

// dial is one setting that a search turns. Its values are those of the flag of the
// same name; max-gap is in seconds.
type dial struct {
	name      string
	low, high float64
	grain     float64                     // values are multiples of this
	ratio     bool                        // equal steps multiply, where they else add
	get       func(*track.Config) float64 // of what a contender comes to
	set       func(*contender, float64)
}

// dials are the settings that are searched and how far: wide enough for detectors,
// frame rates and crowds of every kind, and no wider, since every trial costs.
var dials = []dial{
	{"max-gap", 0.1, 6, 0.05, true,
		func(cfg *track.Config) float64 {
			if cfg.MaxGap > 0 {
				return cfg.MaxGap.Seconds()
			}
			return float64(cfg.MaxAge) / defaultFPS
		},
		func(c *contender, v float64) {
			c.MaxAge, c.MaxGap = config.Unset, time.Duration(math.Round(v*1000))*time.Millisecond
		}},
	{"track-iou", 0.02, 0.7, 0.01, true,
		func(cfg *track.Config) float64 { return cfg.IoU },
		func(c *contender, v float64) { c.IoU = v }},
	{"min-hits", 1, 6, 1, false,
		func(cfg *track.Config) float64 { return float64(cfg.MinHits) },
		func(c *contender, v float64) { c.MinHits = int(v) }},
	{"conf", 0.05, 0.9, 0.01, false,
		func(cfg *track.Config) float64 { return cfg.Score },
		func(c *contender, v float64) { c.Conf = v }},
}

// turns says whether a tracker has the setting.
func (d *dial) turns(tracker string) bool { return d.name != "min-hits" || tracker != "bytetrack" }

// value is where the dial stands at a share, 0..1, of its way.
func (d *dial) value(share float64) float64 {
	share = min(max(share, 0), 1)
	v := d.low + share*(d.high-d.low)
	if d.ratio {
		v = d.low * math.Pow(d.high/d.low, share)
	}
	steps := math.Round(v / d.grain)
	if d.grain < 1 { // 3 × 0.01 is not 0.03, 3 / 100 is
		return max(steps, 1) / math.Round(1/d.grain)
	}
	return steps * d.grain
}

// share is the inverse of value.
func (d *dial) share(v float64) float64 {
	v = min(max(v, d.low), d.high)
	if d.ratio {
		return math.Log(v/d.low) / math.Log(d.high/d.low)
	}
	return (v - d.low) / (d.high - d.low)
}

// random turns every dial.
func random(rng *rand.Rand, tracker string) contender {
	c := defaultsOf(tracker)
	for i := range dials {
		share := rng.Float64() // also where it is not used: one tracker's do not depend on another's
		if d := &dials[i]; d.turns(tracker) {
			d.set(&c, d.value(share))
		}
	}
	return c
}

// neighbours turns one dial at a time by a share of its way, down and up. usual is
// what conf is where c does not say it.
func neighbours(c contender, usual, by float64) (list []contender) {
	_, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return nil // it was tried: this cannot be
	}
	if cfg.Score = c.Conf; c.Conf == config.Unset {
		cfg.Score = usual
	}
	for i := range dials {
		d := &dials[i]
		if !d.turns(c.Name) {
			continue
		}
		now := d.share(d.get(&cfg))
		for _, step := range []float64{-by, by} {
			next := c
			if d.set(&next, d.value(now+step)); next != c {
				list = append(list, next)
			}
		}
	}
	return list
}

// settings lists what is not the tracker's own, as names and values.
func (c *contender) settings() [][2]string {
	list := [][2]string{{"tracker", c.Name}}
	add := func(name string, given bool, value any) {
		if given {
			list = append(list, [2]string{name, fmt.Sprint(value)})
		}
	}
	add("max-gap", c.MaxGap != config.Unset, c.MaxGap)
	add("track-iou", c.IoU != config.Unset, c.IoU)
	add("min-hits", c.MinHits != config.Unset, c.MinHits)
	add("conf", c.Conf != config.Unset, c.Conf)
	return list
}

// flags are the settings as the command line takes them.
func (c *contender) flags() string {
	var words []string
	for _, s := range c.settings() {
		words = append(words, "--"+s[0]+" "+s[1])
	}
	return strings.Join(words, " ")
}

// yaml are the settings as --config takes them.
func (c *contender) yaml() string {
	var b strings.Builder
	for _, s := range c.settings() {
		fmt.Fprintf(&b, "%s: %s\n", s[0], s[1])
	}
	return b.String()
}
