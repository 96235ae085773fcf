package track_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tracker-go/tracker/track"
)

// BenchmarkMOT17Val runs every tracker over the second half of MOT17 (2,652
// frames) with YOLOX-X detections above 0.6: one operation is all of it.
func BenchmarkMOT17Val(b *testing.B) {
	sequences := readSequences(b, dataDir(b, "mot", "MOT17-val"), "yolox_x.txt", 0.6)
	frames, detections := 0, 0
	for _, s := range sequences {
		frames += len(s.frames)
		for _, f := range s.frames {
			detections += len(f.Detections)
		}
	}
	for _, name := range track.Names() {
		b.Run(name, func(b *testing.B) {
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
		})
	}
}

// BenchmarkStreet runs every tracker over a made-up scene, which needs no data:
// one operation is a frame of a tracker at work.
func BenchmarkStreet(b *testing.B) {
	for _, name := range track.Names() {
		for _, walkers := range []int{10, 35, 200} {
			b.Run(fmt.Sprintf("%s/%d", name, walkers), func(b *testing.B) {
				scene := street(1, 250, walkers, 1)
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
			})
		}
	}
}
