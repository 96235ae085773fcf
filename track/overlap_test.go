package track

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// scatter places n boxes of a street scene on a picture of 1920×1080, some of
// them on a grid so that edges touch.
func scatter(rng *rand.Rand, n, classes int) []subject {
	s := make([]subject, n)
	for i := range s {
		x, y, h := 1920*rng.Float64(), 1080*rng.Float64(), 50+250*rng.Float64()
		if rng.IntN(4) == 0 {
			x, y, h = math.Round(x/100)*100, math.Round(y/100)*100, 100
		}
		s[i] = newSubject(detect.FromLTWH(x, y, h, h), rng.IntN(classes), i)
	}
	return s
}

func TestOverlapsFindsEveryPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var o overlaps
	for range 300 {
		rows, cols := scatter(rng, rng.IntN(40), 2), scatter(rng, rng.IntN(40), 2)
		var want []pairing.Edge
		for i, a := range rows {
			for j, b := range cols {
				if iou := a.box.IoU(b.box); iou > 0 && a.class == b.class {
					want = append(want, pairing.Edge{Row: i, Col: j, Weight: iou})
				}
			}
		}
		got := slices.Clone(o.find(rows, cols))
		if !slices.IsSortedFunc(got, func(a, b pairing.Edge) int { return cmp.Compare(a.Row, b.Row) }) {
			t.Fatal("edges do not lie row by row")
		}
		slices.SortFunc(got, func(a, b pairing.Edge) int { return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Col, b.Col)) })
		if !slices.Equal(got, want) {
			t.Fatalf("found %d edges %v, want %d %v", len(got), got, len(want), want)
		}
	}
}

func BenchmarkOverlaps(b *testing.B) {
	for _, n := range []int{18, 35, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			rows, cols := scatter(rng, n, 1), scatter(rng, n, 1)
			var o overlaps
			for b.Loop() {
				o.find(rows, cols)
			}
		})
	}
}
