package track

import (
	"slices"
	"testing"

	"github.com/tracker-go/tracker/detect"
)

// regauged is the scene with pictures of so much of the size from frame from to frame
// to−1. Trackers are told of the size where they are to know.
func regauged(scene []Input, from, to int, sx, sy float64, told bool) []Input {
	const width, height = 1600, 800
	scene = slices.Clone(scene)
	for k := range scene {
		in, sx, sy := &scene[k], sx, sy
		if k < from || k >= to {
			sx, sy = 1, 1
		}
		if told {
			in.Width, in.Height = int(sx*width), int(sy*height)
		}
		in.Detections = slices.Clone(in.Detections)
		for i := range in.Detections {
			d := &in.Detections[i]
			d.Box = scaled(d.Box, sx, sy)
		}
		if m := in.Motion; m != nil { // a shift alone
			in.Motion = &Affine{A11: 1, A22: 1, TX: sx * m.TX, TY: sy * m.TY}
		}
	}
	return scene
}

// owners are the identities that a tracker gives to the detections of every frame.
func owners(t *testing.T, name string, scene []Input) (all [][]int) {
	t.Helper()
	tracker, err := New(name, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range scene {
		ids := make([]int, len(in.Detections))
		for _, o := range tracker.Update(in) {
			if o.Detection >= 0 {
				ids[o.Detection] = o.ID
			}
		}
		all = append(all, ids)
	}
	return all
}

// same is the share of the detections with an identity that have the same in both.
func same(a, b [][]int) float64 {
	n, equal := 0, 0
	for k := range a {
		for i, id := range a[k] {
			if id > 0 {
				n++
				if b[k][i] == id {
					equal++
				}
			}
		}
	}
	return float64(equal) / float64(n)
}

// Identities outlive pictures of another size, and of another shape, and back. Without
// being told, trackers lose all of them.
func TestChangeOfSize(t *testing.T) {
	scene := plaza(170) // up to its stall
	for _, name := range Names() {
		want := owners(t, name, regauged(scene, 0, 0, 1, 1, true))
		for _, size := range [][2]float64{{0.5, 0.5}, {0.25, 0.25}, {0.5, 0.75}, {2, 2}} {
			kept := same(want, owners(t, name, regauged(scene, 60, 120, size[0], size[1], true)))
			lost := same(want, owners(t, name, regauged(scene, 60, 120, size[0], size[1], false)))
			if kept < 0.99 || lost > 0.6 {
				t.Errorf("%s, pictures of %v: %.3f have the same identity, %.3f where nobody tells", name, size, kept, lost)
			}
		}
	}
}

func TestPictureCuts(t *testing.T) {
	for what, tc := range map[string]struct {
		width, height int
		box           detect.Box
		want          bool
	}{
		"within":       {400, 200, detect.Box{X1: 3, Y1: 2, X2: 397, Y2: 198}, false},
		"left":         {400, 200, detect.Box{X1: 1, Y1: 50, X2: 100, Y2: 100}, true},
		"above":        {400, 200, detect.Box{X1: 50, Y1: 0.5, X2: 100, Y2: 100}, true},
		"right":        {400, 200, detect.Box{X1: 50, Y1: 50, X2: 399, Y2: 100}, true},
		"below":        {400, 200, detect.Box{X1: 50, Y1: 50, X2: 100, Y2: 200}, true},
		"size unknown": {0, 0, detect.Box{X1: 0, Y1: 0, X2: 100, Y2: 100}, false},
	} {
		if p := (picture{tc.width, tc.height}); p.cuts(&tc.box) != tc.want {
			t.Errorf("%s: %v; want %v", what, !tc.want, tc.want)
		}
	}
}

func TestRescale(t *testing.T) {
	c := Covariance{{4, 0, 0, 0}, {0, 5, 0, 0}, {0, 0, 6, 7}, {0, 0, 7, 8}}
	o := Track{Box: detect.FromLTWH(10, 20, 30, 40), Raw: detect.FromLTWH(1, 2, 3, 4), Covariance: &c}
	o.Rescale(2, 3)
	if o.Box != detect.FromLTWH(20, 60, 60, 120) || o.Raw != detect.FromLTWH(2, 6, 6, 12) {
		t.Errorf("boxes %v and %v", o.Box, o.Raw)
	}
	if want := (Covariance{{16, 0, 0, 0}, {0, 45, 0, 0}, {0, 0, 24, 42}, {0, 0, 42, 72}}); *o.Covariance != want || c[0][0] != 4 {
		t.Errorf("covariance %v, the caller's %v", *o.Covariance, c)
	}
}
