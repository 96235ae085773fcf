//go:build gocv_specific_modules

package main

import (
	"errors"
	"log/slog"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
)

// output is a result with its two ends: complete, or as far as it went.
type output interface {
	Commit() error
	Keep() (path string, err error)
}

// outputs are the results of one run.
type outputs struct {
	all     []output
	writers []pipeline.Writer
	timings *sink.Timings // nil where not wanted
	pixels  bool          // somebody looks at the pictures
}

// savedFPS is the rate of a saved video where the source does not say its own.
const savedFPS = 30

// openOutputs opens what the settings ask for, or nothing.
func openOutputs(c config.Config, info capture.Info, to destination, log *slog.Logger) (*outputs, error) {
	o := &outputs{pixels: c.Save != "" || to.show != nil}
	err := o.open(c, info, to, log)
	if err != nil {
		_, keepErr := o.keep()
		return nil, errors.Join(err, keepErr)
	}
	return o, nil
}

func (o *outputs) open(c config.Config, info capture.Info, to destination, log *slog.Logger) error {
	lines := sink.JSONLOptions{UTC: info.Live}
	if c.JSONL == "-" {
		lines.Source = to.source
	}
	// The window comes last: it may wait for the user.
	return errors.Join(
		add(o, c.MOT != "", func() (*sink.MOT, error) { return sink.NewMOT(c.MOT, to.stdout) }),
		add(o, c.JSONL != "", func() (*sink.JSONL, error) { return sink.NewJSONL(c.JSONL, to.stdout, lines) }),
		add(o, c.Save != "", func() (*sink.Video, error) { return sink.NewVideo(videoOptions(c, info, log)) }),
		add(o, c.Timings != "", func() (_ *sink.Timings, err error) {
			o.timings, err = sink.NewTimings(c.Timings, to.stdout)
			return o.timings, err
		}),
		add(o, c.Record != "", func() (*sink.Record, error) { return sink.NewRecord(c.Record, to.header) }),
		add(o, to.show != nil, to.show),
	)
}

// add opens one output, and counts it among the writers where it is one.
func add[T output](o *outputs, wanted bool, open func() (T, error)) error {
	if !wanted {
		return nil
	}
	out, err := open()
	if err != nil {
		return err
	}
	o.all = append(o.all, out)
	if w, ok := any(out).(pipeline.Writer); ok {
		o.writers = append(o.writers, w)
	}
	return nil
}

func videoOptions(c config.Config, info capture.Info, log *slog.Logger) sink.VideoOptions {
	fps := info.FPS
	if fps <= 0 {
		fps = savedFPS
	}
	return sink.VideoOptions{
		Path: c.Save, FPS: fps / float64(c.Stride), Codec: c.Codec, Threads: c.Threads,
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
	alone := c.Save == "" && c.MOT == "" && c.JSONL == "" && c.Timings == "" && c.Record == ""
	return (info.Live || alone) && sink.DisplayAvailable() == nil, nil
}

// commit completes every output, also after one of them failed.
func (o *outputs) commit() error {
	var errs []error
	for _, out := range o.all {
		errs = append(errs, out.Commit())
	}
	return errors.Join(errs...)
}

// keep closes every output as far as it went and says where that is.
func (o *outputs) keep() (paths []string, err error) {
	var errs []error
	for _, out := range o.all {
		path, err := out.Keep()
		if path != "" {
			paths = append(paths, path)
		}
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}
