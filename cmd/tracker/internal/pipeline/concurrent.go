//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
)

// queue hands jobs from one lane to the next. It holds every job there is, so
// that putting one in never waits: what bounds the frames in flight is the number
// of jobs.
type queue chan *job

func (q queue) put(j *job) {
	j.queued = time.Now()
	q <- j
}

// get takes the next job; false when the queue has ended or ctx has. before is
// the stage that the job has waited for.
func (q queue) get(ctx context.Context, before timing.Stage) (*job, bool) {
	select {
	case j, ok := <-q:
		if ok {
			j.trace.Waited[before] = time.Since(j.queued)
		}
		return j, ok
	case <-ctx.Done():
		return nil, false
	}
}

// lanes is one concurrent run.
type lanes struct {
	*Pipeline
	idle    queue // jobs without a frame
	work    queue // captured, for any worker
	order   queue // the same, in order, for tracking
	tracked queue
	// slots are the captured frames that may be waiting or in a worker's hands.
	slots  chan struct{}
	frames int
}

func (p *Pipeline) runConcurrent(ctx context.Context) (int, error) {
	n := len(p.jobs)
	l := &lanes{Pipeline: p,
		idle: make(queue, n), work: make(queue, n), order: make(queue, n), tracked: make(queue, n)}
	for i := range p.jobs {
		l.idle <- &p.jobs[i]
	}
	slots := p.Workers
	if !p.Live {
		slots += ahead
	}
	l.slots = make(chan struct{}, slots)

	// The user's ctx ends capture alone, a failure ends everything.
	group, all := errgroup.WithContext(context.WithoutCancel(ctx))
	source, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(all, stop)()

	var ended error // how capture ended, where no stage failed
	group.Go(func() error {
		defer close(l.work)
		defer close(l.order)
		ended = Guard(func() error { return l.captureAll(source, all) })
		return nil
	})
	for range p.Workers {
		group.Go(func() error { return Guard(func() error { return l.inferAll(all) }) })
	}
	group.Go(func() error {
		defer close(l.tracked)
		return Guard(func() error { return l.trackAll(all) })
	})
	group.Go(func() error { return Guard(func() error { return l.presentAll(all) }) })
	if err := group.Wait(); err != nil {
		return l.frames, err
	}
	if errors.Is(ended, io.EOF) {
		ended = nil
	}
	return l.frames, ended
}

func (l *lanes) captureAll(source, all context.Context) error {
	for {
		free := time.Now()
		select {
		case l.slots <- struct{}{}:
		case <-source.Done():
			return source.Err()
		}
		j, ok := l.idle.get(all, timing.Capture)
		if !ok {
			return nil // a stage failed, and says why
		}
		if err := l.takeDetector(source, j); err != nil {
			return err
		}
		if err := l.capture(source, j, free); err != nil {
			return err
		}
		l.order.put(j)
		l.work.put(j)
	}
}

func (l *lanes) inferAll(ctx context.Context) error {
	for {
		j, ok := l.work.get(ctx, timing.Preprocess)
		if !ok {
			return nil
		}
		if err := l.infer(ctx, j); err != nil {
			return err
		}
		<-l.slots
		j.queued = time.Now()
		j.inferred <- struct{}{}
	}
}

func (l *lanes) trackAll(ctx context.Context) error {
	for {
		j, ok := l.nextInferred(ctx)
		if !ok {
			return nil
		}
		if err := l.track(ctx, j); err != nil {
			return err
		}
		l.tracked.put(j)
	}
}

// nextInferred is the next job in order, once its inference is done.
func (l *lanes) nextInferred(ctx context.Context) (*job, bool) {
	select {
	case j, ok := <-l.order:
		if !ok {
			return nil, false
		}
		select {
		case <-j.inferred:
			j.trace.Waited[timing.Postprocess] = time.Since(j.queued)
			return j, true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return nil, false
}

func (l *lanes) presentAll(ctx context.Context) error {
	for {
		j, ok := l.tracked.get(ctx, timing.Draw)
		if !ok {
			return nil
		}
		if err := l.present(ctx, j); err != nil {
			return err
		}
		l.frames++
		l.idle.put(j)
	}
}
