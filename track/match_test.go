package track

import (
	"math"
	"math/rand/v2"
	"testing"
)

// heaviest is the largest sum of weights over all sets of edges that share no
// row and no column.
func heaviest(edges []edge, rows, cols uint64) float64 {
	if len(edges) == 0 {
		return 0
	}
	e, rest := edges[0], edges[1:]
	best := heaviest(rest, rows, cols)
	if row, col := uint64(1)<<e.row, uint64(1)<<e.col; rows&row == 0 && cols&col == 0 {
		best = max(best, e.weight+heaviest(rest, rows|row, cols|col))
	}
	return best
}

func TestMatcherAgainstBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	weights := map[string]func() float64{
		"uniform": func() float64 { return 1 - rng.Float64() },
		"ties":    func() float64 { return float64(1+rng.IntN(3)) / 4 },
		"skewed":  func() float64 { return math.Pow(1-rng.Float64(), 4) + 1e-9 },
	}
	for name, weight := range weights {
		t.Run(name, func(t *testing.T) {
			var m matcher
			for range 2000 {
				rows, cols := rng.IntN(7), rng.IntN(7)
				var edges []edge
				for i := range rows {
					for j := range cols {
						if len(edges) < 18 && rng.IntN(5) < 2 {
							edges = append(edges, edge{i, j, weight()})
						}
					}
				}
				checkMatching(t, m.maximize(edges, rows, cols), edges)
			}
		})
	}
}

func checkMatching(t *testing.T, chosen, edges []edge) {
	t.Helper()
	var rows, cols uint64
	sum := 0.0
	for _, e := range chosen {
		row, col := uint64(1)<<e.row, uint64(1)<<e.col
		if rows&row != 0 || cols&col != 0 {
			t.Fatalf("%v: row %d or column %d chosen twice in %v", edges, e.row, e.col, chosen)
		}
		rows, cols = rows|row, cols|col
		known := false
		for _, k := range edges {
			known = known || k == e
		}
		if !known {
			t.Fatalf("%v: %v is not an edge", edges, e)
		}
		sum += e.weight
	}
	if want := heaviest(edges, 0, 0); math.Abs(sum-want) > 1e-12*max(1, want) {
		t.Fatalf("%v: chose %v of weight %g, best is %g", edges, chosen, sum, want)
	}
}
