package track_test

import (
	"math"
	"testing"

	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// floor is what a tracker must reach on the second half of MOT17, in percent.
type floor struct {
	hota, idf1 float64
	idsw       int // at most
}

func (f floor) check(t *testing.T, got mot.Summary) {
	t.Helper()
	t.Logf("HOTA %.2f, MOTA %.2f, IDF1 %.2f, IDSW %d", 100*got.HOTA, 100*got.MOTA, 100*got.IDF1, got.IDSW)
	if 100*got.HOTA < f.hota {
		t.Errorf("HOTA %.2f, want %g or more", 100*got.HOTA, f.hota)
	}
	if 100*got.IDF1 < f.idf1 {
		t.Errorf("IDF1 %.2f, want %g or more", 100*got.IDF1, f.idf1)
	}
	if f.idsw > 0 && got.IDSW > f.idsw {
		t.Errorf("IDSW %d, want %d or fewer", got.IDSW, f.idsw)
	}
}

// The papers' figures with these detections are 67.8 and 66.5.
func TestPublishedTrackersOnMOT17Val(t *testing.T) {
	dir := dataDir(t, "mot", "MOT17-val")
	sequences := readSequences(t, dir, "yolox_x.txt", math.Inf(-1))
	for name, hota := range map[string]float64{"bytetrack": 67.8, "ocsort": 66.5} {
		t.Run(name, func(t *testing.T) {
			var all []mot.Result
			for _, s := range sequences {
				all = append(all, score(t, dir, s, newTracker(t, name), mot.MOT17))
			}
			got := summary(all)
			t.Logf("HOTA %.2f, MOTA %.2f, IDF1 %.2f, IDSW %d", 100*got.HOTA, 100*got.MOTA, 100*got.IDF1, got.IDSW)
			checkPercent(t, "HOTA", got.HOTA, hota, 0.3)
		})
	}
}

// Tempo with and without a measured motion of the camera, at the full frame rate
// and at a fifth and a tenth of it.
func TestTempoOnMOT17Val(t *testing.T) {
	dir := dataDir(t, "mot", "MOT17-val")
	for _, tc := range []struct {
		what   string
		motion bool
		stride int
		floor  floor
	}{
		{"alone", false, 1, floor{69.5, 82.3, 125}},
		{"with motion", true, 1, floor{69.5, 82.5, 125}},
		{"every 2nd frame", false, 2, floor{69.0, 81.5, 0}},
		{"every 5th frame", false, 5, floor{68.5, 81, 0}},
		{"every 10th frame", false, 10, floor{66.3, 76.3, 0}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			sequences := readSequences(t, dir, "yolox_x.txt", math.Inf(-1))
			if tc.motion {
				addMotion(t, dir, sequences)
			}
			var all []mot.Result
			for _, s := range sequences {
				all = append(all, score(t, dir, s.everyNth(tc.stride), newTracker(t, "tempo"), mot.MOT17))
			}
			tc.floor.check(t, summary(all))
		})
	}
}

// Weaker detectors: the public Faster-RCNN detections of MOT17, all of the same
// score, and those of MOT15. Tempo must do better than all others here.
func TestTempoWithWeakDetections(t *testing.T) {
	for _, tc := range []struct {
		set, file string
		benchmark mot.Benchmark
	}{
		{"MOT17-val", "frcnn.txt", mot.MOT17},
		{"MOT15-train", "det.txt", mot.MOT15},
	} {
		t.Run(tc.set+" "+tc.file, func(t *testing.T) {
			dir := dataDir(t, "mot", tc.set)
			sequences := readSequences(t, dir, tc.file, math.Inf(-1))
			hota := map[string]float64{}
			for _, name := range track.Names() {
				var all []mot.Result
				for _, s := range sequences {
					all = append(all, score(t, dir, s, newTracker(t, name), tc.benchmark))
				}
				hota[name] = 100 * summary(all).HOTA
			}
			t.Logf("HOTA %.4v", hota)
			for name, h := range hota {
				if h > hota["tempo"] {
					t.Errorf("%s reaches %.2f, tempo %.2f", name, h, hota["tempo"])
				}
			}
		})
	}
}
