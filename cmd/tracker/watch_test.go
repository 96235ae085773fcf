//go:build gocv_specific_modules

package main

import (
	"testing"
	"time"

	"github.com/tracker-go/tracker/capture"
)

func TestStandstill(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		status   capture.Status
		attempts int
		age      time.Duration
		want     string
	}{
		{capture.Connected, 0, 900 * time.Millisecond, ""},
		{capture.Connected, 0, 1250 * time.Millisecond, "no pictures come, last picture 1.2 s ago"},
		{capture.Reconnecting, 0, 300 * time.Millisecond, "stream lost, reconnecting, last picture 0.3 s ago"},
		{capture.Reconnecting, 3, 3200 * time.Millisecond, "stream lost, reconnecting (attempt 3), last picture 3.2 s ago"},
		{capture.Ended, 3, time.Minute, "stream ended, last picture 60.0 s ago"},
	} {
		s := capture.State{Status: c.status, Attempts: c.attempts, Last: now.Add(-c.age)}
		if got := standstill(s, now); got != c.want {
			t.Errorf("%v, %d attempts, %v: %q, want %q", c.status, c.attempts, c.age, got, c.want)
		}
	}
	for age, want := range map[time.Duration]string{silence / 2: "", 2 * silence: "no pictures come, none so far"} {
		if got := standstill(capture.State{Since: now.Add(-age)}, now); got != want {
			t.Errorf("without a picture for %v: %q, want %q", age, got, want)
		}
	}
}
