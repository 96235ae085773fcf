package motion

import "math"

// Affine maps a point of the previous picture to this one, in source pixels:
// x' = A11·x + A12·y + TX, y' = A21·x + A22·y + TY. Coordinates are continuous,
// as those of boxes: the first pixel covers [0,1]×[0,1], its centre is (½,½).
//
// The fields are those of track.Affine in the same order, so that
// track.Affine(a) converts.
type Affine struct{ A11, A12, TX, A21, A22, TY float64 }

// Identity is the motion of a camera that stands still.
var Identity = Affine{A11: 1, A22: 1}

// Apply maps a point of the previous picture to this one.
func (a Affine) Apply(x, y float64) (float64, float64) {
	return a.A11*x + a.A12*y + a.TX, a.A21*x + a.A22*y + a.TY
}

// Shift is how far the corner of a w×h picture moves that moves farthest, in
// pixels.
func (a Affine) Shift(w, h float64) float64 {
	farthest := 0.0
	for _, corner := range [...][2]float64{{0, 0}, {w, 0}, {0, h}, {w, h}} {
		x, y := a.Apply(corner[0], corner[1])
		farthest = max(farthest, math.Hypot(x-corner[0], y-corner[1]))
	}
	return farthest
}

// magnified is the same motion in pixels that are 1/k as large.
func (a Affine) magnified(k float64) Affine {
	a.TX *= k
	a.TY *= k
	return a
}
