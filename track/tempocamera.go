package track

import (
	"math"
	"slices"

	"github.com/tracker-go/tracker/track/internal/pairing"
)

// camera estimates how the picture as a whole moves, from the detections alone.
//
// Where a track misses its detection, the object may have turned; where most
// tracks miss theirs by the same, the camera did. Taking the median out of all
// tracks before association keeps the matched ones from doubt and moves the lost
// ones along, which is what they need most. What the camera did in one frame it
// mostly goes on doing, so its velocity is kept, and fades.
type camera struct {
	vx, vy float64 // pixels a second

	rows, cols []subject
	overlaps   overlaps
	matcher    pairing.Matcher
	dx, dy     []float64 // by how much the tracks miss
	deviations []float64
}

const (
	cameraPasses   = 2    // the second corrects what the first mismatched
	cameraMost     = 64   // tracks that are asked
	cameraLeast    = 3    // below it nobody can tell camera from object
	cameraReach    = 0.8  // boxes grow by so much of their size to each side to meet
	cameraFloor    = 0.1  // least similarity of a pair
	cameraDoubt    = 0.7  // standard errors that a shift must stand out by
	cameraSmall    = 0.05 // shift, in heights, that leaves no second look
	cameraLearn    = 0.5  // share of a new measurement in the velocity
	cameraShortest = 0.01 // seconds that a shift is taken to be the work of, at least
	cameraFade     = 1.0  // seconds in which an unconfirmed velocity falls to 1/e
)

func (c *camera) rest() { c.vx, c.vy = 0, 0 }

// followCamera shifts every track by the motion of the camera in the last dt
// seconds.
func (t *Tempo) followCamera(dt float64) {
	c := &t.camera
	fade := math.Exp(-dt / cameraFade)
	c.vx, c.vy = c.vx*fade, c.vy*fade
	x, y := c.vx*dt, c.vy*dt
	t.warp(&Affine{A11: 1, A22: 1, TX: x, TY: y})
	c.seeDetections(t.high)
	for range cameraPasses {
		dx, dy, small := c.measure(t.tracks)
		t.warp(&Affine{A11: 1, A22: 1, TX: dx, TY: dy})
		x, y = x+dx, y+dy
		if small {
			break
		}
	}
	// Over a very short step the shift is mostly noise, and no velocity.
	over := max(dt, cameraShortest)
	c.vx += cameraLearn * (x - c.vx*dt) / over
	c.vy += cameraLearn * (y - c.vy*dt) / over
}

func (t *Tempo) warp(m *Affine) {
	for i := range t.tracks {
		t.tracks[i].motion.warp(m)
	}
}

// seeDetections takes the detections of the frame.
func (c *camera) seeDetections(high []subject) {
	c.cols = c.cols[:0]
	for i := range high {
		c.cols = append(c.cols, high[i].grown(cameraReach))
	}
}

// measure is by how much tracks that were seen in the last frame miss their
// detections in common, and whether that is too little to have misled their
// matching.
func (c *camera) measure(tracks []tempoTrack) (dx, dy float64, small bool) {
	c.seeTracks(tracks)
	c.overlaps.mixed = true
	edges := c.overlaps.find(c.rows, c.cols)
	pairs := edges[:0]
	for _, e := range edges {
		a, b := &c.rows[e.Row].box, &c.cols[e.Col].box
		if e.Weight *= ratio(a.Height(), b.Height()); e.Weight > cameraFloor {
			pairs = append(pairs, e)
		}
	}
	c.dx, c.dy = c.dx[:0], c.dy[:0]
	height := 0.0
	for _, k := range c.matcher.Maximize(pairs, len(c.rows), len(c.cols)) {
		e := &pairs[k]
		ax, ay := c.rows[e.Row].box.Center()
		bx, by := c.cols[e.Col].box.Center()
		c.dx, c.dy = append(c.dx, bx-ax), append(c.dy, by-ay)
		height += c.rows[e.Row].box.Height() / (1 + 2*cameraReach)
	}
	if len(c.dx) < cameraLeast {
		return 0, 0, true
	}
	dx, dy = c.common(c.dx), c.common(c.dy)
	return dx, dy, math.Abs(dx)+math.Abs(dy) < cameraSmall*height/float64(len(c.dx))
}

// seeTracks takes the tracks seen in the last frame, or evenly some of them.
func (c *camera) seeTracks(tracks []tempoTrack) {
	fresh := 0
	for i := range tracks {
		if tracks[i].isFresh() {
			fresh++
		}
	}
	every := (fresh + cameraMost - 1) / cameraMost
	c.rows = c.rows[:0]
	n := 0
	for i := range tracks {
		if k := &tracks[i]; k.isFresh() {
			if n%every == 0 {
				s := newSubject(k.motion.box(), 0, i)
				c.rows = append(c.rows, s.grown(cameraReach))
			}
			n++
		}
	}
}

// grown is the subject with a margin of so much of its size to each side.
func (s *subject) grown(by float64) subject {
	if by == 0 {
		return *s
	}
	w, h := by*s.box.Width(), by*s.box.Height()
	b := s.box
	b.X1, b.Y1, b.X2, b.Y2 = b.X1-w, b.Y1-h, b.X2+w, b.Y2+h
	return newSubject(b, s.class, s.index)
}

// common is the median of xs, shrunk towards 0 by how unsure it is, and 0 where
// it does not stand out. It reorders xs.
func (c *camera) common(xs []float64) float64 {
	m := median(xs)
	c.deviations = c.deviations[:0]
	for _, x := range xs {
		c.deviations = append(c.deviations, math.Abs(x-m))
	}
	// Of normal errors: 1.4826·MAD is the standard deviation, 1.2533·σ/√n that of
	// the median.
	doubt := cameraDoubt * 1.2533 * 1.4826 * median(c.deviations) / math.Sqrt(float64(len(xs)))
	if math.Abs(m) <= doubt {
		return 0
	}
	return m * (1 - square(doubt/m))
}

// median reorders xs, of which there is at least one.
func median(xs []float64) float64 {
	slices.Sort(xs)
	n := len(xs)
	return (xs[(n-1)/2] + xs[n/2]) / 2
}

func ratio(a, b float64) float64 { return min(a, b) / max(a, b) }
