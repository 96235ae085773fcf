//go:build gocv_specific_modules

package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// A saved video is shown as wide as its source.
func TestVideoOptionsPixelShape(t *testing.T) {
	c := config.Default()
	if opt := videoOptions(c, capture.Info{PixelWidth: 64, PixelHeight: 45}, nil); opt.PixelWidth != 64 || opt.PixelHeight != 45 {
		t.Errorf("pixels of %d:%d, want 64:45", opt.PixelWidth, opt.PixelHeight)
	}
}

// What settings leave as it is stays open, the rest is opened, all or nothing, and no
// result of the run is replaced by another of its own.
func TestOutputsOfChangedSettings(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	open := func(before *outputs, change func(*config.Config)) (*outputs, error) {
		c := config.Default()
		c.MOT, c.JSONL, c.Save = in("a.txt"), in("a.jsonl"), in("a.avi")
		change(&c)
		return before.next(c, capture.Info{FPS: 10}, destination{stdout: io.Discard}, slog.New(slog.DiscardHandler))
	}
	first, err := open(&outputs{}, func(*config.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	next, err := open(first, func(c *config.Config) { c.MOT, c.JSONL, c.Timings = in("b.txt"), "", in("b.csv") })
	if err != nil {
		t.Fatal(err)
	}
	keys := func(list []*openOutput) (keys []string) {
		for _, out := range list {
			keys = append(keys, out.key)
		}
		return keys
	}
	for _, tc := range []struct {
		what      string
		got, want []string
	}{
		{"in use", keys(next.list), []string{"mot", "save", "timings"}},
		{"opened", keys(next.fresh), []string{"mot", "timings"}},
		{"over", keys(first.without(next).list), []string{"mot", "jsonl"}},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.what, tc.got, tc.want)
		}
	}
	if next.list[1] != first.list[2] || next.timings == nil || len(next.writers) != 2 || !next.pixels {
		t.Errorf("the outputs are %+v", next)
	}
	for text, change := range map[string]func(*config.Config){
		"mot " + in("a.txt") + " would replace": func(c *config.Config) { c.JSONL = "" }, // back to the first name
		"save " + in("a.avi") + " would replace": func(c *config.Config) {
			c.MOT, c.Codec = in("c.txt"), sink.MJPEG
		},
		"folder " + in("none") + " does not exist": func(c *config.Config) { c.MOT, c.JSONL = in("c.txt"), in("none/c.jsonl") },
	} {
		if _, err := open(next, change); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got  %v\nwant %s", err, text)
		}
	}
	if left, _ := filepath.Glob(in("c*")); len(left) > 0 {
		t.Errorf("a change that was refused left %v", left)
	}
	// A change comes before the last is taken over: what both have is still to be.
	after, err := open(next, func(c *config.Config) { c.MOT, c.JSONL, c.Timings = in("d.txt"), "", in("b.csv") })
	if err != nil {
		t.Fatal(err)
	}
	next.leaveTo(after)
	if err := next.drop(); err != nil {
		t.Fatal(err)
	}
	if got := keys(after.fresh); !slices.Equal(got, []string{"mot", "timings"}) {
		t.Errorf("to be taken over: %v", got)
	}
	if _, err := os.Stat(in("b.partial.txt")); err == nil {
		t.Error("an output that was never used is still there")
	}
	for _, o := range []*outputs{first, after} {
		if _, err := o.keep(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(in("*")); len(left) > 0 {
		t.Errorf("files without a frame are left: %v", left)
	}
}

// New settings that come before the first frame for a video take its place: it is none, and
// no reason for a run to end.
func TestVideoOfNoFrames(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Save, c.MOT = filepath.Join(dir, "a.mp4"), filepath.Join(dir, "a.txt")
	open := func() *outputs {
		out, err := openOutputs(c, capture.Info{FPS: 10}, destination{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var log bytes.Buffer
	s := &stream{out: open()}
	s.log.Store(slog.New(slog.NewTextHandler(&log, nil)))
	if err := s.redirect(&outputs{}, 0); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "no frame came for it") || strings.Count(text, "output complete") != 1 {
		t.Error(text)
	}
	if err := end(t.Context(), nil, 0, capture.Info{}, open(), nil); !errors.Is(err, sink.ErrNoFrames) {
		t.Error(err)
	}
	if err := end(t.Context(), nil, 9, capture.Info{}, open(), s.noFrames); err != nil || strings.Count(log.String(), "no frame came for it") != 2 {
		t.Errorf("%v: %s", err, log.String())
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.txt"}) {
		t.Errorf("files %v", got)
	}
}

// What a camera gave to a run that was killed is kept; of a file it is soon made again.
func TestLeftoverOfLiveRun(t *testing.T) {
	for live, want := range map[bool][]string{
		false: {"a.txt"}, true: {"a.partial-2.txt", "a.partial-3.txt", "a.txt"},
	} {
		dir := t.TempDir()
		c := config.Default()
		c.MOT = filepath.Join(dir, "a.txt")
		for i := range 3 {
			if i > 0 {
				if err := os.WriteFile(filepath.Join(dir, "a.partial.txt"), []byte("a row\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := openOutputs(c, capture.Info{FPS: 10, Live: live}, destination{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := openOutputs(c, capture.Info{Live: live}, destination{}, slog.New(slog.DiscardHandler)); !errors.Is(err, atomicfile.ErrBusy) {
				t.Errorf("another run at the same time: %v", err)
			}
			if err := out.commit(nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := files(t, dir); !slices.Equal(got, want) {
			t.Errorf("live %v: files %v, want %v", live, got, want)
		}
	}
}

// onWrite is a place to write to that tells when.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) { f(); return len(p), nil }

// What takes its time at the end, as it looks ahead, does not keep the record from its own.
func TestRecordEndsFirst(t *testing.T) {
	c := config.Default()
	c.MOT, c.Record, c.Offline = "-", filepath.Join(t.TempDir(), "out.rec"), true
	written := 0
	to := destination{header: record.Header{Conf: 0.5, Labels: []string{"person"}, FPS: 10, Stride: 1}, stdout: onWrite(func() {
		written++
		if _, err := os.Stat(c.Record); err != nil {
			t.Errorf("tracks are written while the record is not complete: %v", err)
		}
	})}
	out, err := openOutputs(c, capture.Info{FPS: 10}, to, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	box := detect.FromLTWH(10, 20, 30, 60)
	r := sink.Result{
		Frame: &capture.Frame{}, Labels: to.header.Labels, Detections: []detect.Detection{{Box: box, Score: 0.9}},
		Tracks: []track.Track{{ID: 1, Box: box, Raw: box, Score: 0.9, ClassConfidence: 1}},
	}
	for _, w := range out.writers {
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if written > 0 {
		t.Error("tracks are written before the end")
	}
	if err := out.commit(nil); err != nil || written == 0 {
		t.Errorf("%v; written %d times", err, written)
	}
}

// A run whose tracks go nowhere says so, unless it is to be quiet.
func TestNothingKept(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 3)
	const note = "nothing keeps or shows the tracks"
	for line, want := range map[string]bool{"": true, "-q": false, "--mot a.txt": false, "--record a.rec": false} {
		got := runIn(t, dir, append([]string{"--input", "a.avi", "--display", "off"}, strings.Fields(line)...)...)
		if got.code != exitOK || strings.Contains(got.stderr, note) != want {
			t.Errorf("%q: exit code %d: %s", line, got.code, got.stderr)
		}
	}
}
