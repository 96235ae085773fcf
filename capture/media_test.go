//go:build gocv_specific_modules

package capture

import (
	"errors"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"
)

const (
	testWidth, testHeight = 96, 64
	testFPS               = 12.5
	// barStep is how many columns wider the white bar of each frame is: a mark that
	// survives lossy codecs, for up to 31 frames.
	barStep = 3
)

// barFrame is a picture that tells its index by the width of a white bar.
func barFrame(index int) gocv.Mat {
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(0, 0, 0, 0), testHeight, testWidth, gocv.MatTypeCV8UC3)
	gocv.Rectangle(&m, image.Rect(0, 0, barStep*(index+1), testHeight), color.RGBA{255, 255, 255, 255}, -1)
	return m
}

// barIndex reads the index back.
func barIndex(t *testing.T, m gocv.Mat) int {
	t.Helper()
	if m.Rows() != testHeight || m.Cols() != testWidth || m.Type() != gocv.MatTypeCV8UC3 {
		t.Fatalf("picture of %dx%d, type %v; want %dx%d, 8UC3", m.Cols(), m.Rows(), m.Type(), testWidth, testHeight)
	}
	return int(m.Mean().Val1/255*testWidth/barStep+0.5) - 1
}

// writeVideo writes frames that tell their index.
func writeVideo(t *testing.T, path, codec string, frames int) string {
	t.Helper()
	Quiet()
	w, err := gocv.VideoWriterFileWithAPI(path, gocv.VideoCaptureFFmpeg, codec, testFPS, testWidth, testHeight, true)
	if err != nil || !w.IsOpened() {
		t.Fatalf("cannot write %s with %s: %v", path, codec, err)
	}
	defer w.Close()
	for i := range frames {
		m := barFrame(i)
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
	return path
}

// writeNoise writes frames that compress badly, so that a file has a size.
func writeNoise(t *testing.T, path, codec string, frames int) string {
	t.Helper()
	return writeNoiseSized(t, path, codec, frames, testWidth, testHeight)
}

func writeNoiseSized(t *testing.T, path, codec string, frames, width, height int) string {
	t.Helper()
	Quiet()
	w, err := gocv.VideoWriterFileWithAPI(path, gocv.VideoCaptureFFmpeg, codec, testFPS, width, height, true)
	if err != nil || !w.IsOpened() {
		t.Fatalf("cannot write %s with %s: %v", path, codec, err)
	}
	defer w.Close()
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(0, 0, 0, 0), height, width, gocv.MatTypeCV8UC3)
	defer m.Close()
	for i := range frames {
		for j := range 20 {
			x, y := (i*31+j*17)%width, (i*13+j*29)%height
			c := color.RGBA{R: uint8(i * 37), G: uint8(j * 53), B: uint8(i * j), A: 255}
			gocv.Rectangle(&m, image.Rect(x, y, x+9, y+7), c, -1)
		}
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func writeImage(t *testing.T, path string, index int) {
	t.Helper()
	m := barFrame(index)
	defer m.Close()
	if !gocv.IMWrite(path, m) {
		t.Fatalf("cannot write %s", path)
	}
}

func mustOpen(t *testing.T, spec Spec) *Stream {
	t.Helper()
	s, err := Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustParse(t *testing.T, input string) Spec {
	t.Helper()
	spec, err := ParseInput(input)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// seen is what a test remembers of a frame.
type seen struct {
	index int
	ms    int // media time
	bar   int // index that the picture shows; −1 where it was not looked at
}

// readAll reads to the end, closing each frame, and checks what holds for every
// source.
func readAll(t *testing.T, s *Stream, look bool) ([]seen, error) {
	t.Helper()
	var all []seen
	for {
		f, err := s.Next(t.Context())
		if err != nil {
			if again, err2 := s.Next(t.Context()); again != nil || !errors.Is(err2, err) {
				t.Errorf("Next after %v: %v, %v", err, again, err2)
			}
			return all, err
		}
		got := seen{f.Index, int(f.Time.Milliseconds()), -1}
		if look {
			got.bar = barIndex(t, f.Mat)
		}
		if f.Captured.IsZero() || f.Mat.Empty() {
			t.Errorf("frame %d: captured %v, empty %v", f.Index, f.Captured, f.Mat.Empty())
		}
		if n := len(all); n > 0 && (got.index <= all[n-1].index || got.ms < all[n-1].ms) {
			t.Errorf("frame %+v after %+v: goes backwards", got, all[n-1])
		}
		all = append(all, got)
		f.Close()
		if err := f.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
}

// readWhole reads a source that must end with io.EOF.
func readWhole(t *testing.T, s *Stream, look bool) []seen {
	t.Helper()
	all, err := readAll(t, s, look)
	if err != io.EOF {
		t.Fatalf("%s after %d frames: %v, want io.EOF", s.Info().Name, len(all), err)
	}
	return all
}

// cut copies the first part of a file.
func cut(t *testing.T, path string, keep float64) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "cut-"+filepath.Base(path))
	if err := os.WriteFile(to, data[:int(keep*float64(len(data)))], 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// dataFile is a file of the shared test data, which is not part of the
// repository: $TRACKER_DATA, or shared/data beside it.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TRACKER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: set TRACKER_DATA to a folder with %s", name)
	}
	return path
}

// vtest is OpenCV's sample video, where Debian's opencv-doc puts it.
func vtest(t *testing.T) string {
	t.Helper()
	const path = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	if _, err := os.Stat(path); err != nil {
		t.Skip("no vtest.avi: install opencv-doc")
	}
	return path
}
