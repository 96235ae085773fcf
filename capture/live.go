//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// hangGrace is how much longer than its timeout a read or open may take before
	// it counts as hung: FFmpeg's own timeouts come first, and say more.
	hangGrace = time.Second
	// maxHung is how many reads and opens may be left behind before no more are
	// begun, so that a source which hangs every time takes no more memory.
	maxHung = 4
)

// live keeps a live source going. Its goroutine takes frames from a session into
// the queue, which never makes it wait; when the session ends or hangs, it opens
// another. Index and time go on from one to the next, the time by the wall clock.
type live struct {
	spec    Spec
	name    string // of the source, as shown to a user
	pool    *pool
	stride  *atomic.Int64 // of the Stream
	queue   *queue
	open    func(context.Context) (*video, error) // opens the same source once more
	backoff *backoff
	news    *announcer
	damaged *atomic.Int64
	hung    atomic.Int32
	cancel  context.CancelFunc
	done    chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	state State

	// Of the goroutine: the last frame.
	last struct {
		index    int
		at       time.Duration
		captured time.Time
		size     image.Point
		dropped  int64
	}
}

// startLive goes on with v, which was just opened with spec.
func startLive(spec Spec, p *pool, stride *atomic.Int64, v *video, open func(context.Context) (*video, error)) *live {
	limit := 1
	if spec.Policy == All {
		limit = spec.Queue
		if limit == 0 {
			limit = defaultQueue
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{
		spec: spec, name: spec.Name(), pool: p, stride: stride, queue: newQueue(limit, maxQueueBytes), open: open,
		backoff: newBackoff(spec.Reconnect), news: newAnnouncer(spec.Notify, time.Now()), damaged: v.damaged,
		cancel: cancel, done: make(chan struct{}),
		state: State{Since: time.Now()},
	}
	go l.run(ctx, l.begin(v, time.Now()))
	return l
}

func (l *live) begin(v *video, opened time.Time) *session {
	v.damaged = l.damaged
	if !l.last.captured.IsZero() {
		v.next = l.last.index + 1
	}
	return startSession(&reader{decoder: v, pool: l.pool, stride: l.stride}, v, opened)
}

func (l *live) run(ctx context.Context, s *session) {
	defer close(l.done)
	err := l.keep(ctx, s)
	l.change(func(state *State) { state.Status, state.Since, state.Err = Ended, time.Now(), err })
	if err != errClosed {
		l.tell(GivenUp, 0)
	}
	l.queue.end(err)
}

// keep follows one session after the other, and returns why there is no more.
func (l *live) keep(ctx context.Context, s *session) error {
	for {
		err := l.follow(ctx, s)
		l.leave(s)
		var resizedErr *ResizedError
		resized := errors.As(err, &resizedErr)
		switch {
		case ctx.Err() != nil:
			return errClosed
		case l.spec.Reconnect.Off && !resized:
			return err
		}
		l.lost(s, err, resized)
		// A source that lives and has only changed is back at once, but for one that
		// changes all the time.
		atOnce := resized && time.Since(s.opened) > time.Second
		if s, err = l.reconnect(ctx, atOnce); err != nil {
			return err
		}
		s.resized = resized
	}
}

// follow queues the frames of a session until it ends or hangs.
func (l *live) follow(ctx context.Context, s *session) error {
	patience := orDefault(l.spec.ReadTimeout) + hangGrace
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for beats := uint32(0); ; {
		select {
		case f := <-s.frames:
			l.take(s, f)
			beats = s.video.beats.Load()
			timer.Reset(patience)
		case <-s.done:
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			// A stride can pass over frames for longer than that.
			if now := s.video.beats.Load(); now != beats {
				beats = now
				timer.Reset(patience)
				continue
			}
			s.hung = true
			return fmt.Errorf("read %s: %w: a read has hung for %v", l.name, ErrLost, patience)
		}
	}
}

// take places a frame in the source's own time, and queues it.
func (l *live) take(s *session, f *Frame) {
	size := image.Pt(f.Mat.Cols(), f.Mat.Rows())
	var gap time.Duration
	first := !s.begun
	s.begun = true
	if first && !l.last.captured.IsZero() {
		gap = s.gap(l.last.captured, f.Captured)
		s.at, s.before, s.beforeCame = l.last.at+gap, l.last.at, l.last.captured
	}
	f.Time += s.at
	if !first {
		s.settle(f, l.last.captured)
	}
	l.last.index, l.last.at, l.last.captured, l.last.size = f.Index, f.Time, f.Captured, size
	captured := f.Captured
	l.queue.put(f)
	l.change(func(state *State) { state.Last = captured })
	if first && s.again {
		l.reconnected(s, gap)
	}
	if dropped := l.queue.dropped.Load(); dropped != l.last.dropped {
		l.last.dropped = dropped
		l.tell(Dropping, 0)
	}
}

// leave ends a session. One that hangs is left behind and frees itself later.
func (l *live) leave(s *session) {
	close(s.stop)
	grace := closeGrace
	if s.hung {
		grace = 0
	}
	select {
	case <-s.done:
	case <-time.After(grace):
		l.abandon(func() { <-s.done })
	}
}

// abandon counts a call as hung until it returns.
func (l *live) abandon(wait func()) {
	l.hung.Add(1)
	go func() {
		wait()
		l.hung.Add(-1)
	}()
}

// reconnect opens another session, however often it has to try.
func (l *live) reconnect(ctx context.Context, atOnce bool) (*session, error) {
	limit := l.spec.Reconnect.MaxAttempts
	if l.spec.Reconnect.Off {
		limit = 1
	}
	for {
		state := l.report()
		if limit > 0 && state.Attempts >= limit {
			return nil, fmt.Errorf("read %s: %w; gave up after %d attempts to reconnect: %w",
				l.name, ErrLost, state.Attempts, state.Err)
		}
		if !atOnce && !sleep(ctx, l.backoff.delay()) {
			return nil, errClosed
		}
		atOnce = false
		l.change(func(state *State) { state.Attempts++ })
		s, err := l.connect(ctx)
		if err == nil {
			s.again = true
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, errClosed
		}
		l.failed(err)
	}
}

// connect opens a session, and leaves the open behind where it hangs.
func (l *live) connect(ctx context.Context) (*session, error) {
	if n := l.hung.Load(); n >= maxHung {
		return nil, fmt.Errorf("open %s: %d reads and opens hang; waiting for one to return", l.name, n)
	}
	type opened struct {
		video *video
		err   error
	}
	start, result := time.Now(), make(chan opened, 1)
	go func() {
		v, err := l.open(context.WithoutCancel(ctx))
		result <- opened{v, err}
	}()
	late := func() {
		if r := <-result; r.err == nil {
			r.video.close()
		}
	}
	// explainURL may knock once more after a timeout.
	patience := 2*orDefault(l.spec.OpenTimeout) + hangGrace
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-result:
		if r.err != nil {
			return nil, r.err
		}
		return l.begin(r.video, start), nil
	case <-timer.C:
		l.abandon(late)
		return nil, fmt.Errorf("open %s: it has hung for %v", l.name, patience)
	case <-ctx.Done():
		l.abandon(late)
		return nil, ctx.Err()
	}
}

// lost notes the end of a session.
func (l *live) lost(s *session, err error, resized bool) {
	if s.again && !s.begun {
		l.failed(err)
		return
	}
	if time.Since(s.opened) > l.backoff.max {
		l.backoff.reset()
	}
	l.change(func(state *State) {
		state.Status, state.Since, state.Err, state.Attempts = Reconnecting, time.Now(), err, 0
	})
	if !resized {
		l.tell(Lost, 0)
	}
}

// failed notes an attempt to reconnect that brought nothing.
func (l *live) failed(err error) {
	l.change(func(state *State) { state.Err = err })
	if n := l.report().Attempts; n&(n-1) == 0 {
		l.tell(Retried, 0)
	}
}

func (l *live) reconnected(s *session, gap time.Duration) {
	// A server that was slow to begin to send is known by the clock alone, yet; see settle.
	gap = max(gap, time.Since(l.report().Since))
	l.change(func(state *State) {
		*state = State{Status: Connected, Since: time.Now(), Last: state.Last, Reconnects: state.Reconnects + 1}
	})
	kind := Reconnected
	if s.resized {
		kind = Resized
	}
	l.tell(kind, gap)
}

func (l *live) tell(kind EventKind, gap time.Duration) {
	l.news.tell(time.Now(), Event{
		Kind: kind, Name: l.name, State: l.report(), Gap: gap,
		Width: l.last.size.X, Height: l.last.size.Y,
	})
}

func (l *live) change(f func(*State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.state)
}

// report is the state at this moment, for any goroutine.
func (l *live) report() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.state
	state.Dropped, state.Hung = int(l.queue.dropped.Load()), int(l.hung.Load())
	return state
}

func (l *live) close() error {
	l.cancel()
	<-l.done
	l.queue.clear()
	return nil
}

// sleep is false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
