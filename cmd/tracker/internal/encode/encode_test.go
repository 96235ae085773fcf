//go:build gocv_specific_modules

package encode

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
)

const (
	width, height = 320, 240
	stride        = 3*width + 6 // rows with a gap, as of a part of a larger picture
)

// plain is a picture of one colour.
func plain(bgr [3]uint8) []uint8 {
	pixels := make([]uint8, height*stride)
	for i := range pixels {
		pixels[i] = bgr[i%stride%3]
	}
	return pixels
}

func open(t testing.TB, opt Options) *Encoder {
	t.Helper()
	e, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func options(path, format, codec string) Options {
	return Options{Path: path, Format: format, Codec: codec, Width: width, Height: height, FPS: 10,
		Constant: format == "avi", Threads: 1}
}

// play calls see with every picture of a video, and returns how many there are and
// what ended it, if not its end.
func play(t *testing.T, path string, see func(n int, f *capture.Frame)) (int, error) {
	t.Helper()
	s, err := capture.Open(t.Context(), capture.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := 0; ; n++ {
		f, err := s.Next(t.Context())
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		see(n, f)
		f.Close()
	}
}

// Colours come back as they went in, whichever reader's matrix and range the file's
// tags choose.
func TestColours(t *testing.T) {
	colours := [][3]uint8{
		{0, 0, 0}, {255, 255, 255}, {128, 128, 128}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255},
		{255, 255, 0}, {0, 255, 255}, {255, 0, 255}, {60, 120, 200}, {16, 16, 16}, {235, 235, 235},
	}
	for _, c := range []struct{ name, format, codec string }{
		{"a.mp4", "mp4", H264}, {"a.mp4", "mp4", MPEG4}, {"a.mkv", "matroska", MJPEG}, {"a.avi", "avi", MJPEG},
	} {
		opt := options(filepath.Join(t.TempDir(), c.name), c.format, c.codec)
		e := open(t, opt)
		for i, colour := range colours {
			at := int64(i)
			if !opt.Constant {
				at *= Ticks / 10
			}
			if err := e.Write(plain(colour), stride, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		n, err := play(t, opt.Path, func(n int, f *capture.Frame) {
			middle := f.Mat.Region(image.Rect(80, 60, 240, 180))
			mean := middle.Mean()
			middle.Close()
			for i, got := range []float64{mean.Val1, mean.Val2, mean.Val3} {
				if want := float64(colours[n][i]); got < want-4 || got > want+4 {
					t.Errorf("%s in %s: colour %v came back as %.0f", c.codec, c.name, colours[n], mean)
					break
				}
			}
		})
		if n != len(colours) || err != nil {
			t.Errorf("%s in %s: %d pictures, want %d; %v", c.codec, c.name, n, len(colours), err)
		}
	}
}

// What is on the disk plays, but for some seconds, though nobody closed the file: after a
// power cut, for one. So it does where pictures come more slowly than was said.
func TestPowerCut(t *testing.T) {
	for _, c := range []struct {
		name, format, codec string
		slower              int64
	}{
		{"a.mp4", "mp4", H264, 1}, {"slow.mp4", "mp4", H264, 8}, {"a.mov", "mov", MPEG4, 1}, {"a.mkv", "matroska", H264, 1}, {"a.avi", "avi", MJPEG, 1},
	} {
		dir := t.TempDir()
		opt := options(filepath.Join(dir, c.name), c.format, c.codec)
		e := open(t, opt)
		random := gocv.TheRNG()
		noise := gocv.NewMatWithSize(height, stride/3, gocv.MatTypeCV8UC3)
		defer noise.Close()
		for i := range 120 {
			at := int64(i)
			if !opt.Constant {
				at *= c.slower * Ticks / 10
			}
			random.Fill(&noise, gocv.RNGDistUniform, 0, 255, false)
			pixels, err := noise.DataPtrUint8()
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Write(pixels, noise.Step(), at); err != nil {
				t.Fatal(err)
			}
		}
		left, err := os.ReadFile(opt.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		cut := filepath.Join(dir, "cut"+filepath.Ext(c.name))
		if err := os.WriteFile(cut, left, 0o600); err != nil {
			t.Fatal(err)
		}
		lost := 10*(keyInterval+1)/int(c.slower) + 8 // the encoder has some, too
		if n, err := play(t, cut, func(int, *capture.Frame) {}); n < 120-lost {
			t.Errorf("%s: %d pictures of 120 play: %v", c.name, n, err)
		}
	}
}

func TestAvailable(t *testing.T) {
	if got := Available(); !slices.Equal(got, []string{H264, MJPEG, MPEG4}) {
		t.Errorf("%v; Debian's FFmpeg has all three", got)
	}
	h264 := codecs[H264]
	t.Cleanup(func() { codecs[H264] = h264 })
	codecs[H264] = codec{name: "x264-of-old"}
	if got := Available(); !slices.Equal(got, []string{MJPEG, MPEG4}) {
		t.Errorf("%v with an unknown encoder for H.264", got)
	}
	path := filepath.Join(t.TempDir(), "a.mp4")
	_, err := Open(options(path, "mp4", H264))
	if !errors.Is(err, ErrCodec) || !strings.Contains(err.Error(), "h264: FFmpeg's libavcodec here is built without x264-of-old") {
		t.Errorf("Open: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made for a codec that is not there")
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	wide := options(path, "mp4", H264)
	wide.Width, wide.Height = 20000, 2
	for name, c := range map[string]struct {
		opt  Options
		want error
	}{
		"too wide":    {wide, ErrCodec},
		"no folder":   {options(filepath.Join(dir, "no", "a.mp4"), "mp4", H264), syscall.ENOENT},
		"no format":   {options(path, "tape", H264), syscall.EINVAL},
		"full device": {options("/dev/full", "matroska", MPEG4), syscall.ENOSPC},
	} {
		if _, err := Open(c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	e := open(t, options(path, "mp4", MPEG4))
	defer e.Close()
	if err := e.Write(make([]uint8, 100), stride, 0); err == nil || !strings.Contains(err.Error(), "100 bytes of pixels") {
		t.Errorf("too few pixels: %v", err)
	}
}

// Every picture's memory is used again, in Go and in C.
func TestWriteAllocatesNothing(t *testing.T) {
	for name, format := range map[string]string{H264: "matroska", MPEG4: "mp4", MJPEG: "avi"} {
		opt := options(filepath.Join(t.TempDir(), "a"), format, name)
		e := open(t, opt)
		at, step, pixels := int64(0), int64(Ticks/10), plain([3]uint8{1, 2, 3})
		if opt.Constant {
			step = 1
		}
		if allocs := testing.AllocsPerRun(50, func() {
			if err := e.Write(pixels, stride, at); err != nil {
				t.Fatal(err)
			}
			at += step
		}); allocs != 0 {
			t.Errorf("%s: %v allocations a picture, want 0", name, allocs)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkWrite encodes a real street scene, where there is one. cpu-ms/op is the
// processor time of all threads.
func BenchmarkWrite(b *testing.B) {
	var pictures []*capture.Frame
	s, err := capture.Open(b.Context(), capture.Spec{Path: filepath.Join("..", "..", "..", "..", "build", "vtest.avi")})
	if err != nil {
		b.Skipf("no video to encode (make setup): %v", err)
	}
	defer s.Close()
	for range 100 {
		f, err := s.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		pictures = append(pictures, f)
	}
	for _, name := range []string{H264, MPEG4, MJPEG} {
		for _, size := range []image.Point{{X: 768, Y: 576}, {X: 1920, Y: 1080}} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size.X, size.Y), func(b *testing.B) { benchmarkWrite(b, name, size, pictures) })
		}
	}
}

func benchmarkWrite(b *testing.B, name string, size image.Point, pictures []*capture.Frame) {
	var sized []gocv.Mat
	for _, f := range pictures {
		m := gocv.NewMat()
		defer m.Close()
		if err := gocv.Resize(f.Mat, &m, size, 0, 0, gocv.InterpolationCubic); err != nil {
			b.Fatal(err)
		}
		sized = append(sized, m)
	}
	opt := options(filepath.Join(b.TempDir(), "a.mkv"), "matroska", name)
	opt.Width, opt.Height = size.X, size.Y
	e := open(b, opt)
	before, n := cpuTime(), 0
	for b.Loop() {
		m := &sized[n%len(sized)]
		pixels, err := m.DataPtrUint8()
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Write(pixels, m.Step(), int64(n)*Ticks/10); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(opt.Path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpuTime()-before).Seconds()*1000/float64(n), "cpu-ms/op")
	b.ReportMetric(float64(info.Size())/float64(n), "bytes/op")
}

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
