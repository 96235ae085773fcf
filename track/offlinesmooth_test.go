package track

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// The smoothed states are the likeliest: any other has a higher cost, the sum of
// what the prior, the motion and the measurements disagree by, squared, in
// variances.
func TestHindsightIsLikeliest(t *testing.T) {
	const n, place, accel, r = 12, 3.0, 5.0, 4.0
	rng := rand.New(rand.NewPCG(3, 4))
	prior := axis{x: 10, v: 2, pxx: 9, pxv: 1, pvv: 16}
	var dt, z [n]float64
	var seen [n]bool
	for k := range n {
		dt[k], z[k], seen[k] = 0.05+rng.Float64(), 10+20*rng.NormFloat64(), k%4 != 2
	}

	var expected, known [n]axis
	a := prior
	for k := range n {
		if k > 0 {
			a.drift(dt[k], place, accel)
		}
		expected[k] = a
		if seen[k] {
			a.update(z[k], r)
		}
		known[k] = a
	}
	smoothed := known
	for k := n - 2; k >= 0; k-- {
		smoothed[k].hindsight(dt[k+1], &expected[k+1], &smoothed[k+1])
		s, f := smoothed[k], known[k]
		if s.pxx > f.pxx || s.pvv > f.pvv || s.pxx*s.pvv <= s.pxv*s.pxv {
			t.Errorf("state %d: covariance %+v of %+v", k, s, f)
		}
	}

	cost := func(s *[n]axis) float64 {
		sum := disagree(s[0].x-prior.x, s[0].v-prior.v, prior)
		for k := range n {
			if k > 0 {
				noise := axis{}
				noise.drift(dt[k], place, accel)
				sum += disagree(s[k].x-s[k-1].x-dt[k]*s[k-1].v, s[k].v-s[k-1].v, noise)
			}
			if seen[k] {
				sum += square(s[k].x-z[k]) / r
			}
		}
		return sum
	}
	least := cost(&smoothed)
	for k := range n {
		for _, by := range []axis{{x: 1e-3}, {x: -1e-3}, {v: 1e-3}, {v: -1e-3}} {
			other := smoothed
			other[k].x += by.x
			other[k].v += by.v
			if c := cost(&other); c < least {
				t.Errorf("state %d off by %g, %g: cost %.12g, of the smoothed %.12g", k, by.x, by.v, c, least)
			}
		}
	}
}

// disagree is (x,v)·P⁻¹·(x,v)ᵀ.
func disagree(x, v float64, p axis) float64 {
	return (x*x*p.pvv - 2*x*v*p.pxv + v*v*p.pxx) / (p.pxx*p.pvv - p.pxv*p.pxv)
}

// Sure detections are worth more than unsure ones, and detections on a scale that goes
// beyond 1, as in MOT15's public files, are sure.
func TestOfflineWeighsScores(t *testing.T) {
	outlier := func(score float64) float64 { return pulled(t, 1, score) }
	if unsure, sure := outlier(0.1), outlier(1); unsure > 0.7*sure {
		t.Errorf("an unsure outlier pulls by %.2f px, a sure one by %.2f", unsure, sure)
	}
	for score, same := range map[float64]float64{2: 1, 60: 1, -1: 0} {
		if got, want := outlier(score), outlier(same); got != want {
			t.Errorf("an outlier of score %g pulls by %.2f px, one of score %g by %.2f", score, got, same, want)
		}
		if got, want := pulled(t, score, score), pulled(t, same, same); got != want {
			t.Errorf("among scores of %g an outlier pulls by %.2f px, among %g by %.2f", score, got, same, want)
		}
	}
}

// pulled is by how many pixels one detection that lies off moves the smoothed box of
// somebody who stands.
func pulled(t *testing.T, others, outlier float64) float64 {
	const off = 15
	var frames []Frame
	for k := range off * 2 {
		box, score := detect.FromLTWH(100, 100, 40, 100), others
		if k == off {
			box, score = detect.FromLTWH(110, 100, 40, 100), outlier
		}
		frames = append(frames, Frame{
			Time:   time.Duration(k) * time.Second / 25,
			Tracks: []Track{{ID: 1, Box: box, Raw: box, Score: score}},
		})
	}
	better, err := Offline(frames, DefaultOfflineConfig())
	if err != nil {
		t.Fatal(err)
	}
	return math.Abs(better[off].Tracks[0].Box.X1 - 100)
}
