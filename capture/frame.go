//go:build gocv_specific_modules

package capture

import (
	"sync"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"
)

// Frame is one picture of a source. It has one owner at a time: handing the
// pointer on hands over the duty to Close it. Never copy a Frame or its Mat.
type Frame struct {
	// Index counts the source's own frames from 0. Frames passed over by a stride
	// or dropped by a live source leave gaps.
	Index int
	// Time is the media time since the first frame: the presentation time where
	// the file or stream has one; else the arrival time where it is live, and
	// Index/FPS where not. It never goes backwards.
	Time time.Duration
	// Captured is when the program got the picture, wall and monotonic clock.
	Captured time.Time
	// Mat holds the pixels: 8-bit BGR, rows × columns × 3. It is gone after Close.
	Mat gocv.Mat

	pool   *pool // nil for a frame of another package's source
	bytes  int   // of the pixels, while in a queue
	closed atomic.Bool
}

// Close gives the pixels back to the source, which fills them with a later
// frame. Closing twice is harmless; so is closing after the source.
func (f *Frame) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	mat := f.Mat
	f.Mat = gocv.Mat{}
	return f.pool.put(mat)
}

// maxIdleMats bounds the memory that a pool keeps. It is more than the frames
// that a pipeline with short queues has in flight.
const maxIdleMats = 16

// pool keeps the Mats of closed frames, so that reading a frame writes into
// memory that is already there. The Frame around a Mat is new each time: one
// small allocation that makes a second Close harmless.
type pool struct {
	mu     sync.Mutex
	idle   []gocv.Mat
	closed bool
}

// frame is an empty frame, owned by the caller.
func (p *pool) frame() *Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &Frame{pool: p}
	if last := len(p.idle) - 1; last >= 0 {
		f.Mat = p.idle[last]
		p.idle = p.idle[:last]
	} else {
		f.Mat = gocv.NewMat()
	}
	return f
}

func (p *pool) put(m gocv.Mat) error {
	if p == nil {
		return m.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdleMats {
		return m.Close()
	}
	p.idle = append(p.idle, m)
	return nil
}

// close frees what is idle; frames still out free theirs when they are closed.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for i := range p.idle {
		p.idle[i].Close()
	}
	p.idle = nil
}
