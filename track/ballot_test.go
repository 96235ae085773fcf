package track

import (
	"math"
	"slices"
	"testing"
)

func TestBallot(t *testing.T) {
	for _, tc := range []struct {
		what   string
		votes  []int
		winner int
		share  float64
	}{
		{"one voice", []int{3}, 3, 1},
		{"a tie goes to the first", []int{3, 5}, 5, 1 / (1 + ballotFade)}, // the older vote faded
		{"the majority", []int{3, 5, 5, 3, 5}, 5, 0.6},
		{"a mistake at first", append([]int{9}, repeat(2, 40)...), 2, 0.98},
		{"more classes than seats", []int{1, 1, 2, 3, 4, 5, 6, 7, 1}, 1, 0.5},
	} {
		t.Run(tc.what, func(t *testing.T) {
			var b ballot
			for _, class := range tc.votes {
				b.vote(class, 0.5)
			}
			if got := b.winner(); got != tc.winner {
				t.Errorf("winner %d, want %d", got, tc.winner)
			}
			if got := b.share(tc.winner); math.Abs(got-tc.share) > 0.02 {
				t.Errorf("share %.3f, want %.3f", got, tc.share)
			}
		})
	}
}

func repeat(class, n int) []int { return slices.Repeat([]int{class}, n) }

// Scores that cannot be do no harm.
func TestBallotBounds(t *testing.T) {
	var b ballot
	for _, score := range []float64{0, -1, math.Inf(1), math.Inf(-1)} {
		b.vote(1, score)
		if s := b.share(b.winner()); s != 1 {
			t.Errorf("share %g after a score of %g", s, score)
		}
	}
}
