package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
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
		!math.IsNaN(d.Score)
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
func appendSubjects(dst []subject, detections []detect.Detection) []subject {
	for i := range detections {
		if d := &detections[i]; trackable(d) {
			dst = append(dst, newSubject(d.Box, d.Class, i))
		}
	}
	return dst
}

// appendOverlaps appends an edge for every row and column of one class that
// overlap, row by row, weighted by IoU (0..1]. Rows and columns of the edges are
// positions in rows and cols.
func appendOverlaps(dst []edge, rows, cols []subject) []edge {
	for i := range rows {
		a := &rows[i]
		for j := range cols {
			b := &cols[j]
			w := min(a.box.X2, b.box.X2) - max(a.box.X1, b.box.X1)
			h := min(a.box.Y2, b.box.Y2) - max(a.box.Y1, b.box.Y1)
			if w > 0 && h > 0 && a.class == b.class {
				dst = append(dst, edge{i, j, w * h / (a.area + b.area - w*h)})
			}
		}
	}
	return dst
}
