package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// identity is what a track knows of itself whatever the algorithm: who it is and
// when it was seen.
type identity struct {
	id         int
	classes    ballot
	score      float64
	detection  int        // index of the detection of this frame, −1 while unseen
	raw        detect.Box // its box
	hits       int
	missed     int           // frames since the last detection
	born, seen time.Duration // media time
}

// newIdentity starts a track from its first detection.
func newIdentity(id int, d *detect.Detection, index int, now time.Duration) identity {
	t := identity{id: id, born: now}
	t.observe(d, index, now)
	return t
}

// expect starts a frame: the track is unseen until a detection says otherwise.
func (t *identity) expect() {
	t.detection = -1
	t.missed++
}

// observe notes a detection of this frame.
func (t *identity) observe(d *detect.Detection, index int, now time.Duration) {
	t.classes.vote(d.Class, d.Score)
	t.score, t.detection, t.raw, t.seen = d.Score, index, d.Box, now
	t.hits++
	t.missed = 0
}

// class is what most detections say the object is.
func (t *identity) class() int { return t.classes.winner() }

// report is the track as the caller sees it.
func (t *identity) report(box detect.Box, now time.Duration) Track {
	class := t.class()
	r := Track{
		ID: t.id, Box: box, Class: class, Score: t.score, Detection: t.detection,
		Hits: t.hits, Age: now - t.born, SinceUpdate: now - t.seen,
		State: Coasted, ClassConfidence: t.classes.share(class),
	}
	if t.detection >= 0 {
		r.State, r.Raw = Observed, t.raw
	}
	return r
}

// lifetime bounds how long a track may go without a detection.
type lifetime struct {
	frames int           // negative: no bound in frames
	gap    time.Duration // 0: no bound in media time
}

// timeSlack is how far rounding may put media times off.
const timeSlack = time.Millisecond

// over reports whether a track has been unseen for too long.
func (l lifetime) over(t *identity, now time.Duration) bool { return l.ends(t.missed, now-t.seen) }

// ends reports whether so many frames in a row, over so much media time, are too long.
func (l lifetime) ends(frames int, gap time.Duration) bool {
	return l.frames >= 0 && frames > l.frames || l.gap > 0 && gap-timeSlack > l.gap
}
