//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/detect"
)

// resultLine is a line of --jsonl.
type resultLine struct {
	Frame  int
	Time   float64
	Tracks []struct {
		ID    int
		Label string
		Score float64
		Box   [4]float64
	}
	Zones map[string]struct{ Inside, Tracks, Entered, Left, Right int }
}

// A budget that nothing can hold leads to the cheapest way at once, and the run goes
// on; one with room to spare changes nothing.
func TestBudget(t *testing.T) {
	video, _ := pedestrians(t)
	video, err := filepath.Abs(video)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	results := func(more ...string) (lines []resultLine, log string) {
		got := runIn(t, dir, append([]string{"-i", video, "--max-frames", "200", "--jsonl", "out.jsonl", "-q"}, more...)...)
		if got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		for line := range strings.Lines(read(t, dir, "out.jsonl")) {
			var l resultLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l)
		}
		return lines, got.stderr
	}
	results()
	want := read(t, dir, "out.jsonl")
	if _, log := results("--budget", "1h"); log != "" || read(t, dir, "out.jsonl") != want {
		t.Errorf("a budget that is not needed changes something: %s", log)
	}
	lines, log := results("--budget", "1us")
	last := len(lines) - 1
	if !strings.Contains(log, "over the frame budget") || !strings.Contains(log, "size=256x256 stride=4") ||
		lines[last].Frame-lines[last-1].Frame != 4 || len(lines) != 200 {
		t.Errorf("%d lines, the last of frames %d and %d: %s", len(lines), lines[last-1].Frame, lines[last].Frame, log)
	}
	for i := 1; i < len(lines); i++ {
		if step := lines[i].Frame - lines[i-1].Frame; step != 1 && step != 4 {
			t.Errorf("frame %d comes after %d", lines[i].Frame, lines[i-1].Frame)
		}
	}
}

// A network is not at fault for what it does not know or nobody wants any more.
func TestTrialOfOtherClasses(t *testing.T) {
	labels, known := []string{"person", "car", "dog"}, []string{"car", "dog"}
	for _, tc := range []struct {
		wanted []string
		want   []bool
	}{{nil, []bool{false, true, true}}, {[]string{" Car"}, []bool{false, true, false}}, {[]string{"person"}, []bool{false, false, false}}} {
		tried := trial{common: commonClasses(labels, known, tc.wanted)}
		for class, want := range tc.want {
			if kept := tried.sure([]detect.Detection{{Class: class, Score: 0.5}}, 0.5); (len(kept) == 1) != want {
				t.Errorf("wanted %q: %s kept: %v", tc.wanted, labels[class], kept)
			}
		}
	}
}

func TestTrialCounts(t *testing.T) {
	at := func(class int, x float64) detect.Detection {
		return detect.Detection{Class: class, Score: 0.5, Box: detect.Box{X1: x, Y1: 0, X2: x + 10, Y2: 10}}
	}
	var c trial
	c.count([]detect.Detection{at(0, 0), at(0, 100), at(1, 200)}, []detect.Detection{at(0, 101), at(0, 1), at(0, 200), at(0, 0)})
	if c.both != 2 || c.before != 3 || c.more != 2 {
		t.Errorf("%+v", c)
	}
}
