//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/detect/looks"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// Detector finds objects in one picture at a time, in three steps that are timed
// apart. Detections appends to dst, best first; boxes are in pixels of the loaded
// picture.
type Detector interface {
	Load(img *gocv.Mat) error
	Run(ctx context.Context) error
	Detections(dst []detect.Detection) ([]detect.Detection, error)
}

// Writer takes results in order; the pixels are valid only during the call.
type Writer interface {
	Write(ctx context.Context, r sink.Result) error
}

// Pipeline is one stream from its source to its writers. Once Run has returned because
// its ctx ended, it may be run again, with other detectors, labels or motion, say, and
// goes on with the next frame.
type Pipeline struct {
	Source capture.Source
	// Detectors are the inferences that may be in flight or waiting to be read. A
	// frame takes one before it is captured and gives it back once its detections
	// are read. Pipelines of files may share them; a live source, which can hold one
	// for as long as it is silent, needs DetectorsFor of its own. The channel has
	// room for all of them.
	Detectors chan Detector
	// Turns bounds the inferences of pipelines that share a network; nil where this
	// one has it alone.
	Turns *Turns
	// Workers is how many inferences run at once, 1 or more.
	Workers int
	Tracker track.Tracker
	// Least is the lowest score of a detection that the tracker is given, where the
	// detectors find weaker ones, too; 0 for all.
	Least   float64
	Labels  []string // names of the detections' classes
	Device  string   // of the results
	Writers []Writer
	Timings *timing.Recorder
	// Live keeps frames from waiting in queues: the source is asked for one only
	// when a worker is free.
	Live bool
	// Zones counts the tracks of each frame in order; nil where nobody asks.
	Zones *zone.Counter
	// Serial takes one frame after the other through all stages in one goroutine:
	// the reference that the concurrent run must equal.
	Serial bool

	// Looks gives detections that have no embedding one of their colours.
	Looks bool

	// Motion tells how the camera moved from the frame before to this one, nil where
	// it did not; moving are the boxes of that frame's tracks, x1,y1,x2,y2 in pixels.
	// It is nil itself where nobody asks.
	Motion func(img *gocv.Mat, moving [][4]float64) (*track.Affine, error)
	// Draw annotates the result's pixels; nil where nobody will look at them.
	Draw func(sink.Result) error
	// Seen says whether somebody will look at the pixels of the next result that is
	// written; nil where somebody always does.
	Seen func() bool
	// Finished is told of each frame that is done, in order; may be nil.
	Finished func(r sink.Result, t *timing.Trace) error

	jobs   []job
	moving [][4]float64 // of the frame before, for Motion
}

// ahead is how many frames of a file may be captured before a worker is free, and
// behind how many inferred ones may wait for the lanes after that. More evens out
// frames that take unequal time, at the price of memory; a live source has none of
// the first and one of the second, at the gain of latency.
const (
	ahead  = 2
	behind = 3
)

// DetectorsFor is the number of detectors that so many workers need, and of frames
// that they keep in flight.
func DetectorsFor(workers int, live bool) int {
	if live {
		return workers + 2
	}
	return workers + ahead + behind
}

// DetectorsForFiles is the number that so many files need together: enough that
// the network has work while others capture, or wait for their writers.
func DetectorsForFiles(workers, files int) int {
	return DetectorsFor(workers, false) + (files-1)*ahead
}

// job is a frame on its way, with all that belongs to it.
type job struct {
	detector   Detector       // from before the capture until its detections are read
	turn       turn           // its inference's, among those of other pipelines
	frame      *capture.Frame // owned by the lane that has the job; nil when idle
	detections []detect.Detection
	looks      looks.Describer
	strong     int           // of them are the tracker's
	motion     *track.Affine // of the camera, nil or to affine
	affine     track.Affine
	tracks     []track.Track
	trace      timing.Trace
	queued     time.Time     // when the job was put into the queue it stands in
	inferred   chan struct{} // a token: the inference is done
}

// SourceError is an error of the source: the frames before it are good.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// Run passes every frame of the source through the stages until the source ends
// (nil), a stage fails, or ctx ends. Frames that were captured before ctx ended
// are finished; after a failure they are not. It returns the number of finished
// frames.
func (p *Pipeline) Run(ctx context.Context) (frames int, err error) {
	p.jobs = make([]job, DetectorsFor(p.Workers, p.Live))
	for i := range p.jobs {
		p.jobs[i].inferred = make(chan struct{}, 1)
		p.jobs[i].turn = newTurn(p.Live)
	}
	defer func() { err = errors.Join(err, p.release()) }()
	if p.Serial {
		return p.runSerial(ctx)
	}
	return p.runConcurrent(ctx)
}

// release closes the frames of jobs that did not come to their end, and gives
// back their detectors.
func (p *Pipeline) release() error {
	var errs []error
	for i := range p.jobs {
		if p.jobs[i].detector != nil {
			p.giveBack(&p.jobs[i])
		}
		errs = append(errs, p.jobs[i].close())
	}
	return errors.Join(errs...)
}

// takeDetector waits for a detector; other pipelines may have them all.
func (p *Pipeline) takeDetector(ctx context.Context, j *job) error {
	select {
	case j.detector = <-p.Detectors:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Pipeline) giveBack(j *job) {
	p.Detectors <- j.detector
	j.detector = nil
}

func (j *job) close() error {
	if j.frame == nil {
		return nil
	}
	frame := j.frame
	j.frame = nil
	return frame.Close()
}

// runSerial is the whole pipeline in one goroutine.
func (p *Pipeline) runSerial(ctx context.Context) (frames int, err error) {
	finish := context.WithoutCancel(ctx) // a frame that has begun is finished
	for j := &p.jobs[0]; ; frames++ {
		free := time.Now()
		err := p.takeDetector(ctx, j)
		if err == nil {
			err = Guard(func() error { return p.capture(ctx, j, free) })
		}
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		for _, lane := range [...]func(context.Context, *job) error{p.infer, p.track, p.present} {
			if err == nil {
				err = Guard(func() error { return lane(finish, j) })
			}
		}
		if err != nil {
			return frames, err
		}
	}
}

// capture is the first lane: it fills an idle job, for which it has waited since it was
// free, with the next frame.
func (p *Pipeline) capture(ctx context.Context, j *job, free time.Time) error {
	j.trace = timing.Trace{}
	j.trace.Waited[timing.Capture] = time.Since(free)
	return j.trace.Timed(timing.Capture, func() (err error) {
		if j.frame, err = p.Source.Next(ctx); err != nil {
			return &SourceError{err}
		}
		return nil
	})
}

// infer is the second lane.
func (p *Pipeline) infer(ctx context.Context, j *job) error {
	err := j.trace.Timed(timing.Preprocess, func() error { return j.detector.Load(&j.frame.Mat) })
	if err == nil {
		err = p.run(ctx, j)
	}
	return j.explain(err)
}

// run is the inference, timed without its wait for that of others.
func (p *Pipeline) run(ctx context.Context, j *job) error {
	if p.Turns == nil {
		return j.trace.Timed(timing.Inference, func() error { return j.detector.Run(ctx) })
	}
	var waited time.Duration
	err := j.trace.Timed(timing.Inference, func() (err error) {
		waited, err = p.Turns.run(ctx, &j.turn, j.detector)
		return err
	})
	j.trace.Took[timing.Inference] -= waited
	j.trace.Waited[timing.Inference] = waited
	return err
}

// track is the third lane, in one goroutine: motion and tracks build on those of
// the frame before. The tracker's slice is good only until its next call:
// the job gets a copy.
func (p *Pipeline) track(_ context.Context, j *job) error {
	err := j.trace.Timed(timing.Postprocess, func() (err error) {
		if j.detections, err = j.detector.Detections(j.detections[:0]); err == nil && p.Looks {
			err = j.describe()
		}
		return err
	})
	if err != nil {
		return j.explain(err)
	}
	p.giveBack(j)
	j.strong = detect.Strong(j.detections, p.Least)
	j.motion = nil
	if p.Motion != nil {
		err := j.trace.Timed(timing.Motion, func() error {
			motion, err := p.Motion(&j.frame.Mat, p.moving)
			if motion != nil { // it is valid only until the next frame's
				j.affine = *motion
				j.motion = &j.affine
			}
			return err
		})
		if err != nil {
			return j.explain(err)
		}
	}
	return j.trace.Timed(timing.Track, func() error {
		tracks := p.Tracker.Update(track.Input{
			Time: j.frame.Time, Detections: j.detections[:j.strong], Motion: j.motion,
			Width: j.frame.Mat.Cols(), Height: j.frame.Mat.Rows(),
		})
		j.tracks = append(j.tracks[:0], tracks...)
		p.moving = p.moving[:0]
		for i := range tracks {
			b := &tracks[i].Box
			p.moving = append(p.moving, [4]float64{b.X1, b.Y1, b.X2, b.Y2})
		}
		return nil
	})
}

// describe gives the detections their looks.
func (j *job) describe() error {
	m := &j.frame.Mat
	pixels, err := m.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("describe what objects look like: %w", err)
	}
	j.looks.Describe(looks.Picture{Pixels: pixels, Width: m.Cols(), Height: m.Rows(), Stride: m.Step()}, j.detections)
	return nil
}

// present is the last lane: it draws and writes the frame and lets it go.
func (p *Pipeline) present(ctx context.Context, j *job) error {
	r := sink.Result{
		Frame: j.frame, Width: j.frame.Mat.Cols(), Height: j.frame.Mat.Rows(), Detections: j.detections[:j.strong], Weak: j.detections[j.strong:], Motion: j.motion,
		Tracks: j.tracks, Labels: p.Labels, Device: p.Device,
	}
	if p.Zones != nil {
		r.Zones = p.Zones.Update(r.Tracks, r.Frame.Time, r.Width, r.Height)
	}
	if p.Draw != nil && (p.Seen == nil || p.Seen()) {
		if err := j.trace.Timed(timing.Draw, func() error { return p.Draw(r) }); err != nil {
			return j.explain(err)
		}
	}
	if len(p.Writers) > 0 {
		if err := j.trace.Timed(timing.Write, func() error { return p.write(ctx, r) }); err != nil {
			return j.explain(err)
		}
	}
	j.trace.Latency = time.Since(j.frame.Captured)
	p.Timings.Add(&j.trace)
	if p.Finished != nil {
		if err := p.Finished(r, &j.trace); err != nil {
			return j.explain(err)
		}
	}
	return j.close()
}

func (p *Pipeline) write(ctx context.Context, r sink.Result) error {
	for _, w := range p.Writers {
		if err := w.Write(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("frame %d: %w", j.frame.Index, err)
}

// Guard turns a panic into an error, so that one broken stage ends the others in
// order and what is done is kept.
func Guard(run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error, please report it: %v\n%s", r, debug.Stack())
		}
	}()
	return run()
}
