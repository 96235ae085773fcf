package capture

import (
	"fmt"
	"time"
)

// Status says whether a source delivers.
type Status int

const (
	Connected    Status = iota // delivering; so is every source that is not live
	Reconnecting               // a live source that was lost and is being tried again
	Ended                      // a live source that was given up, or closed
)

func (s Status) String() string { return [...]string{"connected", "reconnecting", "ended"}[s] }

// State is how a source fares.
type State struct {
	Status Status
	Since  time.Time // when Status began
	Last   time.Time // when the last picture came; zero before the first
	// Err is why the source was lost, or what the last attempt to get it back met;
	// nil while connected.
	Err        error
	Attempts   int // to reconnect, since the loss
	Reconnects int // that succeeded
	Dropped    int // frames that nobody took in time
	// Hung counts the reads and opens that never returned and were left behind.
	// Each holds a connection, a thread and a picture until it does.
	Hung int
}

// EventKind says what happened to a live source.
type EventKind int

const (
	Lost        EventKind = iota // no more frames; Err says why
	Retried                      // an attempt to reconnect failed; told of the 1st, 2nd, 4th, 8th, …
	Reconnected                  // frames come again
	Resized                      // the pictures come in another size from now on
	Dropping                     // frames were dropped since the last time this was told
	GivenUp                      // the source ends with Err
	eventKinds
)

// Event tells of a change. Of each kind at most one is told in 10 s, of drops one
// in a minute.
type Event struct {
	Kind          EventKind
	Name          string        // of the source, as shown to a user
	State         State         // after the change
	Missed        int           // events of this kind that were not told since the last one
	Gap           time.Duration // without frames, of Reconnected and Resized
	Width, Height int           // pixels, of the last picture
}

// String is one line for a log.
func (e Event) String() string {
	var text string
	switch e.Kind {
	case Lost:
		text = fmt.Sprintf("%v; reconnecting", e.State.Err)
	case Retried:
		text = fmt.Sprintf("%v; attempt %d failed, trying again", e.State.Err, e.State.Attempts)
	case Reconnected:
		text = fmt.Sprintf("%s: reconnected after %v", e.Name, e.Gap.Round(10*time.Millisecond))
	case Resized:
		text = fmt.Sprintf("%s: pictures are %dx%d from now on", e.Name, e.Width, e.Height)
	case Dropping:
		return fmt.Sprintf("%s: frames dropped so far to keep up: %d", e.Name, e.State.Dropped)
	case GivenUp:
		text = e.State.Err.Error()
	}
	if e.Missed > 0 {
		text += fmt.Sprintf(" (not told: %d more of this kind)", e.Missed)
	}
	return text
}

// The least time between two events of a kind: a source that comes and goes, or
// drops every second frame, fills no log.
const (
	eventInterval = 10 * time.Second
	dropInterval  = time.Minute
)

// announcer limits the rate of events. It is for one goroutine.
type announcer struct {
	notify func(Event)
	kinds  [eventKinds]struct {
		told   time.Time
		missed int
	}
}

// newAnnouncer tells of drops only after a while: a stream that was just opened
// catches up with what FFmpeg held back.
func newAnnouncer(notify func(Event), now time.Time) *announcer {
	a := &announcer{notify: notify}
	a.kinds[Dropping].told = now
	return a
}

func (a *announcer) tell(now time.Time, e Event) {
	kind, interval := &a.kinds[e.Kind], eventInterval
	if e.Kind == Dropping {
		interval = dropInterval
	}
	if !kind.told.IsZero() && now.Sub(kind.told) < interval {
		kind.missed++
		return
	}
	e.Missed = kind.missed
	kind.told, kind.missed = now, 0
	if a.notify != nil {
		a.notify(e)
	}
}
