//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Turns lets pipelines share a network: a bounded number of inferences run at a
// time, those of all pipelines in the order in which they become ready. One that
// finds a free place runs at once. Where there is none, and the network takes
// several pictures, those of live sources that wait at the same moment run
// together: nobody ever waits for a batch to fill.
type Turns struct {
	most int
	join func([]Detector) error

	mu      sync.Mutex
	free    int     // places; more than 0 only while nobody waits
	waiting []*turn // in order of arrival
}

// NewTurns makes turns for places inferences at a time. join runs up to most
// detectors as one inference; it may be called by as many goroutines as there are
// places. most is 1, and join nil, where the network takes one picture at a time.
func NewTurns(places, most int, join func([]Detector) error) *Turns {
	return &Turns{free: places, most: most, join: join}
}

// turn is one inference that may have to wait.
type turn struct {
	joins    bool // may run together with others
	detector Detector
	called   chan call
	with     []*turn    // waiting ones that the inference takes along
	together []Detector // all of them, reused
}

// call ends a wait: the turn's own inference may begin, or it was taken along in
// another's, which began then and ended so.
type call struct {
	taken bool
	began time.Time
	err   error
}

func newTurn(joins bool) turn { return turn{joins: joins, called: make(chan call, 1)} }

// run runs a detector when it is its turn, and tells how long that took to come. A
// ctx that ends while it waits gives up the turn.
func (t *Turns) run(ctx context.Context, own *turn, d Detector) (waited time.Duration, err error) {
	own.detector = d
	if t.enter(own) {
		defer t.next()
		return 0, d.Run(ctx)
	}
	start := time.Now()
	c, ok := t.wait(ctx, own)
	switch {
	case !ok:
		return time.Since(start), ctx.Err()
	case c.taken:
		return c.began.Sub(start), c.err
	}
	defer t.next()
	waited = time.Since(start)
	if len(own.with) == 0 {
		return waited, d.Run(ctx)
	}
	return waited, t.runJoined(own)
}

// enter takes a free place, or joins the queue.
func (t *Turns) enter(own *turn) (free bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return true
	}
	t.waiting = append(t.waiting, own)
	return false
}

// wait is false where ctx ended first. A turn that has left the queue belongs to
// an inference: it must be waited for.
func (t *Turns) wait(ctx context.Context, own *turn) (call, bool) {
	select {
	case c := <-own.called:
		return c, true
	case <-ctx.Done():
		if t.leave(own) {
			return call{}, false
		}
		return <-own.called, true
	}
}

func (t *Turns) leave(own *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting {
		if w == own {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// next passes a place on to the first in the queue and to those that may go with
// it; without a queue the place is free.
func (t *Turns) next() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.free++
		return
	}
	first, rest := t.waiting[0], t.waiting[:0]
	first.with = first.with[:0]
	for _, w := range t.waiting[1:] {
		if first.joins && w.joins && len(first.with)+1 < t.most {
			first.with = append(first.with, w)
		} else {
			rest = append(rest, w)
		}
	}
	t.waiting = rest
	first.called <- call{}
}

var errJoined = errors.New("the inference failed that this frame shared with another source's")

// runJoined runs a turn with those that it takes along, who learn how it ended
// even where it panics.
func (t *Turns) runJoined(own *turn) (err error) {
	began, outcome := time.Now(), errJoined
	defer func() {
		for _, w := range own.with {
			w.called <- call{taken: true, began: began, err: outcome}
		}
	}()
	own.together = append(own.together[:0], own.detector)
	for _, w := range own.with {
		own.together = append(own.together, w.detector)
	}
	outcome = t.join(own.together)
	return outcome
}
