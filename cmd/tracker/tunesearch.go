//go:build gocv_specific_modules

package main

import (
	"context"
	"math/rand/v2"
)

// all is the place of no sequence: a climb that leaves none out.
const all = -1

// climb is one search for the best mean score over sequences: it takes the best of
// what is tried at random, and goes on from there one setting at a time, with steps
// that shrink where they no longer help (Hooke and Jeeves, "Direct search solution of
// numerical and statistical problems", Journal of the ACM 1961).
type climb struct {
	without int // the sequence that it may not see, or all
	best    contender
	score   float64 // mean over the others
	step    float64 // share of a dial's way
}

// Steps of a climb, as shares of a dial's way. From a smaller least one the last
// digits of settings are fitted to the sequences.
const (
	firstStep = 0.25
	leastStep = 0.02
)

// randomPerTracker is how many settings of each tracker are tried at random beside
// each step: more finds other hills, fewer climbs faster.
const randomPerTracker = 2

// search is the tuning of several climbs at once. Each leaves one sequence out, but
// the first: what its best is worth on the sequence that it never saw is what tuning
// is worth on video to come. All share the random trials, which nobody chose.
type search struct {
	trackers []string
	trials   int     // the most, 0 for no bound
	usual    float64 // conf where a contender does not say it
	rng      *rand.Rand
	admits   func(contender) bool
	// evaluate scores settings on every sequence. Settings that it did not come to
	// before ctx ended have none.
	evaluate func(ctx context.Context, list []contender) ([][]float64, error)
	// improved is told of a new best of the first climb.
	improved func(trials int, c contender, score float64)

	climbs []climb
	scores map[contender][]float64 // on each sequence
	start  contender               // what all are compared with
}

// idleRounds without anything new are the end: everything was tried.
const idleRounds = 50

// run searches until ctx ends, trials are used up or nothing is left. start is tried
// first.
func (s *search) run(ctx context.Context, start contender, sequences int) error {
	s.start, s.scores = start, make(map[contender][]float64)
	s.climbs = []climb{{without: all, step: firstStep}}
	for i := 0; i < sequences && sequences > 1; i++ {
		s.climbs = append(s.climbs, climb{without: i, step: firstStep})
	}
	first := []contender{start}
	for _, name := range s.trackers {
		first = append(first, defaultsOf(name))
	}
	if err := s.round(ctx, first); err != nil {
		return err
	}
	for idle := 0; idle < idleRounds && ctx.Err() == nil && !s.usedUp(0); idle++ {
		before := len(s.scores)
		var shared []contender
		for range randomPerTracker {
			for _, name := range s.trackers {
				shared = append(shared, random(s.rng, name))
			}
		}
		if err := s.round(ctx, shared); err != nil {
			return err
		}
		if len(s.scores) > before {
			idle = 0
		}
	}
	return nil
}

func (s *search) usedUp(more int) bool { return s.trials > 0 && len(s.scores)+more >= s.trials }

// round tries what all climbs share and the neighbours of each one's best.
func (s *search) round(ctx context.Context, shared []contender) error {
	own := make([][]contender, len(s.climbs))
	var list []contender
	listed := make(map[contender]bool)
	want := func(contenders []contender) {
		for _, c := range contenders {
			if s.scores[c] == nil && !listed[c] && !s.usedUp(len(list)) && s.admits(c) {
				listed[c] = true
				list = append(list, c)
			}
		}
	}
	want(shared)
	for i := range s.climbs {
		if c := &s.climbs[i]; c.score > 0 && c.step >= leastStep {
			own[i] = neighbours(c.best, s.usual, c.step)
			want(own[i])
		}
	}
	scores, err := s.evaluate(ctx, list)
	if err != nil {
		return err
	}
	for i, c := range list {
		if scores[i] != nil {
			s.scores[c] = scores[i]
		}
	}
	s.learn(&s.climbs[0], shared, list) // sees all sequences anyway
	for i := 1; i < len(s.climbs); i++ {
		s.learn(&s.climbs[i], shared, own[i])
	}
	return nil
}

// learn takes a climb to the best of what it may look at. One that leaves a sequence
// out must not look at what others, which saw that one, have found.
func (s *search) learn(c *climb, shared, own []contender) {
	jumped, moved := s.take(c, shared), s.take(c, own)
	switch {
	case moved:
	case jumped:
		c.step = firstStep
	case len(own) > 0:
		c.step /= 2
	}
	if (jumped || moved) && c.without == all {
		s.improved(len(s.scores), c.best, c.score)
	}
}

func (s *search) take(c *climb, list []contender) (better bool) {
	for _, next := range list {
		if scores := s.scores[next]; scores != nil {
			if score := mean(scores, c.without); c.best == (contender{}) || score > c.score {
				c.best, c.score, better = next, score, true
			}
		}
	}
	return better
}

// mean is over all but one, or all.
func mean(scores []float64, without int) float64 {
	sum, n := 0.0, 0
	for i, v := range scores {
		if i != without {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// heldOut is the mean score on sequences of settings that were chosen without them.
func (s *search) heldOut() (score float64, ok bool) {
	if len(s.climbs) == 1 {
		return 0, false
	}
	for _, c := range s.climbs[1:] {
		score += s.scores[c.best][c.without]
	}
	return score / float64(len(s.climbs)-1), true
}

// bestOf is the best of a tracker's settings that were tried, the simplest of equals:
// those with the fewest that are not its own.
func (s *search) bestOf(tracker string) (best contender, score float64, ok bool) {
	for c, scores := range s.scores {
		v := mean(scores, all)
		if c.Name == tracker && (!ok || v > score || v == score && simpler(c, best)) {
			best, score, ok = c, v, true
		}
	}
	return best, score, ok
}

// simpler orders contenders of equal score, so that results do not depend on the
// order of a map.
func simpler(a, b contender) bool {
	x, y := a.settings(), b.settings()
	if len(x) != len(y) {
		return len(x) < len(y)
	}
	return a.flags() < b.flags()
}
