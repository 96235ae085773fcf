package motion

import (
	"errors"
	"fmt"
	"math"
)

const (
	// maxSide bounds the small picture that everything is measured in, in pixels. A
	// larger one is more exact, and slower in proportion to its area.
	maxSide = 480
	// minSide is the least side of a small picture that has room for corners.
	minSide = 48
	// maxRow bounds the bytes in a row of a block that the shrinker can sum.
	maxRow = 128
)

// What makes a motion believable. Stricter limits refuse more of what is true,
// looser ones let through more of what is not.
const (
	minInliers  = 12   // matches that agree
	minAgreeing = 0.3  // part of the matches that agree
	minKept     = 0.15 // part of the corners whose matches agree: fewer after a cut
	maxError    = 0.3  // standard error at the worst corner, in pixels of the small picture
	sureError   = 0.12 // the same, where nothing else need be tried
	maxZoom     = 1.25 // either way
	maxAngle    = 0.35 // radians
)

// Options of an Estimator. The zero value measures every picture.
type Options struct {
	// Auto rests while the camera stands still: after 15 pictures without motion an
	// Estimator only watches some points of the background, at a hundredth of the
	// cost. It measures the first picture in which most of them have moved, which
	// so loses nothing, and every 15th in any case. Meanwhile the motion is the
	// identity, and creeping by less than about a pixel in 15 pictures is not seen.
	Auto bool
}

// Estimator finds the camera's motion from each picture to the next. It is for
// one goroutine. It keeps what it needs of a picture in small copies, so that
// nothing has to be closed and the pixels are free after each call.
type Estimator struct {
	options Options
	size    Pixels // of the pictures; without pixels
	shrink  shrinker
	corners *cornerFinder
	search  searcher
	window  window
	matches []match
	fitter  fitter

	from, to pyramid // the last picture that was measured, and this one
	started  bool    // from holds a picture
	rest     rest
}

// ErrSize says that no motion can be measured in pictures of that size.
var ErrSize = errors.New("no corners fit into the picture")

// New makes an Estimator that has seen nothing.
func New(o Options) *Estimator { return &Estimator{options: o} }

// Options are those that it was made with.
func (e *Estimator) Options() Options { return e.options }

// Still reports whether the camera has been found to stand still: the Estimator
// rests. It is always false without Options.Auto.
func (e *Estimator) Still() bool { return e.rest.still }

// EstimatePixels returns the camera's motion from the picture of the previous call
// to p. Estimate, which does the same for OpenCV's pictures, says the rest.
func (e *Estimator) EstimatePixels(p Pixels, exclude [][4]float64) (motion Affine, ok bool, err error) {
	if err := e.prepare(p); err != nil {
		return Identity, false, err
	}
	if e.rest.still && !e.wake(p) {
		return Identity, true, nil
	}
	e.shrink.picture(&e.to[0], p)
	e.to.build()
	f, ok := fit{motion: standstill}, false
	if e.started {
		f, ok = e.measure(exclude)
	}
	e.from, e.to = e.to, e.from
	e.started = true
	if e.options.Auto {
		e.settle(f, ok)
	}
	if !ok || e.rest.still {
		return Identity, ok, nil
	}
	return f.motion.affine().magnified(float64(e.shrink.factor)), true, nil
}

// prepare checks a picture, and starts anew where its size is not the last one's.
func (e *Estimator) prepare(p Pixels) error {
	if min(p.Width, p.Height, p.Channels) < 1 {
		return fmt.Errorf("motion: no picture: %dx%d with %d channels", p.Width, p.Height, p.Channels)
	}
	if want := p.Width * p.Height * p.Channels; len(p.Pix) != want {
		return fmt.Errorf("motion: picture of %dx%d with %d channels has %d bytes, not %d",
			p.Width, p.Height, p.Channels, len(p.Pix), want)
	}
	p.Pix = nil
	if e.size.Width == p.Width && e.size.Height == p.Height && e.size.Channels == p.Channels {
		return nil
	}
	err := e.allot(p)
	if err != nil { // the next picture does not follow the last that was measured
		*e = Estimator{options: e.options}
	}
	return err
}

// maxPixels bounds the sides of a picture: no OpenCV picture is larger.
const maxPixels = 1 << 20

// allot starts anew, for pictures of p's size.
func (e *Estimator) allot(p Pixels) error {
	if min(p.Width, p.Height, p.Channels) < 1 || max(p.Width, p.Height, p.Channels) > maxPixels {
		return fmt.Errorf("motion: picture of %dx%d with %d channels", p.Width, p.Height, p.Channels)
	}
	factor := (max(p.Width, p.Height) + maxSide - 1) / maxSide
	w, h := p.Width/factor, p.Height/factor
	if min(w, h) < minSide || factor*p.Channels > maxRow {
		return fmt.Errorf("motion: %w: %dx%d with %d channels is too small, too narrow or too large: it is looked at as %dx%d",
			ErrSize, p.Width, p.Height, p.Channels, w, h)
	}
	*e = Estimator{
		options: e.options, size: p, shrink: newShrinker(factor, p.Channels),
		from: newPyramid(w, h), to: newPyramid(w, h), corners: newCornerFinder(w/2, h/2),
		search: searcher{newPyramid(w, h)}, rest: newRest(),
	}
	e.matches = make([]match, 0, cap(e.corners.found))
	e.fitter.residuals = make([]float64, 0, cap(e.corners.found))
	return nil
}

// measure finds the motion between the two pictures. Following starts from the
// translation of the whole. Unless what comes of it is beyond doubt, standing
// still gets its chance: a lorry that fills half of the picture draws the
// translation, but holds for its part only, and the wider agreement wins. Where
// both lead nowhere, as may happen among small details, a slower search a level
// lower is the last.
func (e *Estimator) measure(exclude [][4]float64) (fit, bool) {
	e.corners.exclude(exclude, 2*float64(e.shrink.factor))
	corners := e.corners.find(&e.from[1])
	if len(corners) < minInliers {
		return fit{}, false
	}
	e.search.exclude(e.corners.mask)
	top := len(e.from) - 1
	dx, dy := e.search.find(e.from, e.to, top)
	f, ok := e.align(corners, dx, dy)
	if ok && f.corner <= sureError {
		return f, true
	}
	if dx != 0 || dy != 0 {
		if still, good := e.align(corners, 0, 0); good && (!ok || still.corner < f.corner) {
			return still, true
		}
	}
	if ok || top < 2 {
		return f, ok
	}
	x, y := e.search.find(e.from, e.to, top-1)
	if x == dx && y == dy {
		return f, false
	}
	return e.align(corners, x, y)
}

// align follows the corners, which have moved by about (dx, dy), and fits the
// motion that most of them share.
func (e *Estimator) align(corners []corner, dx, dy int) (fit, bool) {
	e.matches = e.matches[:0]
	for _, c := range corners {
		if x, y, ok := e.window.follow(e.from, e.to, c.x, c.y, float64(dx), float64(dy)); ok {
			e.matches = append(e.matches, match{float64(c.x) + 0.5, float64(c.y) + 0.5, x, y})
		}
	}
	if len(e.matches) < minInliers {
		return fit{}, false
	}
	w, h := float64(e.from[0].width), float64(e.from[0].height)
	f := e.fitter.fit(e.matches, w, h)
	agree := float64(f.inliers)
	return f, f.inliers >= minInliers &&
		agree >= minAgreeing*float64(len(e.matches)) &&
		agree >= minKept*float64(len(corners)) &&
		f.corner <= maxError &&
		f.motion.believable()
}

// believable reports whether a camera could have turned and zoomed like that
// within a frame.
func (s similarity) believable() bool {
	zoom := math.Hypot(s.a, s.b)
	return zoom <= maxZoom && zoom >= 1/maxZoom && math.Abs(math.Atan2(s.b, s.a)) <= maxAngle
}
