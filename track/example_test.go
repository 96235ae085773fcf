package track_test

import (
	"fmt"
	"log"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// Two people walk towards each other; the detector lists them in any order and
// misses one of them once.
func Example() {
	cfg := track.DefaultConfig("sort")
	cfg.MaxAge = 5 // frames that a track outlives its last detection
	tracker, err := track.New("sort", cfg)
	if err != nil {
		log.Fatal(err)
	}

	person := func(left float64) detect.Detection {
		return detect.Detection{Box: detect.FromLTWH(left, 100, 40, 100), Score: 0.9}
	}
	video := [][]detect.Detection{
		{person(10), person(300)},
		{person(290), person(20)},
		{person(30)},
		{person(40), person(270)},
	}
	for i, detections := range video {
		now := time.Duration(i) * 40 * time.Millisecond
		for _, t := range tracker.Update(track.Input{Time: now, Detections: detections}) {
			fmt.Printf("%v: %d at x=%.0f\n", now, t.ID, t.Box.X1)
		}
	}
	// Output:
	// 0s: 1 at x=10
	// 0s: 2 at x=300
	// 40ms: 1 at x=20
	// 40ms: 2 at x=290
	// 80ms: 1 at x=30
	// 120ms: 1 at x=40
}

// Why was somebody lost? Events say so.
func ExampleEvent() {
	cfg := track.DefaultTempoConfig()
	cfg.Score = 0.6 // from where on a detection is sure
	tracker := track.NewTempo(cfg)
	person := detect.Detection{Box: detect.FromLTWH(100, 100, 40, 100), Score: 0.9}
	faint := person
	faint.Score = 0.05

	var events []track.Event
	for i, d := range []detect.Detection{person, person, faint} {
		tracker.Update(track.Input{
			Time:       time.Duration(i) * 40 * time.Millisecond,
			Detections: []detect.Detection{d},
			Events:     &events,
		})
	}
	for _, e := range events {
		fmt.Println(e)
	}
	// Output:
	// 0s: track 1, detection 0, born: nothing overlapped it
	// 0s: track 1, detection 0, confirmed: score 0.90 of at least 0.85
	// 40ms: track 1, detection 0, seen: similarity 0.90 of at least 0.12
	// 80ms: detection 0 ignored: score 0.05 is under 0.10
	// 80ms: track 1 lost: nothing overlapped it
}

func ExampleAssigner() {
	cost := []float64{
		4, 1, 3,
		2, 0, 5,
	}
	var a track.Assigner
	rowToCol := make([]int, 2)
	pairs := a.Solve(cost, 2, 3, rowToCol)
	fmt.Println(pairs, rowToCol)
	// Output: 2 [1 0]
}
