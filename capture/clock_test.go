package capture

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestMediaClock(t *testing.T) {
	const ms = time.Millisecond
	type frame struct {
		index int
		pos   time.Duration
	}
	for _, c := range []struct {
		name   string
		frames []frame
		want   []time.Duration
	}{
		{"as the container says", []frame{{0, 0}, {1, 40 * ms}, {2, 120 * ms}}, []time.Duration{0, 40 * ms, 120 * ms}},
		{"the container says nothing", []frame{{0, 0}, {1, 0}, {2, 0}, {5, 0}}, []time.Duration{0, 100 * ms, 200 * ms, 500 * ms}},
		{"a first timestamp below zero", []frame{{0, -80 * ms}, {1, 40 * ms}}, []time.Duration{0, 40 * ms}},
		{"glued recordings", []frame{{0, 0}, {1, 900 * ms}, {2, 5 * ms}, {3, 55 * ms}}, []time.Duration{0, 900 * ms, 1000 * ms, 1050 * ms}},
		{"one gap in the timestamps", []frame{{0, 0}, {1, 100 * ms}, {2, 0}, {3, 300 * ms}}, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}},
		{"a stride", []frame{{0, 0}, {3, 0}, {6, 0}}, []time.Duration{0, 300 * ms, 600 * ms}},
	} {
		clock := mediaClock{period: 100 * ms}
		var got []time.Duration
		for _, f := range c.frames {
			got = append(got, clock.at(f.index, f.pos))
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
