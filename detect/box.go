// Package detect holds what a detector's output means, without any picture or
// network library: boxes, detections, head decoders, non-maximum suppression
// and letterbox arithmetic.
//
// Boxes outside a network are always [x1, y1, x2, y2] in pixels of the source
// frame, float64, x to the right and y down, with x2 and y2 the far edges (so
// that width is x2−x1).
package detect

import "math"

// Box is an axis-aligned rectangle in pixels of the source frame. (X1,Y1) is the
// top-left corner and (X2,Y2) the bottom-right one; edges are continuous
// coordinates, so the area of {0,0,1,1} is one pixel.
type Box struct{ X1, Y1, X2, Y2 float64 }

// FromLTWH makes a Box of left, top, width and height in pixels, the order that
// MOTChallenge files use.
func FromLTWH(l, t, w, h float64) Box { return Box{l, t, l + w, t + h} }

// Width is X2−X1 in pixels; negative for an inverted box.
func (b Box) Width() float64 { return b.X2 - b.X1 }

// Height is Y2−Y1 in pixels; negative for an inverted box.
func (b Box) Height() float64 { return b.Y2 - b.Y1 }

// Center is the middle of the box in pixels.
func (b Box) Center() (x, y float64) { return (b.X1 + b.X2) / 2, (b.Y1 + b.Y2) / 2 }

// Area is width·height in square pixels, 0 for an empty or inverted box.
func (b Box) Area() float64 {
	if b.X2 <= b.X1 || b.Y2 <= b.Y1 {
		return 0
	}
	return (b.X2 - b.X1) * (b.Y2 - b.Y1)
}

// Valid reports whether all four edges are finite and the box has an area.
func (b Box) Valid() bool {
	sum := b.X1 + b.Y1 + b.X2 + b.Y2
	return !math.IsNaN(sum) && !math.IsInf(sum, 0) && b.X2 > b.X1 && b.Y2 > b.Y1
}

// Clip cuts the box to a picture of w×h pixels. A box wholly outside becomes
// empty (Area 0) on the nearest edge.
func (b Box) Clip(w, h float64) Box {
	return Box{
		X1: min(max(b.X1, 0), w), Y1: min(max(b.Y1, 0), h),
		X2: min(max(b.X2, 0), w), Y2: min(max(b.Y2, 0), h),
	}
}

// IoU is the intersection over union of two boxes, 0..1; 0 where either is empty.
func (b Box) IoU(o Box) float64 {
	iw := min(b.X2, o.X2) - max(b.X1, o.X1)
	ih := min(b.Y2, o.Y2) - max(b.Y1, o.Y1)
	if iw <= 0 || ih <= 0 {
		return 0
	}
	inter := iw * ih
	return inter / (b.Area() + o.Area() - inter)
}

// Detection is one object that a detector found in one frame.
type Detection struct {
	Box   Box
	Score float64 // confidence, 0..1
	Class int     // index into the model's labels
	// Embedding is the appearance vector, unit length, nil where nobody made one.
	Embedding []float32
}
