package motion

import "slices"

const (
	// settleLooks is how many measured pictures without motion declare a camera
	// still: half a second of video. More are slower to save time, and surer.
	settleLooks = 15
	// restLooks is how many pictures are watched only, before one is measured again
	// in any case, so that changing light and objects do not wear the watched points
	// out.
	restLooks = 15
	// stillShift is how far the worst corner may move while the camera counts as
	// still, in pixels of the small picture, from the start of settling and from
	// one measured picture to the next while resting. More ignores a shaking mast,
	// and slow pans.
	stillShift = 0.4
	// maxAnchors bounds the points that are watched, minAnchors is how few are too
	// few.
	maxAnchors, minAnchors = 48, 8
)

// rest notices that a camera stands still, and when it no longer does. Everything
// counts pictures, not time: the same pictures give the same result.
type rest struct {
	still   bool
	looks   int        // measured while settling, or watched while still
	travel  similarity // motion since settling began
	anchors []anchor   // watched while still
	shifts  []float64
	patch   plane
}

// anchor is a point of the background in the last measured picture.
type anchor struct {
	x, y   int
	window window
}

func newRest() rest {
	return rest{
		travel:  standstill,
		anchors: make([]anchor, 0, maxAnchors),
		shifts:  make([]float64, 0, maxAnchors),
		patch:   newPlane(side+1, side+1),
	}
}

// wake looks at the anchors in a picture, and reports whether it must be
// measured: most of them moved, or it is time.
func (e *Estimator) wake(p Pixels) bool {
	r := &e.rest
	r.looks++
	if r.looks >= restLooks {
		return true
	}
	r.shifts = r.shifts[:0]
	for i := range r.anchors {
		a := &r.anchors[i]
		for row := range r.patch.height {
			e.shrink.row(r.patch.pix[row*r.patch.width:][:r.patch.width], p, a.x-half, a.y-half+row)
		}
		// One step of Lucas-Kanade is exact for small shifts, and large for others.
		dx, dy, _, _ := a.window.step(&r.patch, half, half, 0, 0)
		r.shifts = append(r.shifts, dx*dx+dy*dy)
	}
	slices.Sort(r.shifts)
	return r.shifts[len(r.shifts)/2] > stillShift*stillShift
}

// settle takes note of a measured motion, or that there was none to be had.
func (e *Estimator) settle(f fit, ok bool) {
	r := &e.rest
	still := func(s similarity) bool {
		return ok && s.affine().Shift(float64(e.from[0].width), float64(e.from[0].height)) <= stillShift
	}
	r.looks++
	r.travel = r.travel.then(f.motion)
	switch {
	case r.still:
		r.still = still(f.motion) && e.anchor(f.motion)
	case !still(r.travel):
	case r.looks < settleLooks:
		return
	default:
		r.still = e.anchor(f.motion)
	}
	r.looks, r.travel = 0, standstill
}

// anchor chooses the points to watch in the last picture, from the matches that
// agree with the motion to it, and reports whether there are enough.
func (e *Estimator) anchor(motion similarity) bool {
	r := &e.rest
	r.anchors = r.anchors[:0]
	p := &e.from[0] // the last picture: measuring is done
	every := (len(e.matches) + maxAnchors - 1) / maxAnchors
	for i := 0; i < len(e.matches); i += every {
		m := &e.matches[i]
		if motion.distance(m) > stillShift*stillShift {
			continue
		}
		x, y := int(m.x), int(m.y)
		r.anchors = append(r.anchors, anchor{x: x, y: y})
		if !r.anchors[len(r.anchors)-1].window.load(p, x, y) {
			r.anchors = r.anchors[:len(r.anchors)-1]
		}
	}
	return len(r.anchors) >= minAnchors
}
