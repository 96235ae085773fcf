//go:build gocv_specific_modules

package overlay

import (
	"bufio"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// TestPictures draws on the real vtest.avi with the identities of its ground
// truth, at several sizes, and leaves PNG files in $OVERLAY_PICTURES to look at.
func TestPictures(t *testing.T) {
	dir := os.Getenv("OVERLAY_PICTURES")
	if dir == "" {
		t.Skip("OVERLAY_PICTURES names no folder for the pictures")
	}
	scene := loadScene(t, 120)
	for _, size := range []image.Point{
		{160, 120}, {320, 240}, {352, 288}, {640, 360}, {768, 576}, {1080, 1920}, {1920, 1080}, {3840, 2160},
	} {
		o := New(Options{})
		for i, frame := range scene.frames {
			img := gocv.NewMat()
			if err := gocv.Resize(frame, &img, size, 0, 0, gocv.InterpolationCubic); err != nil {
				t.Fatal(err)
			}
			panel := demoPanel(size)
			panel.Frame, panel.Time = i, time.Duration(i)*time.Second/7
			panel.Tracks = len(scene.tracks[i])
			if err := o.Draw(&img, scaled(scene.tracks[i], size), []string{"person"}, panel); err != nil {
				t.Fatal(err)
			}
			if i == len(scene.frames)-1 {
				gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("%dx%d.png", size.X, size.Y)), img)
			}
			_ = img.Close()
		}
	}
}

// demoPanel is a panel with everything on it.
func demoPanel(size image.Point) Panel {
	us := func(name string, current, p50, p95 int) timing.Row {
		return timing.Row{
			Name: name, Current: time.Duration(current) * time.Microsecond,
			P50: time.Duration(p50) * time.Microsecond, P95: time.Duration(p95) * time.Microsecond,
		}
	}
	return Panel{
		Title: "mnasnet0_5 320x320", Tracker: "bytetrack", Device: "CPU, 2 threads",
		Width: size.X, Height: size.Y, FPS: 75.7,
		Rows: []timing.Row{
			us("capture", 1210, 1180, 2470), us("preprocess", 640, 610, 900),
			us("inference", 8930, 8710, 10240), us("postprocess", 210, 190, 330),
			us("track", 34, 30, 61), us("draw", 620, 600, 880), us("write", 1460, 1390, 102600),
		},
		Latency:    us("latency", 13104, 12710, 117481),
		Detections: 9, Tracks: 7, Frame: 191, Time: 19100 * time.Millisecond,
	}
}

// scene is the start of vtest.avi and its ground truth.
type scene struct {
	frames []gocv.Mat
	tracks [][]track.Track
}

func loadScene(t *testing.T, n int) scene {
	t.Helper()
	const video = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	capture, err := gocv.VideoCaptureFile(video)
	if err != nil {
		t.Skipf("no video to draw on (Debian's opencv-doc has it): %v", err)
	}
	defer capture.Close()
	s := scene{tracks: loadTruth(t, n)}
	t.Cleanup(func() {
		for i := range s.frames {
			_ = s.frames[i].Close()
		}
	})
	for range n {
		img := gocv.NewMat()
		s.frames = append(s.frames, img)
		if !capture.Read(&img) {
			t.Fatalf("video ended at frame %d", len(s.frames))
		}
	}
	return s
}

// loadTruth reads the first n frames of PETS09-S2L1; every tenth appearance is
// made a predicted one.
func loadTruth(t *testing.T, n int) [][]track.Track {
	t.Helper()
	path := filepath.Join(dataDir(), "mot/MOT15-train/PETS09-S2L1/gt/gt.txt")
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no ground truth to draw: %v", err)
	}
	defer f.Close()
	tracks := make([][]track.Track, n)
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var frame, id int
		var x, y, w, h float64
		if _, err := fmt.Sscanf(sc.Text(), "%d,%d,%f,%f,%f,%f", &frame, &id, &x, &y, &w, &h); err != nil {
			t.Fatalf("%s: %q: %v", path, sc.Text(), err)
		}
		if frame > n {
			continue
		}
		tr := track.Track{ID: id, Box: detect.FromLTWH(x-1, y-1, w, h), Score: 0.5 + float64(id%50)/100}
		if id%5 == 0 {
			tr.Detection = -1
		}
		tracks[frame-1] = append(tracks[frame-1], tr)
	}
	return tracks
}

// scaled maps boxes of the 768×576 video to another size of picture.
func scaled(tracks []track.Track, size image.Point) []track.Track {
	sx, sy := float64(size.X)/768, float64(size.Y)/576
	out := append([]track.Track(nil), tracks...)
	for i := range out {
		b := &out[i].Box
		*b = detect.Box{X1: b.X1 * sx, Y1: b.Y1 * sy, X2: b.X2 * sx, Y2: b.Y2 * sy}
	}
	return out
}

// dataDir is where the test data lies: $TRACKER_DATA, or shared/data beside the
// repository.
func dataDir() string {
	if dir := os.Getenv("TRACKER_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "..", "..", "shared", "data")
}
