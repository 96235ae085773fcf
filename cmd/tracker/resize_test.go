//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/track"
)

// Real people keep their identities where the pictures change to half of their size,
// with every tracker, and a replay of the record is the run, byte for byte.
func TestChangeOfSize(t *testing.T) {
	dir := t.TempDir()
	shrinking(t, filepath.Join(dir, "in"), 40, 20)
	program := func(args ...string) {
		t.Helper()
		if got := runIn(t, dir, append(args, "--mot", "out.txt", "--jsonl", "out.jsonl", "-q")...); got.code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	runs := [][]string{{"--tracker", track.Default, "--offline"}}
	for _, name := range track.Names() {
		runs = append(runs, []string{"--tracker", name, "--max-gap", "1s"})
	}
	for _, args := range runs {
		program(append([]string{"-i", "in", "--image-fps", "10", "--conf", "0.3", "--record", "out.rec"}, args...)...)
		before, after := identities(t, dir, 19), identities(t, dir, 20)
		kept := 0
		for id, box := range after {
			if was, there := before[id]; there {
				kept++
				if ratio := box[3] / was[3]; ratio < 0.4 || ratio > 0.6 {
					t.Errorf("%v: track %d goes from %v to %v", args, id, was, box)
				}
			}
		}
		if kept < 3 || kept < len(before)-1 {
			t.Errorf("%v: %d of %d identities are kept", args, kept, len(before))
		}
		mot, jsonl := read(t, dir, "out.txt"), read(t, dir, "out.jsonl")
		program(append([]string{"track", "out.rec"}, args...)...)
		if read(t, dir, "out.txt") != mot || read(t, dir, "out.jsonl") != jsonl {
			t.Errorf("%v: run and replay differ", args)
		}
	}
}

// shrinking makes a folder of so many frames of the real street scene, from one of them
// on at half of their size.
func shrinking(t *testing.T, dir string, frames, from int) {
	t.Helper()
	video, err := gocv.VideoCaptureFile(street(t))
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	img := gocv.NewMat()
	defer img.Close()
	for i := range frames {
		if !video.Read(&img) {
			t.Fatalf("the scene has no frame %d", i)
		}
		if i >= from {
			if err := gocv.Resize(img, &img, image.Pt(img.Cols()/2, img.Rows()/2), 0, 0, gocv.InterpolationArea); err != nil {
				t.Fatal(err)
			}
		}
		if !gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("%03d.png", i)), img) {
			t.Fatal("cannot write a picture")
		}
	}
}

// identities are the boxes of a frame's tracks.
func identities(t *testing.T, dir string, frame int) map[int][4]float64 {
	t.Helper()
	var line struct {
		Tracks []struct {
			ID  int
			Box [4]float64
		}
	}
	if err := json.Unmarshal([]byte(lines(t, filepath.Join(dir, "out.jsonl"))[frame]), &line); err != nil {
		t.Fatal(err)
	}
	boxes := map[int][4]float64{}
	for _, o := range line.Tracks {
		boxes[o.ID] = o.Box
	}
	return boxes
}
