package track_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	stride int // of the frames of the video; 0 is 1
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
		sequences[i] = sequence{name: filepath.Base(root), frames: framesOf(rows, info, confidence)}
	}
	return sequences
}

// framesOf sorts rows into the frames of the video, empty ones included.
func framesOf(rows []mot.Row, info mot.SeqInfo, confidence float64) []track.Input {
	frames := make([]track.Input, info.Length)
	for i := range frames {
		frames[i].Time = time.Duration(float64(i) / info.FrameRate * float64(time.Second))
	}
	for _, r := range rows {
		if r.Conf > confidence {
			f := &frames[r.Frame-1]
			f.Detections = append(f.Detections, detect.Detection{Box: r.Box(), Score: r.Conf})
		}
	}
	return frames
}

// addMotion reads <dir>/<sequence>/gmc.txt, the camera's motion: a row is a frame
// and the affine a11, a12, tx, a21, a22, ty from the frame before.
func addMotion(tb testing.TB, dir string, sequences []sequence) {
	tb.Helper()
	for _, s := range sequences {
		path := filepath.Join(dir, s.name, "gmc.txt")
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var frame int
			var m track.Affine
			if _, err := fmt.Sscanf(line, "%d,%f,%f,%f,%f,%f,%f", &frame, &m.A11, &m.A12, &m.TX, &m.A21, &m.A22, &m.TY); err != nil {
				tb.Fatalf("%s: %q: %v", path, line, err)
			}
			if frame <= len(s.frames) {
				s.frames[frame-1].Motion = &m
			}
		}
	}
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
