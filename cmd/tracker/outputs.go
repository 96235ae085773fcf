//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
)

// output is a sink with its two ends: complete, or as far as it went.
type output interface {
	pipeline.Writer
	Commit() error
	Keep() (path string, err error)
}

// outputs are the sinks of one run.
type outputs struct {
	all    []output
	pixels bool // somebody looks at the pictures
}

// savedFPS is the rate of a saved video where the source does not say its own.
const savedFPS = 30

// openOutputs opens what the settings ask for, or nothing.
func openOutputs(ctx context.Context, c config.Config, info capture.Info, stdout io.Writer, log *slog.Logger) (*outputs, error) {
	o := &outputs{}
	err := errors.Join(
		o.open(c.MOT != "", func() (output, error) { return sink.NewMOT(c.MOT, stdout) }),
		o.open(c.JSONL != "", func() (output, error) { return sink.NewJSONL(c.JSONL, stdout, info.Live) }),
		o.open(c.Save != "", func() (output, error) { return sink.NewVideo(videoOptions(c, info, log)) }),
	)
	show, displayErr := wantsDisplay(c, info)
	// The window comes last: it may wait for the user.
	err = errors.Join(err, displayErr, o.open(show && err == nil, func() (output, error) { return sink.NewDisplay(ctx, "tracker: "+info.Name) }))
	if err != nil {
		_, keepErr := o.keep()
		return nil, errors.Join(err, keepErr)
	}
	o.pixels = c.Save != "" || show
	return o, nil
}

func (o *outputs) open(wanted bool, make func() (output, error)) error {
	if !wanted {
		return nil
	}
	out, err := make()
	if err != nil {
		return err
	}
	o.all = append(o.all, out)
	return nil
}

func videoOptions(c config.Config, info capture.Info, log *slog.Logger) sink.VideoOptions {
	fps := info.FPS
	if fps <= 0 {
		fps = savedFPS
	}
	return sink.VideoOptions{
		Path: c.Save, FPS: fps / float64(c.Stride), Codec: c.Codec,
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
	alone := c.Save == "" && c.MOT == "" && c.JSONL == ""
	return (info.Live || alone) && sink.DisplayAvailable() == nil, nil
}

func (o *outputs) writers() []pipeline.Writer {
	w := make([]pipeline.Writer, len(o.all))
	for i := range o.all {
		w[i] = o.all[i]
	}
	return w
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
