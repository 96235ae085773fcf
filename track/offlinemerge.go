package track

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/tracker-go/tracker/detect"
)

const (
	mergeMemory = 2 * time.Second // how far back an end of a path is looked at
	mergeHeight = 2.0             // weight of unlike heights in a miss
	mergeClear  = 2.0             // how many times further off every rival must be
)

// suitor is how well the best continuation of a path fits, and the next best.
type suitor struct {
	other       int // index of the path
	miss, rival float64
}

func newSuitor() suitor { return suitor{-1, math.Inf(1), math.Inf(1)} }

func (s *suitor) offer(other int, miss float64) {
	switch {
	case miss < s.miss:
		s.other, s.miss, s.rival = other, miss, s.miss
	case miss < s.rival:
		s.rival = miss
	}
}

func (s *suitor) clear() bool { return s.rival > mergeClear*s.miss }

// merge joins the paths that continue each other: those that are each other's
// best, clearly. It reports whether there were any, so that there may be more.
func (r *revision) merge() bool {
	slices.SortStableFunc(r.paths, func(a, b path) int { return a.first().frame - b.first().frame })
	after, before := r.court()
	joined := make([]bool, len(r.paths))
	// From the last on, so that what a path is continued by is complete.
	for i := len(r.paths) - 1; i >= 0; i-- {
		s := &after[i]
		if s.other < 0 || s.miss > r.cfg.MergeMiss || before[s.other].other != i || !s.clear() || !before[s.other].clear() {
			continue
		}
		r.join(&r.paths[i], &r.paths[s.other])
		joined[s.other] = true
	}
	kept := r.paths[:0]
	for i := range r.paths {
		if !joined[i] {
			kept = append(kept, r.paths[i])
		}
	}
	r.paths = kept
	return slices.Contains(joined, true)
}

// court finds for every path what continues it best, and what it continues best.
func (r *revision) court() (after, before []suitor) {
	n := len(r.paths)
	after, before = make([]suitor, n), make([]suitor, n)
	starts := make([]tempoFilter, n)
	for i := range r.paths {
		after[i], before[i] = newSuitor(), newSuitor()
		starts[i] = r.start(&r.paths[i])
	}
	for i := range r.paths {
		a := &r.paths[i]
		end := r.end(a)
		next := sort.Search(n, func(j int) bool { return r.paths[j].first().frame > a.last().frame })
		for j := next; j < n; j++ {
			b := &r.paths[j]
			gap := r.times[b.first().frame] - r.times[a.last().frame]
			if gap > r.cfg.MergeGap+timeSlack {
				break
			}
			if a.last().Class == b.last().Class {
				m := miss(end, starts[j], a.last().Raw, b.first().Raw, gap.Seconds())
				after[i].offer(j, m)
				before[j].offer(i, m)
			}
		}
	}
	return after, before
}

// end is what a filter knows of a path at its last sighting.
func (r *revision) end(p *path) tempoFilter {
	from := len(p.seen) - 1
	for from > 0 && r.times[p.last().frame]-r.times[p.seen[from-1].frame] <= mergeMemory {
		from--
	}
	f := newTempoFilter(p.seen[from].Raw)
	for i := from + 1; i < len(p.seen); i++ {
		f.follow(&p.seen[i], r.times[p.seen[i].frame]-r.times[p.seen[i-1].frame])
	}
	return f
}

// start is what a filter that goes back in time knows of a path at its first
// sighting.
func (r *revision) start(p *path) tempoFilter {
	from := 0
	for from < len(p.seen)-1 && r.times[p.seen[from+1].frame]-r.times[p.first().frame] <= mergeMemory {
		from++
	}
	f := newTempoFilter(p.seen[from].Raw)
	for i := from - 1; i >= 0; i-- {
		f.follow(&p.seen[i], r.times[p.seen[i+1].frame]-r.times[p.seen[i].frame])
	}
	return f
}

func (f *tempoFilter) follow(s *sighting, step time.Duration) {
	f.predict(step.Seconds(), 1, false)
	f.see(s)
}

// miss is by how much an end and a start, gap seconds later, miss each other: see
// OfflineConfig.MergeMiss.
func miss(end, start tempoFilter, last, first detect.Box, gap float64) float64 {
	like := ratio(end.h.x, start.h.x)
	if !(like > 0) {
		return math.Inf(1)
	}
	size := math.Sqrt(end.size() * start.size())
	end.predict(gap, 1, true)
	start.predict(gap, 1, true)
	return (end.distance(first)+start.distance(last))/2/size + mergeHeight*(1-like)
}

func (f *tempoFilter) distance(b detect.Box) float64 {
	x, y := b.Center()
	return math.Hypot(f.cx.x-x, f.cy.x-y)
}

// join appends b to a, which ends before.
func (r *revision) join(a, b *path) {
	last, first := a.last(), b.first()
	hits := last.Hits
	age := last.Age + r.times[first.frame] - r.times[last.frame] - first.Age
	a.coasted = slices.DeleteFunc(a.coasted, func(s sighting) bool { return s.frame >= first.frame })
	for _, s := range b.seen {
		a.seen = append(a.seen, s.as(last.ID, hits, age))
	}
	for _, s := range b.coasted {
		a.coasted = append(a.coasted, s.as(last.ID, hits, age))
	}
}

// as is a sighting of a track that is older by so many hits and so much age.
func (s sighting) as(id, hits int, age time.Duration) sighting {
	s.ID = id
	s.Hits += hits
	s.Age += age
	return s
}
