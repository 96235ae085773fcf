//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/budget"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
)

// governor holds the frame budget: it sees what frames take, and wants a cheaper way
// to analyse them, or a better one again.
type governor struct {
	rungs  []rung
	wanted chan int // a rung to go to; has room for the only one that can be underway

	mu      sync.Mutex
	control *budget.Controller
}

// rung is one way to analyse frames, and what it costs in accuracy.
type rung struct {
	model         string // an installed one; empty for the one that is asked for
	width, height int    // of the network's input, pixels
	stride        int
	work          float64 // of the network, in its expected share of the first rung's
	accuracy      string
}

// newGovernor is nil where there is no budget.
func newGovernor(c config.Config, m *backbones.Manifest) *governor {
	if c.Budget == 0 {
		return nil
	}
	others, _ := backbones.Installed() // what cannot be read is not to be had
	g := &governor{rungs: ladder(c, m, others), wanted: make(chan int, 1)}
	options := make([]budget.Option, len(g.rungs))
	for i, r := range g.rungs {
		options[i] = budget.Option{Work: r.work, Stride: r.stride}
	}
	g.control = budget.New(c.Budget, options)
	return g
}

// steps are what is given up, in the order of what it costs in accuracy with the
// default tracker and detector (docs/benchmarks.md): every second frame next to
// nothing, smaller pictures more, and still fewer frames most of all. Between the
// last two come other models.
var steps = [2][]struct {
	side   float64 // of the network's input, as a share
	stride int
}{{{1, 1}, {1, 2}, {0.77, 2}, {0.62, 2}}, {{0.62, 3}, {0.62, 4}}}

// ladder lists the ways to analyse frames from the one that is asked for to the
// cheapest.
func ladder(c config.Config, m *backbones.Manifest, others []*backbones.Manifest) (rungs []rung) {
	for i, part := range steps {
		for _, s := range part {
			r, ok := rungOf(c, m, s.side, s.stride)
			if ok {
				rungs = append(rungs, r)
			}
		}
		if i == 0 && c.Model == "" {
			rungs = append(rungs, smaller(c, m, others)...)
		}
	}
	return rungs
}

// rungOf is the model that is asked for, on smaller pictures or fewer frames; false
// where it does not take such pictures.
func rungOf(c config.Config, m *backbones.Manifest, side float64, stride int) (rung, bool) {
	w, h := m.Input.Width, m.Input.Height
	r := rung{width: w, height: h, stride: c.Stride * stride, work: 1, accuracy: accuracyOf(m)}
	if side < 1 && m.Input.Multiple > 0 {
		r.width, r.height = part(w, side, m.Input.Multiple), part(h, side, m.Input.Multiple)
		if _, err := m.WithSize(r.width, r.height); err != nil {
			return rung{}, false
		}
		r.work = float64(r.width*r.height) / float64(w*h)
		r.accuracy += fmt.Sprintf(" at %dx%d, less on small objects at %dx%d", w, h, r.width, r.height)
	} else if side < 1 && stride < 3 {
		return rung{}, false
	}
	return r, true
}

// part is a share of a side, in whole multiples.
func part(side int, share float64, multiple int) int {
	return max(multiple, int(float64(side)*share/float64(multiple)+0.5)*multiple)
}

// smaller lists the other models that know the same labels and are expected to be
// faster, the most accurate first.
func smaller(c config.Config, m *backbones.Manifest, others []*backbones.Manifest) (rungs []rung) {
	if m.Accuracy == nil {
		return nil
	}
	others = slices.DeleteFunc(slices.Clone(others), func(o *backbones.Manifest) bool {
		return o.Name == m.Name || o.Accuracy == nil || o.Accuracy.AP50 > m.Accuracy.AP50 || speedup(m, o) >= 0.9 ||
			slices.ContainsFunc(m.Labels, func(label string) bool { return !slices.Contains(o.Labels, label) })
	})
	slices.SortFunc(others, func(a, b *backbones.Manifest) int { return cmp.Compare(b.Accuracy.AP50, a.Accuracy.AP50) })
	for _, o := range others {
		rungs = append(rungs, rung{
			model: o.Name, width: o.Input.Width, height: o.Input.Height, stride: 2 * c.Stride, work: speedup(m, o),
			accuracy: fmt.Sprintf("%s instead of %s", accuracyOf(o), accuracyOf(m)),
		})
	}
	return rungs
}

// speedup is the expected time of a model as a share of another's: as measured where
// both were, else by the size of their files.
func speedup(of, other *backbones.Manifest) float64 {
	if of.Speed != nil && other.Speed != nil {
		return other.Speed.Milliseconds / of.Speed.Milliseconds
	}
	a, errA := of.Size()
	b, errB := other.Size()
	if errA != nil || errB != nil {
		return 1
	}
	return float64(b) / float64(a)
}

func accuracyOf(m *backbones.Manifest) string {
	if m.Accuracy == nil {
		return "AP50 not measured"
	}
	return fmt.Sprintf("AP50 %.1f", 100*m.Accuracy.AP50)
}

// on is settings with the rung's own.
func (r rung) on(c config.Config) config.Config {
	c.Stride, c.Size = r.stride, fmt.Sprintf("%dx%d", r.width, r.height)
	if r.model != "" {
		c.Backbone = r.model
	}
	return c
}

// observe takes in a frame.
func (g *governor) observe(now time.Time, t *timing.Trace) {
	cost := budget.Cost{Network: t.Took[timing.Preprocess] + t.Took[timing.Inference] + t.Waited[timing.Inference]}
	for stage := timing.Postprocess; stage < timing.NumStages; stage++ {
		cost.Rest += t.Took[stage]
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if to, change := g.control.Observe(now, cost); change {
		g.wanted <- to
	}
}

// wants is where the governor says what it wants; it never does where there is none.
func (g *governor) wants() <-chan int {
	if g == nil {
		return nil
	}
	return g.wanted
}

// move goes to a rung, which is made like any other change of settings.
func (r *reloader) move(ctx context.Context, to int) {
	g := r.governor.Load()
	g.mu.Lock()
	from := g.control.At()
	g.mu.Unlock()
	c := g.rungs[to].on(r.running)
	if to == 0 {
		c = r.running
	}
	made, err := r.prepare(ctx, c, config.Diff(&r.inUse, &c))
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("a way to hold the frame budget cannot be had", "error", oneLine(err))
		}
		g.control.Bar(to)
		return
	}
	r.hand(made)
	r.inUse = c
	g.control.Changed(to)
	text, level := "over the frame budget", slog.LevelWarn
	if to < from {
		text, level = "room in the frame budget", slog.LevelInfo
	}
	rung := g.rungs[to]
	r.log.Log(ctx, level, text, "budget", r.running.Budget, "took", g.control.Took().Round(100*time.Microsecond), "model", made.engine.manifest.Name,
		"size", fmt.Sprintf("%dx%d", rung.width, rung.height), "stride", rung.stride, "accuracy", rung.accuracy)
}
