//go:build gocv_specific_modules

package capture

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// closeGrace is how long Close waits for a read that is under way. A read of a
// dead network stream takes its whole timeout; Close leaves it behind, and the
// pump frees the source when it returns.
const closeGrace = 2 * time.Second

// pump reads a stream whose reads can block, in a goroutine of its own, so that
// a caller can stop waiting.
type pump struct {
	stream *Stream
	// frames holds one frame. A live source replaces it when a newer one arrives;
	// any other waits for it to be taken.
	frames  chan *Frame
	dropped atomic.Int64
	stop    chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has freed the source
	once    sync.Once
	err     error // why it ended; written before frames is closed
}

func startPump(s *Stream) *pump {
	p := &pump{stream: s, frames: make(chan *Frame, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.done)
	deliver := p.wait
	if p.stream.facts.Live {
		deliver = p.replace
	}
	for {
		f, err := p.stream.read()
		if err != nil {
			p.err = err
			break
		}
		if !deliver(f) {
			p.err = errClosed
			break
		}
	}
	p.stream.free()
	close(p.frames)
}

// wait delivers f when there is room, and is false once the pump is stopped.
func (p *pump) wait(f *Frame) bool {
	select {
	case p.frames <- f:
		return true
	case <-p.stop:
		f.Close()
		return false
	}
}

// replace delivers f at once, throwing away the frame that nobody took.
func (p *pump) replace(f *Frame) bool {
	for {
		select {
		case <-p.stop:
			f.Close()
			return false
		case p.frames <- f:
			return true
		default:
		}
		select {
		case old := <-p.frames:
			old.Close()
			p.dropped.Add(1)
		default:
		}
	}
}

func (p *pump) next(ctx context.Context) (*Frame, error) {
	select {
	case f, ok := <-p.frames:
		if !ok {
			return nil, p.err
		}
		return f, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pump) close() error {
	p.once.Do(func() {
		close(p.stop)
		select {
		case <-p.done:
			p.drain()
		case <-time.After(closeGrace):
			go p.drain()
		}
	})
	return nil
}

// drain closes the frame that was not taken, once the goroutine has ended.
func (p *pump) drain() {
	<-p.done
	for f := range p.frames {
		f.Close()
	}
}
