//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
)

const (
	// trialFrames is how many frames a new network is tried on before it takes over.
	trialFrames = 5
	// trialPatience is how long they may take to come.
	trialPatience = 5 * time.Second
	// trialObjects is how many objects the old network must have seen for it to be a
	// fault that the new one sees none of them.
	trialObjects = 10
	// trialIoU is the overlap from where on two boxes are the same object.
	trialIoU = 0.5
)

// tap is a source that copies some of its frames on their way. What was found in
// them joins them later.
type tap struct {
	*capture.Stream
	open    atomic.Bool
	mu      sync.Mutex
	left    int // frames still to be copied
	pending []sample
	samples chan sample // has room for all
}

// sample is a frame, which the receiver closes, with what was found in it.
type sample struct {
	index      int
	picture    gocv.Mat
	detections []detect.Detection
}

// Next implements capture.Source.
func (t *tap) Next(ctx context.Context) (*capture.Frame, error) {
	f, err := t.Stream.Next(ctx)
	if err == nil && t.open.Load() {
		t.copy(f)
	}
	return f, err
}

func (t *tap) copy(f *capture.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left > 0 {
		t.left--
		t.pending = append(t.pending, sample{index: f.Index, picture: f.Mat.Clone()})
	}
}

// found tells what was found in a frame.
func (t *tap) found(r sink.Result) {
	if !t.open.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range t.pending {
		if s.index == r.Frame.Index {
			s.detections = slices.Clone(r.Detections)
			t.pending = slices.Delete(t.pending, i, i+1)
			t.samples <- s
			return
		}
	}
}

// start begins to copy n frames.
func (t *tap) start(n int) <-chan sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.samples = n, make(chan sample, n)
	t.open.Store(true)
	return t.samples
}

// stop frees what nobody took.
func (t *tap) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open.Store(false)
	for _, s := range t.pending {
		s.picture.Close()
	}
	t.pending, t.left = nil, 0
	for len(t.samples) > 0 {
		s := <-t.samples
		s.picture.Close()
	}
}

// trial is how a new network did on frames that the old one has seen.
type trial struct {
	common             []bool // by class, whether both networks may find it
	frames             int
	both, before, more int // objects that both found, the old one, the new one alone
	any                int // what the new one found, unsure or not
	took               []time.Duration
}

// compare tries an engine on frames of a stream while it runs. It is an error where
// the network fails, or finds nothing where there is much.
func (r *reloader) compare(ctx context.Context, eng *engine, c config.Config) error {
	s := r.streams[0]
	for _, other := range r.streams {
		if other.ended.Load() == nil {
			s = other
			break
		}
	}
	was := s.timings.Rows(nil)
	request, free, err := eng.probe()
	if err != nil {
		return err
	}
	defer free()
	samples := s.tap.start(trialFrames)
	defer s.tap.stop()
	timeout := time.After(trialPatience)
	t := trial{common: commonClasses(eng.model.Labels(), eng.manifest.Labels, c.Classes)}
	for t.frames < trialFrames {
		select {
		case sample := <-samples:
			err := t.try(ctx, request, sample, c.Conf)
			if err := errors.Join(err, sample.picture.Close()); err != nil {
				return fmt.Errorf("try %s: %w", eng.manifest.Name, err)
			}
		case <-timeout:
			r.log.Warn("no frames come to try the new network on", "model", eng.manifest.Name, "frames", t.frames)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if t.before >= trialObjects && t.any == 0 {
		return fmt.Errorf("try %s: it finds nothing in %d frames in which %s finds %d objects",
			eng.manifest.Name, t.frames, r.current.engine.manifest.Name, t.before)
	}
	slices.Sort(t.took)
	r.log.Info("new network tried beside the old", "model", eng.manifest.Name, "frames", t.frames,
		"ms", milliseconds(t.took[len(t.took)/2]), "before ms", inferenceOf(was),
		"objects of both", t.both, "of the old", t.before-t.both, "of the new", t.more)
	return nil
}

// probe makes a request that also gives what is less sure than the user wants to
// see: a network is not broken for that.
func (e *engine) probe() (request *backbones.Request, free func(), err error) {
	options := e.options
	usual, _ := e.manifest.Thresholds()
	options.Conf = min(options.Conf, usual)
	model, err := e.model.With(options)
	if err != nil {
		return nil, nil, err
	}
	if request, err = model.NewRequest(); err != nil {
		return nil, nil, errors.Join(err, model.Close())
	}
	return request, func() { request.Close(); model.Close() }, nil
}

// try runs one frame through the new network.
func (t *trial) try(ctx context.Context, d *backbones.Request, s sample, conf float64) error {
	if err := d.Load(&s.picture); err != nil {
		return err
	}
	start := time.Now()
	if err := d.Run(ctx); err != nil {
		return err
	}
	t.took = append(t.took, time.Since(start))
	found, err := d.Detections(nil)
	if err != nil {
		return err
	}
	t.frames++
	t.any += len(found)
	t.count(t.sure(s.detections, conf), t.sure(found, conf))
	return nil
}

// count pairs the objects of the two networks.
func (t *trial) count(before, now []detect.Detection) {
	t.before += len(before)
	t.more += len(now)
	taken := make([]bool, len(now))
	for _, old := range before {
		best, at := trialIoU, -1
		for i, d := range now {
			if overlap := old.Box.IoU(d.Box); !taken[i] && d.Class == old.Class && overlap >= best {
				best, at = overlap, i
			}
		}
		if at >= 0 {
			taken[at] = true
			t.both++
			t.more--
		}
	}
}

// sure leaves out the weak detections, which only some trackers look at, and those of
// classes that one network does not know or the user no longer wants.
func (t *trial) sure(all []detect.Detection, conf float64) (kept []detect.Detection) {
	for _, d := range all {
		if d.Score >= conf && t.common[d.Class] {
			kept = append(kept, d)
		}
	}
	return kept
}

// commonClasses says of each class of a run whether the new network knows it and the user
// wants it. What the old one finds is of classes that it knows.
func commonClasses(labels, known, wanted []string) []bool {
	selected, _ := detect.SelectClasses(labels, wanted) // that they are known was checked before
	common := make([]bool, len(labels))
	for i, label := range labels {
		common[i] = slices.Contains(known, label) && (selected == nil || selected[i])
	}
	return common
}

func inferenceOf(rows []timing.Row) string {
	for _, row := range rows {
		if row.Name == timing.Inference.String() {
			return milliseconds(row.P50)
		}
	}
	return "none yet"
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
