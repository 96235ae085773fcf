//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// Detector finds objects in one picture, in three steps that are timed apart.
// Detections appends to dst; boxes are in pixels of the loaded picture.
type Detector interface {
	Load(img *gocv.Mat) error
	Run(ctx context.Context) error
	Detections(dst []detect.Detection) ([]detect.Detection, error)
}

// Writer takes results; the pixels are valid only during the call.
type Writer interface {
	Write(ctx context.Context, r sink.Result) error
}

// Pipeline is one stream from its source to its writers. Every field but Draw
// and Progress is needed.
type Pipeline struct {
	Source   capture.Source
	Detector Detector
	Tracker  track.Tracker
	Labels   []string // names of the detections' classes
	Writers  []Writer
	Timings  *timing.Recorder
	// Draw annotates the result's pixels; nil where nobody will look at them.
	Draw func(sink.Result) error
	// Progress is told of each finished frame, with the number of its tracks; may
	// be nil.
	Progress func(tracks int)

	detections []detect.Detection // reused from frame to frame
}

// Run passes every frame of the source through the stages until the source ends
// (nil), a stage fails, or ctx ends; a frame that has begun is finished first.
// It returns the number of finished frames.
func (p *Pipeline) Run(ctx context.Context) (frames int, err error) {
	for {
		start := time.Now()
		frame, err := p.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		p.Timings.Record(timing.Capture, time.Since(start))
		tracks, err := p.process(ctx, frame)
		if err == nil {
			frames++
			p.Timings.FrameDone(time.Since(start))
			if p.Progress != nil {
				p.Progress(tracks)
			}
		}
		if err := errors.Join(err, frame.Close()); err != nil {
			return frames, err
		}
	}
}

// process takes one frame through the stages after capture.
func (p *Pipeline) process(ctx context.Context, frame *capture.Frame) (tracks int, err error) {
	r := sink.Result{Frame: frame, Labels: p.Labels}
	for _, stage := range [...]struct {
		stage timing.Stage
		wants bool
		run   func() error
	}{
		{timing.Preprocess, true, func() error { return p.Detector.Load(&frame.Mat) }},
		{timing.Inference, true, func() error { return p.Detector.Run(context.WithoutCancel(ctx)) }},
		{timing.Postprocess, true, func() (err error) {
			p.detections, err = p.Detector.Detections(p.detections[:0])
			r.Detections = p.detections
			return err
		}},
		{timing.Track, true, func() error {
			r.Tracks = p.Tracker.Update(track.Input{Time: frame.Time, Detections: r.Detections})
			return nil
		}},
		{timing.Draw, p.Draw != nil, func() error { return p.Draw(r) }},
		{timing.Write, len(p.Writers) > 0, func() error { return p.write(ctx, r) }},
	} {
		if !stage.wants {
			continue
		}
		start := time.Now()
		if err := stage.run(); err != nil {
			return 0, fmt.Errorf("frame %d: %w", frame.Index, err)
		}
		p.Timings.Record(stage.stage, time.Since(start))
	}
	return len(r.Tracks), nil
}

func (p *Pipeline) write(ctx context.Context, r sink.Result) error {
	for _, w := range p.Writers {
		if err := w.Write(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
