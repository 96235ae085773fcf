//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/capture/motion"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// stream is one input on its way to its outputs, with all that is its own.
type stream struct {
	input
	index   int // among the session's inputs
	tracker track.Tracker
	needs   track.Needs
	least   float64 // score of a detection that the tracker is given
	log     lateLog
	source  *capture.Stream // nil where it could not be opened
	place   int             // among the opened ones
	line    *progress.Line  // nil before the model is open
	shown   bool            // somebody wants to see it
	timings *timing.Recorder
	to      destination
	out     *outputs
	outErr  error       // of opening the outputs
	window  *openOutput // nil where nobody looks
	page    *openOutput // nil without a site
	viewers *sink.Viewers
	feed    *web.Feed    // of the site; nil without one
	painter *painter     // nil before somebody looks
	last    int          // number of the last frame that is done
	stride  atomic.Int64 // as in config, for those who look

	handover
	setup   *setup          // in use
	tap     *tap            // of the source
	leaving *sync.WaitGroup // who frees what is used no more

	governor *atomic.Pointer[governor]    // of the session; empty without a frame budget
	network  *atomic.Pointer[web.Network] // of the session: what finds the objects

	frames           int // that are done
	counts           []zone.Count
	labels           []string // of their classes
	summary          timing.Summary
	final            atomic.Pointer[timing.Summary] // the same, for those who look
	dropped, damaged int
	err              error
	ended            atomic.Pointer[string] // how, in a word; nil before
}

// newStream makes the tracker of an input; the source comes later.
func newStream(in input) (*stream, error) {
	s := &stream{input: in}
	s.stride.Store(int64(in.config.Stride))
	var err error
	s.tracker, s.needs, err = newTracker(in.config)
	s.least = leastOf(in.config)
	return s, err
}

func (s *stream) open(ctx context.Context) (err error) {
	s.source, err = openSource(ctx, s.config, s.log.event)
	s.tap = &tap{Stream: s.source}
	return err
}

// destination is where a stream's results go besides its files.
type destination struct {
	header record.Header // of the stream's record
	stdout io.Writer
	source string                  // what lines on stdout are to say, where others write there, too
	show   func() (showing, error) // nil where nobody looks
}

// showing is a place for pictures.
type showing interface {
	pipeline.Writer
	output
}

// run tracks the source to its end and completes what it writes.
func (s *stream) run(ctx context.Context, with *setup) error {
	s.setup = with
	defer func() { s.leave(s.setup); s.refuse(s.handover.close()) }()
	eng, info := with.engine, s.source.Info()
	if err := s.openWindow(); err != nil {
		_, keepErr := s.out.keep()
		return errors.Join(err, keepErr)
	}
	p := s.newPipeline(eng)
	p.Source, p.Device = s.tap, with.device()
	s.direct(p)
	done := 0
	p.Finished = func(r sink.Result, t *timing.Trace) error {
		done++
		s.last = r.Frame.Index
		s.tap.found(r)
		if g := s.governor.Load(); g != nil {
			g.observe(time.Now(), t)
		}
		s.line.Update(done, s.timings.FPS(), len(r.Tracks))
		if s.out.timings == nil {
			return nil
		}
		return s.out.timings.Add(r, t)
	}
	var err error
	s.frames, err = s.follow(ctx, p)
	s.summary = s.timings.Summary()
	s.final.Store(&s.summary)
	if p.Zones != nil {
		s.counts, s.labels = p.Zones.Counts(), p.Labels
	}
	var empty func(*openOutput)
	if s.frames > 0 { // else a video without frames is an error; with some, new settings came after the last
		empty = s.noFrames
	}
	return end(ctx, err, s.frames, info, s.out, empty)
}

// outputsAfter opens what settings ask for that the outputs before do not have.
func (s *stream) outputsAfter(before *outputs, c config.Config, eng *engine) (*outputs, error) {
	to, info := s.to, s.source.Info()
	to.header = recordHeader(c, info, eng)
	return before.next(c, info, to, s.log.Load())
}

// openFirst opens the outputs that the stream begins with; none where one of them
// cannot be had.
func (s *stream) openFirst(eng *engine) *outputs {
	s.out, s.outErr = s.outputsAfter(&outputs{}, s.config, eng)
	if s.outErr != nil {
		s.out = &outputs{}
	}
	s.out.fresh = nil
	return s.out
}

// openWindow opens the places for pictures, where they are wanted. A window comes last: it
// may wait for the user.
func (s *stream) openWindow() error {
	if s.outErr != nil {
		return s.outErr
	}
	if s.feed != nil {
		s.viewers = sink.NewViewers(s.feed, s.log.warn)
		s.page = &openOutput{output: s.viewers, key: "serve"}
		s.out = s.out.with(s.page)
	}
	if s.to.show == nil {
		return nil
	}
	show, err := s.to.show()
	if err != nil {
		return err
	}
	s.window = &openOutput{output: show, key: "display"}
	s.out = s.out.with(s.window)
	return nil
}

// direct has the pipeline write to the outputs.
func (s *stream) direct(p *pipeline.Pipeline) {
	p.Writers, p.Draw, p.Seen = s.out.writers, nil, nil
	if !s.out.pixels && s.viewers == nil {
		return
	}
	if s.painter == nil {
		s.painter = newPainter(s.config, s.setup.engine.model, s.source, s.timings)
	}
	p.Draw = s.painter.draw
	if s.viewers != nil {
		p.Seen = func() bool { return s.viewers.Wants(time.Now()) || s.out.pixels }
	}
}

// close closes the source and keeps what is to be said of it.
func (s *stream) close() error {
	s.dropped, s.damaged = s.source.Dropped(), s.source.Damaged()
	return s.source.Close()
}

// state says in a word or two what has become of the stream; empty while it
// delivers.
func (s *stream) state() string {
	if how := s.ended.Load(); how != nil {
		return *how
	}
	if !s.source.Info().Live {
		return ""
	}
	return standstill(s.source.State(), time.Now())
}

// newPipeline joins what was opened; writers are the caller's to add.
func (s *stream) newPipeline(eng *engine) *pipeline.Pipeline {
	p := &pipeline.Pipeline{
		Source: s.source, Detectors: eng.pools[s.place], Turns: eng.turns, Workers: eng.workers, Tracker: s.tracker, Least: s.least,
		Labels: eng.model.Labels(), Timings: s.timings, Live: s.source.Info().Live, Serial: s.config.Serial,
	}
	p.Motion, p.Looks, p.Zones = s.newMotion(), looked(s.config, s.needs), zonesOf(s.config, nil)
	return p
}

// looked says whether detections are to be described by their colours.
func looked(c config.Config, needs track.Needs) bool { return needs.Looks && c.Looks == "on" }

// motionFunc tells how the camera moved, as the pipeline asks for it.
type motionFunc func(img *gocv.Mat, moving [][4]float64) (*track.Affine, error)

// cameraMotion is the estimator as the pipeline takes it.
func cameraMotion(e *motion.Estimator) motionFunc { return measurable(e, slog.Warn) }

// measurable is the estimator, to which in auto mode pictures of a size that leaves
// nothing to measure have no motion; warn is told of the first.
func measurable(e *motion.Estimator, warn func(string, ...any)) motionFunc {
	var latest track.Affine
	var once sync.Once
	return func(img *gocv.Mat, moving [][4]float64) (*track.Affine, error) {
		m, ok, err := e.Estimate(img, moving)
		switch unfit := errors.Is(err, motion.ErrSize); {
		case unfit && e.Options().Auto:
			once.Do(func() { warn("no motion of the camera is looked for", "error", err) })
			return nil, nil
		case unfit:
			return nil, fmt.Errorf("%w; camera-motion auto and off do without", err)
		case err != nil || !ok || m == motion.Identity:
			return nil, err
		}
		latest = track.Affine(m)
		return &latest, nil
	}
}

// end completes the outputs or keeps what there is of them, and turns the way
// the pipeline ended into the way the program ends. For a live source, being
// stopped is the normal end. ctx is the run's; empty is for commit.
func end(ctx context.Context, err error, frames int, info capture.Info, out *outputs, empty func(*openOutput)) error {
	interrupted := errors.Is(err, context.Canceled)
	quit := errors.Is(err, sink.ErrQuit) || errors.Is(context.Cause(ctx), sink.ErrQuit)
	lost := errors.Is(err, capture.ErrLost)
	if err == nil || info.Live && (interrupted || quit || lost) {
		commitErr := out.commit(empty)
		switch {
		case commitErr != nil:
			paths, keepErr := out.keep()
			return errors.Join(withPaths(commitErr, paths), keepErr)
		case interrupted && !quit:
			return &codedError{exitInterrupted, fmt.Errorf("interrupted after %d frames; results are complete up to there", frames)}
		case lost:
			return partialError(fmt.Errorf("%w; results are complete up to there, after %d frames", err, frames))
		}
		return nil
	}
	paths, keepErr := out.keep()
	var source *pipeline.SourceError
	code := exitFailed
	switch cause := context.Cause(ctx); {
	case interrupted && !quit && cause != nil && !errors.Is(cause, context.Canceled):
		err = fmt.Errorf("stopped after %s: %w", progressText(frames, info), cause)
	case interrupted || quit:
		code, err = exitInterrupted, fmt.Errorf("interrupted after %s", progressText(frames, info))
	case errors.As(err, &source) && frames > 0:
		code = exitPartial
	}
	return &codedError{code, errors.Join(withPaths(err, paths), keepErr)}
}

// withPaths says where the results are that did not become complete.
func withPaths(err error, paths []string) error {
	if len(paths) == 0 {
		return err
	}
	return fmt.Errorf("%w; what there is: %s", err, strings.Join(paths, ", "))
}

func progressText(frames int, info capture.Info) string {
	if info.Frames > 0 {
		return fmt.Sprintf("%d of about %d frames", frames, info.Frames)
	}
	return fmt.Sprintf("%d frames", frames)
}

// expectedFrames is how many frames will be analysed; 0 where nobody knows.
func expectedFrames(c config.Config, info capture.Info) int {
	n := (info.Frames + c.Stride - 1) / c.Stride
	if c.MaxFrames > 0 && (n == 0 || c.MaxFrames < n) {
		n = c.MaxFrames
	}
	return n
}

// newTracker makes the tracker. Conf is the score from where on it is sure of a
// detection; some trackers look at weaker ones too.
func newTracker(c config.Config) (track.Tracker, track.Needs, error) {
	cfg, needs, err := trackerOf(c)
	if err != nil {
		return nil, needs, err
	}
	t, err := track.New(cmp.Or(c.Tracker.Name, track.Default), cfg)
	return t, needs, err
}

func openSource(ctx context.Context, c config.Config, notify func(capture.Event)) (*capture.Stream, error) {
	spec, err := specOf(c)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	switch asked := c.CamWidth > 0 || c.CamFPS > 0; {
	case spec.Kind == capture.Camera:
		spec.Width, spec.Height, spec.FPS = c.CamWidth, c.CamHeight, c.CamFPS
	case asked:
		return nil, usageErrorf("cam-width, cam-height and cam-fps ask a camera for pictures; %s is none", spec.Name())
	case spec.Kind == capture.Images:
		spec.FPS = c.ImageFPS
	case c.ImageFPS > 0:
		return nil, usageErrorf("image-fps is the rate of a folder of pictures; %s is none", spec.Name())
	}
	spec.Stride, spec.MaxFrames, spec.Threads = c.Stride, c.MaxFrames, c.Threads
	spec.ReadTimeout, spec.Reconnect.Off, spec.Notify = c.ReadTimeout, !c.Reconnect, notify
	if spec.Policy, err = capture.ParsePolicy(c.LivePolicy); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	source, err := capture.Open(ctx, spec)
	if err == nil && c.Offline && source.Info().Live {
		err = usageErrorf("offline looks ahead to the end of an input; %s is live and has none: --record keeps what 'tracker track --offline' needs afterwards", spec.Name())
		return nil, errors.Join(err, source.Close())
	}
	return source, err
}

// lateLog is a logger that comes after the source which has things to say: what
// is said before is an error of opening it, or not worth a line.
type lateLog struct{ atomic.Pointer[slog.Logger] }

func (l *lateLog) event(e capture.Event) {
	if e.Kind == capture.Reconnected || e.Kind == capture.Resized {
		returnMemory() // that of the connection before
	}
	l.warn(e.String())
}

func (l *lateLog) warn(message string, args ...any) {
	if log := l.Load(); log != nil {
		log.Warn(message, args...)
	}
}
