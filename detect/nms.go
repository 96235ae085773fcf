package detect

import (
	"cmp"
	"slices"
)

// Suppressor thins overlapping detections of the same class by greedy
// non-maximum suppression. It keeps its buffers between frames; one per goroutine.
type Suppressor struct {
	// IoU above which the lower-scored of two boxes of one class is dropped, 0..1.
	// Raising it keeps more people who stand close together, and more double boxes
	// of one; lowering it does the opposite. 1 drops nothing: for networks that choose
	// their boxes themselves.
	IoU float64

	area []float64
	drop []bool
}

// Apply keeps, in place, the detections that no better one of the same class
// overlaps by more than IoU, best first. Equal scores keep their order, so that
// the result depends on the input alone.
func (s *Suppressor) Apply(dets []Detection) []Detection {
	slices.SortStableFunc(dets, func(a, b Detection) int { return cmp.Compare(b.Score, a.Score) })
	if s.IoU >= 1 { // only a shortcut: no overlap is above 1
		return dets
	}
	s.area, s.drop = s.area[:0], s.drop[:0]
	for i := range dets {
		s.area = append(s.area, dets[i].Box.Area())
		s.drop = append(s.drop, false)
	}
	kept := dets[:0]
	for i := range dets {
		if s.drop[i] {
			continue
		}
		for j := i + 1; j < len(dets); j++ {
			if !s.drop[j] && dets[i].Class == dets[j].Class && s.overlap(dets, i, j) > s.IoU {
				s.drop[j] = true
			}
		}
		kept = append(kept, dets[i])
	}
	return kept
}

// Strong is how many of the detections, best first as Apply leaves them, have at
// least that score: what a detector of that threshold finds. For 0 that is all.
func Strong(dets []Detection, conf float64) int {
	if conf <= 0 {
		return len(dets)
	}
	n := slices.IndexFunc(dets, func(d Detection) bool { return !Reaches(d.Score, conf) })
	if n < 0 {
		return len(dets)
	}
	return n
}

// Reaches says whether a score is at least conf, compared as decoders do: in a
// network's precision.
func Reaches(score, conf float64) bool { return float32(score) >= float32(conf) }

// overlap is the IoU of two detections with the areas at hand.
func (s *Suppressor) overlap(dets []Detection, i, j int) float64 {
	a, b := &dets[i].Box, &dets[j].Box
	iw := min(a.X2, b.X2) - max(a.X1, b.X1)
	ih := min(a.Y2, b.Y2) - max(a.Y1, b.Y1)
	if iw <= 0 || ih <= 0 {
		return 0
	}
	inter := iw * ih
	return inter / (s.area[i] + s.area[j] - inter)
}
