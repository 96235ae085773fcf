//go:build gocv_specific_modules

package sink

import (
	"context"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// A video whose making was broken off and taken up at a cut equals the one that was
// made at once, byte for byte, and has every picture.
func TestPiecesGoOn(t *testing.T) {
	const frames, piece = 60, 20
	for _, codec := range WritableCodecs() {
		const ext = ".mp4" // Matroska has random identifiers
		if codec == MJPEG {
			continue
		}
		dir := t.TempDir()
		record := func(name string, breaks map[int]bool) string {
			path := filepath.Join(dir, name+ext)
			log, err := atomicfile.Create(filepath.Join(dir, name+".pieces"))
			if err != nil {
				t.Fatal(err)
			}
			opt := VideoOptions{Path: path, FPS: 25, Codec: codec, Pieces: log}
			v := mustVideo(t, opt)
			for k := 0; k < frames; k++ {
				writeBall(t, v, k)
				if (k+1)%piece != 0 {
					continue
				}
				state, err := v.Cut()
				size, syncErr := log.Sync()
				if err != nil || syncErr != nil {
					t.Fatal(err, syncErr)
				}
				if breaks[k+1] { // the process dies 7 frames later
					for j := k + 1; j < min(frames, k+8); j++ {
						writeBall(t, v, j)
					}
					v.Release()
					if err := log.Rewind(size); err != nil {
						t.Fatal(err)
					}
					v = mustVideo(t, opt)
					v.GoOn(state)
				}
			}
			pieces, err := os.Open(log.PartialPath())
			if err != nil {
				t.Fatal(err)
			}
			defer pieces.Close()
			file, err := v.Join(pieces)
			if err != nil {
				t.Fatal(err)
			}
			if err := file.Commit(); err != nil {
				t.Fatal(err)
			}
			v.Release()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		whole := record("whole", nil)
		if broken := record("broken", map[int]bool{20: true, 40: true}); broken != whole {
			t.Errorf("%s: %d bytes after a break, %d at once, or others", codec, len(broken), len(whole))
		}
		src, err := capture.Open(context.Background(), capture.Spec{Kind: capture.File, Path: filepath.Join(dir, "whole"+ext)})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		for k := range frames {
			f, err := src.Next(context.Background())
			if err != nil {
				t.Fatalf("%s: frame %d: %v", codec, k, err)
			}
			if want := time.Duration(k) * 40 * time.Millisecond; (f.Time - want).Abs() > time.Millisecond {
				t.Errorf("%s: frame %d at %v, want %v", codec, k, f.Time, want)
			}
			f.Close()
		}
	}
}

func mustVideo(t *testing.T, opt VideoOptions) *Video {
	t.Helper()
	v, err := NewVideo(opt)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// writeBall writes picture k of a film in which something moves.
func writeBall(t *testing.T, v *Video, k int) {
	t.Helper()
	img := gocv.NewMatWithSize(120, 160, gocv.MatTypeCV8UC3)
	defer img.Close()
	if err := gocv.Circle(&img, image.Pt(2*k+10, 60), 12, color.RGBA{R: 200, G: 90}, -1); err != nil {
		t.Fatal(err)
	}
	r := Result{Frame: &capture.Frame{Index: k, Time: time.Duration(k) * 40 * time.Millisecond, Mat: img}}
	if err := v.Write(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}
