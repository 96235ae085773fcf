package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tracker-go/tracker/track/zone"
)

// MostFPS bounds the pictures that browsers get of an input, a second: enough to follow what
// moves. Raising it costs the time to encode more.
const MostFPS = 15

// Feed is what is shown of one input. The input's run fills it; its methods may be called
// from several goroutines.
type Feed struct {
	mu      sync.Mutex
	moment  Moment
	noted   time.Time    // when moment was
	zones   []zone.Count // of moment, reused
	waiting int          // for pictures
	due     time.Time    // from when on the next picture is
	picture []byte
	fresh   chan struct{} // closed by the next picture
	over    chan struct{} // closed when no more come
}

// Moment is what is known after a frame.
type Moment struct {
	Frames             int // that are done
	Index              int // of the last one, in the source
	Time               time.Duration
	Width, Height      int // of its picture, pixels
	Detections, Tracks int // of it
	Zones              []zone.Count
	Labels             []string // names of the classes
}

// NewFeed is of an input of which nothing is known yet.
func NewFeed() *Feed { return &Feed{fresh: make(chan struct{}), over: make(chan struct{})} }

// End lets go of all who wait: no more pictures come. It is called once.
func (f *Feed) End() { close(f.over) }

func (f *Feed) ended() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// Note takes in what a frame brought; it keeps nothing of m.Zones.
func (f *Feed) Note(m Moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Frames = f.moment.Frames + 1
	f.zones = copyCounts(f.zones, m.Zones)
	m.Zones = f.zones
	f.moment, f.noted = m, time.Now()
}

// Noted is when Note was called last, zero before the first time.
func (f *Feed) Noted() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.noted
}

// copyCounts copies counts into memory that is used again.
func copyCounts(dst, src []zone.Count) []zone.Count {
	for len(dst) < len(src) {
		dst = append(dst, zone.Count{})
	}
	dst = dst[:len(src)]
	for i := range src {
		classes := append(dst[i].Classes[:0], src[i].Classes...)
		dst[i] = src[i]
		dst[i].Classes, dst[i].Crossed = classes, nil
	}
	return dst
}

// Latest is what was noted last, in memory of its own.
func (f *Feed) Latest() Moment {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.moment
	m.Zones = copyCounts(nil, m.Zones)
	return m
}

// Due says that somebody waits for a picture, and that it is time for one.
func (f *Feed) Due(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting > 0 && !now.Before(f.due)
}

// Show gives all who wait a JPEG, which must not change any more.
func (f *Feed) Show(jpeg []byte, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.picture, f.due = jpeg, nextDue(f.due, now)
	close(f.fresh)
	f.fresh = make(chan struct{})
}

// nextDue is when the picture after one is due: a period after that was due, not after it came,
// so that frames which miss the beat by a little do not halve the rate. However late it came,
// one picture is made up for.
func nextDue(due, came time.Time) time.Time {
	if next := due.Add(time.Second / MostFPS); next.After(came) {
		return next
	}
	return came
}

// join has pictures made until leave is called.
func (f *Feed) join() (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.waiting--
	}
}

var errEnded = errors.New("the input has ended")

// next waits for a picture that comes from now on.
func (f *Feed) next(ctx context.Context) ([]byte, error) {
	f.mu.Lock()
	fresh := f.fresh
	f.mu.Unlock()
	select {
	case <-fresh:
	case <-f.over:
		return nil, errEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.picture, nil
}
