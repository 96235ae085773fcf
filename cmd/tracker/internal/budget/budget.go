// Package budget holds the time that a frame takes within a bound: where it takes
// too long, it chooses a cheaper way to analyse frames, and a better one again when
// there is room. It only decides; it is told the time, and does nothing by itself.
package budget

import (
	"slices"
	"time"
)

// Option is one way to analyse frames.
type Option struct {
	// Work is the network's expected time in units that all options share, above 0.
	Work float64
	// Stride is how many frames of the source share the analysis of one, 1 or more.
	Stride int
}

// Cost is what one analysed frame took.
type Cost struct{ Network, Rest time.Duration }

const (
	// window is how many frames are looked at before anything is decided. Raising it
	// overlooks longer hiccups, and reacts later.
	window = 20
	// skipped frames after a change may still be of the time before, or the first.
	skipped = 5
	// room is the share of the budget that a better option must be expected to stay
	// within. Raising it takes back more accuracy, and errs more often.
	room = 0.85
	// firstPatience is how long there must be room for a better option. It doubles
	// each time that was an error, up to lastPatience, and halves each time it was not.
	firstPatience = 5 * time.Second
	lastPatience  = 2 * time.Minute
)

// Controller chooses among options. It is for one goroutine at a time.
type Controller struct {
	budget  time.Duration
	options []Option
	barred  []bool // cannot be had
	at      int    // in use

	skip          int
	network, rest []time.Duration // of the latest frames
	roomy         time.Time       // since when there is room; zero for no room
	patience      time.Duration
	rose          time.Time // when a better option was last chosen
	took          time.Duration
	deciding      bool // an option was chosen and is not yet in use
}

// New makes a controller for options from the one that is wanted to the cheapest. It
// begins with the first.
func New(budget time.Duration, options []Option) *Controller {
	return &Controller{budget: budget, options: options, barred: make([]bool, len(options)), patience: firstPatience}
}

// At is the option in use.
func (c *Controller) At() int { return c.at }

// Observe takes in a frame that was analysed with the option in use. It returns the
// option to change to, where there is one: the caller then calls Changed or Bar.
func (c *Controller) Observe(now time.Time, frame Cost) (to int, change bool) {
	if c.deciding {
		return 0, false
	}
	if c.skip > 0 {
		c.skip--
		return 0, false
	}
	c.network, c.rest = append(c.network, frame.Network), append(c.rest, frame.Rest)
	if len(c.network) < window {
		return 0, false
	}
	to = c.choose(now)
	c.network, c.rest = c.network[:0], c.rest[:0]
	c.deciding = to != c.at
	return to, c.deciding
}

// Took is what a frame of the source took when the last choice was made.
func (c *Controller) Took() time.Duration { return c.took }

// perFrame is what a frame of the source is expected to take with an option, by what
// the latest frames took.
func (c *Controller) perFrame(option int, network, rest time.Duration) time.Duration {
	o, used := c.options[option], c.options[c.at]
	expected := network.Seconds()*o.Work/used.Work + rest.Seconds()
	return time.Duration(expected / float64(o.Stride) * float64(time.Second))
}

func (c *Controller) choose(now time.Time) int {
	network, rest := median(c.network), median(c.rest)
	if c.took = c.perFrame(c.at, network, rest); c.took > c.budget {
		c.roomy = time.Time{}
		return c.cheaper(now, network, rest)
	}
	better := c.first(c.at, func(i int) bool {
		return float64(c.perFrame(i, network, rest)) <= room*float64(c.budget)
	})
	switch {
	case better == c.at:
		c.roomy = time.Time{}
	case c.roomy.IsZero():
		c.roomy = now
	case now.Sub(c.roomy) >= c.patience:
		c.roomy, c.rose = time.Time{}, now
		return better
	}
	return c.at
}

// cheaper is the best of the options that are expected to hold the budget, else the
// cheapest one.
func (c *Controller) cheaper(now time.Time, network, rest time.Duration) int {
	if !c.rose.IsZero() {
		if now.Sub(c.rose) < 2*c.patience {
			c.patience = min(2*c.patience, lastPatience)
		} else {
			c.patience = max(c.patience/2, firstPatience)
		}
		c.rose = time.Time{}
	}
	last := c.at
	for i := c.at + 1; i < len(c.options); i++ {
		if c.barred[i] {
			continue
		}
		if c.perFrame(i, network, rest) <= c.budget {
			return i
		}
		if c.perFrame(i, network, rest) < c.perFrame(last, network, rest) {
			last = i
		}
	}
	return last
}

// first is the first option before end that is fit, else end.
func (c *Controller) first(end int, fit func(int) bool) int {
	for i := range end {
		if !c.barred[i] && fit(i) {
			return i
		}
	}
	return end
}

// Changed says that an option is in use now.
func (c *Controller) Changed(to int) {
	c.at, c.deciding, c.skip = to, false, skipped
	c.network, c.rest = c.network[:0], c.rest[:0]
}

// Bar says that an option that was chosen cannot be had.
func (c *Controller) Bar(option int) {
	c.barred[option] = option != c.at
	c.Changed(c.at)
}

// median of the durations, which it sorts.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
