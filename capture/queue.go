//go:build gocv_specific_modules

package capture

import (
	"context"
	"sync"
	"sync/atomic"
)

// maxQueueBytes bounds the pixels that wait in a queue, whatever their number.
const maxQueueBytes = 256 << 20

// queue hands frames of a live source over without ever making the giver wait:
// when it is full, the oldest goes. With room for one it is a mailbox that holds
// the newest.
type queue struct {
	limit, maxBytes int
	dropped         atomic.Int64
	ready           chan struct{} // holds a token after put and end

	mu     sync.Mutex
	frames []*Frame // oldest first
	bytes  int      // of their pixels
	err    error    // set by end: no more will come
}

func newQueue(limit, maxBytes int) *queue {
	return &queue{limit: limit, maxBytes: maxBytes, ready: make(chan struct{}, 1), frames: make([]*Frame, 0, limit+1)}
}

// put adds f, which the queue owns from now on.
func (q *queue) put(f *Frame) {
	f.bytes = f.Mat.Rows() * f.Mat.Step()
	q.mu.Lock()
	q.frames = append(q.frames, f)
	q.bytes += f.bytes
	for len(q.frames) > q.limit || q.bytes > q.maxBytes && len(q.frames) > 1 {
		q.pop().Close()
		q.dropped.Add(1)
	}
	q.mu.Unlock()
	q.wake()
}

// pop removes the oldest of at least one; the caller holds the lock.
func (q *queue) pop() *Frame {
	f := q.frames[0]
	n := copy(q.frames, q.frames[1:])
	q.frames[n] = nil
	q.frames = q.frames[:n]
	q.bytes -= f.bytes
	return f
}

// end lets take return err after what is left.
func (q *queue) end(err error) {
	q.mu.Lock()
	q.err = err
	q.mu.Unlock()
	q.wake()
}

// clear frees the frames that nobody took.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames) > 0 {
		q.pop().Close()
	}
}

// take waits for the oldest frame, which the caller owns; it is for one goroutine.
func (q *queue) take(ctx context.Context) (*Frame, error) {
	for {
		if f, err := q.poll(); f != nil || err != nil {
			return f, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) poll() (*Frame, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) > 0 {
		return q.pop(), nil
	}
	return nil, q.err
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
