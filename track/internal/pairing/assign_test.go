package pairing

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bruteForce tries every assignment: the most pairs, then the least cost.
func bruteForce(cost []float64, rows, cols int) (pairs int, total float64) {
	used := make([]bool, cols)
	total = math.Inf(1)
	pairs = -1
	var try func(i, n int, sum float64)
	try = func(i, n int, sum float64) {
		if i == rows {
			if n > pairs || n == pairs && sum < total {
				pairs, total = n, sum
			}
			return
		}
		try(i+1, n, sum)
		for j := range cols {
			if c := cost[i*cols+j]; !used[j] && math.Abs(c) <= maxCost {
				used[j] = true
				try(i+1, n+1, sum+c)
				used[j] = false
			}
		}
	}
	try(0, 0, 0)
	return pairs, total
}

// checkAssignment solves the problem and compares it with brute force.
func checkAssignment(t *testing.T, a *Assigner, cost []float64, rows, cols int) {
	t.Helper()
	before := slices.Clone(cost)
	got := make([]int, rows)
	pairs := a.Solve(cost, rows, cols, got)
	for k := range cost {
		if math.Float64bits(cost[k]) != math.Float64bits(before[k]) {
			t.Fatalf("Solve changed cost[%d]", k)
		}
	}
	counted, total, scale := 0, 0.0, 1.0
	used := make([]bool, cols)
	for i, j := range got {
		if j < 0 {
			continue
		}
		if j >= cols || used[j] {
			t.Fatalf("%d×%d %v: column %d out of range or used twice in %v", rows, cols, cost, j, got)
		}
		used[j] = true
		c := cost[i*cols+j]
		if !(math.Abs(c) <= maxCost) {
			t.Fatalf("%d×%d %v: forbidden pair %d-%d in %v", rows, cols, cost, i, j, got)
		}
		counted++
		total += c
	}
	for _, c := range cost {
		if math.Abs(c) <= maxCost {
			scale = max(scale, math.Abs(c))
		}
	}
	wantPairs, want := bruteForce(cost, rows, cols)
	if pairs != counted || pairs != wantPairs || math.Abs(total-want) > 1e-9*scale {
		t.Fatalf("%d×%d %v: %v: %d pairs (said %d) costing %g, want %d costing %g",
			rows, cols, cost, got, counted, pairs, total, wantPairs, want)
	}
}

func TestAssignerAgainstBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inf := math.Inf(1)
	draws := map[string]func() float64{
		"uniform":  rng.Float64,
		"negative": func() float64 { return -rng.Float64() },
		"ties":     func() float64 { return float64(rng.IntN(3)) },
		"equal":    func() float64 { return 7 },
		"overlap":  func() float64 { return -max(0, rng.Float64()-0.6) },
		"huge":     func() float64 { return []float64{1, 2, 1e9, -1e12, 1e12}[rng.IntN(5)] },
		"forbidden": func() float64 {
			return []float64{inf, math.NaN(), -inf, 1e301, -1e301, rng.Float64(), rng.Float64(), 1}[rng.IntN(8)]
		},
		"mostly forbidden": func() float64 { return []float64{inf, inf, inf, rng.NormFloat64()}[rng.IntN(4)] },
		"all forbidden":    math.NaN,
	}
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			var a Assigner // shared: buffers of larger problems must not leak into smaller ones
			for range 1500 {
				rows, cols := rng.IntN(6), rng.IntN(7)
				cost := make([]float64, rows*cols)
				for k := range cost {
					cost[k] = draw()
				}
				checkAssignment(t, &a, cost, rows, cols)
			}
		})
	}
}

func TestAssignerPermutation(t *testing.T) {
	const n = 200
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		want := rng.Perm(n)
		cost := make([]float64, n*n)
		for i := range n {
			for j := range n {
				cost[i*n+j] = 1 + rng.Float64()
			}
			cost[i*n+want[i]] = rng.Float64()
		}
		var a Assigner
		got := make([]int, n)
		if pairs := a.Solve(cost, n, n, got); pairs != n || !slices.Equal(got, want) {
			t.Fatalf("planted permutation not found: %d pairs", pairs)
		}
	}
}

// A shift of a whole row or column of a square problem moves no pair; this is a
// check on sizes that brute force cannot reach.
func TestAssignerShiftInvariance(t *testing.T) {
	const n = 60
	rng := rand.New(rand.NewPCG(5, 6))
	cost := make([]float64, n*n)
	for k := range cost {
		cost[k] = rng.Float64()
	}
	var a Assigner
	want, got := make([]int, n), make([]int, n)
	a.Solve(cost, n, n, want)
	for i := range n {
		row, col := rng.NormFloat64()*10, rng.NormFloat64()*10
		for j := range n {
			cost[i*n+j] += row
			cost[j*n+i] += col
		}
	}
	a.Solve(cost, n, n, got)
	if !slices.Equal(got, want) {
		t.Errorf("pairs moved: %v, want %v", got, want)
	}
}

func TestAssignerAllocatesNothing(t *testing.T) {
	cost := randomCosts(40, 35)
	var a Assigner
	out := make([]int, 40)
	a.Solve(cost, 40, 35, out)
	if n := testing.AllocsPerRun(50, func() {
		a.Solve(cost, 40, 35, out)
		a.Solve(cost, 35, 40, out)
	}); n != 0 {
		t.Errorf("%g allocations a run, want 0", n)
	}
}

func FuzzAssigner(f *testing.F) {
	f.Add(uint8(2), uint8(3), []byte{1, 2, 3, 4, 5, 6})
	f.Add(uint8(4), uint8(2), []byte{255, 0, 255, 0, 254, 1, 9, 9})
	f.Fuzz(func(t *testing.T, rows, cols uint8, raw []byte) {
		r, c := int(rows%6), int(cols%6)
		cost := make([]float64, r*c)
		for k := range cost {
			b := byte(0)
			if k < len(raw) {
				b = raw[k]
			}
			cost[k] = fuzzCost(b)
		}
		checkAssignment(t, new(Assigner), cost, r, c)
	})
}

// fuzzCost spreads a byte over small numbers, ties and the odd values.
func fuzzCost(b byte) float64 {
	odd := []float64{math.Inf(1), math.Inf(-1), math.NaN(), 1e12, -1e12, 1e308, -1e308, 0}
	if int(b) >= 256-len(odd) {
		return odd[255-int(b)]
	}
	return float64(b)/8 - 10
}

func randomCosts(rows, cols int) []float64 {
	rng := rand.New(rand.NewPCG(7, 8))
	cost := make([]float64, rows*cols)
	for k := range cost {
		cost[k] = rng.Float64()
	}
	return cost
}

func BenchmarkAssigner(b *testing.B) {
	for _, size := range []struct {
		name       string
		rows, cols int
	}{{"5x5", 5, 5}, {"35x40", 35, 40}, {"200x200", 200, 200}} {
		b.Run(size.name, func(b *testing.B) {
			cost := randomCosts(size.rows, size.cols)
			out := make([]int, size.rows)
			var a Assigner
			for b.Loop() {
				a.Solve(cost, size.rows, size.cols, out)
			}
		})
	}
}
