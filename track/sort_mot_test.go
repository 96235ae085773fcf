package track_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// SORT's authors publish its counts on six training sequences of MOT15, with the
// detections they used: this SORT must give every one of them. The other figures
// are TrackEval's on the output of the authors' program, as printed.
func TestSORTReproducesThePaper(t *testing.T) {
	dir := dataDir(t, "mot", "MOT15-train")
	published := []string{"TUD-Campus", "ETH-Sunnyday", "ETH-Pedcross2", "ADL-Rundle-8", "Venice-2", "KITTI-17"}

	var six, all []mot.Result
	for _, s := range readSequences(t, dir, "det.txt", math.Inf(-1)) {
		r := score(t, dir, s, track.NewSORT(track.DefaultSORTConfig()), mot.MOT15)
		all = append(all, r)
		if slices.Contains(published, s.name) {
			six = append(six, r)
		}
	}
	if len(six) != 6 || len(all) != 11 {
		t.Fatalf("found %d of 6 and %d of 11 sequences in %s", len(six), len(all), dir)
	}

	got := summary(six)
	if counts, want := [...]int{got.FP, got.FN, got.IDSW, got.Frag}, [...]int{3311, 11660, 274, 499}; counts != want {
		t.Errorf("FP, FN, IDSW, Frag over six: %v, want %v", counts, want)
	}
	checkPercent(t, "MOTA over six", got.MOTA, 34.0, 0.05)
	checkPercent(t, "HOTA over six", got.HOTA, 34.569, 0.0005)
	checkPercent(t, "IDF1 over six", got.IDF1, 43.469, 0.0005)

	got = summary(all)
	if got.IDSW != 549 {
		t.Errorf("IDSW over all: %d, want 549", got.IDSW)
	}
	checkPercent(t, "MOTA over all", got.MOTA, 39.875, 0.0005)
	checkPercent(t, "HOTA over all", got.HOTA, 36.441, 0.0005)
}

// The same for a stronger detector, with and without patience: the second half of
// MOT17, YOLOX-X detections above 0.6. The tolerance is a hundredth for what the
// authors' program rounds elsewhere.
func TestSORTOnMOT17Val(t *testing.T) {
	dir := dataDir(t, "mot", "MOT17-val")
	sequences := readSequences(t, dir, "yolox_x.txt", 0.6)
	for _, want := range []struct {
		maxAge           int
		hota, mota, idf1 float64
		idsw             int
	}{
		{1, 62.72, 74.18, 70.56, 366},
		{30, 66.36, 74.62, 77.52, 232},
	} {
		t.Run(fmt.Sprintf("max age %d", want.maxAge), func(t *testing.T) {
			cfg := track.DefaultSORTConfig()
			cfg.MaxAge = want.maxAge
			var all []mot.Result
			for _, s := range sequences {
				all = append(all, score(t, dir, s, track.NewSORT(cfg), mot.MOT17))
			}
			got := summary(all)
			if got.IDSW != want.idsw {
				t.Errorf("IDSW %d, want %d", got.IDSW, want.idsw)
			}
			checkPercent(t, "HOTA", got.HOTA, want.hota, 0.015)
			checkPercent(t, "MOTA", got.MOTA, want.mota, 0.015)
			checkPercent(t, "IDF1", got.IDF1, want.idf1, 0.015)
		})
	}
}
