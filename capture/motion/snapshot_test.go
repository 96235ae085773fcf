package motion

import (
	"testing"
)

// journey is a camera that stands, pans, and stands again: an Estimator measures,
// settles, rests and wakes.
func journey(i int) Affine {
	shift := 0.0
	if i > 40 {
		shift = 1.5 * float64(min(i, 55)-40)
	}
	return Affine{A11: 1, A22: 1, TX: shift}
}

func shoot(frames int) (pictures []Pixels) {
	for i := range frames {
		s := scene{world: newWorld(3), width: 320, height: 240}
		pictures = append(pictures, s.picture(journey(i), uint64(i)))
	}
	return pictures
}

func TestSnapshotGoesOn(t *testing.T) {
	pictures := shoot(90)
	type seen struct {
		motion Affine
		ok     bool
		still  bool
	}
	for _, options := range []Options{{}, {Auto: true}} {
		look := func(e *Estimator, i int) seen {
			m, ok, err := e.EstimatePixels(pictures[i], nil)
			if err != nil {
				t.Fatal(err)
			}
			return seen{m, ok, e.Still()}
		}
		whole := New(options)
		var want []seen
		var snapshots [][]byte
		rested, moved := false, false
		for i := range pictures {
			s, err := whole.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			snapshots, want = append(snapshots, s), append(want, look(whole, i))
			rested, moved = rested || whole.Still(), moved || want[i].motion != Identity
		}
		if rested != options.Auto || !moved {
			t.Fatalf("%+v: rested %v, moved %v", options, rested, moved)
		}
		for from := 0; from < len(pictures); from += 4 {
			next := New(options)
			if err := next.Restore(snapshots[from]); err != nil {
				t.Fatalf("%+v, picture %d: %v", options, from, err)
			}
			for i := from; i < min(len(pictures), from+25); i++ {
				if got := look(next, i); got != want[i] {
					t.Fatalf("%+v from %d: picture %d gives %+v, want %+v", options, from, i, got, want[i])
				}
			}
		}
	}
}

// A damaged snapshot is refused, or gives an Estimator that works.
func FuzzRestore(f *testing.F) {
	pictures := shoot(30)
	e := New(Options{Auto: true})
	for i, p := range pictures {
		if i%10 == 0 {
			s, _ := e.Snapshot()
			f.Add(s)
		}
		if _, _, err := e.EstimatePixels(p, nil); err != nil {
			f.Fatal(err)
		}
	}
	s, _ := e.Snapshot()
	f.Add(s)
	f.Fuzz(func(t *testing.T, data []byte) {
		e := New(Options{Auto: true})
		if err := e.Restore(data); err != nil && (e.started || e.Still()) {
			t.Fatalf("refused, and yet not fresh: %v", err)
		}
		if _, _, err := e.EstimatePixels(pictures[0], nil); err != nil {
			t.Fatal(err)
		}
	})
}
