//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/detect/looks"
	"github.com/tracker-go/tracker/track"
)

const frames = 40

// pictures writes a folder of pictures, the number of each in its first pixel, noise of
// its own in the others.
func pictures(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	img := gocv.NewMatWithSize(24, 32, gocv.MatTypeCV8UC3)
	defer img.Close()
	pixels, err := img.DataPtrUint8()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range frames {
		for k := range pixels {
			pixels[k] = uint8(rng.Uint32())
		}
		pixels[0] = uint8(i)
		if !gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("%d.png", i)), img) {
			t.Fatal("cannot write a picture")
		}
	}
	return dir
}

// reader is a detector that finds the number in the picture, after a time that
// differs from frame to frame: frames overtake each other.
type reader struct {
	number uint8
	slow   bool
	fail   int // the frame to fail on; −1 for none
	panics bool
	runs   *atomic.Int32
}

func (r *reader) Load(img *gocv.Mat) error {
	r.number = img.GetUCharAt(0, 0)
	return nil
}

func (r *reader) Run(context.Context) error {
	r.runs.Add(1)
	if r.slow {
		time.Sleep(time.Duration(r.number*37%11) * time.Millisecond)
	}
	switch {
	case int(r.number) != r.fail:
		return nil
	case r.panics:
		panic("broken detector")
	}
	return errors.New("broken detector")
}

func (r *reader) Detections(dst []detect.Detection) ([]detect.Detection, error) {
	return append(dst, detect.Detection{Box: detect.Box{X2: float64(r.number) + 1, Y2: 1}, Score: 1}), nil
}

// numbers collects what arrives at the end, and whether in one piece.
type numbers struct {
	got []int
	at  int // the frame to do something on
	do  func() error
}

func (n *numbers) Write(_ context.Context, r sink.Result) error {
	if int(r.Frame.Mat.GetUCharAt(0, 0)) != r.Frame.Index || r.Detections[0].Box.X2 != float64(r.Frame.Index)+1 {
		return fmt.Errorf("frame %d came with another's pixels or detections", r.Frame.Index)
	}
	n.got = append(n.got, r.Frame.Index)
	if n.do != nil && r.Frame.Index == n.at {
		return n.do()
	}
	return nil
}

// assemble makes a pipeline over real pictures and the real tracker.
func assemble(t *testing.T, workers int, detector reader, out *numbers) *Pipeline {
	t.Helper()
	spec, err := capture.ParseInput(pictures(t))
	if err != nil {
		t.Fatal(err)
	}
	source, err := capture.Open(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	tracker, err := track.New("sort", track.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := &Pipeline{Source: source, Workers: max(workers, 1), Serial: workers == 0, Tracker: tracker,
		Writers: []Writer{out}, Timings: timing.New(workers)}
	detector.runs = new(atomic.Int32)
	p.Detectors = poolOf(DetectorsFor(p.Workers, false), detector)
	return p
}

// poolOf is a pool of n such detectors.
func poolOf(n int, detector reader) chan Detector {
	pool := make(chan Detector, n)
	for range n {
		d := detector
		pool <- &d
	}
	return pool
}

// each runs a test with no concurrency and with one and several workers.
func each(t *testing.T, test func(t *testing.T, workers int)) {
	for _, workers := range []int{0, 1, 4} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			before := runtime.NumGoroutine()
			test(t, workers)
			for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
				}
			}
		})
	}
}

// idle fails if a job still owns a frame, or a detector did not come back.
func idle(t *testing.T, p *Pipeline) {
	t.Helper()
	if n := len(p.Detectors); n != cap(p.Detectors) {
		t.Errorf("%d of %d detectors came back", n, cap(p.Detectors))
	}
	for i := range p.jobs {
		if p.jobs[i].frame != nil {
			t.Errorf("job %d still has frame %d", i, p.jobs[i].frame.Index)
		}
	}
}

func TestEveryFrameInOrder(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		out := new(numbers)
		p := assemble(t, workers, reader{slow: true, fail: -1}, out)
		n, err := p.Run(context.Background())
		if err != nil || n != frames || len(out.got) != frames || !slices.IsSorted(out.got) {
			t.Errorf("%d frames %v, error %v", n, out.got, err)
		}
		idle(t, p)
		s := p.Timings.Summary()
		if s.Frames != frames || len(s.Stages) != 6 {
			t.Errorf("timings of %d frames and %d stages", s.Frames, len(s.Stages))
		}
		// One detector takes 5 ms on average, which the capture has to wait for.
		if waited := s.Stages[timing.Capture].Waited; workers == 1 && waited < 1 {
			t.Errorf("the capture waited for %.3f ms a frame", waited)
		}
	})
}

// A stage that fails, or panics, ends the run with its reason and its frame.
func TestFailureEndsTheRun(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		for _, panics := range []bool{false, true} {
			out := new(numbers)
			p := assemble(t, workers, reader{fail: 17, panics: panics, slow: true}, out)
			n, err := p.Run(context.Background())
			if err == nil || !strings.Contains(err.Error(), "broken detector") || n > 17 || len(out.got) != n {
				t.Errorf("%d frames, %v written, error %v", n, out.got, err)
			}
			if !panics && !strings.Contains(err.Error(), "frame 17") {
				t.Errorf("error %v does not name the frame", err)
			}
			idle(t, p)
		}
	})
}

func TestFailingWriter(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		out := &numbers{at: 9, do: func() error { return errors.New("disk full") }}
		p := assemble(t, workers, reader{fail: -1}, out)
		if n, err := p.Run(context.Background()); err == nil || n != 9 || !strings.Contains(err.Error(), "frame 9: disk full") {
			t.Errorf("%d frames, error %v", n, err)
		}
		idle(t, p)
	})
}

// After an interrupt what was captured is finished, in order, and nothing else.
func TestInterruptFinishesFramesThatHaveBegun(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		out := &numbers{at: 5, do: func() error { cancel(); return nil }}
		p := assemble(t, workers, reader{fail: -1, slow: true}, out)
		n, err := p.Run(ctx)
		if !errors.Is(err, context.Canceled) || n < 6 || n > 6+len(p.jobs) || len(out.got) != n || out.got[n-1] != n-1 {
			t.Errorf("%d frames, %v written, error %v", n, out.got, err)
		}
		d := <-p.Detectors
		p.Detectors <- d
		if runs := int(d.(*reader).runs.Load()); runs != n {
			t.Errorf("%d inferences for %d results", runs, n)
		}
		idle(t, p)
	})
}

// A source that breaks is told apart from a stage that does.
func TestSourceError(t *testing.T) {
	dir := pictures(t)
	if err := os.WriteFile(filepath.Join(dir, "20.png"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, workers int) {
		out := new(numbers)
		p := assemble(t, workers, reader{fail: -1}, out)
		source, err := capture.Open(context.Background(), capture.Spec{Kind: capture.Images, Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		p.Source = source
		var broken *SourceError
		if n, err := p.Run(context.Background()); n != 20 || !errors.As(err, &broken) {
			t.Errorf("%d frames, error %v", n, err)
		}
		idle(t, p)
	})
}

// A pipeline that was interrupted goes on with the next frame, with other detectors.
func TestRunAgainGoesOn(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		stop := func() {}
		out := &numbers{at: 5, do: func() error { stop(); return nil }}
		p := assemble(t, workers, reader{fail: -1, slow: true}, out)
		total := 0
		for _, at := range []int{5, 17, 30, -1} {
			ctx, cancel := context.WithCancel(context.Background())
			out.at, stop = at, cancel
			n, err := p.Run(ctx)
			cancel()
			total += n
			if interrupted := errors.Is(err, context.Canceled); err != nil && !interrupted || interrupted != (at >= 0) {
				t.Fatalf("after frame %d: %v", total, err)
			}
			idle(t, p)
			p.Detectors = poolOf(DetectorsFor(p.Workers, false), reader{fail: -1, runs: new(atomic.Int32)})
		}
		if total != frames || len(out.got) != frames || out.got[0] != 0 || out.got[frames-1] != frames-1 || !slices.IsSorted(out.got) {
			t.Errorf("%d frames %v", total, out.got)
		}
	})
}

// Every frame's detections have looks of its own, whoever else is on the way.
func TestDetectionsAreDescribed(t *testing.T) {
	for _, workers := range []int{0, 3} {
		p := assemble(t, workers, reader{fail: -1, slow: true}, &numbers{})
		p.Looks = true
		p.Finished = func(r sink.Result, _ *timing.Trace) error {
			time.Sleep(time.Duration(r.Frame.Index*37%11) * time.Millisecond) // others are described meanwhile
			own := job{frame: r.Frame, detections: []detect.Detection{{Box: r.Detections[0].Box}}}
			if err := own.describe(); err != nil {
				return err
			}
			if want := own.detections[0].Embedding; len(want) != looks.Size || !slices.Equal(r.Detections[0].Embedding, want) {
				return fmt.Errorf("frame %d: %v, want %v", r.Frame.Index, r.Detections[0].Embedding, want)
			}
			return nil
		}
		if n, err := p.Run(context.Background()); n != frames || err != nil {
			t.Fatalf("%d workers: %d frames, %v", workers, n, err)
		}
	}
}
