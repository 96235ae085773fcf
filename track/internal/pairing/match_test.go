package pairing

import (
	"math"
	"math/rand/v2"
	"testing"
)

// heaviest is the largest sum of weights over all sets of edges that share no
// row and no column.
func heaviest(edges []Edge, rows, cols uint64) float64 {
	if len(edges) == 0 {
		return 0
	}
	e, rest := edges[0], edges[1:]
	best := heaviest(rest, rows, cols)
	if row, col := uint64(1)<<e.Row, uint64(1)<<e.Col; rows&row == 0 && cols&col == 0 {
		best = max(best, e.Weight+heaviest(rest, rows|row, cols|col))
	}
	return best
}

// Edges come in any order.
func TestMatcherAgainstBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	weights := map[string]func() float64{
		"uniform": func() float64 { return 1 - rng.Float64() },
		"ties":    func() float64 { return float64(1+rng.IntN(3)) / 4 },
		"counts":  func() float64 { return float64(1 + rng.IntN(8)) },
		"skewed":  func() float64 { return math.Pow(1-rng.Float64(), 4) + 1e-9 },
	}
	for name, weight := range weights {
		t.Run(name, func(t *testing.T) {
			var m Matcher
			for range 2000 {
				rows, cols := rng.IntN(7), rng.IntN(7)
				var edges []Edge
				for i := range rows {
					for j := range cols {
						if len(edges) < 18 && rng.IntN(5) < 2 {
							edges = append(edges, Edge{i, j, weight()})
						}
					}
				}
				rng.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
				checkMatching(t, m.Maximize(edges, rows, cols), edges)
			}
		})
	}
}

func checkMatching(t *testing.T, chosen []int, edges []Edge) {
	t.Helper()
	var rows, cols uint64
	sum := 0.0
	for _, k := range chosen {
		e := edges[k]
		row, col := uint64(1)<<e.Row, uint64(1)<<e.Col
		if rows&row != 0 || cols&col != 0 {
			t.Fatalf("%v: row %d or column %d chosen twice in %v", edges, e.Row, e.Col, chosen)
		}
		rows, cols = rows|row, cols|col
		sum += e.Weight
	}
	if want := heaviest(edges, 0, 0); math.Abs(sum-want) > 1e-12*max(1, want) {
		t.Fatalf("%v: chose %v of weight %g, best is %g", edges, chosen, sum, want)
	}
}

func TestMatcherAllocatesNothing(t *testing.T) {
	edges := []Edge{{0, 0, 1}, {0, 1, 2}, {1, 0, 2}, {1, 1, 2}, {2, 2, 1}}
	var m Matcher
	if n := testing.AllocsPerRun(100, func() { m.Maximize(edges, 3, 3) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
