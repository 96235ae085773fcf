//go:build gocv_specific_modules

package main

import (
	"errors"
	"runtime"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// engine is a loaded model with the inferences that a pipeline keeps in flight.
type engine struct {
	manifest *backbones.Manifest
	model    *backbones.Model
	requests []*backbones.Request
	workers  int // inferences that run at once
}

func openEngine(c config.Config, manifest *backbones.Manifest, needs track.Needs, live bool) (*engine, error) {
	workers, threads := shareThreads(c, live)
	model, err := backbones.Open(manifest, backbones.Options{
		Threads: threads, Device: c.Device, Conf: min(c.Conf, needs.Score), NMSIoU: c.NMSIoU, Classes: c.Classes, Shared: !c.Serial,
	})
	if err != nil {
		return nil, err
	}
	e := &engine{manifest: manifest, model: model, workers: workers}
	for range pipeline.DetectorsFor(workers, live) {
		r, err := model.NewRequest()
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		e.requests = append(e.requests, r)
	}
	return e, nil
}

// shareThreads splits the threads there are: how many inferences run at once, and
// how many threads each has. A file wants the most frames a second, which single
// threads side by side give, since they never wait for each other; a live source
// wants each frame soon. OpenCV and Go get what those leave over of the cores.
func shareThreads(c config.Config, live bool) (workers, threads int) {
	total := c.Threads
	if total == 0 {
		total = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(total)
	gocv.SetNumThreads(1)
	switch {
	case c.Serial:
		gocv.SetNumThreads(total)
		return 1, total
	case c.Workers > 0:
		return c.Workers, max(total/c.Workers, 1)
	case live:
		return 1, total
	}
	return total, 1
}

// detectors are the engine's inferences as the pipeline takes them.
func (e *engine) detectors() []pipeline.Detector {
	list := make([]pipeline.Detector, len(e.requests))
	for i, r := range e.requests {
		list[i] = r
	}
	return list
}

// Close frees the inferences, then the model.
func (e *engine) Close() error {
	var errs []error
	for _, r := range e.requests {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, e.model.Close())...)
}
