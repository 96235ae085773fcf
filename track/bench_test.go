package track_test

import (
	"testing"

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
