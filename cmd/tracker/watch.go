//go:build gocv_specific_modules

package main

import (
	"context"
	"fmt"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
)

// silence is how long a connected source may give no picture before the window
// says so.
const silence = time.Second

// watchWindow is a window on a source. While a live one gives no pictures, the
// last one stays and says why; outputs get nothing then. The user may quit at any
// time.
func watchWindow(source *capture.Stream, quit context.CancelCauseFunc) sink.DisplayOptions {
	options := sink.DisplayOptions{
		Title: "tracker: " + source.Info().Name,
		Quit:  func() { quit(sink.ErrQuit) },
	}
	if !source.Info().Live {
		return options
	}
	// The painter's own overlay belongs to another goroutine.
	notices := overlay.New(overlay.Options{})
	options.Notice = func(picture *gocv.Mat) bool {
		text := standstill(source.State(), time.Now())
		return text != "" && notices.Notice(picture, text) == nil
	}
	return options
}

// standstill says why a live source gives no pictures now; "" where it does.
func standstill(s capture.State, now time.Time) string {
	age := now.Sub(s.Last)
	seconds := fmt.Sprintf("last picture %.1f s ago", age.Seconds())
	if s.Last.IsZero() {
		age = now.Sub(s.Since)
		seconds = "none so far"
	}
	switch {
	case s.Status == capture.Ended:
		return "stream ended, " + seconds
	case s.Status == capture.Reconnecting && s.Attempts > 0:
		return fmt.Sprintf("stream lost, reconnecting (attempt %d), %s", s.Attempts, seconds)
	case s.Status == capture.Reconnecting:
		return "stream lost, reconnecting, " + seconds
	case age > silence:
		return "no pictures come, " + seconds
	}
	return ""
}
