package track_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
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

// A camera of 1000 frames a second, whose steps are as short as others' rounding,
// loses nobody who is hidden for a quarter of a second.
func TestHighFrameRate(t *testing.T) {
	const rate, hidden = 1000, 250
	for _, name := range []string{"tempo", "bytetrack"} {
		cfg := track.DefaultConfig(name)
		cfg.MaxAge, cfg.MaxGap = -1, time.Second
		tracker, err := track.New(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[int]bool{}
		for k := range 2000 {
			in := track.Input{Time: time.Duration(k) * time.Second / rate}
			if k < 1000 || k >= 1000+hidden {
				x := 100 + 0.05*float64(k)
				in.Detections = []detect.Detection{{Box: detect.Box{X1: x, Y1: 100, X2: x + 40, Y2: 200}, Score: 0.9}}
			}
			for _, out := range tracker.Update(in) {
				ids[out.ID] = true
			}
		}
		if len(ids) != 1 {
			t.Errorf("%s: %d identities of one person", name, len(ids))
		}
	}
}

// Whatever score is asked for, an object that clearly has it is tracked.
func TestHighScoresStillMakeTracks(t *testing.T) {
	for _, name := range []string{"tempo", "bytetrack", "ocsort"} {
		for _, least := range []float64{0.7, 0.8, 0.9, 0.93, 0.98} {
			cfg := track.DefaultConfig(name)
			cfg.Score = least
			tracker, err := track.New(name, cfg)
			if err != nil {
				t.Fatal(err)
			}
			tracks := 0
			for k := range 30 {
				tracks = len(tracker.Update(track.Input{
					Time:       time.Duration(k) * frameTime,
					Detections: []detect.Detection{{Box: detect.Box{X1: 100, Y1: 100, X2: 140, Y2: 200}, Score: least + 0.75*(1-least)}},
				}))
			}
			if tracks != 1 {
				t.Errorf("%s from %g: %d tracks", name, least, tracks)
			}
		}
	}
}

// An embedding that is no vector of unit length is taken for none.
func TestBrokenEmbeddingsHarmNobody(t *testing.T) {
	const most = math.MaxFloat32
	inf := float32(math.Inf(1))
	for _, broken := range [][]float32{
		{float32(math.NaN()), 1}, {inf, 0}, {-inf, inf}, {0, 0}, {1e-30, 0}, {-1e30, -1e30}, {most, most}, {30, 40}, {},
	} {
		follow := func(instead []float32) (out [][]track.Track) {
			tracker := newTracker(t, "tempo")
			for k, in := range street(4, 60, 3, 1) {
				for i := range in.Detections {
					in.Detections[i].Embedding = []float32{0.6, 0.8}
					if (k+i)%7 == 3 {
						in.Detections[i].Embedding = instead
					}
				}
				out = append(out, slices.Clone(tracker.Update(in)))
			}
			return out
		}
		if !reflect.DeepEqual(follow(broken), follow(nil)) {
			t.Errorf("%v is not taken for none", broken)
		}
	}
}
