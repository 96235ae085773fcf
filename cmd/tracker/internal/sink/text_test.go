//go:build gocv_specific_modules

package sink

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
	"github.com/tracker-go/tracker/track/zone"
)

// textSink is what MOT and JSONL have in common.
type textSink interface {
	Write(context.Context, Result) error
	Commit() error
	Keep() (string, error)
}

var textSinks = map[string]func(path string, stdout io.Writer) (textSink, error){
	"mot": func(path string, stdout io.Writer) (textSink, error) { return NewMOT(path, stdout) },
	"jsonl": func(path string, stdout io.Writer) (textSink, error) {
		return NewJSONL(path, stdout, JSONLOptions{UTC: true})
	},
}

var labels = []string{"person", `odd "label"`}

// result has an observed and a predicted track in frame 4, and none elsewhere.
func result(index int) Result {
	r := Result{
		Frame: &capture.Frame{
			Index: index, Time: time.Duration(index) * 40 * time.Millisecond,
			Captured: time.Date(2024, 5, 6, 7, 8, 9, 120e6, time.FixedZone("", 7200)),
		},
		Labels: labels,
	}
	if index == 4 {
		r.Detections = make([]detect.Detection, 3)
		r.Tracks = []track.Track{
			{ID: 2, Box: detect.Box{X1: 10.5, Y1: 20, X2: 60.256, Y2: 180}, Raw: detect.Box{X1: 11, Y1: 19.5, X2: 60, Y2: 181.25}, Score: 0.87654, Detection: 1, Age: 120 * time.Millisecond, ClassConfidence: 0.75},
			{ID: 7, Box: detect.Box{X1: -3, Y1: 1, X2: 5, Y2: 9}, Class: 1, Score: 0.5, Detection: -1, Age: time.Second, SinceUpdate: time.Second / 5, State: track.Coasted},
			{ID: 9, Box: detect.Box{X2: 1, Y2: 1}, Class: 5, Score: 1, Detection: 0},
		}
		r.Zones = []zone.Count{
			{Zone: zone.Zone{Name: `the "door"`, Points: make([]zone.Point, 2)}, Right: 3, Left: 1, Crossed: []zone.Crossing{{ID: 2, Class: 0, Way: zone.Left}, {ID: 7, Class: 9, Way: zone.Right}}},
			{Zone: zone.Zone{Name: "yard", Points: make([]zone.Point, 3)}, Inside: 2, Tracks: 7, Entered: 5, Left: 4},
		}
	}
	return r
}

func write(t *testing.T, s interface {
	Write(context.Context, Result) error
}, frames int) {
	t.Helper()
	for i := range frames {
		if err := s.Write(t.Context(), result(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMOT(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	s, err := NewMOT(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, 6)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = "5,2,10.50,20.00,49.76,160.00,0.8765,-1,-1,-1\n5,9,0.00,0.00,1.00,1.00,1,-1,-1,-1\n"
	if string(data) != want {
		t.Errorf("%s, want %s", data, want)
	}
	if rows, err := mot.ReadFile(path); err != nil || len(rows) != 2 {
		t.Errorf("read back: %v, %v", rows, err)
	}
}

// line is a line of JSONL as a reader would declare it.
type line struct {
	Frame  *int
	Time   float64
	UTC    string
	Source string
	Tracks []struct {
		ID              int
		Class           int
		Label           string
		Score           float64
		Box             []float64
		Raw             []float64
		State           string
		Age             float64
		Unseen          float64
		ClassConfidence float64 `json:"class_confidence"`
	}
	Detections *int
	Zones      map[string]lineZone
}

type lineZone struct {
	Inside, Tracks, Entered, Left, Right int
	Crossed                              []lineCrossing
}

type lineCrossing struct {
	ID, Class  int
	Label, Way string
}

func TestJSONL(t *testing.T) {
	for _, utc := range []bool{false, true} {
		var out bytes.Buffer
		s, err := NewJSONL("-", &out, JSONLOptions{UTC: utc, Source: map[bool]string{true: "`yard \"2\"`"}[utc]})
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, 6)
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(&out)
		for i := 0; scanner.Scan(); i++ {
			var got line
			decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&got); err != nil {
				t.Fatalf("%s: %v", scanner.Text(), err)
			}
			if (got.Source == "`yard \"2\"`") != utc {
				t.Errorf("the source is %q", got.Source)
			}
			wantUTC := ""
			if utc {
				wantUTC = "2024-05-06T05:08:09.120Z"
			}
			if got.Frame == nil || *got.Frame != i || got.Time != float64(i)*0.04 || got.UTC != wantUTC || got.Tracks == nil {
				t.Errorf("line %d: %s", i, scanner.Text())
			}
			if i != 4 {
				if len(got.Tracks) != 0 || *got.Detections != 0 || got.Zones != nil {
					t.Errorf("line %d: %s", i, scanner.Text())
				}
				continue
			}
			want := map[string]lineZone{
				`the "door"`: {Right: 3, Left: 1, Crossed: []lineCrossing{{2, 0, labels[0], "left"}, {7, 9, "", "right"}}}, "yard": {Inside: 2, Tracks: 7, Entered: 5, Left: 4},
			}
			if !reflect.DeepEqual(got.Zones, want) {
				t.Errorf("zones %v, want %v", got.Zones, want)
			}
			if *got.Detections != 3 || len(got.Tracks) != 3 {
				t.Fatalf("line 4: %s", scanner.Text())
			}
			a, b, c := got.Tracks[0], got.Tracks[1], got.Tracks[2]
			if a.ID != 2 || a.Label != "person" || a.Score != 0.8765 || a.State != "observed" || a.ClassConfidence != 0.75 || a.Age != 0.12 ||
				!slices.Equal(a.Box, []float64{10.5, 20, 60.26, 180}) || !slices.Equal(a.Raw, []float64{11, 19.5, 60, 181.25}) {
				t.Errorf("track %+v", a)
			}
			if b.ID != 7 || b.Class != 1 || b.Label != labels[1] || b.State != "coasted" || b.Unseen != 0.2 || b.Age != 1 || !slices.Equal(b.Box, []float64{-3, 1, 5, 9}) || b.Raw != nil {
				t.Errorf("track %+v", b)
			}
			if c.Class != 5 || c.Label != "" {
				t.Errorf("track %+v: a class without a name has no label", c)
			}
		}
	}
}

// Standard output is written frame by frame: somebody may be reading along.
func TestStdoutIsNotHeldBack(t *testing.T) {
	for name, open := range textSinks {
		var out bytes.Buffer
		s, err := open("-", &out)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, 5)
		if !strings.HasSuffix(out.String(), "\n") {
			t.Errorf("%s: %q before Commit", name, &out)
		}
		if path, err := s.Keep(); path != "" || err != nil {
			t.Errorf("%s: Keep = %q, %v", name, path, err)
		}
	}
}

func TestTextFilesEndOneWay(t *testing.T) {
	for name, open := range textSinks {
		dir := t.TempDir()
		begin := func(file string, frames int) textSink {
			s, err := open(filepath.Join(dir, file), nil)
			if err != nil {
				t.Fatal(err)
			}
			write(t, s, frames)
			return s
		}
		whole := begin("whole", 6)
		if err := whole.Commit(); err != nil {
			t.Fatal(err)
		}
		if path, err := whole.Keep(); path != "" || err != nil {
			t.Errorf("%s: Keep after Commit = %q, %v", name, path, err)
		}

		part := begin("part", 5)
		kept, err := part.Keep()
		if err != nil || kept != filepath.Join(dir, "part.partial") {
			t.Errorf("%s: Keep = %q, %v", name, kept, err)
		}
		if err := part.Commit(); err != nil {
			t.Errorf("%s: Commit after Keep: %v", name, err)
		}
		if path, err := begin("none", 0).Keep(); path != "" || err != nil {
			t.Errorf("%s: Keep without frames = %q, %v", name, path, err)
		}
		var names []string
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, []string{"part.partial", "whole"}) {
			t.Errorf("%s: files %v", name, names)
		}
		if data, err := os.ReadFile(kept); err != nil || !bytes.HasSuffix(data, []byte("\n")) {
			t.Errorf("%s: %q is not closed properly: %v", name, data, err)
		}
		if _, err := open(filepath.Join(dir, "no", "out"), nil); err == nil {
			t.Errorf("%s: opened a file in a missing folder", name)
		}
	}
}

// fullDisk is a folder on a disk with that many bytes free.
func fullDisk(t *testing.T, free int) string {
	t.Helper()
	const size = 64 << 10
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", size), "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot make a small disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "other"), make([]byte, size-free), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// timingsSink writes frames that took no time.
type timingsSink struct{ *Timings }

func (s timingsSink) Write(_ context.Context, r Result) error { return s.Add(r, &timing.Trace{}) }

// recordSink writes frames that are a second apart, each a block of its own.
type recordSink struct{ *Record }

func (s recordSink) Write(ctx context.Context, r Result) error {
	r.Frame.Time = time.Duration(s.out.frames) * time.Second
	return s.Record.Write(ctx, r)
}

// What a full disk does to a text file is said with the file's name and what to
// do, and once; whoever writes the frames adds which. Nothing of 0 bytes stays.
func TestTextOnFullDisk(t *testing.T) {
	sinks := maps.Clone(textSinks)
	sinks["timings"] = func(path string, stdout io.Writer) (textSink, error) {
		s, err := NewTimings(path, stdout)
		return timingsSink{s}, err
	}
	sinks["record"] = func(path string, _ io.Writer) (textSink, error) {
		s, err := NewRecord(path, record.Header{})
		return recordSink{s}, err
	}
	for _, c := range []struct {
		name           string
		free, frames   int
		commits, stays bool
	}{
		{"full at the end", 0, 1, true, false},
		{"full from the start", 0, 5000, false, false},
		{"full on the way", 8192, 5000, false, true},
	} {
		for name, open := range sinks {
			path := filepath.Join(fullDisk(t, c.free), "out")
			s, err := open(path, nil)
			opened := err == nil // a record has a header, for which there may be no room
			for i := 0; err == nil && i < c.frames; i++ {
				err = s.Write(t.Context(), result(4))
			}
			if opened && !c.commits {
				if _, err := s.Keep(); err != nil {
					t.Errorf("%s, %s: said twice: %v", c.name, name, err)
				}
			} else if opened {
				commitErr := s.Commit()
				if commitErr == nil {
					t.Errorf("%s, %s: Commit made something of it", c.name, name)
				}
				err = cmp.Or(err, commitErr)
			}
			prefix := "write " + path + ".partial: no space left on device; free some space"
			if err == nil || !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("%s, %s: %v, want %s", c.name, name, err, prefix)
			}
			if info, err := os.Stat(path + ".partial"); (err == nil) != c.stays || c.stays && info.Size() == 0 {
				t.Errorf("%s, %s: partial file %v, %v", c.name, name, info, err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s, %s: the file has its name", c.name, name)
			}
		}
	}
}

func TestTextRefusesWhatIsNoNumber(t *testing.T) {
	for name, open := range textSinks {
		var out bytes.Buffer
		s, err := open("-", &out)
		if err != nil {
			t.Fatal(err)
		}
		for _, spoil := range []func(*track.Track){
			func(r *track.Track) { r.Box.X1 = math.NaN() }, func(r *track.Track) { r.Raw.Y2 = math.Inf(1) }, func(r *track.Track) { r.Score = math.NaN() },
		} {
			r := result(4)
			spoil(&r.Tracks[0])
			if err := s.Write(t.Context(), r); err == nil || !strings.HasPrefix(err.Error(), "write standard output: track 2 has box") || out.Len() > 0 {
				t.Errorf("%s: %v, wrote %q", name, err, &out)
			}
		}
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	for name, open := range textSinks {
		s, err := open(filepath.Join(t.TempDir(), "out"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, ctx := result(4), t.Context()
		if allocs := testing.AllocsPerRun(200, func() {
			if err := s.Write(ctx, r); err != nil {
				t.Fatal(err)
			}
		}); allocs != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", name, allocs)
		}
		s.Keep()
	}
}

func BenchmarkText(b *testing.B) {
	for name, open := range textSinks {
		b.Run(name, func(b *testing.B) {
			s, err := open(filepath.Join(b.TempDir(), "out"), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Keep()
			r := result(4)
			r.Tracks = slices.Repeat(r.Tracks, 10)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Write(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
