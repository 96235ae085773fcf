package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// ledger is what every tracker keeps besides its tracks: the frame it is at, the
// ids it gave, its output and, where wanted, the events.
type ledger struct {
	journal
	frame    int           // frames given to Update
	clock    time.Duration // Input.Time of the last one
	usual    time.Duration // the last step of it that was one
	lastID   int
	covering bool
	covs     covariances
	out      []Track
}

const (
	frameTime = time.Second / 30      // taken to lie between two frames where their times do not say
	still     = 50 * time.Microsecond // times so near are the same: no camera is faster
)

// open starts a frame and returns the media time since the last one, 0 for the
// first. A frame whose time does not advance is taken to lie the usual step after the
// last, and time goes on from there.
func (l *ledger) open(in *Input) (step time.Duration) {
	l.frame++
	l.events, l.covering = in.Events, in.Covariance
	step = in.Time - l.clock
	switch {
	case l.frame == 1:
		l.clock = max(0, in.Time)
		l.now = l.clock
		return 0
	case step > still:
		l.usual = step
	case l.usual > 0:
		step = min(l.usual, stallStep) // it may have been a stall, which is no pace
	default:
		step = frameTime
	}
	l.clock = in.Time
	l.now += step
	return step
}

// newID is an id that was never given before.
func (l *ledger) newID() int {
	l.lastID++
	return l.lastID
}

// list empties the output, which will have at most n tracks.
func (l *ledger) list(n int) {
	l.out = l.out[:0]
	l.covs.reset(n, l.covering)
}

// report adds a track to the output.
func (l *ledger) report(t *identity, box detect.Box, covariance func() Covariance) {
	r := t.report(box, l.now)
	if l.covering {
		r.Covariance = l.covs.keep(covariance())
	}
	l.out = append(l.out, r)
}

// expire reports whether a track has been unseen for too long.
func (l *ledger) expire(t *identity, life lifetime) bool {
	if !life.over(t, l.now) {
		return false
	}
	unseen, most := l.now-t.seen, life.gap
	if unseen <= most+timeSlack {
		most = 0 // it was the bound in frames
	}
	l.add(Died, Expired, t.id, -1, -1, unseen.Seconds(), most.Seconds())
	return true
}

// sighted says that a detection continues a track; it comes before observe.
func (l *ledger) sighted(t *identity, detection int, reason Reason, similarity, least float64) {
	kind := Seen
	if t.missed > 1 {
		kind = Found
	}
	l.add(kind, reason, t.id, detection, -1, similarity, least)
}

// unsighted says why none of the detections continues a track.
func (l *ledger) unsighted(t *identity, v verdict) {
	kind := Lost
	if t.missed > 1 {
		kind = Missing
	}
	l.add(kind, v.reason, t.id, -1, v.rival, v.value, v.limit)
}

// begun says why none of the tracks took the detection that started another.
func (l *ledger) begun(id, detection int, v verdict) {
	l.add(Born, v.reason, id, detection, v.rival, v.value, v.limit)
}

// overlapping judges detections by their overlap with where a track is expected.
func overlapping(detections []subject, expected *subject, least float64) verdict {
	return judge(len(detections), least,
		func(k int) float64 { return expected.iouOfClass(&detections[k]) },
		func(k int) int { return detections[k].index })
}

// overlapped judges tracks by the overlap of where they are expected with a
// detection.
func overlapped(expected []subject, d *subject, least float64, idOf func(k int) int) verdict {
	return judge(len(expected), least, func(k int) float64 { return expected[k].iouOfClass(d) }, idOf)
}

// iouOfClass is the overlap of boxes of one class, 0 between classes.
func (a *subject) iouOfClass(b *subject) float64 {
	if a.class != b.class {
		return 0
	}
	return a.iou(b)
}
