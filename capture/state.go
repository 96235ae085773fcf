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

// Event tells of a change. Of each kind at most one is told in eventInterval.
type Event struct {
	Kind          EventKind
	Name          string // of the source, as shown to a user
	State         State  // after the change
	Missed        int    // events of this kind that were not told since the last one
	Gap           time.Duration
	Width, Height int // pixels, of the pictures from now on; of Resized and Reconnected
}

// String is one line for a log.
func (e Event) String() string {
	text := e.Name + ": "
	switch e.Kind {
	case Lost:
		text += fmt.Sprintf("lost (%v); reconnecting", e.State.Err)
	case Retried:
		text += fmt.Sprintf("attempt %d to reconnect failed: %v", e.State.Attempts, e.State.Err)
	case Reconnected:
		text += fmt.Sprintf("reconnected after %v, %dx%d", e.Gap.Round(10*time.Millisecond), e.Width, e.Height)
	case Resized:
		text += fmt.Sprintf("pictures are now %dx%d", e.Width, e.Height)
	case Dropping:
		text += fmt.Sprintf("%d frames dropped so far to keep up", e.State.Dropped)
	case GivenUp:
		text += fmt.Sprintf("given up: %v", e.State.Err)
	}
	if e.Missed > 0 && e.Kind != Dropping {
		text += fmt.Sprintf(" (and %d times before)", e.Missed)
	}
	return text
}

// eventInterval is the least time between two events of a kind: a source that
// comes and goes, or drops every second frame, fills no log.
const eventInterval = 10 * time.Second

// announcer limits the rate of events. It is for one goroutine.
type announcer struct {
	notify func(Event)
	kinds  [eventKinds]struct {
		told   time.Time
		missed int
	}
}

func (a *announcer) tell(now time.Time, e Event) {
	kind := &a.kinds[e.Kind]
	if !kind.told.IsZero() && now.Sub(kind.told) < eventInterval {
		kind.missed++
		return
	}
	e.Missed = kind.missed
	kind.told, kind.missed = now, 0
	if a.notify != nil {
		a.notify(e)
	}
}
