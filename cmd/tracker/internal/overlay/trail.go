//go:build gocv_specific_modules

package overlay

import "time"

// trailLen is how many points a trail keeps. They are spread over the trail's
// whole time span, at any frame rate.
const trailLen = 32

// trails remembers where the foot of every identity has been.
type trails struct {
	span time.Duration // how far back a trail reaches, media time
	now  time.Duration
	byID map[int]*trail
	free []*trail // of identities that are gone, to be used again
}

// trail is a ring of points in order of time.
type trail struct {
	points [trailLen]footprint
	last   int // index of the newest
	n      int
}

// footprint is in fractions of the picture, whose size may change.
type footprint struct {
	point
	time time.Duration
}

// begin starts a frame: identities not seen for a whole span are forgotten. A
// media time that goes backwards is another stream, and forgets all.
func (t *trails) begin(now time.Duration) {
	for id, tr := range t.byID {
		if age := now - tr.at(0).time; now < t.now || age > t.span {
			delete(t.byID, id)
			t.free = append(t.free, tr)
		}
	}
	t.now = now
}

// add extends the trail of id to p and returns it.
func (t *trails) add(id int, p point) *trail {
	tr := t.byID[id]
	if tr == nil {
		tr = t.recycle()
		t.byID[id] = tr
	}
	tr.add(footprint{p, t.now}, t.span/(trailLen-1))
	return tr
}

func (t *trails) recycle() *trail {
	last := len(t.free) - 1
	if last < 0 {
		return new(trail)
	}
	tr := t.free[last]
	t.free = t.free[:last]
	*tr = trail{}
	return tr
}

// add appends a point. The newest point always is where the object is now; it
// stays on the trail only when it lies at least spacing behind the one before.
func (tr *trail) add(f footprint, spacing time.Duration) {
	if tr.n >= 2 && tr.at(0).time-tr.at(1).time < spacing {
		tr.points[tr.last] = f
		return
	}
	tr.last = (tr.last + 1) % trailLen
	tr.points[tr.last] = f
	tr.n = min(tr.n+1, trailLen)
}

// at is the i-th newest point, 0 ≤ i < n.
func (tr *trail) at(i int) *footprint {
	return &tr.points[(tr.last-i+trailLen)%trailLen]
}

// draw paints the trail, oldest part first and faintest.
func (tr *trail) draw(c canvas, t *trails, radius float64, col bgr) {
	w, h := float64(c.w), float64(c.h)
	for i := tr.n - 2; i >= 0; i-- {
		from, to := tr.at(i+1), tr.at(i)
		if left := 1 - float64(t.now-from.time)/float64(t.span); left > 0 {
			c.segment(point{w * from.x, h * from.y}, point{w * to.x, h * to.y}, radius, col, left)
		}
	}
}
