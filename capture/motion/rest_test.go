package motion

import (
	"math"
	"testing"
)

// watch runs an Estimator with Auto over cameras and reports what it said of each
// picture, and whether it rested after it.
func watch(t *testing.T, s scene, frames int, camera func(i int) Affine, objects func(i int) []object) (motions []Affine, still []bool) {
	t.Helper()
	e := New(Options{Auto: true})
	var boxes [][4]float64
	for i := range frames {
		if objects != nil {
			s.objects = objects(i)
		}
		m, ok := mustEstimate(t, e, s.picture(camera(i), uint64(i)), boxes)
		if !ok && i > 0 {
			t.Errorf("picture %d: refused", i)
		}
		motions, still = append(motions, m), append(still, e.Still())
	}
	return motions, still
}

func people(i int) []object {
	x := float64(i * 5)
	return []object{{20 + x, 50, 60 + x, 150}, {250 - x, 80, 290 - x, 190}}
}

// TestRests: after settleLooks motions of nothing the camera is still, whoever
// walks past, and stays so.
func TestRests(t *testing.T) {
	s := scene{world: newWorld(4), width: 320, height: 240, noise: 3}
	motions, still := watch(t, s, 60, func(int) Affine { return Identity }, people)
	for i := range motions {
		if want := i >= settleLooks; still[i] != want {
			t.Errorf("picture %d: still %v", i, still[i])
		}
		if still[i] && motions[i] != Identity {
			t.Errorf("picture %d: still, yet moved by %+v", i, motions[i])
		}
	}
}

// TestWakes: a camera that is pushed, turned, or begins to pan is seen to move in
// that very picture, and by how much.
func TestWakes(t *testing.T) {
	s := scene{world: newWorld(4), width: 320, height: 240, noise: 2}
	const start = 27 // while only anchors are watched
	for name, move := range map[string]func(n float64) Affine{
		"push": func(n float64) Affine { return Affine{A11: 1, A22: 1, TX: 6, TY: -2} },
		"turn": func(n float64) Affine { return pose{1, 0.03, 0, 0}.camera(320, 240) },
		"pan":  func(n float64) Affine { return Affine{A11: 1, A22: 1, TX: 2 * n} },
		"zoom": func(n float64) Affine { return pose{1 + 0.02*n, 0, 0, 0}.camera(320, 240) },
		"far":  func(n float64) Affine { return Affine{A11: 1, A22: 1, TX: 50} },
	} {
		camera := func(i int) Affine {
			if i < start {
				return Identity
			}
			return move(float64(i - start + 1))
		}
		motions, still := watch(t, s, start+3, camera, people)
		if !still[start-1] {
			t.Fatalf("%s: does not rest before it", name)
		}
		for i := start; i < start+3; i++ {
			want := inverse(camera(i - 1)).Then(camera(i))
			if miss := cornerError(motions[i], want, 320, 240); miss > 0.5 || still[i] {
				t.Errorf("%s, picture %d: still %v, corner off by %.2f px", name, i, still[i], miss)
			}
		}
	}
}

// TestCreeps: a camera that pans slower than a frame's noise is not still, or if
// so not for long: what is missed stays small.
func TestCreeps(t *testing.T) {
	s := scene{world: newWorld(4), width: 320, height: 240, noise: 1}
	for _, speed := range []float64{0.02, 0.05, 0.1, 0.3} {
		camera := func(i int) Affine { return Affine{A11: 1, A22: 1, TX: speed * float64(i)} }
		motions, _ := watch(t, s, 75, camera, nil)
		reported := 0.0
		for _, m := range motions {
			reported += m.TX
		}
		if missed := math.Abs(camera(74).TX - reported); missed > 2.2 {
			t.Errorf("%v px a picture: %.2f of %.2f px missed", speed, missed, camera(74).TX)
		}
	}
}

// TestWakesToCut: where the picture is another, there is no motion to report.
func TestWakesToCut(t *testing.T) {
	s := scene{world: newWorld(4), width: 320, height: 240, noise: 2}
	e := New(Options{Auto: true})
	for i := range 20 {
		mustEstimate(t, e, s.picture(Identity, uint64(i)), nil)
	}
	if !e.Still() {
		t.Fatal("does not rest")
	}
	s.world = newWorld(5)
	if m, ok := mustEstimate(t, e, s.picture(Identity, 99), nil); ok || e.Still() {
		t.Errorf("ok %v, still %v, %+v", ok, e.Still(), m)
	}
}
