package track_test

import (
	"bytes"
	"math"
	"path/filepath"
	"testing"

	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// score runs a tracker over a sequence of the benchmark in dir and scores what a
// result file would hold: boxes with two decimals, and of those the ones that
// the benchmark's entrants write.
func score(t *testing.T, dir string, s sequence, tracker track.Tracker, b mot.Benchmark) mot.Result {
	t.Helper()
	gt, err := mot.ReadFile(filepath.Join(dir, s.name, "gt", "gt.txt"))
	if err != nil {
		t.Fatal(err)
	}
	gt = everyNthRow(gt, max(1, s.stride))
	var file bytes.Buffer
	w := mot.NewWriter(&file)
	for k, in := range s.frames {
		for _, o := range tracker.Update(in) {
			if o.State == track.Coasted || b == mot.MOT17 && !upright(o) {
				continue
			}
			if err := w.WriteRow(mot.FromBox(k+1, o.ID, o.Box, o.Score)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	results, err := mot.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mot.Evaluate(gt, results, mot.Options{Benchmark: b, Frames: len(s.frames)})
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return r
}

// upright is the usual filter of MOT17 results: no specks, nothing wider than a
// pedestrian can be.
func upright(o track.Track) bool {
	return o.Box.Area() > 100 && o.Box.Width() <= 1.6*o.Box.Height()
}

// everyNth is the sequence as a camera of a lower rate sees it.
func (s sequence) everyNth(n int) sequence {
	out := sequence{name: s.name, stride: n}
	for k := 0; k < len(s.frames); k += n {
		out.frames = append(out.frames, s.frames[k])
	}
	return out
}

// everyNthRow is the truth of such a sequence.
func everyNthRow(rows []mot.Row, n int) []mot.Row {
	var out []mot.Row
	for _, r := range rows {
		if (r.Frame-1)%n == 0 {
			r.Frame = (r.Frame-1)/n + 1
			out = append(out, r)
		}
	}
	return out
}

func summary(results []mot.Result) mot.Summary {
	r := mot.Combine(results)
	return r.Summary()
}

// checkPercent compares a share with a percentage, give or take the tolerance.
func checkPercent(t *testing.T, what string, share, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(100*share-want) <= tolerance) {
		t.Errorf("%s: %.4f %%, want %g ± %g %%", what, 100*share, want, tolerance)
	}
}
