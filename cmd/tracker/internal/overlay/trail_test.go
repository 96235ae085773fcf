//go:build gocv_specific_modules

package overlay

import (
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

func newTrails() trails { return trails{span: DefaultTrail, byID: make(map[int]*trail)} }

// A trail reaches back the whole span at any frame rate, its newest point is
// where the object is, and its points follow each other in time.
func TestTrailCoversItsSpan(t *testing.T) {
	for _, fps := range []int{7, 30, 240} {
		ts := newTrails()
		step := time.Second / time.Duration(fps)
		var tr *trail
		for i := range 10 * fps {
			ts.begin(time.Duration(i) * step)
			tr = ts.add(1, point{x: float64(i)})
			if newest := tr.at(0); newest.x != float64(i) || newest.time != ts.now {
				t.Fatalf("%d FPS: newest point %v at frame %d", fps, newest, i)
			}
		}
		if reach := ts.now - tr.at(tr.n-1).time; reach < DefaultTrail {
			t.Errorf("%d FPS: the trail reaches back %v, want %v", fps, reach, DefaultTrail)
		}
		for i := 1; i < tr.n; i++ {
			if tr.at(i).time >= tr.at(i-1).time {
				t.Errorf("%d FPS: point %d is not older than point %d", fps, i, i-1)
			}
		}
	}
}

func TestTrailsAreBounded(t *testing.T) {
	ts := newTrails()
	const perFrame, step = 3, 40 * time.Millisecond // new ids all the time
	limit := perFrame * (int(DefaultTrail/step) + 2)
	for i := range 20_000 {
		ts.begin(time.Duration(i) * step)
		for j := range perFrame {
			ts.add(perFrame*i+j, point{})
		}
		if n := len(ts.byID) + len(ts.free); n > limit {
			t.Fatalf("%d trails in frame %d, want at most %d", n, i, limit)
		}
	}
}

func TestTrailSurvivesAShortAbsence(t *testing.T) {
	ts := newTrails()
	for _, ms := range []int{0, 100, 200, 1200, 1300} {
		ts.begin(time.Duration(ms) * time.Millisecond)
		if ms != 1200 {
			ts.add(5, point{})
		}
	}
	if n := ts.byID[5].n; n != 4 {
		t.Errorf("%d points after an absence of 1.1 s, want 4", n)
	}
	ts.begin(3 * time.Second)
	if len(ts.byID) != 0 {
		t.Error("still remembered 1.7 s after it was last seen")
	}
}

func TestAnotherStreamForgetsTrails(t *testing.T) {
	ts := newTrails()
	ts.begin(time.Hour)
	ts.add(1, point{})
	ts.begin(0)
	if len(ts.byID) != 0 {
		t.Error("a trail of the stream before is still there")
	}
	if tr := ts.add(1, point{}); tr.n != 1 {
		t.Errorf("a recycled trail starts with %d points", tr.n)
	}
}

// Somebody who stands still leaves no trail where the picture changes its size.
func TestTrailFollowsTheSize(t *testing.T) {
	o := New(Options{HidePanel: true})
	for i, size := range []int{100, 400} {
		s := float64(size)
		stands := []track.Track{{ID: 1, Box: detect.Box{X1: 0.4 * s, Y1: 0.4 * s, X2: 0.5 * s, Y2: 0.8 * s}}}
		c := draw(t, o, picture(t, size, size), stands, Panel{Time: time.Duration(i) * 40 * time.Millisecond})
		for k := 0.0; size == 400 && k < 0.9; k += 0.05 { // from the old pixels to the new ones
			if x, y := int(45+k*135), int(80+k*240); x < 150 && c.at(x, y) != ground {
				t.Fatalf("a trail is at %d,%d", x, y)
			}
		}
	}
}

// A translucent chain of segments paints every pixel about once: no pixel may
// be stronger than a single stroke makes it.
func TestChainOfSegmentsHasNoKnots(t *testing.T) {
	img := picture(t, 120, 40)
	c, err := canvasOf(img)
	if err != nil {
		t.Fatal(err)
	}
	for x := 10.0; x < 110; x += 2.5 {
		c.segment(point{x, 20}, point{x + 2.5, 20}, 3, white, 0.5)
	}
	want := c.at(11, 20)
	for x := 20; x < 100; x++ {
		got := c.at(x, 20)
		if d := int(got[0]) - 177; d < -12 || d > 12 { // half way from 100 to 255
			t.Fatalf("column %d is %v, the start %v: a knot or a gap", x, got, want)
		}
	}
}

// Slanted segments must not lose pixels to the row bounds.
func TestSegmentsCoverTheirLine(t *testing.T) {
	ends := []point{{10, 10}, {190, 12}, {12, 190}, {190, 190}, {100, 5}, {103, 195}}
	for _, a := range ends {
		for _, b := range ends {
			if a == b {
				continue
			}
			c, err := canvasOf(picture(t, 200, 200))
			if err != nil {
				t.Fatal(err)
			}
			c.segment(a, b, 2, white, 1)
			for s := 0.1; s <= 1; s += 0.001 {
				x, y := a.x+s*(b.x-a.x), a.y+s*(b.y-a.y)
				if got := c.at(int(x), int(y)); got != white {
					t.Fatalf("line %v–%v: pixel (%d,%d) is %v", a, b, int(x), int(y), got)
				}
			}
		}
	}
}
