//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/track"
)

// fuse blows the 18th time.
type fuse struct{ used int }

func (f *fuse) use() {
	if f.used++; f.used > 17 {
		panic("blown fuse")
	}
}

type fusedSource struct {
	capture.Source
	fuse
}

func (s *fusedSource) Next(ctx context.Context) (*capture.Frame, error) {
	s.use()
	return s.Source.Next(ctx)
}

type fusedTracker struct {
	track.Tracker
	fuse
}

func (t *fusedTracker) Update(in track.Input) []track.Track {
	t.use()
	return t.Tracker.Update(in)
}

type fusedWriter struct{ fuse }

func (w *fusedWriter) Write(context.Context, sink.Result) error {
	w.use()
	return nil
}

// A panic in any stage ends the run in order, with the reason, and with the frames
// before it written.
func TestPanicInAnyStage(t *testing.T) {
	for stage, put := range map[string]func(*Pipeline){
		"capture": func(p *Pipeline) { p.Source = &fusedSource{Source: p.Source} },
		"track":   func(p *Pipeline) { p.Tracker = &fusedTracker{Tracker: p.Tracker} },
		"write":   func(p *Pipeline) { p.Writers = append(p.Writers, new(fusedWriter)) },
		"motion": func(p *Pipeline) {
			var f fuse
			p.Motion = func(*gocv.Mat, [][4]float64) (*track.Affine, error) { f.use(); return nil, nil }
		},
		"draw": func(p *Pipeline) {
			var f fuse
			p.Draw = func(sink.Result) error { f.use(); return nil }
		},
		"finished": func(p *Pipeline) {
			var f fuse
			p.Finished = func(sink.Result, *timing.Trace) error { f.use(); return nil }
		},
	} {
		t.Run(stage, func(t *testing.T) {
			each(t, func(t *testing.T, workers int) {
				out := new(numbers)
				p := assemble(t, workers, reader{fail: -1, slow: true}, out)
				put(p)
				n, err := p.Run(context.Background())
				if err == nil || !strings.Contains(err.Error(), "blown fuse") || n > 17 || len(out.got) < n || len(out.got) > n+1 {
					t.Errorf("%d frames, %v written, error %v", n, out.got, err)
				}
				if stage == "capture" && n != 17 {
					t.Errorf("%d of the 17 frames captured before were finished", n)
				}
				idle(t, p)
			})
		})
	}
}
