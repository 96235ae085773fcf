package capture

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestMediaClock(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		pos  []time.Duration // what the container says; 0 for nothing
		want []time.Duration
	}{
		{"as the container says", []time.Duration{0, 40 * ms, 120 * ms}, []time.Duration{0, 40 * ms, 120 * ms}},
		{"the container says nothing", []time.Duration{0, 0, 0, 0}, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}},
		{"a first timestamp below zero", []time.Duration{-80 * ms, 40 * ms}, []time.Duration{0, 40 * ms}},
		{"glued recordings", []time.Duration{0, 900 * ms, 5 * ms, 55 * ms}, []time.Duration{0, 900 * ms, 1000 * ms, 1050 * ms}},
		{"one timestamp missing", []time.Duration{0, 100 * ms, 0, 300 * ms}, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}},
		{"a jump ahead", []time.Duration{0, 100 * ms, time.Hour, time.Hour + 40*ms}, []time.Duration{0, 100 * ms, 200 * ms, 240 * ms}},
		{"a long gap", []time.Duration{0, 100 * ms, 5000 * ms}, []time.Duration{0, 100 * ms, 5000 * ms}},
	} {
		var clock mediaClock
		var got []time.Duration
		for _, pos := range c.pos {
			got = append(got, clock.at(pos, 100*ms, 10*time.Second))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSaneFPS(t *testing.T) {
	for in, want := range map[float64]float64{
		25: 25, 0: 0, -1: 0, 90000: 0, 240: 240, math.Inf(1): 0, 0.5: 0.5,
	} {
		if got := saneFPS(in); got != want {
			t.Errorf("saneFPS(%v) = %v, want %v", in, got, want)
		}
	}
	if got := saneFPS(math.NaN()); got != 0 {
		t.Errorf("saneFPS(NaN) = %v, want 0", got)
	}
	if got := framePeriod(0); got != time.Second/defaultFPS {
		t.Errorf("framePeriod(0) = %v", got)
	}
}
