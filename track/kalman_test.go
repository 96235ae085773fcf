package track

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tracker-go/tracker/detect"
)

// matrix is a dense matrix in rows, as a textbook writes it.
type matrix [][]float64

func zeros(r, c int) matrix {
	m := make(matrix, r)
	for i := range m {
		m[i] = make([]float64, c)
	}
	return m
}

func diagonal(d ...float64) matrix {
	m := zeros(len(d), len(d))
	for i, x := range d {
		m[i][i] = x
	}
	return m
}

func mul(a, b matrix) matrix {
	m := zeros(len(a), len(b[0]))
	for i := range a {
		for j := range b[0] {
			for k := range b {
				m[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return m
}

func add(a, b matrix, sign float64) matrix {
	m := zeros(len(a), len(a[0]))
	for i := range a {
		for j := range a[0] {
			m[i][j] = a[i][j] + sign*b[i][j]
		}
	}
	return m
}

func transpose(a matrix) matrix {
	m := zeros(len(a[0]), len(a))
	for i := range a {
		for j := range a[0] {
			m[j][i] = a[i][j]
		}
	}
	return m
}

// invert is Gauss-Jordan elimination with pivoting.
func invert(a matrix) matrix {
	n := len(a)
	w := zeros(n, 2*n)
	for i := range a {
		copy(w[i], a[i])
		w[i][n+i] = 1
	}
	for k := range n {
		p := k
		for i := k; i < n; i++ {
			if math.Abs(w[i][k]) > math.Abs(w[p][k]) {
				p = i
			}
		}
		w[k], w[p] = w[p], w[k]
		pivot := w[k][k]
		for j := range w[k] {
			w[k][j] /= pivot
		}
		for i := range n {
			if f := w[i][k]; i != k {
				for j := range w[i] {
					w[i][j] -= f * w[k][j]
				}
			}
		}
	}
	inverse := zeros(n, n)
	for i := range inverse {
		copy(inverse[i], w[i][n:])
	}
	return inverse
}

// dense is SORT's filter as the paper and its program state it: seven states
// [x y s r vx vy vs], four measured, full matrices, covariance in Joseph form.
type dense struct{ x, p, f, h, q, r matrix }

func newDense(z matrix) *dense {
	d := &dense{
		x: zeros(7, 1),
		p: diagonal(10, 10, 10, 10, 1e4, 1e4, 1e4),
		f: diagonal(1, 1, 1, 1, 1, 1, 1),
		h: zeros(4, 7),
		q: diagonal(1, 1, 1, 1, 0.01, 0.01, 0.0001),
		r: diagonal(1, 1, 10, 10),
	}
	for i := range 3 {
		d.f[i][i+4] = 1
	}
	for i := range 4 {
		d.h[i][i] = 1
		d.x[i][0] = z[i][0]
	}
	return d
}

func (d *dense) predict() {
	if d.x[6][0]+d.x[2][0] <= 0 {
		d.x[6][0] = 0
	}
	d.x = mul(d.f, d.x)
	d.p = add(mul(mul(d.f, d.p), transpose(d.f)), d.q, 1)
}

func (d *dense) update(z matrix) {
	ht := transpose(d.h)
	k := mul(mul(d.p, ht), invert(add(mul(mul(d.h, d.p), ht), d.r, 1)))
	d.x = add(d.x, mul(k, add(z, mul(d.h, d.x), -1)), 1)
	rest := add(diagonal(1, 1, 1, 1, 1, 1, 1), mul(k, d.h), -1)
	d.p = add(mul(mul(rest, d.p), transpose(rest)), mul(mul(k, d.r), transpose(k)), 1)
}

func column(b detect.Box) matrix {
	cx, cy, area, aspect := measure(b)
	return matrix{{cx}, {cy}, {area}, {aspect}}
}

// The filter taken apart gives the numbers of the whole one, also through gaps
// and where the velocity of the area is reset.
func TestSortFilterEqualsDenseFilter(t *testing.T) {
	const tolerance = 1e-9 // relative
	rng := rand.New(rand.NewPCG(1, 2))
	resets := 0
	for range 50 {
		box := detect.FromLTWH(1000*rng.Float64(), 1000*rng.Float64(), 10+200*rng.Float64(), 10+200*rng.Float64())
		fast := newSortFilter(box)
		slow := newDense(column(box))
		for range 60 {
			if fast.area.x+fast.area.v <= 0 {
				resets++
			}
			fast.predict()
			slow.predict()
			if rng.IntN(4) > 0 {
				scale := math.Exp(rng.NormFloat64())
				box = detect.FromLTWH(box.X1+20*rng.NormFloat64(), box.Y1+20*rng.NormFloat64(),
					10+100*scale*rng.Float64(), 10+100*scale*rng.Float64())
				fast.update(box)
				slow.update(column(box))
			}
			got := []float64{fast.cx.x, fast.cy.x, fast.area.x, fast.aspect.x, fast.cx.v, fast.cy.v, fast.area.v,
				fast.cx.pxx, fast.area.pxv, fast.area.pvv, fast.aspect.pxx}
			want := []float64{slow.p[0][0], slow.p[2][6], slow.p[6][6], slow.p[3][3]}
			for i := 6; i >= 0; i-- {
				want = append([]float64{slow.x[i][0]}, want...)
			}
			for i := range got {
				if math.Abs(got[i]-want[i]) > tolerance*max(1, math.Abs(want[i])) {
					t.Fatalf("value %d: %.15g, dense filter %.15g", i, got[i], want[i])
				}
			}
		}
	}
	if resets == 0 {
		t.Error("no area ever shrank to nothing; the test does not reach that rule")
	}
}

func TestSortFilterBoxRoundTrip(t *testing.T) {
	want := detect.FromLTWH(12.5, -7, 30, 90)
	f := newSortFilter(want)
	got := f.box()
	for i, d := range []float64{got.X1 - want.X1, got.Y1 - want.Y1, got.X2 - want.X2, got.Y2 - want.Y2} {
		if math.Abs(d) > 1e-12*100 {
			t.Errorf("edge %d off by %g", i, d)
		}
	}
}

// In real time one long step is as good as many short ones, but for the noise.
func TestAxisStepsAddUp(t *testing.T) {
	one := axis{x: 1, v: 2, pxx: 3, pxv: 0.5, pvv: 4}
	many := one
	one.predict(1, 0, 0)
	for range 8 {
		many.predict(0.125, 0, 0)
	}
	if one != many {
		t.Errorf("one step %+v, eight steps %+v", one, many)
	}
}
