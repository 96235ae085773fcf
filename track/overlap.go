package track

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// Boxes outside these limits are not tracked: sizes and areas computed from them
// could overflow or vanish, and one such value would spoil a filter for good.
const (
	maxEdge = 1e9  // pixels from the origin
	minSide = 1e-6 // pixels
)

// trackable reports whether a detection can enter a filter.
func trackable(d *detect.Detection) bool {
	b := &d.Box
	return math.Abs(b.X1) <= maxEdge && math.Abs(b.Y1) <= maxEdge && // false for NaN
		math.Abs(b.X2) <= maxEdge && math.Abs(b.Y2) <= maxEdge &&
		b.Width() >= minSide && b.Height() >= minSide &&
		math.Abs(d.Score) <= math.MaxFloat64
}

// subject is a box that takes part in association: a detection, or a track where
// its filter expects it.
type subject struct {
	box   detect.Box
	area  float64
	class int
	index int // in Input.Detections, or in the list of tracks
}

func newSubject(box detect.Box, class, index int) subject {
	return subject{box, box.Area(), class, index}
}

// appendSubjects appends the trackable detections to dst.
func (l *ledger) appendSubjects(dst []subject, detections []detect.Detection) []subject {
	for i := range detections {
		if d := &detections[i]; trackable(d) {
			dst = append(dst, newSubject(d.Box, d.Class, i))
		} else {
			l.skipped(i, true, 0, 0)
		}
	}
	return dst
}

// overlaps finds the pairs of boxes that overlap. Columns are swept in the order
// of their left edges, so that a crowd costs little more than the pairs it has.
// The zero value is ready; it allocates nothing once it has seen its largest
// problem.
type overlaps struct {
	mixed bool // also between classes
	spans []span
	edges []pairing.Edge
}

// span is what the sweep looks at of a column.
type span struct {
	left, right float64
	col         int
}

// find returns an edge for every row and column of one class that overlap, row
// by row, weighted by IoU (0..1]; valid until the next call. Rows and columns of
// the edges are positions in rows and cols.
func (o *overlaps) find(rows, cols []subject) []pairing.Edge {
	widest := o.sweep(cols)
	o.edges = o.edges[:0]
	for i := range rows {
		a := &rows[i]
		first := o.search(a.box.X1 - widest)
		for _, s := range o.spans[first:] {
			if s.left >= a.box.X2 {
				break
			}
			if b := &cols[s.col]; s.right > a.box.X1 && (o.mixed || b.class == a.class) {
				if iou := a.iou(b); iou > 0 {
					o.edges = append(o.edges, pairing.Edge{Row: i, Col: s.col, Weight: iou})
				}
			}
		}
	}
	return o.edges
}

// sweep sorts the columns and returns the width of the widest.
func (o *overlaps) sweep(cols []subject) (widest float64) {
	o.spans = o.spans[:0]
	for j := range cols {
		b := &cols[j].box
		o.spans = append(o.spans, span{b.X1, b.X2, j})
		widest = max(widest, b.X2-b.X1)
	}
	slices.SortFunc(o.spans, func(a, b span) int { return cmp.Compare(a.left, b.left) })
	return widest
}

// search is the position of the first span that starts at x or to its right.
func (o *overlaps) search(x float64) int {
	return sort.Search(len(o.spans), func(k int) bool { return o.spans[k].left >= x })
}

// iou is detect.Box.IoU with the areas at hand.
func (a *subject) iou(b *subject) float64 {
	w := min(a.box.X2, b.box.X2) - max(a.box.X1, b.box.X1)
	h := min(a.box.Y2, b.box.Y2) - max(a.box.Y1, b.box.Y1)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.area + b.area - w*h)
}
