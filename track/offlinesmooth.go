package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// smooth gives every sighting of a path, in the order of time, the box that all of
// its raw boxes together speak for. The first and the last one are observed.
func smooth(path []sighting, times []time.Duration) {
	expected := make([]tempoFilter, len(path)) // before the sighting is looked at
	known := make([]tempoFilter, len(path))    // after
	f := newTempoFilter(path[0].Raw)
	known[0] = f
	for k := 1; k < len(path); k++ {
		f.predict((times[path[k].frame] - times[path[k-1].frame]).Seconds(), 1, false)
		expected[k] = f
		if s := &path[k]; s.State == Observed {
			f.see(s)
		}
		known[k] = f
	}
	for k := len(path) - 1; k >= 0; k-- {
		if k < len(path)-1 {
			dt := (times[path[k+1].frame] - times[path[k].frame]).Seconds()
			known[k].hindsight(dt, &expected[k+1], &known[k+1])
		}
		path[k].settle(&known[k])
	}
	bridge(path, times)
}

// see takes in a sighting, on a scale of scores that ends at 1: beyond it, a detection
// would weigh the less the surer it is.
func (f *tempoFilter) see(s *sighting) { f.update(s.Raw, min(1, max(0, s.Score))) }

// smoothLeast is the overlap of a smoothed box with the raw one under which it
// is not believed: the object jumped as no filter expects.
const smoothLeast = 0.5

// settle takes the smoothed box, and its covariance where the tracker gave one.
func (s *sighting) settle(f *tempoFilter) {
	b := f.box()
	if !b.Valid() || s.State == Observed && b.IoU(s.Raw) < smoothLeast {
		if s.State == Observed && !s.Box.Valid() {
			s.Box = s.Raw
		}
		return
	}
	s.Box = b
	if s.Covariance != nil {
		c := f.covariance()
		s.Covariance = &c
	}
}

// bridge draws a straight line where the filter lost an interpolated box in
// rounding, or shrank it to nothing.
func bridge(path []sighting, times []time.Duration) {
	for k := range path {
		if path[k].Box.Valid() {
			continue
		}
		next := k
		for path[next].State != Observed {
			next++
		}
		a, b := &path[k-1], &path[next]
		share := 0.5
		if d := times[b.frame] - times[a.frame]; d > 0 {
			share = float64(times[path[k].frame]-times[a.frame]) / float64(d)
		}
		mix := func(x, y float64) float64 { return x + share*(y-x) }
		path[k].Box = detect.Box{
			X1: mix(a.Box.X1, b.Box.X1), Y1: mix(a.Box.Y1, b.Box.Y1),
			X2: mix(a.Box.X2, b.Box.X2), Y2: mix(a.Box.Y2, b.Box.Y2),
		}
	}
}

// hindsight corrects a filter by what is known dt seconds later, where expected is
// what it predicted for then.
func (f *tempoFilter) hindsight(dt float64, expected, later *tempoFilter) {
	f.cx.hindsight(dt, &expected.cx, &later.cx)
	f.cy.hindsight(dt, &expected.cy, &later.cy)
	f.w.hindsight(dt, &expected.w, &later.w)
	f.h.hindsight(dt, &expected.h, &later.h)
}

// hindsight is Rauch, Tung and Striebel's step: the gain G = P·Fᵀ·E⁻¹, with F the
// transition by dt and E the covariance expected, takes x to x + G·(later − expected)
// and P to P + G·(L − E)·Gᵀ.
func (a *axis) hindsight(dt float64, expected, later *axis) {
	e := expected
	det := e.pxx*e.pvv - e.pxv*e.pxv
	if !(det > 0) {
		return
	}
	xx, xv := a.pxx+dt*a.pxv, a.pxv // P·Fᵀ
	vx, vv := a.pxv+dt*a.pvv, a.pvv
	gxx, gxv := (xx*e.pvv-xv*e.pxv)/det, (xv*e.pxx-xx*e.pxv)/det
	gvx, gvv := (vx*e.pvv-vv*e.pxv)/det, (vv*e.pxx-vx*e.pxv)/det

	dx, dv := later.x-e.x, later.v-e.v
	a.x += gxx*dx + gxv*dv
	a.v += gvx*dx + gvv*dv
	dxx, dxv, dvv := later.pxx-e.pxx, later.pxv-e.pxv, later.pvv-e.pvv
	a.pxx += gxx*gxx*dxx + 2*gxx*gxv*dxv + gxv*gxv*dvv
	a.pxv += gxx*gvx*dxx + (gxx*gvv+gxv*gvx)*dxv + gxv*gvv*dvv
	a.pvv += gvx*gvx*dxx + 2*gvx*gvv*dxv + gvv*gvv*dvv
}
