//go:build gocv_specific_modules

package overlay

import (
	"bytes"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// An Overlay that goes on from a snapshot draws the pixels that the uninterrupted
// one draws.
func TestSnapshotGoesOn(t *testing.T) {
	draw := func(o *Overlay, k int) []byte {
		img := gocv.NewMatWithSize(360, 640, gocv.MatTypeCV8UC3)
		defer img.Close()
		x := 5 * float64(k)
		tracks := []track.Track{{ID: 1, Box: detect.Box{X1: x, Y1: 80, X2: x + 40, Y2: 200}}}
		if k%40 < 20 {
			tracks = append(tracks, track.Track{ID: 2 + k/40, Box: detect.Box{X1: 500 - x, Y1: 150, X2: 540 - x, Y2: 300}})
		}
		if err := o.Draw(&img, tracks, nil, Panel{Time: time.Duration(k) * 40 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		return img.ToBytes()
	}
	whole := New(Options{HidePanel: true})
	var want, snapshots [][]byte
	for k := range 90 {
		s, err := whole.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		snapshots, want = append(snapshots, s), append(want, draw(whole, k))
	}
	for from := 0; from < 90; from += 13 {
		next := New(Options{HidePanel: true})
		if err := next.Restore(snapshots[from]); err != nil {
			t.Fatal(err)
		}
		for k := from; k < min(90, from+40); k++ {
			if !bytes.Equal(draw(next, k), want[k]) {
				t.Fatalf("from frame %d: frame %d is drawn otherwise", from, k)
			}
		}
	}
}

// A damaged snapshot is refused, or gives an Overlay that draws.
func FuzzRestore(f *testing.F) {
	o := New(Options{HidePanel: true})
	img := gocv.NewMatWithSize(120, 160, gocv.MatTypeCV8UC3)
	defer img.Close()
	tracks := []track.Track{{ID: 1, Box: detect.Box{X1: 10, Y1: 10, X2: 40, Y2: 100}}}
	for k := range 3 {
		s, _ := o.Snapshot()
		f.Add(s)
		if err := o.Draw(&img, tracks, nil, Panel{Time: time.Duration(k) * time.Second}); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := New(Options{HidePanel: true})
		if err := o.Restore(data); err != nil && len(o.trails.byID) > 0 {
			t.Fatal("refused, and yet there are trails")
		}
		for id, tr := range o.trails.byID {
			if tr.n < 1 || tr.n > trailLen || tr.last < 0 || tr.last >= trailLen {
				t.Fatalf("trail %d: %d points, the last is %d", id, tr.n, tr.last)
			}
		}
	})
}
