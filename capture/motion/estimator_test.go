package motion

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func mustEstimate(t testing.TB, e *Estimator, p Pixels, exclude [][4]float64) (Affine, bool) {
	t.Helper()
	m, ok, err := e.EstimatePixels(p, exclude)
	if err != nil {
		t.Fatal(err)
	}
	if !ok && m != Identity {
		t.Fatalf("refused, yet the motion is %+v", m)
	}
	return m, ok
}

// TestPaths follows a camera past people who walk, at three sizes.
func TestPaths(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	jitter := func(sd float64) float64 { return min(max(r.NormFloat64()*sd, -2.5*sd), 2.5*sd) }
	for _, path := range []struct {
		name string
		pose func(i int) pose
	}{
		{"still", func(i int) pose { return pose{zoom: 1} }},
		{"shake", func(i int) pose { return pose{1, jitter(0.004), jitter(4), jitter(4)} }},
		{"hand-held", func(i int) pose { return pose{1, jitter(0.008), jitter(12), jitter(12)} }},
		{"slow pan", func(i int) pose { return pose{zoom: 1, x: 0.4 * float64(i), y: -0.2 * float64(i)} }},
		{"fast pan", func(i int) pose { return pose{zoom: 1, x: -40 * float64(i), y: 10 * float64(i)} }},
		{"zoom", func(i int) pose { return pose{zoom: math.Pow(1.02, float64(i))} }},
		{"turn", func(i int) pose { return pose{zoom: 1, turn: 0.03 * float64(i)} }},
	} {
		for _, size := range [][2]int{{320, 240}, {640, 480}, {1280, 720}} {
			s := scene{world: newWorld(7), width: size[0], height: size[1], noise: 2}
			e := New(Options{})
			last, boxes := Identity, [][4]float64(nil)
			for i := range 8 {
				x := float64(i * 9)
				s.objects = []object{{40 + x, 50, 90 + x, 190}, {250 - x, 80, 300 - x, 210}}
				camera := path.pose(i).camera(size[0], size[1])
				got, ok := mustEstimate(t, e, s.picture(camera, uint64(i)), boxes)
				if i > 0 {
					want := inverse(last).Then(camera)
					miss := cornerError(got, want, size[0], size[1])
					// A quarter of a pixel of the small picture.
					if limit := 0.25 * float64(e.shrink.factor); !ok || miss > limit {
						t.Errorf("%s %dx%d frame %d: ok %v, corner off by %.2f px, limit %.2f", path.name, size[0], size[1], i, ok, miss, limit)
					}
				} else if ok {
					t.Errorf("%s: a motion to the first picture", path.name)
				}
				last, boxes = camera, s.boxes()
			}
		}
	}
}

// TestExclude: a lorry that fills most of the picture is not the background, if
// one says so.
func TestExclude(t *testing.T) {
	s := scene{world: newWorld(7), width: 640, height: 480, noise: 1}
	lorry := func(x float64) []object { return []object{{x, 40, x + 480, 440}} }
	s.objects = lorry(60)
	first := s.picture(Identity, 1)
	boxes := s.boxes()
	s.objects = lorry(72)
	camera := Affine{A11: 1, A22: 1, TX: -3, TY: 1}
	second := s.picture(camera, 2)

	for _, exclude := range [][][4]float64{boxes, nil} {
		e := New(Options{})
		mustEstimate(t, e, first, nil)
		got, ok := mustEstimate(t, e, second, exclude)
		miss := cornerError(got, camera, 640, 480)
		if exclude != nil && (!ok || miss > 0.5) {
			t.Errorf("lorry excluded: ok %v, corner off by %.2f px", ok, miss)
		}
		if exclude == nil && ok && miss < 5 {
			t.Error("the background wins without being told: this test does not test")
		}
	}
}

// TestRefuses: what no motion explains.
func TestRefuses(t *testing.T) {
	view := func(seed uint64, noise, light float64) Pixels {
		s := scene{world: newWorld(seed), width: 640, height: 480, noise: noise, light: light}
		return s.picture(Identity, seed)
	}
	flat := scene{world: world{2, make([]float32, 4)}, width: 640, height: 480}
	noisy := flat
	noisy.noise = 6
	for _, test := range []struct {
		name          string
		before, after Pixels
	}{
		{"cut", view(1, 1, 0), view(2, 1, 0)},
		{"flat", flat.picture(Identity, 1), flat.picture(Identity, 2)},
		{"noise", noisy.picture(Identity, 1), noisy.picture(Identity, 2)},
		{"to black", view(1, 1, 0), view(1, 1, -1000)},
		{"from black", view(1, 1, -1000), view(1, 1, 0)},
	} {
		e := New(Options{})
		mustEstimate(t, e, test.before, nil)
		if m, ok := mustEstimate(t, e, test.after, nil); ok {
			t.Errorf("%s: found %+v", test.name, m)
		}
		// The next picture is compared with this one.
		if m, ok := mustEstimate(t, e, test.after, nil); ok && m.Shift(640, 480) > 0.1 {
			t.Errorf("%s: the same picture again: %+v", test.name, m)
		}
	}
}

func TestChangeOfSize(t *testing.T) {
	large := scene{world: newWorld(1), width: 640, height: 480}.picture(Identity, 1)
	small := scene{world: newWorld(1), width: 320, height: 240}.picture(Identity, 1)
	e := New(Options{Auto: true})
	for i, step := range []struct {
		picture Pixels
		ok      bool
	}{{large, false}, {large, true}, {small, false}, {small, true}, {large, false}} {
		if _, ok := mustEstimate(t, e, step.picture, nil); ok != step.ok {
			t.Errorf("picture %d: ok %v", i, ok)
		}
	}
}

func TestNothingLeadsOverAPictureTooSmall(t *testing.T) {
	s := scene{world: newWorld(1), width: 320, height: 240}
	e := New(Options{})
	for i, p := range []Pixels{s.picture(Identity, 1), {make([]byte, 8*8*3), 8, 8, 3}, s.picture(pose{zoom: 1, x: 3}.camera(320, 240), 2)} {
		if m, ok, err := e.EstimatePixels(p, nil); ok || errors.Is(err, ErrSize) != (i == 1) {
			t.Errorf("picture %d: %+v, ok %v, error %v", i, m, ok, err)
		}
	}
}

func TestBadPictures(t *testing.T) {
	e := New(Options{})
	for _, test := range []struct {
		Pixels
		size bool // it is its size alone
	}{
		{Pixels{}, false},
		{Pixels{make([]byte, 100*100*3), 100, 100, 1}, false},
		{Pixels{make([]byte, 100*100*3-1), 100, 100, 3}, false},
		{Pixels{make([]byte, 40*100), 40, 100, 1}, true},
		{Pixels{make([]byte, 10000*100), 10000, 100, 1}, true},
		{Pixels{make([]byte, 1920*180*3), 1920, 180, 3}, true},
		{Pixels{make([]byte, 9), -3, -3, 1}, false},
		{Pixels{make([]byte, 100*100), 100, 100, 0}, false},
	} {
		p := test.Pixels
		if _, ok, err := e.EstimatePixels(p, nil); ok || err == nil || errors.Is(err, ErrSize) != test.size {
			t.Errorf("%dx%d with %d channels and %d bytes: ok %v, error %v", p.Width, p.Height, p.Channels, len(p.Pix), ok, err)
		}
	}
}

// TestOddSizes: no size may reach over an edge.
func TestOddSizes(t *testing.T) {
	for _, size := range [][2]int{{48, 48}, {49, 50}, {64, 48}, {97, 53}, {481, 240}, {240, 481}, {333, 777}, {1000, 120}, {480, 48}, {48, 480}, {1440, 150}} {
		s := scene{world: newWorld(1), width: size[0], height: size[1]}
		for _, channels := range []int{1, 2, 3, 4} {
			e := New(Options{Auto: true})
			for i := range 22 {
				p := s.picture(Affine{A11: 1, A22: 1, TX: float64(i / 20 * 3)}, 1)
				p.Channels, p.Pix = channels, slices.Concat(p.Pix, p.Pix)[:size[0]*size[1]*channels]
				if _, _, err := e.EstimatePixels(p, nil); err != nil {
					if size != [2]int{1000, 120} {
						t.Errorf("%v with %d channels: %v", size, channels, err)
					}
					break
				}
			}
		}
	}
}

// TestDeterministic: the same pictures give the same motions, to the last bit.
func TestDeterministic(t *testing.T) {
	s := scene{world: newWorld(3), width: 640, height: 480, noise: 3}
	var pictures []Pixels
	for i := range 6 {
		pictures = append(pictures, s.picture(pose{1, 0.01 * float64(i%3), float64(7 * i), 0}.camera(640, 480), uint64(i)))
	}
	run := func() (all []Affine) {
		e := New(Options{Auto: true})
		for _, p := range pictures {
			m, _ := mustEstimate(t, e, p, nil)
			all = append(all, m)
		}
		return all
	}
	first := run()
	for range 5 {
		if again := run(); !slices.Equal(again, first) {
			t.Fatalf("%v, then %v", first, again)
		}
	}
}

func TestAllocations(t *testing.T) {
	s := scene{world: newWorld(3), width: 640, height: 480, noise: 1}
	moving := []Pixels{s.picture(Identity, 1), s.picture(Affine{A11: 1, A22: 1, TX: 9}, 2)}
	boxes := [][4]float64{{10, 10, 90, 90}}
	for _, auto := range []bool{false, true} {
		for name, pictures := range map[string][]Pixels{"moving": moving, "still": moving[:1]} {
			e := New(Options{Auto: auto})
			i := 0
			next := func() {
				i++
				mustEstimate(t, e, pictures[i%len(pictures)], boxes)
			}
			for range 40 {
				next()
			}
			if n := testing.AllocsPerRun(40, next); n != 0 {
				t.Errorf("%s, auto %v: %v allocations a picture", name, auto, n)
			}
		}
	}
}
