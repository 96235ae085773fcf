package track_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// dataDir is a folder of the benchmark data, which is not part of the
// repository; the test is skipped where it is absent.
func dataDir(tb testing.TB, elem ...string) string {
	tb.Helper()
	root := os.Getenv("TRACKER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	dir := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no benchmark data: %v (set TRACKER_DATA to the folder that holds mot/)", err)
	}
	return dir
}

// sequence is the input of a tracker over a whole video.
type sequence struct {
	name   string
	frames []track.Input
}

// readSequences reads <dir>/<sequence>/det/<file> for every sequence there, in
// order, keeping detections above the given confidence.
func readSequences(tb testing.TB, dir, file string, confidence float64) []sequence {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "det", file))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no */det/%s in %s (%v)", file, dir, err)
	}
	sequences := make([]sequence, len(paths))
	for i, path := range paths {
		root := filepath.Dir(filepath.Dir(path))
		info, err := mot.ReadSeqInfo(filepath.Join(root, "seqinfo.ini"))
		if err != nil {
			tb.Fatal(err)
		}
		rows, err := mot.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		sequences[i] = sequence{filepath.Base(root), framesOf(rows, info.FrameRate, confidence)}
	}
	return sequences
}

// framesOf sorts rows into frames 1..last, empty ones included.
func framesOf(rows []mot.Row, rate, confidence float64) []track.Input {
	last := 0
	for _, r := range rows {
		last = max(last, r.Frame)
	}
	frames := make([]track.Input, last)
	for i := range frames {
		frames[i].Time = time.Duration(float64(i) / rate * float64(time.Second))
	}
	for _, r := range rows {
		if r.Conf > confidence {
			f := &frames[r.Frame-1]
			f.Detections = append(f.Detections, detect.Detection{Box: r.Box(), Score: r.Conf})
		}
	}
	return frames
}

// newTracker makes a tracker with the settings it is published with.
func newTracker(tb testing.TB, name string) track.Tracker {
	tb.Helper()
	t, err := track.New(name, track.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}
