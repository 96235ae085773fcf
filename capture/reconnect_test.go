package capture

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const ms = time.Millisecond
	delays := func(r Reconnect) (all []time.Duration) {
		b := newBackoff(r)
		for range 8 {
			all = append(all, b.delay())
		}
		return all
	}
	policy := Reconnect{FirstDelay: 100 * ms, MaxDelay: 1000 * ms, Seed: 7}
	got := delays(policy)
	for i, most := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms, 1000 * ms, 1000 * ms} {
		if got[i] < most/2 || got[i] > most {
			t.Errorf("delay %d is %v, want %v to %v", i, got[i], most/2, most)
		}
	}
	if again := delays(policy); !slices.Equal(again, got) {
		t.Errorf("the same seed gives %v, then %v", got, again)
	}
	if other := delays(Reconnect{FirstDelay: 100 * ms, MaxDelay: 1000 * ms}); slices.Equal(other, got) {
		t.Error("without a seed the delays are not random")
	}
	if first := newBackoff(Reconnect{}).delay(); first < defaultFirstDelay/2 || first > defaultFirstDelay {
		t.Errorf("default first delay %v", first)
	}
	b := newBackoff(policy)
	b.delay()
	b.delay()
	b.reset()
	if d := b.delay(); d > 100*ms {
		t.Errorf("%v after a reset", d)
	}
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{Newest, All} {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("oldest"); err == nil || !strings.Contains(err.Error(), "newest and all are") {
		t.Errorf("%v", err)
	}
}

// A source that comes and goes all the time tells of it now and then, and how
// often it did not.
func TestEventsAreRateLimited(t *testing.T) {
	var told []Event
	now := time.Now()
	a := newAnnouncer(func(e Event) { told = append(told, e) }, now)
	failed := State{Err: errors.New("read x: no more frames"), Attempts: 4, Dropped: 9}
	for range 101 {
		a.tell(now, Event{Kind: Lost, Name: "x", State: failed})
		a.tell(now, Event{Kind: Dropping, Name: "x", State: failed})
		now = now.Add(eventInterval / 10)
	}
	var lines []string
	for _, e := range told {
		lines = append(lines, e.String())
	}
	lost := "read x: no more frames; reconnecting"
	missed := lost + " (not told: 9 more of this kind)"
	dropping := "x: frames dropped so far to keep up: 9"
	want := []string{lost, missed, missed, missed, missed, missed, missed, dropping, missed, missed, missed, missed}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	newAnnouncer(nil, now).tell(now, Event{}) // tells nobody
}
