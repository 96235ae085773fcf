package mot

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMatcher compares the total weight with a search of all matchings.
func TestMatcher(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m matcher // shared: what a larger graph leaves behind must not matter
	for range 2000 {
		rows, cols := 1+rng.IntN(6), 1+rng.IntN(6)
		var links []link
		for r := range rows {
			for c := range cols {
				if rng.Float64() < 0.4 {
					links = append(links, link{int32(r), int32(c), float64(1 + rng.IntN(8))})
				}
			}
		}
		usedRow, usedCol := make(map[int32]bool), make(map[int32]bool)
		total := 0.0
		for _, i := range m.match(rows, cols, links) {
			l := links[i]
			if usedRow[l.row] || usedCol[l.col] {
				t.Fatalf("%v: link %d shares a row or column with another", links, i)
			}
			usedRow[l.row], usedCol[l.col] = true, true
			total += l.weight
		}
		if want := bestWeight(links, 0, 0); math.Abs(total-want) > 1e-9 {
			t.Fatalf("%v: weight %v, want %v", links, total, want)
		}
	}
}

// bestWeight tries every subset of links; usedRows and usedCols are bit sets.
func bestWeight(links []link, usedRows, usedCols uint) float64 {
	if len(links) == 0 {
		return 0
	}
	l, rest := links[0], links[1:]
	best := bestWeight(rest, usedRows, usedCols)
	if usedRows>>l.row&1 == 0 && usedCols>>l.col&1 == 0 {
		best = max(best, l.weight+bestWeight(rest, usedRows|1<<l.row, usedCols|1<<l.col))
	}
	return best
}

func TestMatcherAllocatesNothing(t *testing.T) {
	links := []link{{0, 0, 1}, {0, 1, 2}, {1, 0, 3}, {2, 2, 1}}
	var m matcher
	if n := testing.AllocsPerRun(100, func() { m.match(3, 3, links) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
