//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
)

// output is a result with its two ends: complete, or as far as it went. After one of
// them, both do nothing.
type output interface {
	Commit() error
	Keep() (path string, err error)
}

// outputKind is a kind of result, and the setting that says where it goes.
type outputKind struct {
	key   string
	path  func(*config.Config) *string // empty for nowhere
	open  func(config.Config, capture.Info, destination, *slog.Logger) (output, error)
	waits bool // offline, for the end of the input
}

// outputKinds are in the order in which a frame is written, and an output ended: the record
// first, which needs no time at its end, as those do that wait for it.
var outputKinds = []outputKind{
	{key: "record", path: func(c *config.Config) *string { return &c.Record },
		open: func(c config.Config, _ capture.Info, to destination, _ *slog.Logger) (output, error) {
			return sink.NewRecord(c.Record, to.header)
		}},
	{key: "mot", path: func(c *config.Config) *string { return &c.MOT }, waits: true,
		open: func(c config.Config, _ capture.Info, to destination, _ *slog.Logger) (output, error) {
			return sink.NewMOT(c.MOT, to.stdout)
		}},
	{key: "jsonl", path: func(c *config.Config) *string { return &c.JSONL }, waits: true,
		open: func(c config.Config, info capture.Info, to destination, _ *slog.Logger) (output, error) {
			lines := sink.JSONLOptions{UTC: info.Live}
			if c.JSONL == "-" {
				lines.Source = to.source
			}
			return sink.NewJSONL(c.JSONL, to.stdout, lines)
		}},
	{key: "save", path: func(c *config.Config) *string { return &c.Save },
		open: func(c config.Config, info capture.Info, _ destination, log *slog.Logger) (output, error) {
			return sink.NewVideo(videoOptions(c, info, log))
		}},
	{key: "timings", path: func(c *config.Config) *string { return &c.Timings },
		open: func(c config.Config, _ capture.Info, to destination, _ *slog.Logger) (output, error) {
			return sink.NewTimings(c.Timings, to.stdout)
		}},
}

// openOutput is an output with what it was asked for.
type openOutput struct {
	output
	key, path, codec string
}

// outputs are the results of a stream, for as long as its settings stay the same.
type outputs struct {
	list    []*openOutput
	fresh   []*openOutput // of these, opened for a change that the stream has not taken over
	past    []string      // where this run has written, here or before
	writers []pipeline.Writer
	timings *sink.Timings // nil where not wanted
	pixels  bool          // somebody looks at the pictures
}

// savedFPS is the rate of a saved video where the source does not say its own.
const savedFPS = 30

// openOutputs opens what the settings ask for, or nothing.
func openOutputs(c config.Config, info capture.Info, to destination, log *slog.Logger) (*outputs, error) {
	o, err := (&outputs{}).next(c, info, to, log)
	if err == nil {
		o.fresh = nil
	}
	return o, err
}

// next are the outputs of changed settings: what they do not change is the same
// output, the rest is opened, or nothing. The outputs before stay open.
func (o *outputs) next(c config.Config, info capture.Info, to destination, log *slog.Logger) (*outputs, error) {
	next := &outputs{past: slices.Clip(o.past)}
	var errs []error
	var kept sink.Offline // for those that begin here
	for _, kind := range outputKinds {
		want := openOutput{key: kind.key, path: *kind.path(&c)}
		if kind.key == "save" {
			want.codec = c.Codec
		}
		if want.path == "" {
			continue
		}
		if same := slices.IndexFunc(o.list, want.same); same >= 0 {
			next.add(o.list[same])
			continue
		}
		if err := next.mayWrite(want); err != nil {
			errs = append(errs, err)
			continue
		}
		if info.Live && want.path != "-" {
			if err := keepLeftover(want.path, log); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		var err error
		if want.output, err = kind.open(c, info, to, log); err != nil {
			errs = append(errs, err)
			continue
		}
		if kind.waits && c.Offline {
			want.output = kept.Before(want.output.(sink.Writer))
		}
		next.add(&want)
		next.fresh, next.past = append(next.fresh, &want), append(next.past, want.path)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, next.drop())
	}
	return next, nil
}

func (w openOutput) same(o *openOutput) bool {
	return o.key == w.key && o.path == w.path && o.codec == w.codec
}

// mayWrite refuses what would replace a result of this very run.
func (o *outputs) mayWrite(w openOutput) error {
	again := func(path string) bool { return w.path != "-" && atomicfile.Same(path, w.path) }
	if !slices.ContainsFunc(o.past, again) {
		return nil
	}
	keys := []string{w.key}
	if w.codec != "" {
		keys = append(keys, "codec")
	}
	return config.Faulty(fmt.Errorf("%s %s would replace what this run has written there; give it another name", w.key, w.path), keys...)
}

func (o *outputs) add(out *openOutput) {
	o.list = append(o.list, out)
	if w, ok := out.output.(pipeline.Writer); ok {
		o.writers = append(o.writers, w)
	}
	if t, ok := out.output.(*sink.Timings); ok {
		o.timings = t
	}
	o.pixels = o.pixels || out.key == "save" || out.key == "display"
}

// leaveTo hands fresh outputs that next has, too, over to it.
func (o *outputs) leaveTo(next *outputs) {
	has := func(out *openOutput) bool { return slices.Contains(next.list, out) }
	for _, out := range o.fresh {
		if has(out) {
			next.fresh = append(next.fresh, out)
		}
	}
	o.fresh = slices.DeleteFunc(o.fresh, has)
}

// drop ends the fresh outputs: nothing was written to them.
func (o *outputs) drop() error {
	var errs []error
	for _, out := range o.fresh {
		_, err := out.Keep()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// with are the outputs and one more.
func (o *outputs) with(out *openOutput) *outputs {
	more := *o
	more.list, more.writers = slices.Clip(o.list), slices.Clip(o.writers)
	more.add(out)
	return &more
}

// without are the outputs that next has not.
func (o *outputs) without(next *outputs) *outputs {
	left := &outputs{}
	for _, out := range o.list {
		if !slices.Contains(next.list, out) {
			left.add(out)
		}
	}
	return left
}

// keepLeftover keeps what a run of a live source that was killed or failed has left: unlike a
// file, it cannot be tracked once more.
func keepLeftover(path string, log *slog.Logger) error {
	kept, err := atomicfile.SetAside(path)
	if kept != "" {
		log.Warn("what a run before has left of an output is kept", "path", kept)
	}
	return err
}

func videoOptions(c config.Config, info capture.Info, log *slog.Logger) sink.VideoOptions {
	fps := info.FPS
	if fps <= 0 {
		fps = savedFPS
	}
	return sink.VideoOptions{
		Path: c.Save, FPS: fps / float64(c.Stride), Codec: c.Codec, Threads: c.Threads,
		PixelWidth: info.PixelWidth, PixelHeight: info.PixelHeight,
		Warn: func(message string) { log.Warn(message) },
	}
}

// wantsDisplay decides whether to open a window. By itself one opens on a desktop
// for live sources, and where there is no other output.
func wantsDisplay(c config.Config, info capture.Info) (bool, error) {
	switch c.Display {
	case "on":
		return true, sink.DisplayAvailable()
	case "off":
		return false, nil
	}
	return (info.Live || !hasOutput(c)) && sink.DisplayAvailable() == nil, nil
}

// hasOutput says that results go somewhere else than into a window.
func hasOutput(c config.Config) bool {
	return c.Serve != "" || slices.ContainsFunc(outputKinds, func(k outputKind) bool { return *k.path(&c) != "" })
}

// commit completes every output, also after one of them failed. A video for which no frame
// came is none, which is an error unless empty is there to be told.
func (o *outputs) commit(empty func(*openOutput)) error {
	var errs []error
	for _, out := range o.list {
		err := out.Commit()
		if empty != nil && errors.Is(err, sink.ErrNoFrames) {
			empty(out)
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keep closes every output as far as it went and says where that is.
func (o *outputs) keep() (paths []string, err error) {
	var errs []error
	for _, out := range o.list {
		path, err := out.Keep()
		if path != "" {
			paths = append(paths, path)
		}
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}
