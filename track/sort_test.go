package track

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

func at(left, top, width, height float64) detect.Detection {
	return detect.Detection{Box: detect.FromLTWH(left, top, width, height), Score: 0.9}
}

// One object seen (x) or missed (.) frame by frame: which id is reported (1, 2,
// … or . for none) under the settings.
func TestSORTLifeOfATrack(t *testing.T) {
	for _, tc := range []struct {
		what    string
		cfg     SORTConfig
		seen    string
		reports string
	}{
		{"the first frames of a stream report at once", SORTConfig{MaxAge: 1, MinHits: 3, IoU: 0.3}, "xxxxx", "11111"},
		{"later tracks wait for three more hits", SORTConfig{MaxAge: 1, MinHits: 3, IoU: 0.3}, "....xxxxx", ".......11"},
		{"a miss starts the wait again", SORTConfig{MaxAge: 1, MinHits: 3, IoU: 0.3}, "xxxxxx.xxxxx", "111111...111"},
		{"two misses end it", SORTConfig{MaxAge: 1, MinHits: 3, IoU: 0.3}, "xxxx..xxxxx", "1111.....22"},
		{"no age, no miss", SORTConfig{MaxAge: 0, MinHits: 3, IoU: 0.3}, "xxxx.xxxxx", "1111....22"},
		{"a longer age bridges the gap", SORTConfig{MaxAge: 5, MinHits: 3, IoU: 0.3}, "xxxx....xxxxx", "1111......111"},
		{"no hits, no wait", SORTConfig{MaxAge: 1, MinHits: 0, IoU: 0.3}, ".x.x...x", ".1.1...2"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := NewSORT(tc.cfg)
			got := ""
			for _, c := range tc.seen {
				var in Input
				if c == 'x' {
					in.Detections = []detect.Detection{at(100, 100, 40, 80)}
				}
				switch out := s.Update(in); len(out) {
				case 0:
					got += "."
				case 1:
					got += string(rune('0' + out[0].ID))
				default:
					t.Fatalf("%d tracks of one object", len(out))
				}
			}
			if got != tc.reports {
				t.Errorf("seen %s\ngot  %s\nwant %s", tc.seen, got, tc.reports)
			}
		})
	}
}

func TestSORTFillsTrack(t *testing.T) {
	s := NewSORT(SORTConfig{MaxAge: 3, IoU: 0.3})
	bus := at(400, 100, 200, 100)
	bus.Class, bus.Score = 5, 0.7
	s.Update(Input{Time: 2 * time.Second, Detections: []detect.Detection{bus}})
	s.Update(Input{Time: 3 * time.Second})
	bus.Score = 0.8
	out := s.Update(Input{Time: 5 * time.Second, Detections: []detect.Detection{at(0, 0, 10, 10), bus}})
	if len(out) != 2 {
		t.Fatalf("%d tracks, want 2", len(out))
	}
	got, want := out[0], Track{ID: 1, Class: 5, Score: 0.8, Detection: 1, Hits: 2, Age: 3 * time.Second,
		State: Observed, Raw: bus.Box, ClassConfidence: 1}
	if math.Abs(got.Box.X1-bus.Box.X1) > 1e-9 || math.Abs(got.Box.Y2-bus.Box.Y2) > 1e-9 {
		t.Errorf("box %v, want %v", got.Box, bus.Box)
	}
	got.Box = detect.Box{}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Time that goes backwards breaks the contract, but goes on by a usual step.
func TestSORTGoesOnWhereTimeGoesBack(t *testing.T) {
	s := NewSORT(DefaultSORTConfig())
	in := Input{Time: time.Minute, Detections: []detect.Detection{at(0, 0, 10, 10)}}
	s.Update(in)
	in.Time = time.Second
	if out := s.Update(in); out[0].Age != frameTime || out[0].SinceUpdate != 0 {
		t.Errorf("age %v, since update %v; want %v, 0s", out[0].Age, out[0].SinceUpdate, frameTime)
	}
}

// Where nothing competes, the overlap that suffices wins. Where something in the
// class does, the assignment also sees overlaps under the threshold, and may give
// up that pair for two of those, which are then dropped.
func TestSORTAssociation(t *testing.T) {
	square := func(left float64, class int) detect.Detection {
		return detect.Detection{Box: detect.FromLTWH(left, 0, 100, 100), Class: class, Score: 0.9}
	}
	before := []detect.Detection{square(0, 0), square(112, 0)}
	// IoU 0.25 with the first, 0.316 with the second; 0.25 with the second.
	after := []detect.Detection{square(60, 0), square(172, 0)}

	for _, tc := range []struct {
		what  string
		rival int // class of one object elsewhere, detected twice; −1 for none
		want  int // matches among the objects above
	}{
		{"no competition", -1, 1},
		{"competition in the class", 0, 0},
		{"competition in another class", 1, 1},
	} {
		t.Run(tc.what, func(t *testing.T) {
			first, second := slices.Clone(before), slices.Clone(after)
			if tc.rival >= 0 {
				first = append(first, square(1000, tc.rival))
				second = append(second, square(1000, tc.rival), square(1010, tc.rival))
			}
			s := NewSORT(SORTConfig{MaxAge: 1, IoU: 0.3})
			s.Update(Input{Detections: first})
			got := 0
			for _, o := range s.Update(Input{Detections: second}) {
				if o.Hits == 2 && o.Box.X1 < 500 {
					got++
				}
			}
			if got != tc.want {
				t.Errorf("%d matches, want %d", got, tc.want)
			}
		})
	}
}
