//go:build gocv_specific_modules

package capture

import (
	"context"
	"sync"
	"time"
)

// closeGrace is how long Close waits for a read that is under way. A read of a
// dead network stream takes its whole timeout; Close leaves it behind, and the
// pump frees the source when it returns.
const closeGrace = 2 * time.Second

// pump reads a stream whose reads can block, in a goroutine of its own, so that
// a caller can stop waiting. It loses nothing.
type pump struct {
	reader *reader
	frames chan *Frame   // holds one
	stop   chan struct{} // closed by close
	done   chan struct{} // closed when the goroutine has freed the source
	once   sync.Once
	err    error // why it ended; written before frames is closed
}

func startPump(r *reader) *pump {
	p := &pump{reader: r, frames: make(chan *Frame, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.done)
	for {
		f, err := p.reader.read()
		if err != nil {
			p.err = err
			break
		}
		if !p.deliver(f) {
			p.err = errClosed
			break
		}
	}
	p.reader.free()
	close(p.frames)
}

// deliver hands f over when there is room, and is false once the pump is stopped.
func (p *pump) deliver(f *Frame) bool {
	select {
	case p.frames <- f:
		return true
	case <-p.stop:
		f.Close()
		return false
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
