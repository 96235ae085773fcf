//go:build gocv_specific_modules

package sink

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// walk is a person who is not seen in frames 8 to 11 of 20.
func walk(t *testing.T, s Writer) {
	t.Helper()
	for i := range 20 {
		r := Result{Frame: &capture.Frame{Index: i, Time: time.Duration(i) * 40 * time.Millisecond}, Labels: labels}
		if i < 8 || i > 11 {
			box := detect.FromLTWH(float64(10+2*i), 20, 30, 60)
			r.Detections = []detect.Detection{{Box: box, Score: 0.9}}
			r.Tracks = []track.Track{{ID: 1, Box: box, Raw: box, Score: 0.9, ClassConfidence: 1}}
		}
		if err := s.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		clear(r.Tracks) // a sink keeps nothing of a result
		clear(r.Detections)
	}
}

// Nothing is written before the end; then everything is, once, with the gap filled, and
// also where the end comes too soon.
func TestOffline(t *testing.T) {
	for name, end := range map[string]func(Writer) error{
		"out.jsonl":         func(s Writer) error { return s.Commit() },
		"out.partial.jsonl": func(s Writer) error { _, err := s.Keep(); return err },
	} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		lines, err := NewJSONL(path, nil, JSONLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewOffline(lines)
		walk(t, s)
		if part, err := os.ReadFile(filepath.Join(filepath.Dir(path), "out.partial.jsonl")); err != nil || len(part) > 0 {
			t.Errorf("%s: %q, %v before the end", name, part, err)
		}
		if err := end(s); err != nil {
			t.Fatal(err)
		}
		if kept, err := s.Keep(); kept != "" || err != nil {
			t.Errorf("%s: kept %q, %v after its end", name, kept, err)
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{"\n": 20, `"id":1,`: 20, `"observed"`: 16, `"interpolated"`: 4, `"label":"person"`: 20, `"detections":1}`: 16} {
			if n := bytes.Count(data, []byte(text)); n != want {
				t.Errorf("%s: %d times %q, want %d", name, n, text, want)
			}
		}
	}
}

// What cannot be improved or written is no complete result.
func TestOfflineFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	rows, err := NewMOT(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewOffline(rows)
	if err := s.Write(t.Context(), result(4)); err != nil { // its tracks have no detections
		t.Fatal(err)
	}
	if err := s.Commit(); err == nil || !strings.Contains(err.Error(), "improve offline") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Keep(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
