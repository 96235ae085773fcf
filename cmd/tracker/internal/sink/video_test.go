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

// shot is a picture in a video: its index and when it is shown.
type shot struct {
	index int
	at    time.Duration
}

// shots reads a video's indices and times back.
func shots(t *testing.T, path string, width, height int) []shot {
	t.Helper()
	s, err := capture.Open(t.Context(), capture.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []shot
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
		got = append(got, shot{int(f.Mat.Mean().Val1/255*20+0.5) - 1, f.Time.Round(time.Millisecond)})
		f.Close()
	}
}

// bars reads a video's indices back.
func bars(t *testing.T, path string, width, height int) []int {
	t.Helper()
	var got []int
	for _, s := range shots(t, path, width, height) {
		got = append(got, s.index)
	}
	return got
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

// Pixels that are not square are shown as those of the source, turned where the
// pictures are.
func TestVideoPixelShape(t *testing.T) {
	dir := t.TempDir()
	film := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		if text, err := exec.Command("ffmpeg", append(append([]string{"-v", "error"}, args...), path)...).CombinedOutput(); err != nil {
			t.Skipf("ffmpeg cannot make a video (deploy/setup.sh testing): %v: %s", err, text)
		}
		return path
	}
	wide := film("wide.mp4", "-f", "lavfi", "-i", "testsrc=size=180x144:rate=10", "-frames:v", "3", "-vf", "setsar=64/45", "-c:v", "mpeg4")
	turned := film("turned.mp4", "-i", wide, "-c", "copy", "-metadata:s:v", "rotate=90")
	square := film("square.mp4", "-f", "lavfi", "-i", "testsrc=size=180x144:rate=10", "-frames:v", "3", "-c:v", "mpeg4")
	for ext, container := range containers {
		for _, codec := range container.codecs {
			for in, want := range map[string]string{wide: "64:45", turned: "45:64", square: "1:1"} {
				s, err := capture.Open(t.Context(), capture.Spec{Path: in})
				if err != nil {
					t.Fatal(err)
				}
				info := s.Info()
				s.Close()
				path := filepath.Join(dir, codec+ext)
				v := newVideo(t, VideoOptions{Path: path, Codec: codec, PixelWidth: info.PixelWidth, PixelHeight: info.PixelHeight})
				put(t, v, steady(t, 3, info.Width, info.Height)...)
				if err := v.Commit(); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=sample_aspect_ratio", "-of", "csv=p=0", path).Output()
				if got := strings.TrimSpace(string(out)); err != nil || got != want && (got != "N/A" || want != "1:1") {
					t.Errorf("%s of %s: pixels of %s, want %s; %v", filepath.Base(path), filepath.Base(in), got, want, err)
				}
			}
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

// The video plays in media time, but not through outages. AVI rounds times to its
// rate, and leaves pictures out where the source is faster.
func TestVideoTime(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name      string
		times     []time.Duration
		want, avi []shot
	}{
		{"rounded times", []time.Duration{0, 99 * ms, 201 * ms, 299 * ms},
			[]shot{{0, 0}, {1, 99 * ms}, {2, 201 * ms}, {3, 299 * ms}},
			[]shot{{0, 0}, {1, 100 * ms}, {2, 200 * ms}, {3, 300 * ms}}},
		{"late start", []time.Duration{700 * ms, 800 * ms},
			[]shot{{0, 0}, {1, 100 * ms}},
			[]shot{{0, 0}, {1, 100 * ms}}},
		{"dropped frames", []time.Duration{0, 300 * ms, 400 * ms},
			[]shot{{0, 0}, {1, 300 * ms}, {2, 400 * ms}},
			[]shot{{0, 0}, {1, 300 * ms}, {2, 400 * ms}}},
		{"shaking times", []time.Duration{0, 40 * ms, 200 * ms, 260 * ms, 440 * ms, 480 * ms},
			[]shot{{0, 0}, {1, 40 * ms}, {2, 200 * ms}, {3, 260 * ms}, {4, 440 * ms}, {5, 480 * ms}},
			[]shot{{0, 0}, {1, 100 * ms}, {2, 200 * ms}, {3, 300 * ms}, {4, 400 * ms}, {5, 500 * ms}}},
		{"faster than the video", []time.Duration{0, 20 * ms, 40 * ms, 60 * ms, 400 * ms},
			[]shot{{0, 0}, {1, 20 * ms}, {2, 40 * ms}, {3, 60 * ms}, {4, 400 * ms}},
			[]shot{{0, 0}, {1, 100 * ms}, {3, 200 * ms}, {4, 400 * ms}}},
		{"outage", []time.Duration{0, time.Hour, time.Hour + 100*ms, time.Hour + 300*ms},
			[]shot{{0, 0}, {1, 100 * ms}, {2, 200 * ms}, {3, 400 * ms}},
			[]shot{{0, 0}, {1, 100 * ms}, {2, 200 * ms}, {3, 400 * ms}}},
	} {
		for name, want := range map[string][]shot{"a.mp4": c.want, "a.mov": c.want, "a.mkv": c.want, "a.avi": c.avi} {
			path := filepath.Join(t.TempDir(), name)
			// MPEG-4, since of H.264 in Matroska FFmpeg knows no times before the seventh picture.
			v := newVideo(t, VideoOptions{Path: path, Codec: MPEG4})
			for i, at := range c.times {
				put(t, v, picture(t, i, at, 320, 240))
			}
			if err := v.Commit(); err != nil {
				t.Fatal(err)
			}
			if got := shots(t, path, 320, 240); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", c.name, name, got, want)
			}
		}
	}
}

// A clip of variable rate is saved with its times; in AVI it is as long as it was,
// within a picture or two.
func TestVideoOfVariableRate(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH to make a video of variable rate (deploy/setup.sh testing)")
	}
	for name, seconds := range map[string]string{
		"slow, then fast": "if(lt(N,5),N,4+(N-4)/11)", // 5 pictures in 4 s, 44 in the next 4
		"fast, then slow": "if(lt(N,44),N/11,4+(N-44))",
	} {
		dir := t.TempDir()
		in := filepath.Join(dir, "vfr.mp4")
		if text, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25", "-frames:v", "49",
			"-vf", "setpts='("+seconds+")/TB'", "-fps_mode", "vfr", "-c:v", "mpeg4", "-video_track_timescale", "1000", in).CombinedOutput(); err != nil {
			t.Skipf("ffmpeg cannot make it: %v: %s", err, text)
		}
		source := shots(t, in, 64, 48)
		for _, ext := range []string{".mp4", ".mkv", ".avi"} {
			path := filepath.Join(dir, "out"+ext)
			v, warnings := resave(t, in, path)
			saved := shots(t, path, 64, 48)
			end, want := saved[len(saved)-1].at, source[len(source)-1].at
			if slack := time.Duration(1.5 * float64(time.Second) / v.rate).Round(time.Millisecond); end < want-slack || end > want+slack {
				t.Errorf("%s, %s: the last picture is shown at %v, want %v", name, ext, end, want)
			}
			if len(saved)+v.left != len(source) || ext != ".avi" && !slices.EqualFunc(saved, source, sameTime) {
				t.Errorf("%s, %s: %d pictures saved and %d left out, want %d:\n%v\n%v", name, ext, len(saved), v.left, len(source), saved, source)
			}
			if v.left > 0 != (len(warnings) == 1) || v.left > 0 && !strings.Contains(warnings[0], "of 49 pictures") {
				t.Errorf("%s, %s: %d left out, warnings %q", name, ext, v.left, warnings)
			}
		}
	}
}

// sameTime is to the millisecond, as Matroska has it.
func sameTime(a, b shot) bool { return (a.at - b.at).Abs() <= time.Millisecond }

// resave writes a video's pictures to another file.
func resave(t *testing.T, from, to string) (v *Video, warnings []string) {
	t.Helper()
	s, err := capture.Open(t.Context(), capture.Spec{Path: from})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v = newVideo(t, VideoOptions{Path: to, FPS: s.Info().FPS, Warn: func(s string) { warnings = append(warnings, s) }})
	for {
		f, err := s.Next(t.Context())
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		put(t, v, f)
		f.Close()
	}
	if err := v.Commit(); err != nil {
		t.Fatal(err)
	}
	return v, warnings
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

func TestVideoErrors(t *testing.T) {
	dir := t.TempDir()
	for want, opt := range map[string]VideoOptions{
		`no video format has the extension ".xyz"; use .avi, .m4v, .mkv, .mov, .mp4`:   {Path: filepath.Join(dir, "a.xyz"), FPS: fps},
		`no video format has the extension ""`:                                         {Path: filepath.Join(dir, "a"), FPS: fps},
		`no codec "h266"; use auto, h264, mpeg4, mjpeg`:                                {Path: filepath.Join(dir, "a.mp4"), FPS: fps, Codec: "h266"},
		".mp4 cannot hold mjpeg; use h264, mpeg4":                                      {Path: filepath.Join(dir, "a.mp4"), FPS: fps, Codec: MJPEG},
		"a video of 0 frames a second":                                                 {Path: filepath.Join(dir, "a.mp4")},
		"a video of 2.5e-07 frames a second; want 0.01 to 1000: choose another stride": {Path: filepath.Join(dir, "a.mp4"), FPS: 25e-8},
		"does not exist; make it first":                                                {Path: filepath.Join(dir, "no", "a.mp4"), FPS: fps},
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
		"cannot encode h264 ": picture(t, 0, 0, 20000, 2), // wider than the codecs go
	} {
		if err := v.Write(t.Context(), Result{Frame: f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Write: %v, want %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a.mp4")); err == nil {
		t.Error("a failed video has its name")
	}
}

// The slowest and the fastest rate that are accepted work.
func TestVideoRates(t *testing.T) {
	for ext, container := range containers {
		for _, codec := range container.codecs {
			for _, rate := range []float64{slowest, fastest} {
				path := filepath.Join(t.TempDir(), "a"+ext)
				v := newVideo(t, VideoOptions{Path: path, FPS: rate, Codec: codec})
				for i := range 3 {
					put(t, v, picture(t, i, time.Duration(float64(i)/rate*float64(time.Second)), 320, 240))
				}
				if err := v.Commit(); err != nil {
					t.Errorf("%s with %s at %g: %v", ext, codec, rate, err)
				}
			}
		}
	}
}

func TestCheckVideo(t *testing.T) {
	for _, c := range []struct{ path, codec, want string }{
		{"no such folder/a.MP4", "", ""}, {"a.mkv", Auto, ""}, {"a.avi", MJPEG, ""},
		{"a.gif", Auto, `write a.gif: no video format has the extension ".gif"`},
		{"a.mp4", "av1", `write a.mp4: no codec "av1"`},
		{"a.mov", MJPEG, "write a.mov: .mov cannot hold mjpeg; use h264, mpeg4"},
	} {
		if err := CheckVideo(c.path, c.codec); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("CheckVideo(%q, %q): %v, want %q", c.path, c.codec, err, c.want)
		}
	}
}

// A disk that fills up leaves no file of 0 bytes, and is said to be full.
func TestVideoOnFullDisk(t *testing.T) {
	for _, name := range []string{"a.mp4", "a.mkv", "a.avi"} {
		v := newVideo(t, VideoOptions{Path: filepath.Join(fullDisk(t, 0), name)})
		err := v.Write(t.Context(), Result{Frame: picture(t, 0, 0, 320, 240)})
		if err == nil {
			err = v.Commit()
		} else if _, keepErr := v.Keep(); keepErr != nil {
			t.Errorf("%s: Keep: %v", name, keepErr)
		}
		if err == nil || !strings.Contains(err.Error(), "free some space") || strings.Contains(err.Error(), "what was written") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(v.opt.Path)); err != nil || len(entries) != 1 {
			t.Errorf("%s: files %v, %v, want the one that fills the disk", name, entries, err)
		}
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
