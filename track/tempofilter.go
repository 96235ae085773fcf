package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// tempoFilter estimates centre, width and height of a box, each with a velocity a
// second. All noise is in proportion to the size of the box, √(width·height), so
// that near and far, large pictures and small, are the same.
type tempoFilter struct{ cx, cy, w, h axis }

// Standard deviations, in sizes of the box. Raising the first four follows
// detections more closely, jitter included, and doubts sooner where a lost object
// is; raising the measurements' does the opposite.
const (
	tempoPlace     = 0.42 // how far the centre wanders in a second, besides its velocity
	tempoAccel     = 0.95 // how much its velocity changes in a second
	tempoSize      = 0.42 // the same for width and height
	tempoSizeAccel = 0.15 //
	tempoMeasure   = 0.08 // of a detected centre
	tempoMeasSize  = 0.16 // of a detected width and height
	tempoNewPlace  = 0.15 // of a new track
	tempoNewSpeed  = 3    // a second
)

func newTempoFilter(b detect.Box) tempoFilter {
	cx, cy, w, h := centerSize(b)
	size := math.Sqrt(w * h)
	still := func(x float64) axis {
		return axis{x: x, pxx: square(tempoNewPlace * size), pvv: square(tempoNewSpeed * size)}
	}
	return tempoFilter{still(cx), still(cy), still(w), still(h)}
}

func (f *tempoFilter) size() float64 { return math.Sqrt(f.w.x * f.h.x) }

// predict moves the filter by dt seconds. restless multiplies the variance of the
// acceleration; a lost object keeps its size.
func (f *tempoFilter) predict(dt, restless float64, lost bool) {
	size := f.size()
	accel := tempoAccel * size * math.Sqrt(restless)
	f.cx.drift(dt, tempoPlace*size, accel)
	f.cy.drift(dt, tempoPlace*size, accel)
	for _, a := range [...]*axis{&f.w, &f.h} {
		if lost || a.x+dt*a.v < a.x/5 {
			a.v = 0
		}
		a.drift(dt, tempoSize*size, tempoSizeAccel*size)
	}
}

// update takes in a detected box. The less sure the detector, the less it moves
// the filter.
func (f *tempoFilter) update(b detect.Box, sure float64) {
	cx, cy, w, h := centerSize(b)
	place, size := f.measurement(sure)
	f.cx.update(cx, place)
	f.cy.update(cy, place)
	f.w.update(w, size)
	f.h.update(h, size)
}

// measurement is the variance of a detection that the detector is so sure of, 0..1.
func (f *tempoFilter) measurement(sure float64) (place, size float64) {
	unsure := (2 - sure) * f.size()
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
	turned := max(math.Abs(m.A11), math.Abs(m.A12), math.Abs(m.A21), math.Abs(m.A22))
	return d > 1.0/most && d < most && turned*turned < most && max(math.Abs(m.TX), math.Abs(m.TY)) <= maxEdge
}
