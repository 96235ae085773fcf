package track_test

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// SORT's authors publish its counts on six training sequences of MOT15, with the
// detections they used: this SORT must give every one of them. The figures over
// all eleven sequences are those of TrackEval on the authors' program.
func TestSORTReproducesThePaper(t *testing.T) {
	dir := dataDir(t, "mot", "MOT15-train")
	published := []string{"TUD-Campus", "ETH-Sunnyday", "ETH-Pedcross2", "ADL-Rundle-8", "Venice-2", "KITTI-17"}

	var six, all []mot.Result
	for _, s := range readSequences(t, dir, "det.txt", math.Inf(-1)) {
		r := scoreMOT15(t, dir, s, track.NewSORT(track.DefaultSORTConfig()))
		all = append(all, r)
		if slices.Contains(published, s.name) {
			six = append(six, r)
		}
	}
	if len(six) != 6 || len(all) != 11 {
		t.Fatalf("found %d of 6 and %d of 11 sequences in %s", len(six), len(all), dir)
	}

	got := summary(six)
	checkCounts(t, "FP FN IDSW Frag over six", []int{got.FP, got.FN, got.IDSW, got.Frag}, []int{3311, 11660, 274, 499})
	checkPercent(t, "MOTA over six", got.MOTA, 34.0, 1)
	checkPercent(t, "HOTA over six", got.HOTA, 34.569, 3)
	checkPercent(t, "IDF1 over six", got.IDF1, 43.469, 3)

	got = summary(all)
	checkCounts(t, "IDSW over all", []int{got.IDSW}, []int{549})
	checkPercent(t, "MOTA over all", got.MOTA, 39.875, 3)
	checkPercent(t, "HOTA over all", got.HOTA, 36.441, 3)
}

// scoreMOT15 runs a tracker over a sequence and scores what a result file would
// hold: boxes with two decimals.
func scoreMOT15(t *testing.T, dir string, s sequence, tracker track.Tracker) mot.Result {
	t.Helper()
	gt, err := mot.ReadFile(filepath.Join(dir, s.name, "gt", "gt.txt"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := mot.ReadSeqInfo(filepath.Join(dir, s.name, "seqinfo.ini"))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w := mot.NewWriter(&file)
	for k, in := range s.frames {
		for _, o := range tracker.Update(in) {
			if err := w.WriteRow(mot.FromBox(k+1, o.ID, o.Box, 1)); err != nil {
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
	score, err := mot.Evaluate(gt, results, mot.Options{Benchmark: mot.MOT15, Frames: info.Length})
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return score
}

func summary(results []mot.Result) mot.Summary {
	r := mot.Combine(results)
	return r.Summary()
}

func checkCounts(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// checkPercent compares a share with a percentage printed to some decimals.
func checkPercent(t *testing.T, what string, share, want float64, decimals int) {
	t.Helper()
	half := 0.5*math.Pow10(-decimals) + 1e-9
	if math.Abs(100*share-want) > half {
		t.Errorf("%s: %.4f %%, want %.*f %%", what, 100*share, decimals, want)
	}
}
