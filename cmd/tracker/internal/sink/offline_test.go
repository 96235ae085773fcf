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

// walk is a person in frames from to to−1, who is not seen in frames 8 to 11.
func walk(t *testing.T, from, to int, sinks ...Writer) {
	t.Helper()
	for i := from; i < to; i++ {
		r := Result{Frame: &capture.Frame{Index: i, Time: time.Duration(i) * 40 * time.Millisecond}, Labels: labels}
		if i < 8 || i > 11 {
			box := detect.FromLTWH(float64(10+2*i), 20, 30, 60)
			r.Detections = []detect.Detection{{Box: box, Score: 0.9}}
			r.Tracks = []track.Track{{ID: 1, Box: box, Raw: box, Score: 0.9, ClassConfidence: 1}}
		}
		for _, s := range sinks {
			if err := s.Write(t.Context(), r); err != nil {
				t.Fatal(err)
			}
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
		s := new(Offline).Before(lines)
		walk(t, 0, 20, s)
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

// Sinks that share frames write what each would alone, also where one ends before the other,
// and the frames are kept once, without their detections.
func TestOfflineShared(t *testing.T) {
	dir := t.TempDir()
	lines := func(name string, kept *Offline) Writer {
		t.Helper()
		s, err := NewJSONL(filepath.Join(dir, name), nil, JSONLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return kept.Before(s)
	}
	short, long := lines("short alone", new(Offline)), lines("long alone", new(Offline))
	walk(t, 0, 14, short)
	walk(t, 0, 20, long)
	var kept Offline
	first, second := lines("short", &kept), lines("long", &kept)
	walk(t, 0, 14, first, second)
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	walk(t, 14, 20, second)
	if n := len(kept.frames); n != 20 || len(kept.tracks) != n {
		t.Errorf("%d frames are kept, want 20", n)
	}
	for _, r := range kept.frames {
		for _, d := range r.Detections {
			if d.Score != 0 {
				t.Errorf("frame %d keeps %+v", r.Frame.Index, d)
			}
		}
	}
	for _, s := range []Writer{short, long, second} {
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	frames, err := kept.Improved()
	if err != nil {
		t.Fatal(err)
	}
	was := &frames[0].Tracks[0]
	if frames, err = kept.Improved(); err != nil || &frames[0].Tracks[0] != was {
		t.Errorf("the same frames are improved twice (%v)", err)
	}
	for name, n := range map[string]int{"short": 14, "long": 20} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		want, wantErr := os.ReadFile(filepath.Join(dir, name+" alone"))
		if err != nil || wantErr != nil || !bytes.Equal(got, want) || bytes.Count(got, []byte("\n")) != n {
			t.Errorf("%s: %v, %v: %s\nwant %s", name, err, wantErr, got, want)
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
	s := new(Offline).Before(rows)
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
