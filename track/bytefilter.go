package track

import "github.com/tracker-go/tracker/detect"

// byteFilter is the filter of DeepSORT (Wojke et al., "Simple online and realtime
// tracking with a deep association metric", ICIP 2017), which ByteTrack uses:
// centre, aspect ratio (width/height) and height of the box, each with a velocity
// a frame, and noise in proportion to the height.
type byteFilter struct{ cx, cy, aspect, height axis }

// Standard deviations: of a position and a velocity in heights, of the aspect
// ratio as they stand.
const (
	byteStdPlace                              = 1.0 / 20
	byteStdMove                               = 1.0 / 160
	byteStdAspect, byteStdAspectMove          = 1e-2, 1e-5
	byteStdAspectMeas                         = 1e-1
	byteNewPlaceFactor, byteNewVelocityFactor = 2, 10 // of a new track
)

func square(x float64) float64 { return x * x }

func newByteFilter(b detect.Box) byteFilter {
	cx, cy, w, h := centerSize(b)
	place := square(byteNewPlaceFactor * byteStdPlace * h)
	move := square(byteNewVelocityFactor * byteStdMove * h)
	moving := func(x float64) axis { return axis{x: x, pxx: place, pvv: move} }
	return byteFilter{
		cx: moving(cx), cy: moving(cy), height: moving(h),
		aspect: axis{x: w / h, pxx: square(byteStdAspect), pvv: square(byteStdAspectMove)},
	}
}

// predict moves the filter one frame ahead. A lost object keeps its height.
func (f *byteFilter) predict(lost bool) {
	if lost || f.height.x+f.height.v <= 0 {
		f.height.v = 0
	}
	if f.aspect.x+f.aspect.v <= 0 {
		f.aspect.v = 0
	}
	place, move := square(byteStdPlace*f.height.x), square(byteStdMove*f.height.x)
	f.cx.predict(1, place, move)
	f.cy.predict(1, place, move)
	f.aspect.predict(1, square(byteStdAspect), square(byteStdAspectMove))
	f.height.predict(1, place, move)
}

// update takes in a detected box.
func (f *byteFilter) update(b detect.Box) {
	cx, cy, w, h := centerSize(b)
	r := square(byteStdPlace * f.height.x)
	f.cx.update(cx, r)
	f.cy.update(cy, r)
	f.aspect.update(w/h, square(byteStdAspectMeas))
	f.height.update(h, r)
}

func (f *byteFilter) box() detect.Box {
	return boxAround(f.cx.x, f.cy.x, f.aspect.x*f.height.x, f.height.x)
}

func centerSize(b detect.Box) (cx, cy, w, h float64) {
	cx, cy = b.Center()
	return cx, cy, b.Width(), b.Height()
}

func boxAround(cx, cy, w, h float64) detect.Box {
	return detect.Box{X1: cx - w/2, Y1: cy - h/2, X2: cx + w/2, Y2: cy + h/2}
}
