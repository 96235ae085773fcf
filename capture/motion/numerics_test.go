package motion

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Then is the motion a followed by the motion b.
func (a Affine) Then(b Affine) Affine {
	tx, ty := b.Apply(a.TX, a.TY)
	return Affine{
		A11: b.A11*a.A11 + b.A12*a.A21, A12: b.A11*a.A12 + b.A12*a.A22, TX: tx,
		A21: b.A21*a.A11 + b.A22*a.A21, A22: b.A21*a.A12 + b.A22*a.A22, TY: ty,
	}
}

func TestAffine(t *testing.T) {
	a := Affine{A11: 0.9, A12: 0.2, TX: 3, A21: -0.1, A22: 1.1, TY: -5}
	b := Affine{A11: 1.2, A12: -0.3, TX: -7, A21: 0.4, A22: 0.8, TY: 2}
	x, y := a.Apply(10, 20)
	x, y = b.Apply(x, y)
	if u, v := a.Then(b).Apply(10, 20); math.Hypot(u-x, v-y) > 1e-12 {
		t.Errorf("Then: (%v, %v), want (%v, %v)", u, v, x, y)
	}
	if d := cornerError(a.Then(inverse(a)), Identity, 100, 100); d > 1e-9 {
		t.Errorf("a motion and its inverse move a corner by %v", d)
	}
	if s := (Affine{A11: 1, A22: 1, TX: 3, TY: 4}).Shift(50, 60); s != 5 {
		t.Errorf("Shift of a translation by (3, 4): %v", s)
	}
	if s := (Affine{A11: 1.1, A22: 1}).Shift(50, 60); math.Abs(s-5) > 1e-9 {
		t.Errorf("Shift of a stretch by a tenth of 50 pixels: %v", s)
	}
	s, u := similarity{1.1, 0.2, 3, 4}, similarity{0.8, -0.1, -2, 7}
	if got, want := s.then(u).affine(), s.affine().Then(u.affine()); cornerError(got, want, 100, 100) > 1e-9 {
		t.Errorf("then: %v, want %v", got, want)
	}
}

// TestFit: the motion comes out although a third of the matches have another one
// and a fifth have none.
func TestFit(t *testing.T) {
	truth := similarity{a: 1.02 * math.Cos(0.03), b: 1.02 * math.Sin(0.03), tx: -12, ty: 7}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 9))
		var matches []match
		for i := range 150 {
			m := match{x: r.Float64() * 480, y: r.Float64() * 270}
			s := truth
			if i%3 == 0 {
				s = similarity{a: 1, tx: 9, ty: -1}
			}
			m.dx = s.a*m.x - s.b*m.y + s.tx - m.x + r.NormFloat64()*0.1
			m.dy = s.b*m.x + s.a*m.y + s.ty - m.y + r.NormFloat64()*0.1
			if i%5 == 1 {
				m.dx, m.dy = r.Float64()*40-20, r.Float64()*40-20
			}
			matches = append(matches, m)
		}
		var f fitter
		got := f.fit(matches, 480, 270)
		miss := cornerError(got.motion.affine(), truth.affine(), 480, 270)
		if miss > 0.15 || got.inliers < 60 || got.inliers > 90 {
			t.Errorf("seed %d: corner off by %.3f px, %d inliers", seed, miss, got.inliers)
		}
		if got.corner < 0.01 || got.corner > 0.1 {
			t.Errorf("seed %d: says its error is %.3f px", seed, got.corner)
		}
		if again := f.fit(matches, 480, 270); again != got {
			t.Errorf("seed %d: %v, then %v", seed, got, again)
		}
	}
}

// TestFitDegenerate: nothing to go by gives no number, rather than a wrong one.
func TestFitDegenerate(t *testing.T) {
	same := make([]match, 20)
	line := make([]match, 20)
	for i := range line {
		same[i] = match{x: 100, y: 100, dx: 1}
		line[i] = match{x: float64(5 * i), y: 50, dx: 1}
	}
	var f fitter
	if got := f.fit(same, 480, 270); !(got.corner > maxError) || math.IsNaN(got.motion.a) {
		t.Errorf("twenty matches in one place: %+v", got)
	}
	// A similarity is fixed by a line, but badly far from it.
	got := f.fit(line, 480, 270)
	if miss := cornerError(got.motion.affine(), Affine{A11: 1, A22: 1, TX: 1}, 480, 270); miss > 1e-9 {
		t.Errorf("matches on a line: %+v", got)
	}
	if wide := f.fit(line, 4800, 2700); wide.corner < 5*got.corner {
		t.Errorf("standard error %v at 480 pixels, %v at 4800", got.corner, wide.corner)
	}
}

// pyramidOf is the pyramid of a picture that is small already.
func pyramidOf(p Pixels) pyramid {
	s, pyr := newShrinker(1, p.Channels), newPyramid(p.Width, p.Height)
	s.picture(&pyr[0], p)
	pyr.build()
	return pyr
}

func TestSearch(t *testing.T) {
	s := scene{world: newWorld(1), width: 384, height: 288}
	search := searcher{newPyramid(384, 288)}
	from := pyramidOf(s.picture(Identity, 1))
	for _, want := range [][2]int{{0, 0}, {20, 0}, {-60, 30}, {100, -70}, {3, 2}} {
		to := pyramidOf(s.picture(Affine{A11: 1, A22: 1, TX: float64(want[0]), TY: float64(want[1])}, 2))
		for _, level := range []int{len(from) - 1, len(from) - 2} {
			step := 1 << (level - 1)
			dx, dy := search.find(from, to, level)
			if max(abs(dx-want[0]), abs(dy-want[1])) > step {
				t.Errorf("level %d: (%d, %d), want %v to within %d", level, dx, dy, want, step)
			}
		}
	}
}

// TestSearchRepeats: where a pattern fits in many places, the nearest is meant.
func TestSearchRepeats(t *testing.T) {
	tiles := scene{world: newWorld(1), width: 1024 + 896, height: 1080}.picture(Identity, 1)
	p := newPyramid(480, 270)
	s := newShrinker(4, 3)
	s.picture(&p[0], tiles)
	p.build()
	if dx, dy := (&searcher{newPyramid(480, 270)}).find(p, p, len(p)-1); dx != 0 || dy != 0 {
		t.Errorf("a picture repeating every 256 pixels is moved by (%d, %d) against itself", dx, dy)
	}
}

func abs(v int) int { return max(v, -v) }

func TestFollow(t *testing.T) {
	s := scene{world: newWorld(1), width: 384, height: 288}
	before := pyramidOf(s.picture(Identity, 1))
	f := newCornerFinder(192, 144)
	corners := f.find(&before[1])
	if len(corners) < 150 {
		t.Fatalf("%d corners in a picture full of them", len(corners))
	}
	for _, want := range [][2]float64{{0, 0}, {0.3, -0.6}, {2.7, 1.1}, {-7.4, 5.5}} {
		s.light = 5 * want[0] // a change of exposure is no motion
		after := pyramidOf(s.picture(Affine{A11: 1, A22: 1, TX: want[0], TY: want[1]}, 2))
		var w window
		good := 0
		for _, c := range corners {
			dx, dy, ok := w.follow(before, after, c.x, c.y, 0, 0)
			if ok && math.Hypot(dx-want[0], dy-want[1]) < 0.15 {
				good++
			}
		}
		if good*10 < 7*len(corners) {
			t.Errorf("moved by %v: %d of %d corners found to 0.15 px", want, good, len(corners))
		}
	}
}

func TestCornersKeepOut(t *testing.T) {
	s := scene{world: newWorld(1), width: 384, height: 288}
	p := pyramidOf(s.picture(Identity, 1))
	f := newCornerFinder(192, 144)
	all := len(f.find(&p[1]))
	// In a source of four times the half-size picture.
	f.exclude([][4]float64{{200, 100, 400, 300}, {-50, -50, 40, 1e9}, {500, 500, 400, 400}, {1e9, 0, 2e9, 50}, {math.NaN(), 0, 9, 9}}, 4)
	found := f.find(&p[1])
	if len(found) < all/2 || len(found) >= all {
		t.Errorf("%d corners, without boxes %d", len(found), all)
	}
	for _, c := range found {
		x, y := 2*c.x, 2*c.y
		if x >= 200 && x < 400 && y >= 100 && y < 300 || x < 40 {
			t.Errorf("corner at source pixel (%d, %d), within a box", x, y)
		}
		if inside(c.x, 384) != c.x || inside(c.y, 288) != c.y {
			t.Errorf("corner (%d, %d) is too near to the border", c.x, c.y)
		}
	}
}
