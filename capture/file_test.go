//go:build gocv_specific_modules

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// evenly is what a source at testFPS delivers of frames 0, step, 2·step, …
func evenly(frames, step int) []seen {
	var want []seen
	for i := 0; i < frames; i += step {
		want = append(want, seen{i, i * 1000 * 10 / 125, i})
	}
	return want
}

func TestFile(t *testing.T) {
	const frames = 30
	for _, c := range []struct{ name, codec, fourCC string }{
		{"a.avi", "MJPG", "MJPG"},
		{"b.mp4", "mp4v", "mp4v"},
		{"c.mkv", "MJPG", ""},
		{"d: odd name%02d.avi", "MJPG", "MJPG"},
	} {
		path := writeVideo(t, filepath.Join(t.TempDir(), c.name), c.codec, frames)
		s := mustOpen(t, Spec{Path: path})
		info := s.Info()
		if info.Width != testWidth || info.Height != testHeight || info.FPS != testFPS || info.Frames != frames ||
			info.Live || info.Backend != "FFMPEG" || info.Name != path || c.fourCC != "" && info.FourCC != c.fourCC {
			t.Errorf("%s: %+v", c.name, info)
		}
		if got := readWhole(t, s, true); !slices.Equal(got, evenly(frames, 1)) {
			t.Errorf("%s: %v", c.name, got)
		}
		if s.Damaged() != 0 || s.Dropped() != 0 {
			t.Errorf("%s: %d damaged, %d dropped", c.name, s.Damaged(), s.Dropped())
		}
		s.Close()
		if err := s.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if _, err := s.Next(t.Context()); err != errClosed {
			t.Errorf("Next after Close: %v", err)
		}
	}
}

func TestStrideAndLimit(t *testing.T) {
	path := writeVideo(t, filepath.Join(t.TempDir(), "a.mp4"), "mp4v", 30)
	for _, c := range []struct {
		stride, limit int
		want          []seen
	}{
		{1, 0, evenly(30, 1)},
		{3, 0, evenly(30, 3)},
		{7, 0, evenly(30, 7)},
		{100, 0, evenly(1, 1)},
		{0, 4, evenly(4, 1)},
		{10, 2, evenly(20, 10)},
	} {
		s := mustOpen(t, Spec{Path: path, Stride: c.stride, MaxFrames: c.limit})
		if got := readWhole(t, s, true); !slices.Equal(got, c.want) {
			t.Errorf("stride %d, limit %d: %v, want %v", c.stride, c.limit, got, c.want)
		}
	}
}

// Frames outlive the source, and each has pixels of its own.
func TestFramesOwnTheirPixels(t *testing.T) {
	path := writeVideo(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 10)
	s := mustOpen(t, Spec{Path: path})
	var frames []*Frame
	for {
		f, err := s.Next(t.Context())
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	s.Close()
	for i, f := range frames {
		if got := barIndex(t, f.Mat); got != i {
			t.Errorf("frame %d shows %d", i, got)
		}
		f.Close()
	}
}

// Reading reuses the pictures of closed frames: the one allocation is the Frame.
func TestNextReusesPictures(t *testing.T) {
	s := mustOpen(t, Spec{Path: writeNoise(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 200)})
	ctx := t.Context()
	allocs := testing.AllocsPerRun(100, func() {
		f, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	})
	if allocs > 1 {
		t.Errorf("%v allocations a frame, want at most 1", allocs)
	}
	if n := len(s.pool.idle); n != 1 {
		t.Errorf("%d pictures in the pool, want the one that was reused", n)
	}
}

func TestPoolIsBounded(t *testing.T) {
	var p pool
	var frames []*Frame
	for range maxIdleMats + 5 {
		frames = append(frames, p.frame())
	}
	for _, f := range frames {
		f.Close()
	}
	if len(p.idle) != maxIdleMats {
		t.Errorf("%d idle pictures, want %d", len(p.idle), maxIdleMats)
	}
	p.close()
}

func TestCutFile(t *testing.T) {
	const frames = 100
	for _, c := range []struct{ name, codec string }{{"a.avi", "MJPG"}, {"b.mkv", "MJPG"}} {
		whole := writeNoise(t, filepath.Join(t.TempDir(), c.name), c.codec, frames)
		s := mustOpen(t, Spec{Path: cut(t, whole, 0.6)})
		got, err := readAll(t, s, false)
		var truncated *TruncatedError
		if !errors.As(err, &truncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, want a *TruncatedError", c.name, err)
			continue
		}
		if truncated.Read != len(got) || truncated.Expected != frames || len(got) < frames/3 || len(got) > frames*3/4 {
			t.Errorf("%s: %+v after %d frames", c.name, truncated, len(got))
		}
	}
}

// The film of this file is whole, only its end is not: nothing is missed.
func TestCutBehindTheFilm(t *testing.T) {
	whole := writeNoise(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 50)
	readWhole(t, mustOpen(t, Spec{Path: cut(t, whole, 0.9999)}), false)
}

// Damage in the middle costs what is damaged, not the rest, and is told.
func TestDamagedFile(t *testing.T) {
	spoil := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		clear(data[len(data)*4/10 : len(data)*5/10])
		path = filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		spoil(writeNoise(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 100)),
		spoil(dataFile(t, "video/car-detection.mp4")),
	} {
		s := mustOpen(t, Spec{Path: path})
		frames := s.Info().Frames
		got, err := readAll(t, s, false)
		if len(got) < frames*3/4 || len(got) >= frames {
			t.Errorf("%s: %d of %d frames", path, len(got), frames)
		}
		var truncated *TruncatedError
		if !errors.As(err, &truncated) || truncated.Read != len(got) || truncated.Expected != frames {
			t.Errorf("%s: %v", path, err)
		}
		wantError(t, err, "read "+path+": damaged, only ", "record it again")
		t.Logf("%v; %d pieces damaged", err, s.Damaged())
	}
}

func TestRealVideos(t *testing.T) {
	for _, c := range []struct {
		path   string
		frames int
		stepMS int
	}{
		{vtest(t), 795, 100},
		{dataFile(t, "video/car-detection.mp4"), 377, 80},
		{dataFile(t, "video/one-by-one-person-detection.mp4"), 1394, 100},
	} {
		s := mustOpen(t, Spec{Path: c.path, Stride: 7})
		got := readWhole(t, s, false)
		if len(got) != (c.frames+6)/7 || s.Info().Frames != c.frames {
			t.Errorf("%s: %d frames at stride 7 of %d", c.path, len(got), s.Info().Frames)
		}
		for i, f := range got {
			if f.index != 7*i || f.ms != 7*i*c.stepMS {
				t.Fatalf("%s: frame %d is %+v", c.path, i, f)
			}
		}

		s = mustOpen(t, Spec{Path: cut(t, c.path, 0.5)})
		got, err := readAll(t, s, false)
		var truncated *TruncatedError
		if !errors.As(err, &truncated) || truncated.Expected != c.frames || truncated.Read != len(got) || len(got) == 0 {
			t.Errorf("half of %s: %v after %d frames", c.path, err, len(got))
		}
	}
}

// Videos that differ from what their header promises, and yet are whole.
func TestIntactVideosRaiseNoAlarm(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH")
	}
	dir := t.TempDir()
	src := writeNoise(t, filepath.Join(dir, "src.mp4"), "mp4v", 60)
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "30"}
	drop := []string{"-vf", "select='not(mod(n,3))+eq(mod(n,7),1)'", "-vsync", "vfr"}
	for _, c := range []struct {
		out    string
		args   []string
		frames int // 0: not known beforehand
	}{
		{"bframes.mp4", h264, 60},
		{"vfr.mp4", append(slices.Clone(drop), h264...), 0},
		{"vfr.mkv", append(slices.Clone(drop), h264...), 0},
		{"vfr.avi", append(slices.Clone(drop), "-c:v", "mpeg4"), 0},
		{"stream.ts", h264, 60},
		{"raw.h264", h264, 60},
		{"fragments.mp4", append(slices.Clone(h264), "-movflags", "+frag_keyframe+empty_moov"), 60},
		{"flash.flv", []string{"-c:v", "flv1"}, 60},
	} {
		out := filepath.Join(dir, c.out)
		args := append([]string{"-v", "error", "-y", "-i", src}, c.args...)
		if msg, err := exec.Command(ffmpeg, append(args, out)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c.out, err, msg)
		}
		s := mustOpen(t, Spec{Path: out})
		got := readWhole(t, s, false)
		if c.frames > 0 && len(got) != c.frames || s.Damaged() > 0 {
			t.Errorf("%s: %d frames, want %d; %d pieces damaged", c.out, len(got), c.frames, s.Damaged())
		}
		if last := got[len(got)-1]; c.frames > 0 && last.ms != 59*80 {
			t.Errorf("%s: last frame at %d ms, want %d", c.out, last.ms, 59*80)
		}
		readWhole(t, mustOpen(t, Spec{Path: out, Stride: 9}), false)
		if strings.HasPrefix(c.out, "vfr") && !slices.EqualFunc(got[:4], []int{0, 80, 240, 480}, func(f seen, ms int) bool { return f.ms == ms }) {
			t.Errorf("%s: times %v, want 0, 80, 240, 480 ms", c.out, got[:4])
		}
	}

	// A cut without encoding starts inside a group of pictures: the header counts
	// frames that are never shown.
	out := filepath.Join(dir, "cut.mp4")
	if msg, err := exec.Command(ffmpeg, "-v", "error", "-ss", "3", "-i", filepath.Join(dir, "bframes.mp4"), "-c", "copy", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	s := mustOpen(t, Spec{Path: out})
	if got := readWhole(t, s, false); len(got) >= s.Info().Frames {
		t.Logf("cut.mp4 hides no frames here: %d of %d", len(got), s.Info().Frames)
	}
	if s.Damaged() > 0 {
		t.Errorf("cut.mp4: %d pieces damaged", s.Damaged())
	}
}

// What FFmpeg calls an error need not touch the picture: some cameras write a header into
// every picture that is too short for it.
func TestHarmlessErrors(t *testing.T) {
	const frames = 20
	picture := jpegFile(t, 64, 48)
	picture = slices.Concat(picture[:2], []byte{0xff, 0xe0, 0, 4, 0, 0}, picture[2:])
	path := filepath.Join(t.TempDir(), "a.mjpeg")
	if err := os.WriteFile(path, bytes.Repeat(picture, frames), 0o644); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Spec{Path: path})
	if got := readWhole(t, s, false); len(got) != frames || s.Damaged() > 0 {
		t.Errorf("%d frames of %d, %d pieces damaged", len(got), frames, s.Damaged())
	}
}

// To a pipe FFmpeg writes an AVI whose header says nothing.
func TestAVIFromPipe(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH")
	}
	const frames = 20
	src := writeVideo(t, filepath.Join(t.TempDir(), "src.avi"), "MJPG", frames)
	data, err := exec.Command(ffmpeg, "-v", "error", "-i", src, "-c", "copy", "-f", "avi", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.avi")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Spec{Path: path})
	if got := readWhole(t, s, false); len(got) != frames || s.Info().Frames > frames {
		t.Errorf("%d frames, %d by the header", len(got), s.Info().Frames)
	}
}

// A decoder makes up what it cannot read of a picture, and says so only if asked. Where
// no header says how long a video is, such a picture at its end tells that it was cut off.
func TestConcealedDamage(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH")
	}
	const frames = 40
	dir := t.TempDir()
	for _, c := range []struct {
		file, codec string
		headless    bool
	}{
		{"a.mp4", "libx264", false},
		{"b.mkv", "mpeg4", false},
		{"c.ts", "libx264", true},
		{"d.h264", "libx264", true},
	} {
		path := filepath.Join(dir, c.file)
		if msg, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=320x240:rate=10:duration=%d", frames/10),
			"-c:v", c.codec, path).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c.file, err, msg)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		spoilt := slices.Clone(data)
		for i := range len(spoilt) / 20 {
			spoilt[len(spoilt)/2+i] = byte(i * i)
		}
		for _, stride := range []int{1, 3} {
			if err := os.WriteFile(path, spoilt, 0o644); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, Spec{Path: path, Stride: stride})
			got, err := readAll(t, s, false)
			whole := len(got) == (frames+stride-1)/stride
			if told := errors.Is(err, io.ErrUnexpectedEOF); s.Damaged() == 0 || !c.headless && told == whole {
				t.Errorf("%s at stride %d: %d frames, then %v; %d pieces damaged", c.file, stride, len(got), err, s.Damaged())
			}
		}
		if c.headless {
			half := len(data) / 2 / 188 * 188 // of a transport stream: whole packets
			if err := os.WriteFile(path, data[:half], 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, mustOpen(t, Spec{Path: path}), false)
			var truncated *TruncatedError
			if !errors.As(err, &truncated) || truncated.Read != len(got) || len(got) < frames/4 || len(got) > frames*3/4 {
				t.Errorf("half of %s: %v after %d frames", c.file, err, len(got))
			}
		}
	}
}

// Every picture has the time that the file gives it, the last ones too, which the
// decoder holds back until the end.
func TestTimesAtTheEnd(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH")
	}
	dir := t.TempDir()
	src := writeVideo(t, filepath.Join(dir, "src.avi"), "MJPG", 30)
	for name, filter := range map[string]string{
		"uneven":         "select='not(mod(n,7))+lt(mod(n,9),4)'",
		"uneven at last": "setpts='if(lt(N,28),N,N*N/20)*0.08/TB'",
		"fast":           "setpts=N*0.001/TB",
	} {
		for _, extension := range []string{".mp4", ".mkv", ".ts"} {
			path := filepath.Join(dir, name+extension)
			if msg, err := exec.Command(ffmpeg, "-v", "error", "-i", src, "-vf", filter, "-vsync", "vfr", "-enc_time_base", "0.001",
				"-c:v", "libx264", "-bf", "3", "-x264-params", "b-adapt=0", path).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", path, err, msg)
			}
			want := probeTimes(t, path)
			for _, threads := range []int{1, 2, 4} {
				got := readWhole(t, mustOpen(t, Spec{Path: path, Threads: threads}), false)
				near := func(f seen, ms float64) bool { return math.Abs(float64(f.ms)-ms) <= 1 }
				if !slices.EqualFunc(got, want, near) {
					t.Errorf("%s with %d threads: %v, want %v ms", path, threads, got, want)
				}
			}
		}
	}
}

// probeTimes are the times in milliseconds, from the first on, at which a video's
// pictures are shown, as ffprobe tells them.
func probeTimes(t *testing.T, path string) []float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var times []float64
	for _, field := range strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == ',' }) {
		seconds, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, 1000*seconds)
	}
	slices.Sort(times)
	for i, first := len(times)-1, times[0]; i >= 0; i-- {
		times[i] -= first
	}
	return times
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, contents string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mp4 := writeNoise(t, filepath.Join(dir, "whole.mp4"), "mp4v", 20)
	for path, want := range map[string]string{
		filepath.Join(dir, "missing.mp4"):       "no such file",
		file("empty.mp4", ""):                   "the file is empty",
		file("text.mp4", "this is not a video"): "it is text, not video",
		file("noise.avi", "\xff\x00\x01\x02"):   "not a video that FFmpeg can decode",
		cut(t, mp4, 0.5):                        "its index (moov) is missing",
		dir:                                     "it is a folder",
	} {
		_, err := Open(t.Context(), Spec{Path: path})
		wantError(t, err, "open "+path+": ", want)
	}
}

func TestSpecErrors(t *testing.T) {
	for want, spec := range map[string]Spec{
		"stride -1 is negative": {Path: "a.mp4", Stride: -1},
		"fps -2 is negative":    {Path: "a.mp4", FPS: -2},
		"fps 9000 is above":     {Path: "a.mp4", FPS: 9000},
		"not four letters":      {Path: "a.mp4", FourCC: "MJPEG"},
	} {
		_, err := Open(t.Context(), spec)
		wantError(t, err, "open a.mp4: ", want)
	}
}

// wantError checks an error for users: one line that starts and says as wanted.
func wantError(t *testing.T, err error, prefix, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), want) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line %q…%q", err, prefix, want)
	}
}

// A stride that changes on the way holds from the next frame on.
func TestSetStride(t *testing.T) {
	s := mustOpen(t, Spec{Path: writeVideo(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 30)})
	var got []int
	for i := range 9 {
		s.SetStride([]int{1, 1, 1, 4, 4, 4, 1, 1, 0}[i])
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Index)
		f.Close()
	}
	if want := []int{0, 1, 2, 6, 10, 14, 15, 16, 17}; !slices.Equal(got, want) {
		t.Errorf("frames %v, want %v", got, want)
	}
}
