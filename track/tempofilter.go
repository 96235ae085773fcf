package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// tempoFilter estimates centre, width and height of a box, each with a velocity a
// second. All noise is in proportion to the height of the box, so that near and
// far, large pictures and small, are the same.
type tempoFilter struct{ cx, cy, w, h axis }

// Standard deviations, in heights of the box. Raising noise follows detections
// more closely, jitter included, and looks for lost objects in vain sooner.
const (
	tempoPlace     = 0.27  // how far the centre wanders in a second, besides its velocity
	tempoAccel     = 0.6   // how much its velocity changes in a second
	tempoSize      = 0.27  // the same for width and height
	tempoSizeAccel = 0.1   //
	tempoMeasure   = 0.05  // of a detected centre
	tempoMeasSize  = 0.1   // of a detected width and height
	tempoNewPlace  = 0.1   // of a new track
	tempoNewSpeed  = 1.875 // a second
)

func newTempoFilter(b detect.Box) tempoFilter {
	cx, cy, w, h := centerSize(b)
	still := func(x float64) axis {
		return axis{x: x, pxx: square(tempoNewPlace * h), pvv: square(tempoNewSpeed * h)}
	}
	return tempoFilter{still(cx), still(cy), still(w), still(h)}
}

// predict moves the filter by dt seconds. restless multiplies the variance of the
// acceleration; a lost object keeps its size.
func (f *tempoFilter) predict(dt, restless float64, lost bool) {
	h := f.h.x
	accel := tempoAccel * h * math.Sqrt(restless)
	f.cx.drift(dt, tempoPlace*h, accel)
	f.cy.drift(dt, tempoPlace*h, accel)
	for _, a := range [...]*axis{&f.w, &f.h} {
		if lost || a.x+dt*a.v < a.x/5 {
			a.v = 0
		}
		a.drift(dt, tempoSize*h, tempoSizeAccel*h)
	}
}

// update takes in a detected box. The less sure the detector, the less it moves
// the filter.
func (f *tempoFilter) update(b detect.Box, score float64) {
	cx, cy, w, h := centerSize(b)
	place, size := f.measurement(score)
	f.cx.update(cx, place)
	f.cy.update(cy, place)
	f.w.update(w, size)
	f.h.update(h, size)
}

// measurement is the variance of a detection of the given score.
func (f *tempoFilter) measurement(score float64) (place, size float64) {
	unsure := (2 - min(1, max(0, score))) * f.h.x
	return square(tempoMeasure * unsure), square(tempoMeasSize * unsure)
}

func (f *tempoFilter) box() detect.Box { return boxAround(f.cx.x, f.cy.x, f.w.x, f.h.x) }

func (f *tempoFilter) covariance() Covariance {
	return covarianceOf(f.cx.pxx, f.cy.pxx, f.w.pxx, f.h.pxx)
}

// warp takes the filter to where the camera's motion took its object.
func (f *tempoFilter) warp(m *Affine) {
	f.cx.x, f.cy.x = m.A11*f.cx.x+m.A12*f.cy.x+m.TX, m.A21*f.cx.x+m.A22*f.cy.x+m.TY
	f.cx.v, f.cy.v = m.A11*f.cx.v+m.A12*f.cy.v, m.A21*f.cx.v+m.A22*f.cy.v
	zoom := math.Sqrt(m.det())
	for _, a := range [...]*axis{&f.w, &f.h} {
		a.x *= zoom
		a.v *= zoom
	}
	for _, a := range [...]*axis{&f.cx, &f.cy, &f.w, &f.h} {
		a.pxx *= zoom * zoom
		a.pxv *= zoom * zoom
		a.pvv *= zoom * zoom
	}
}

// det is by how much the motion scales areas.
func (m *Affine) det() float64 { return m.A11*m.A22 - m.A12*m.A21 }

// sane reports whether a camera can move so: one that is not, an estimate gone
// wrong, would throw every track off.
func (m *Affine) sane() bool {
	const most = 4 // zoom from one frame to the next, and its inverse, squared
	d := m.det()
	return d > 1.0/most && d < most && math.Abs(m.TX) <= maxEdge && math.Abs(m.TY) <= maxEdge
}
