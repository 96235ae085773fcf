package track_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// palaceFrame is a frame of detections or of results: boxes by id, or in order.
type palaceBox struct {
	id  int
	det detect.Detection
}

// readPalace reads detections or results of the reference program.
func readPalace(t *testing.T, path string) [][]palaceBox {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Results []map[string]string
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var frames [][]palaceBox
	for _, r := range file.Results {
		number := func(key string) float64 {
			if r[key] == "" {
				return 0 // detections have no id, results no probability
			}
			x, err := strconv.ParseFloat(r[key], 64)
			if err != nil {
				t.Fatalf("%s: %s: %v", path, key, err)
			}
			return x
		}
		for len(frames) <= int(number("frame_id")) {
			frames = append(frames, nil)
		}
		last := &frames[len(frames)-1]
		*last = append(*last, palaceBox{int(number("track_id")), detect.Detection{
			Box:   detect.FromLTWH(number("x"), number("y"), number("width"), number("height")),
			Score: number("prob"),
		}})
	}
	return frames
}

// The reference program's output on 314 frames of a real street: the same objects
// in every frame under the same identities, wherever its ids start.
func TestByteTrackReproducesTheReference(t *testing.T) {
	dir := dataDir(t, "bytetrack_palace")
	input := readPalace(t, filepath.Join(dir, "detection_results.json"))
	want := readPalace(t, filepath.Join(dir, "tracking_results.json"))
	if len(input) != 314 || len(want) != 314 {
		t.Fatalf("%d frames of detections and %d of results, want 314", len(input), len(want))
	}
	cfg := track.DefaultByteTrackConfig()
	cfg.HighScore, cfg.LowScore, cfg.NewScore = 0.5, 0, 0.6
	cfg.MaxCost, cfg.FuseScore, cfg.Unpredicted = 0.8, false, true
	tracker := track.NewByteTrack(cfg)

	ours, theirs := map[int]int{}, map[int]int{} // ids, by the other's
	for k, boxes := range input {
		in := track.Input{Time: time.Duration(k) * time.Second / 30}
		for _, b := range boxes {
			in.Detections = append(in.Detections, b.det)
		}
		out := tracker.Update(in)
		if len(out) != len(want[k]) {
			t.Fatalf("frame %d: %d tracks, want %d", k, len(out), len(want[k]))
		}
		for _, w := range want[k] {
			o := nearest(out, w.det.Box)
			if d := distance(o.Box, w.det.Box); d > 0.5 {
				t.Errorf("frame %d: %v is track %d of the reference, %.2f px from the nearest", k, w.det.Box, w.id, d)
			}
			if a, ok := ours[w.id]; ok && a != o.ID {
				t.Errorf("frame %d: track %d of the reference was %d, is %d", k, w.id, a, o.ID)
			}
			if b, ok := theirs[o.ID]; ok && b != w.id {
				t.Errorf("frame %d: track %d was %d of the reference, is %d", k, o.ID, b, w.id)
			}
			ours[w.id], theirs[o.ID] = o.ID, w.id
		}
	}
	if len(ours) != 42 {
		t.Errorf("%d identities, want 42", len(ours))
	}
}

func nearest(tracks []track.Track, b detect.Box) track.Track {
	best := tracks[0]
	for _, o := range tracks {
		if distance(o.Box, b) < distance(best.Box, b) {
			best = o
		}
	}
	return best
}

// distance is how far apart the edges of two boxes are at most.
func distance(a, b detect.Box) float64 {
	return max(math.Abs(a.X1-b.X1), math.Abs(a.Y1-b.Y1), math.Abs(a.X2-b.X2), math.Abs(a.Y2-b.Y2))
}
