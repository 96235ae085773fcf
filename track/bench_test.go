package track_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// BenchmarkMOT17Val runs every tracker over the second half of MOT17 (2,652
// frames) with YOLOX-X detections: one operation is all of it. SORT, which takes
// everything for sure, gets those above 0.6, the others all.
func BenchmarkMOT17Val(b *testing.B) {
	dir := dataDir(b, "mot", "MOT17-val")
	for _, name := range track.Names() {
		least := math.Inf(-1)
		if name == "sort" {
			least = 0.6
		}
		sequences := readSequences(b, dir, "yolox_x.txt", least)
		b.Run(name, func(b *testing.B) { benchmark(b, name, sequences) })
	}
}

func benchmark(b *testing.B, name string, sequences []sequence) {
	frames, detections := 0, 0
	for _, s := range sequences {
		frames += len(s.frames)
		for _, f := range s.frames {
			detections += len(f.Detections)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range sequences {
			t := newTracker(b, name)
			for _, f := range s.frames {
				t.Update(f)
			}
		}
	}
	b.ReportMetric(float64(frames*b.N)/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64(detections)/float64(frames), "detections/frame")
}

// BenchmarkObjects shows how the cost of a frame grows with the objects in it, the
// crowd being equally dense: the picture grows with it.
func BenchmarkObjects(b *testing.B) {
	for _, name := range track.Names() {
		for _, objects := range []int{10, 100, 500, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, objects), func(b *testing.B) {
				scene := crowd(1, 200, objects)
				t := newTracker(b, name)
				run(t, scene)
				k := len(scene)
				for b.Loop() {
					in := scene[k%len(scene)]
					in.Time = time.Duration(k) * frameTime
					t.Update(in)
					k++
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objects), "µs/object")
			})
		}
	}
}

// crowd is a street whose size goes with the number of walkers, so that each has
// 20,000 pixels to himself, and meets about three others.
func crowd(seed uint64, frames, walkers int) []track.Input {
	stretch := math.Sqrt(float64(walkers) * 20000 / (1920 * 1080))
	return transformed(street(seed, frames, walkers, 1), func(b detect.Box) detect.Box {
		x, y := b.Center()
		dx, dy := x*(stretch-1), y*(stretch-1)
		return detect.Box{X1: b.X1 + dx, Y1: b.Y1 + dy, X2: b.X2 + dx, Y2: b.Y2 + dy}
	})
}
