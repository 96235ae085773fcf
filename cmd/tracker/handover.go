//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tracker-go/tracker/capture/motion"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/track"
)

// errOffered ends one part of a run: another setup waits.
var errOffered = errors.New("another setup waits")

// handover is where a stream finds its next setup.
type handover struct {
	mu     sync.Mutex
	next   *setup                  // waits; nil for none
	wake   context.CancelCauseFunc // ends the part that runs; nil while none does
	closed bool
}

// offer has the stream take over a setup between two frames. It has a use of it that
// is the stream's from now on; one that was offered before and still waits is not
// taken: replaced is told first.
func (h *handover) offer(next *setup, replaced func(waiting *setup)) (unused *setup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return next
	}
	if h.next != nil {
		replaced(h.next)
	}
	unused, h.next = h.next, next
	if h.wake != nil {
		h.wake(errOffered)
	}
	return unused
}

// part is the context of what runs until another setup is offered.
func (h *handover) part(ctx context.Context) context.Context {
	part, wake := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wake = wake; h.next != nil {
		wake(errOffered)
	}
	return part
}

// taken ends a part: it is the setup to go on with, nil where there is none.
func (h *handover) taken() *setup {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.next
	h.next = nil
	h.wake(nil)
	h.wake = nil
	return next
}

// close refuses what comes later, and gives back what waits.
func (h *handover) close() (unused *setup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	unused, h.next = h.next, nil
	return unused
}

// follow runs the pipeline to the end of the source. Where another setup is offered,
// the frames that have begun come to their end with the old one, and the next begins
// with the new: none is lost, and none sees half of it.
func (s *stream) follow(ctx context.Context, p *pipeline.Pipeline) (frames int, err error) {
	for {
		part := s.part(ctx)
		n, err := p.Run(part)
		frames += n
		offered := context.Cause(part) == errOffered && errors.Is(err, context.Canceled) && ctx.Err() == nil
		next := s.taken()
		if !offered {
			s.refuse(next)
			return frames, err
		}
		if err := s.adopt(p, next, frames); err != nil {
			return frames, err
		}
	}
}

// adopt goes on with another setup. It completes the outputs that end with the one
// before, which may fail.
func (s *stream) adopt(p *pipeline.Pipeline, next *setup, frames int) error {
	before, old := s.config, s.setup
	s.setup, s.input = next, next.inputs[s.index]
	s.use(p)
	if s.config.CameraMotion != before.CameraMotion {
		p.Motion = s.newMotion()
	}
	cfg, needs, err := trackerOf(s.config)
	if err == nil {
		err = track.Adjust(s.tracker, cfg)
	}
	if err != nil { // was checked before
		s.log.Load().Error("the tracker keeps its settings", "error", err)
	}
	s.needs = needs
	p.Looks = looked(s.config, needs)
	p.Least = leastOf(s.config)
	p.Zones = zonesOf(s.config, p.Zones)
	s.source.SetStride(s.config.Stride)
	s.stride.Store(int64(s.config.Stride))
	if s.painter != nil {
		s.painter.use(s.config, next.engine.model)
	}
	s.line.Expect(s.expectedAfter(frames))
	s.network.Store(networkOf(s.config, next.engine))
	s.leave(old)
	err = s.redirect(next.outputs[s.place], frames)
	s.direct(p)
	s.log.Load().Info("new settings in effect", "input", s.name, "frames before", frames)
	return err
}

// redirect has results go to other outputs, and completes those that have had theirs.
func (s *stream) redirect(to *outputs, frames int) error {
	for _, stays := range []*openOutput{s.page, s.window} {
		if stays != nil {
			to = to.with(stays)
		}
	}
	over := s.out.without(to)
	s.out = to
	var empty []*openOutput
	if err := over.commit(func(out *openOutput) { empty = append(empty, out) }); err != nil {
		paths, keepErr := over.keep()
		return errors.Join(withPaths(err, paths), keepErr)
	}
	for _, out := range over.list {
		if slices.Contains(empty, out) {
			s.noFrames(out)
			continue
		}
		s.log.Load().Info("output complete", "input", s.name, "key", out.key, "path", out.path, "frames before", frames)
	}
	return nil
}

// noFrames warns of an output that is none.
func (s *stream) noFrames(out *openOutput) {
	s.log.Load().Warn("no output, as no frame came for it", "input", s.name, "key", out.key, "path", out.path)
}

// refuse gives back a setup that the stream will not use, with the outputs that were
// opened for it.
func (s *stream) refuse(unused *setup) {
	if unused == nil {
		return
	}
	if err := unused.outputs[s.place].drop(); err != nil {
		s.log.Load().Error("remove an output that was never used", "error", err)
	}
	s.leave(unused)
}

// use has the pipeline work with the setup.
func (s *stream) use(p *pipeline.Pipeline) {
	eng := s.setup.engine
	p.Detectors, p.Turns, p.Workers = eng.pools[s.place], eng.turns, eng.workers
	p.Labels, p.Device, p.Serial = eng.model.Labels(), s.setup.device(), s.config.Serial
}

// leave gives up a use of a setup. To free one takes longer than a frame may wait.
func (s *stream) leave(old *setup) {
	if old == nil {
		return
	}
	s.leaving.Go(func() {
		if err := old.release(); err != nil {
			s.log.Load().Error("free the network", "error", err)
		}
	})
}

// expectedAfter is how many frames there will be after so many, at the stride as it
// is now; 0 where nobody knows.
func (s *stream) expectedAfter(frames int) int {
	c, info := s.config, s.source.Info()
	if info.Frames > 0 {
		info.Frames = max(info.Frames-s.last-1, 0)
		info.Frames += frames * c.Stride
	}
	return expectedFrames(c, info)
}

// newMotion is how the camera's motion is found; nil where nobody asks.
func (s *stream) newMotion() motionFunc {
	if !s.needs.Motion || s.config.CameraMotion == "off" {
		return nil
	}
	return measurable(motion.New(motion.Options{Auto: s.config.CameraMotion == "auto"}), s.log.warn)
}
