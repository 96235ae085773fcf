package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// identity is what a track knows of itself whatever the algorithm: who it is and
// when it was seen.
type identity struct {
	id, class  int
	score      float64
	detection  int // index of the detection of this frame, −1 while unseen
	hits       int
	born, seen time.Duration // media time
}

// newIdentity starts a track from its first detection.
func newIdentity(id int, d *detect.Detection, index int, now time.Duration) identity {
	t := identity{id: id, class: d.Class, born: now}
	t.observe(d, index, now)
	return t
}

// observe notes a detection of this frame.
func (t *identity) observe(d *detect.Detection, index int, now time.Duration) {
	t.score, t.detection, t.seen = d.Score, index, now
	t.hits++
}

// report is the track as the caller sees it.
func (t *identity) report(box detect.Box, now time.Duration) Track {
	return Track{
		ID: t.id, Box: box, Class: t.class, Score: t.score, Detection: t.detection,
		Hits: t.hits, Age: now - t.born, SinceUpdate: now - t.seen,
	}
}

// timeSlack is how far rounding may put media times off.
const timeSlack = time.Millisecond

// expired reports whether a track that was last seen so long ago is too old.
func expired(unseen, maxAge time.Duration) bool { return unseen > maxAge+timeSlack }
