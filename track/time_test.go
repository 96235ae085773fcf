package track_test

import (
	"math"
	"testing"
	"time"

	"github.com/tracker-go/tracker/track"
)

// Timestamps that repeat, come in bursts or nearly coincide, as network streams
// have them, must not cost identities.
func TestUnevenTimesKeepIdentities(t *testing.T) {
	const ms = time.Millisecond
	for _, name := range track.Names() {
		for what, bend := range map[string]func(k int, at time.Duration) time.Duration{
			"one repeat, the rest later": func(k int, at time.Duration) time.Duration {
				if k >= 50 {
					return at - frameTime
				}
				return at
			},
			"one plain repeat at twice the rate": func(k int, at time.Duration) time.Duration {
				if at /= 2; k == 50 {
					return at - frameTime/2
				}
				return at
			},
			"a repeat every tenth frame": func(k int, at time.Duration) time.Duration {
				if k%10 == 9 {
					return at - frameTime
				}
				return at
			},
			"a sliver of a step": func(k int, at time.Duration) time.Duration {
				if k == 60 {
					return at - frameTime + time.Microsecond
				}
				return at
			},
			"bursts of three": func(k int, at time.Duration) time.Duration {
				return at - time.Duration(k%3)*(frameTime-2*ms)
			},
			"one jump back": func(k int, at time.Duration) time.Duration {
				if k > 70 {
					return at - 2*time.Second
				}
				return at
			},
		} {
			even := identities(t, name, func(_ int, at time.Duration) time.Duration { return at })
			if got := identities(t, name, bend); float64(got) > 1.5*float64(even)+2 {
				t.Errorf("%s, %s: %d identities, %d with even times", name, what, got, even)
			}
		}
	}
}

// identities counts the tracks of a street whose times are bent.
func identities(t *testing.T, name string, bend func(k int, at time.Duration) time.Duration) int {
	tracker := newTracker(t, name)
	seen := map[int]bool{}
	for k, in := range street(3, 200, 8, 1) {
		in.Time = bend(k, time.Duration(k)*frameTime)
		for _, out := range tracker.Update(in) {
			seen[out.ID] = true
		}
	}
	return len(seen)
}

// An embedding that is no vector is taken for none.
func TestBrokenEmbeddingsHarmNobody(t *testing.T) {
	nan := float32(math.NaN())
	tracker := newTracker(t, "tempo")
	ids := map[int]bool{}
	for k, in := range street(4, 60, 1, 1) {
		in.Time = time.Duration(k) * frameTime
		for i := range in.Detections {
			in.Detections[i].Embedding = []float32{0.6, 0.8}
			if k%7 == 3 {
				in.Detections[i].Embedding = []float32{nan, 1}
			}
		}
		for _, out := range tracker.Update(in) {
			ids[out.ID] = true
		}
	}
	plain := map[int]bool{}
	tracker = newTracker(t, "tempo")
	for k, in := range street(4, 60, 1, 1) {
		in.Time = time.Duration(k) * frameTime
		for _, out := range tracker.Update(in) {
			plain[out.ID] = true
		}
	}
	if len(ids) > len(plain) {
		t.Errorf("%d identities, %d without embeddings", len(ids), len(plain))
	}
}
