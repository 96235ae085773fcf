package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// axis is a Kalman filter of one coordinate that moves at constant velocity:
// state (x, v), of which x is measured. Where the noise of a larger filter is
// diagonal, as in the SORT family, that filter falls apart into one axis per
// coordinate: the same numbers without a matrix. An axis whose variance of
// velocity is 0 stays where the measurements put it.
type axis struct {
	x, v          float64 // position, and velocity per unit of time
	pxx, pxv, pvv float64 // their covariance
}

// predict moves the axis by dt and adds the process noise, variances qx and qv.
func (a *axis) predict(dt, qx, qv float64) {
	a.x += dt * a.v
	a.pxx += dt*(2*a.pxv+dt*a.pvv) + qx
	a.pxv += dt * a.pvv
	a.pvv += qv
}

// drift moves the axis by dt under noise that acts all the time, so that one long
// step is as good as two short ones: the position wanders by the standard
// deviation place in one unit of time, the velocity by accel.
func (a *axis) drift(dt, place, accel float64) {
	q := accel * accel
	a.predict(dt, dt*(place*place+q*dt*dt/3), dt*q)
	a.pxv += dt * dt * q / 2
}

// update takes in the measurement z of variance r.
func (a *axis) update(z, r float64) {
	s := a.pxx + r
	kx, kv := a.pxx/s, a.pxv/s
	residual := z - a.x
	a.x += kx * residual
	a.v += kv * residual
	a.pvv -= kv * a.pxv
	a.pxx = kx * r // (1−kx)·pxx, and never negative
	a.pxv *= r / s
}

// sortFilter is the filter of SORT (Bewley et al., "Simple online and realtime
// tracking", ICIP 2016): centre, area and aspect ratio (width/height) of the
// box; all but the aspect ratio with a velocity, in pixels (area: square pixels)
// a frame.
type sortFilter struct{ cx, cy, area, aspect axis }

// Variances of SORT's reference setting: a new track is sure of its place and
// knows nothing of its velocity; area and aspect ratio are measured less well
// than the centre.
const (
	sortPlaceVar, sortVelocityVar = 10, 1e4     // of a new track
	sortPlaceNoise                = 1           // added per frame, to all four
	sortMoveNoise, sortGrowNoise  = 1e-2, 1e-4  // to the velocities of centre and area
	sortCenterMeas, sortShapeMeas = 1.0, 1.0e+1 // of a measurement
)

func newSortFilter(b detect.Box) sortFilter {
	cx, cy, area, aspect := measure(b)
	moving := func(x float64) axis { return axis{x: x, pxx: sortPlaceVar, pvv: sortVelocityVar} }
	return sortFilter{moving(cx), moving(cy), moving(area), axis{x: aspect, pxx: sortPlaceVar}}
}

// predict moves the filter one frame ahead.
func (f *sortFilter) predict() {
	if f.area.x+f.area.v <= 0 {
		f.area.v = 0 // a box may not shrink to nothing
	}
	f.cx.predict(1, sortPlaceNoise, sortMoveNoise)
	f.cy.predict(1, sortPlaceNoise, sortMoveNoise)
	f.area.predict(1, sortPlaceNoise, sortGrowNoise)
	f.aspect.predict(1, sortPlaceNoise, 0)
}

// update takes in a detected box.
func (f *sortFilter) update(b detect.Box) {
	cx, cy, area, aspect := measure(b)
	f.cx.update(cx, sortCenterMeas)
	f.cy.update(cy, sortCenterMeas)
	f.area.update(area, sortShapeMeas)
	f.aspect.update(aspect, sortShapeMeas)
}

// box is the filter's estimate. Area and aspect ratio stay above 0: predict sees
// to the one, and both are otherwise means of positive numbers.
func (f *sortFilter) box() detect.Box {
	w := math.Sqrt(f.area.x * f.aspect.x)
	h := f.area.x / w
	return detect.Box{X1: f.cx.x - w/2, Y1: f.cy.x - h/2, X2: f.cx.x + w/2, Y2: f.cy.x + h/2}
}

// measure is what SORT's filter sees of a box.
func measure(b detect.Box) (cx, cy, area, aspect float64) {
	w, h := b.Width(), b.Height()
	cx, cy = b.Center()
	return cx, cy, w * h, w / h
}
