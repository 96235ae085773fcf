//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"image"
	"image/color"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
)

const fps = 10

// picture is a frame whose index is told by the width of a white bar, for up to
// 20 frames.
func picture(t testing.TB, index int, at time.Duration, width, height int) *capture.Frame {
	t.Helper()
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(0, 0, 0, 0), height, width, gocv.MatTypeCV8UC3)
	gocv.Rectangle(&m, image.Rect(0, 0, width*(index+1)/20, height), color.RGBA{255, 255, 255, 255}, -1)
	t.Cleanup(func() { m.Close() })
	return &capture.Frame{Index: index, Time: at, Captured: time.Now(), Mat: m}
}

// bars reads a video's indices back.
func bars(t *testing.T, path string, width, height int) []int {
	t.Helper()
	s, err := capture.Open(t.Context(), capture.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []int
	for {
		f, err := s.Next(t.Context())
		if err == io.EOF {
			return got
		} else if err != nil {
			t.Fatal(err)
		}
		if f.Mat.Cols() != width || f.Mat.Rows() != height {
			t.Fatalf("frame %d has %dx%d pixels, want %dx%d", f.Index, f.Mat.Cols(), f.Mat.Rows(), width, height)
		}
		got = append(got, int(f.Mat.Mean().Val1/255*20+0.5)-1)
		f.Close()
	}
}

func newVideo(t *testing.T, opt VideoOptions) *Video {
	t.Helper()
	if opt.FPS == 0 {
		opt.FPS = fps
	}
	v, err := NewVideo(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Keep() })
	return v
}

func put(t *testing.T, v *Video, frames ...*capture.Frame) {
	t.Helper()
	for _, f := range frames {
		if err := v.Write(t.Context(), Result{Frame: f}); err != nil {
			t.Fatal(err)
		}
	}
}

// steady is n frames at fps.
func steady(t testing.TB, n, width, height int) []*capture.Frame {
	var frames []*capture.Frame
	for i := range n {
		frames = append(frames, picture(t, i, time.Duration(i)*time.Second/fps, width, height))
	}
	return frames
}

func count(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestVideo(t *testing.T) {
	frames := steady(t, 20, 320, 240)
	for _, c := range []struct{ name, codec, want string }{
		{"a.mp4", Auto, "h264"}, {"a.mp4", H264, "h264"}, {"a.mp4", MPEG4, "mpeg4"},
		{"a.m4v", Auto, "h264"}, {"a.MOV", Auto, "h264"},
		{"a.mkv", Auto, "h264"}, {"a.mkv", MPEG4, "mpeg4"}, {"a.mkv", MJPEG, "mjpeg"},
		{"a.avi", "", "mjpeg"}, {"a.avi", MPEG4, "mpeg4"}, {"a.avi", H264, "h264"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		v := newVideo(t, VideoOptions{Path: path, Codec: c.codec, Warn: func(s string) { t.Error(s) }})
		put(t, v, frames...)
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s has its name before it is complete", c.name)
		}
		if err := v.Commit(); err != nil {
			t.Errorf("%s, %s: %v", c.name, c.codec, err)
			continue
		}
		if got := bars(t, path, 320, 240); !slices.Equal(got, count(20)) {
			t.Errorf("%s, %s: pictures %v", c.name, c.codec, got)
		}
		if codec, rate := probe(t, path); codec != c.want || rate != "10/1" {
			t.Errorf("%s, %s: codec %s at %s frames/s, want %s at 10/1", c.name, c.codec, codec, rate, c.want)
		}
	}
}

// probe asks ffprobe, where it is installed, for codec and rate.
func probe(t *testing.T, path string) (codec, rate string) {
	t.Helper()
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe in PATH: codecs not checked")
	}
	out, err := exec.Command(ffprobe, "-v", "error", "-show_entries", "stream=codec_name,r_frame_rate", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	codec, rate, _ = strings.Cut(strings.TrimSpace(string(out)), ",")
	return codec, rate
}

// The codecs have no odd sizes: the last column and row go.
func TestVideoOddSize(t *testing.T) {
	for _, name := range []string{"a.mp4", "a.avi"} {
		path := filepath.Join(t.TempDir(), name)
		v := newVideo(t, VideoOptions{Path: path})
		put(t, v, steady(t, 20, 501, 333)...)
		if err := v.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := bars(t, path, 500, 332); !slices.Equal(got, count(20)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestVideoSizeChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.avi")
	var warnings []string
	v := newVideo(t, VideoOptions{Path: path, Warn: func(s string) { warnings = append(warnings, s) }})
	frames := steady(t, 5, 320, 240)
	for i := 5; i < 10; i++ {
		frames = append(frames, picture(t, i, time.Duration(i)*time.Second/fps, 640, 360))
	}
	put(t, v, frames...)
	if err := v.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := bars(t, path, 320, 240); !slices.Equal(got, count(10)) {
		t.Errorf("%v", got)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "320x240 to 640x360") {
		t.Errorf("warnings %q, want one", warnings)
	}
}

// The video plays in media time: gaps are filled, but not outages, and no
// picture is lost where the source is faster.
func TestVideoTime(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name  string
		times []time.Duration
		want  []int
	}{
		{"rounded times", []time.Duration{0, 99 * ms, 201 * ms, 299 * ms}, []int{0, 1, 2, 3}},
		{"late start", []time.Duration{700 * ms, 800 * ms}, []int{0, 1}},
		{"dropped frames", []time.Duration{0, 300 * ms, 400 * ms}, []int{0, 1, 1, 1, 2}},
		{"faster than the video", []time.Duration{0, 20 * ms, 40 * ms, 60 * ms, 400 * ms}, []int{0, 1, 2, 3, 4}},
		{"outage", []time.Duration{0, time.Hour, time.Hour + 100*ms, time.Hour + 300*ms}, []int{0, 1, 2, 3, 3}},
	} {
		path := filepath.Join(t.TempDir(), "a.avi")
		v := newVideo(t, VideoOptions{Path: path})
		for i, at := range c.times {
			put(t, v, picture(t, i, at, 320, 240))
		}
		if err := v.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := bars(t, path, 320, 240); !slices.Equal(got, c.want) {
			t.Errorf("%s: pictures %v, want %v", c.name, got, c.want)
		}
	}
}

// What an interrupted run leaves can be played, and does not look complete.
func TestVideoKeep(t *testing.T) {
	for _, name := range []string{"a.mp4", "a.mkv", "a.avi"} {
		path := filepath.Join(t.TempDir(), name)
		v := newVideo(t, VideoOptions{Path: path})
		put(t, v, steady(t, 7, 320, 240)...)
		kept, err := v.Keep()
		if err != nil || filepath.Base(kept) != "a.partial"+filepath.Ext(name) {
			t.Fatalf("Keep = %q, %v", kept, err)
		}
		if got := bars(t, kept, 320, 240); !slices.Equal(got, count(7)) {
			t.Errorf("%s: %v", name, got)
		}
		if err := v.Commit(); err != nil {
			t.Errorf("Commit after Keep: %v", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s has its name: %v", name, err)
		}
	}
}

func TestVideoWithoutFrames(t *testing.T) {
	dir := t.TempDir()
	v := newVideo(t, VideoOptions{Path: filepath.Join(dir, "a.mp4")})
	if err := v.Commit(); err == nil || !strings.Contains(err.Error(), "no frames came") {
		t.Errorf("Commit: %v", err)
	}
	if path, err := newVideo(t, VideoOptions{Path: filepath.Join(dir, "b.mp4")}).Keep(); path != "" || err != nil {
		t.Errorf("Keep = %q, %v", path, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("files left: %v", entries)
	}
}

// OpenCV says nothing when it cannot write; Commit finds out.
func TestVideoMissesFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.avi")
	v := newVideo(t, VideoOptions{Path: path})
	put(t, v, steady(t, 10, 320, 240)...)
	v.written += 5 // as if five more had been lost on the way to the disk
	err := v.Commit()
	if err == nil || !strings.Contains(err.Error(), "10 of 15 frames") || !strings.Contains(err.Error(), "a.partial.avi") {
		t.Errorf("Commit: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has its name: %v", err)
	}
}

func TestVideoErrors(t *testing.T) {
	dir := t.TempDir()
	for want, opt := range map[string]VideoOptions{
		`no video format has the extension ".xyz"; use .avi, .m4v, .mkv, .mov, .mp4`: {Path: filepath.Join(dir, "a.xyz"), FPS: fps},
		`no video format has the extension ""`:                                       {Path: filepath.Join(dir, "a"), FPS: fps},
		`no codec "h266"; use auto, h264, mpeg4, mjpeg`:                              {Path: filepath.Join(dir, "a.mp4"), FPS: fps, Codec: "h266"},
		".mp4 cannot hold mjpeg; use h264, mpeg4":                                    {Path: filepath.Join(dir, "a.mp4"), FPS: fps, Codec: MJPEG},
		"0 frames a second":             {Path: filepath.Join(dir, "a.mp4")},
		"does not exist; make it first": {Path: filepath.Join(dir, "no", "a.mp4"), FPS: fps},
	} {
		_, err := NewVideo(opt)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("NewVideo(%+v): %v, want %q", opt, err, want)
		}
	}

	v := newVideo(t, VideoOptions{Path: filepath.Join(dir, "a.mp4")})
	grey := gocv.NewMatWithSize(20, 20, gocv.MatTypeCV8UC1)
	defer grey.Close()
	for want, f := range map[string]*capture.Frame{
		"not 8-bit BGR":       {Mat: grey},
		"a video needs 2x2":   picture(t, 0, 0, 1, 5),
		"this OpenCV cannot ": picture(t, 0, 0, 20000, 2), // wider than the codecs go
	} {
		if err := v.Write(t.Context(), Result{Frame: f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Write: %v, want %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a.mp4")); err == nil {
		t.Error("a failed video has its name")
	}
}

func TestVideoAllocatesNothing(t *testing.T) {
	v := newVideo(t, VideoOptions{Path: filepath.Join(t.TempDir(), "a.avi")})
	f, ctx := picture(t, 3, 0, 320, 240), context.Background()
	if allocs := testing.AllocsPerRun(50, func() {
		f.Time += time.Second / fps
		if err := v.Write(ctx, Result{Frame: f}); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations a frame, want 0", allocs)
	}
}

func BenchmarkVideo(b *testing.B) {
	for _, codec := range []string{H264, MPEG4, MJPEG} {
		b.Run(codec, func(b *testing.B) {
			v, err := NewVideo(VideoOptions{Path: filepath.Join(b.TempDir(), "a.mkv"), FPS: fps, Codec: codec})
			if err != nil {
				b.Fatal(err)
			}
			defer v.Keep()
			frames := steady(b, 20, 768, 576)
			i := 0
			for b.Loop() {
				f := frames[i%len(frames)]
				f.Time = time.Duration(i) * time.Second / fps
				if err := v.Write(b.Context(), Result{Frame: f}); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
