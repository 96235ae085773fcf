//go:build gocv_specific_modules

package main

import (
	"errors"
	"runtime"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// engine is a loaded model with the inferences that pipelines keep in flight.
type engine struct {
	manifest *backbones.Manifest
	options  backbones.Options // of the model
	model    *backbones.Model
	requests []*backbones.Request
	batches  chan *backbones.Batch    // idle ones
	workers  int                      // inferences that run at once
	together int                      // pictures that one may have
	pools    []chan pipeline.Detector // for each source; files have one together
	turns    *pipeline.Turns          // nil for one source
}

// openEngine loads the model for sources of which each is live or not. Notify is
// told what the user should know of it.
func openEngine(c config.Config, manifest *backbones.Manifest, needs track.Needs, notify func(string), live ...bool) (*engine, error) {
	return newEngine(c, needs, nil, notify, live, func(o backbones.Options) (*backbones.Model, error) { return backbones.Open(manifest, o) })
}

// newEngine makes an engine of the model that open gives. Its classes are numbers of
// labels, nil for the model's own.
func newEngine(c config.Config, needs track.Needs, labels []string, notify func(string), live []bool, open func(backbones.Options) (*backbones.Model, error)) (*engine, error) {
	streams := 0 // live ones
	for _, l := range live {
		if l {
			streams++
		}
	}
	workers, threads := shareThreads(c, streams > 0)
	options := backbones.Options{
		Threads: threads, Device: c.Device, Fallback: c.DeviceFallback, Notify: notify,
		Conf: min(c.Conf, needs.Score), NMSIoU: c.NMSIoU, Classes: c.Classes, Shared: !c.Serial, Labels: labels,
	}
	model, err := open(options)
	if err != nil {
		return nil, err
	}
	e := &engine{manifest: model.Manifest(), options: options, model: model, workers: workers, together: 1}
	err = e.fill(live, len(live)-streams)
	if err == nil && len(live) > 1 {
		err = e.share(streams, threads > 1 || !model.Device().OnCPU())
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// fill makes the pools of inferences. Files share one; a live source, which may
// hold its own for as long as nothing comes, has one to itself.
func (e *engine) fill(live []bool, files int) (err error) {
	var shared chan pipeline.Detector
	if files > 0 {
		if shared, err = e.newPool(pipeline.DetectorsForFiles(e.workers, files)); err != nil {
			return err
		}
	}
	for _, live := range live {
		pool := shared
		if live {
			if pool, err = e.newPool(pipeline.DetectorsFor(e.workers, true)); err != nil {
				return err
			}
		}
		e.pools = append(e.pools, pool)
	}
	return nil
}

func (e *engine) newPool(n int) (chan pipeline.Detector, error) {
	pool := make(chan pipeline.Detector, n)
	for range n {
		r, err := e.model.NewRequest()
		if err != nil {
			return nil, err
		}
		e.requests = append(e.requests, r)
		pool <- r
	}
	return pool, nil
}

// mostTogether bounds the pictures of one inference: more take longer than a camera
// waits for its next frame.
const mostTogether = 8

// share has the sources take turns. Where inference gains by it, frames of live
// streams that wait at the same moment run together. Files never do: their results
// must not depend, by so much as a bit, on what runs beside them.
func (e *engine) share(streams int, gains bool) error {
	e.turns = pipeline.NewTurns(e.workers, 1, nil)
	most := min(streams, mostTogether)
	if most < 2 || !gains {
		return nil
	}
	e.batches = make(chan *backbones.Batch, e.workers)
	for range e.workers {
		b, err := e.model.NewBatch(most)
		if errors.Is(err, backbones.ErrOnePicture) {
			return nil
		}
		if err != nil {
			return err
		}
		e.batches <- b
	}
	e.together, e.turns = most, pipeline.NewTurns(e.workers, most, e.runTogether)
	return nil
}

// runTogether runs requests as one inference.
func (e *engine) runTogether(detectors []pipeline.Detector) error {
	batch := <-e.batches
	defer func() { e.batches <- batch }()
	var requests [mostTogether]*backbones.Request
	for i, d := range detectors {
		requests[i] = d.(*backbones.Request)
	}
	return batch.Run(requests[:len(detectors)])
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

// Close frees the inferences, then the model.
func (e *engine) Close() error {
	defer returnMemory()
	var errs []error
	for _, r := range e.requests {
		errs = append(errs, r.Close())
	}
	for len(e.batches) > 0 {
		errs = append(errs, (<-e.batches).Close())
	}
	return errors.Join(append(errs, e.model.Close())...)
}

// chooseModel finds what to run, checks what the command line says of it, and
// settles in c what is left to the model.
func chooseModel(c *config.Config) (*backbones.Manifest, error) {
	device, err := backbones.ParseDevice(c.Device)
	if err != nil {
		return nil, usageErrorf("%w", config.Faulty(err, "device"))
	}
	// A model without a manifest is read by the library that is to run it, too.
	if err := backbones.LoadRuntimeFor(device); err != nil && !device.OnCPU() {
		return nil, err
	}
	m, err := findModel(*c)
	if err != nil {
		return nil, err
	}
	if _, err := detect.SelectClasses(m.Labels, c.Classes); err != nil {
		return nil, usageErrorf("%w", config.Faulty(err, "classes"))
	}
	if c.Size != "" {
		if m, err = resize(m, c.Size); err != nil {
			return nil, &codedError{exitUsage, config.Faulty(err, "size")}
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
		m, err := backbones.FromFile(c.Model)
		return m, config.Faulty(err, "model")
	}
	name := c.Backbone
	if name == "" {
		name = config.DefaultBackbone
	}
	m, err := backbones.Find(name)
	if errors.Is(err, backbones.ErrUnknown) {
		return nil, &codedError{exitUsage, config.Faulty(err, "backbone")}
	}
	return m, config.Faulty(err, "backbone")
}
