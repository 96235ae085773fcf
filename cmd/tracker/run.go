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
	"sync/atomic"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/capture/motion"
	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// run tracks one input from its first frame to its last.
func run(ctx context.Context, c config.Config, stdout, stderr io.Writer) (err error) {
	manifest, err := chooseModel(&c)
	if err != nil {
		return err
	}
	tracker, needs, err := newTracker(c)
	if err != nil {
		return err
	}
	var log lateLog
	source, err := openSource(ctx, c, log.event)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	info := source.Info()
	eng, err := openEngine(c, manifest, needs, info.Live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()

	bar := progress.New(stderr, expectedFrames(c, info), c.Quiet)
	log.Store(newLogger(bar, c.LogLevel))
	log.Load().Debug("source opened", "name", info.Name, "width", info.Width, "height", info.Height, "fps", info.FPS,
		"frames", info.Frames, "backend", info.Backend, "codec", info.FourCC)
	log.Load().Debug("model opened", "name", eng.manifest.Name, "file", eng.manifest.Path(), "workers", eng.workers)
	out, err := openOutputs(ctx, c, info, stdout, log.Load())
	if err != nil {
		return err
	}
	timings := timing.New(eng.workers)
	p := newPipeline(c, eng, source, tracker, needs, timings)
	p.Writers = out.writers
	done := 0
	p.Finished = func(r sink.Result, t *timing.Trace) error {
		done++
		bar.Update(done, timings.FPS(), len(r.Tracks))
		if out.timings == nil {
			return nil
		}
		return out.timings.Add(r, t)
	}
	if out.pixels {
		p.Draw = newPainter(c, eng.manifest, source, timings).draw
	}
	frames, err := p.Run(ctx)
	bar.Done()
	// Results first: a summary that cannot be printed must not undo them.
	err = end(err, frames, info, out)
	if !c.Quiet && frames > 0 {
		err = errors.Join(err, summarise(c, stdout, stderr, source, timings))
	}
	return err
}

// newPipeline joins what was opened; writers are the caller's to add.
func newPipeline(c config.Config, eng *engine, source *capture.Stream, tracker track.Tracker, needs track.Needs, timings *timing.Recorder) *pipeline.Pipeline {
	p := &pipeline.Pipeline{
		Source: source, Detectors: eng.detectors(), Workers: eng.workers, Tracker: tracker,
		Labels: eng.model.Labels(), Timings: timings, Live: source.Info().Live, Serial: c.Serial,
	}
	if needs.Motion && c.CameraMotion != "off" {
		p.Motion = cameraMotion(motion.New(motion.Options{Auto: c.CameraMotion == "auto"}))
	}
	return p
}

// cameraMotion is the estimator as the pipeline takes it.
func cameraMotion(e *motion.Estimator) func(*gocv.Mat, [][4]float64) (*track.Affine, error) {
	var latest track.Affine
	return func(img *gocv.Mat, moving [][4]float64) (*track.Affine, error) {
		m, ok, err := e.Estimate(img, moving)
		if err != nil || !ok || m == motion.Identity {
			return nil, err
		}
		latest = track.Affine(m)
		return &latest, nil
	}
}

// end completes the outputs or keeps what there is of them, and turns the way
// the pipeline ended into the way the program ends. For a live source, being
// stopped is the normal end.
func end(err error, frames int, info capture.Info, out *outputs) error {
	interrupted := errors.Is(err, context.Canceled)
	quit := errors.Is(err, sink.ErrQuit)
	lost := errors.Is(err, capture.ErrLost)
	if err == nil || info.Live && (interrupted || quit || lost) {
		commitErr := out.commit()
		switch {
		case commitErr != nil:
			paths, keepErr := out.keep()
			return errors.Join(withPaths(commitErr, paths), keepErr)
		case interrupted:
			return &codedError{exitInterrupted, fmt.Errorf("interrupted after %d frames; results are complete up to there", frames)}
		case lost:
			return partialError(fmt.Errorf("%w; results are complete up to there, after %d frames", err, frames))
		}
		return nil
	}
	paths, keepErr := out.keep()
	var source *pipeline.SourceError
	code := exitFailed
	switch {
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

// newLogger writes above the progress line.
func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // checked with the settings
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}

// summarise prints the timings, and what did not go as it should. Standard output
// is left alone where results go there.
func summarise(c config.Config, stdout, stderr io.Writer, source *capture.Stream, timings *timing.Recorder) error {
	w := stdout
	if c.MOT == "-" || c.JSONL == "-" || c.Timings == "-" {
		w = stderr
	}
	s := timings.Summary()
	if err := s.WriteTable(w); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	for _, loss := range []struct {
		n    int
		what string
	}{
		{source.Dropped(), "frames dropped to keep up with the source"},
		{source.Damaged(), "damaged pieces of the video passed over"},
	} {
		if loss.n > 0 {
			fmt.Fprintf(w, "%d %s\n", loss.n, loss.what)
		}
	}
	return nil
}

// painter draws tracks and the panel on a stream's pictures.
type painter struct {
	overlay *overlay.Overlay
	panel   overlay.Panel // what stays the same from frame to frame
	drawn   int
	source  *capture.Stream
	timings *timing.Recorder
}

func newPainter(c config.Config, m *backbones.Manifest, source *capture.Stream, timings *timing.Recorder) *painter {
	return &painter{
		overlay: overlay.New(overlay.Options{}), source: source, timings: timings,
		panel: overlay.Panel{
			Title:   fmt.Sprintf("%s %dx%d", cmp.Or(m.Backbone, m.Name), m.Input.Width, m.Input.Height),
			Tracker: cmp.Or(c.Tracker.Name, track.Default), Device: c.Device, Live: source.Info().Live,
		},
	}
}

// boundEvery is how often the panel's bottleneck is worked out, in frames: often
// enough to read, and not a cost.
const boundEvery = 15

func (p *painter) draw(r sink.Result) error {
	panel := &p.panel
	if p.drawn++; p.drawn%boundEvery == 0 {
		s := p.timings.Summary()
		panel.Bound = s.Bound()
	}
	panel.Rows, panel.Latency, panel.FPS = p.timings.Rows(panel.Rows[:0]), p.timings.Latency(), p.timings.FPS()
	panel.Width, panel.Height = r.Frame.Mat.Cols(), r.Frame.Mat.Rows()
	panel.Detections, panel.Tracks = len(r.Detections), len(r.Tracks)
	panel.Frame, panel.Time, panel.Dropped = r.Frame.Index, r.Frame.Time, p.source.Dropped()
	panel.Reconnects = p.source.State().Reconnects
	return p.overlay.Draw(&r.Frame.Mat, r.Tracks, r.Labels, *panel)
}

// chooseModel finds what to run, checks what the command line says of it, and
// settles in c what is left to the model.
func chooseModel(c *config.Config) (*backbones.Manifest, error) {
	if _, _, err := backbones.ParseDevice(c.Device); err != nil {
		return nil, usageErrorf("%w", err)
	}
	m, err := findModel(*c)
	if err != nil {
		return nil, err
	}
	if _, err := detect.SelectClasses(m.Labels, c.Classes); err != nil {
		return nil, usageErrorf("%w", err)
	}
	if c.Size != "" {
		if m, err = resize(m, c.Size); err != nil {
			return nil, &codedError{exitUsage, err}
		}
	}
	conf, nmsIoU := m.Thresholds()
	if c.Conf == config.Unset {
		c.Conf = conf
	}
	if c.NMSIoU == config.Unset {
		c.NMSIoU = nmsIoU
	}
	return m, nil
}

func resize(m *backbones.Manifest, size string) (*backbones.Manifest, error) {
	w, h, err := config.ParseSize(size)
	if err != nil {
		return nil, err
	}
	return m.WithSize(w, h)
}

func findModel(c config.Config) (*backbones.Manifest, error) {
	if c.Model != "" {
		return backbones.FromFile(c.Model)
	}
	name := c.Backbone
	if name == "" {
		name = config.DefaultBackbone
	}
	m, err := backbones.Find(name)
	if errors.Is(err, backbones.ErrUnknown) {
		return nil, &codedError{exitUsage, err}
	}
	return m, err
}

// newTracker makes the tracker. Conf is the score from where on it is sure of a
// detection; some trackers look at weaker ones too.
func newTracker(c config.Config) (track.Tracker, track.Needs, error) {
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return nil, track.Needs{}, err
	}
	cfg = cfg.WithScore(name, c.Conf)
	t, err := track.New(name, cfg)
	return t, track.NeedsOf(name, cfg), err
}

func openSource(ctx context.Context, c config.Config, notify func(capture.Event)) (*capture.Stream, error) {
	spec := capture.CameraSpec(c.Cam)
	if c.Cam < 0 {
		var err error
		if spec, err = capture.ParseInput(c.Input); err != nil {
			return nil, &codedError{exitUsage, err}
		}
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
	spec.Stride, spec.MaxFrames = c.Stride, c.MaxFrames
	spec.ReadTimeout, spec.Reconnect.Off, spec.Notify = c.ReadTimeout, !c.Reconnect, notify
	var err error
	if spec.Policy, err = capture.ParsePolicy(c.LivePolicy); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return capture.Open(ctx, spec)
}

// lateLog is a logger that comes after the source which has things to say: what
// is said before is an error of opening it, or not worth a line.
type lateLog struct{ atomic.Pointer[slog.Logger] }

func (l *lateLog) event(e capture.Event) {
	if log := l.Load(); log != nil {
		log.Warn(e.String())
	}
}
