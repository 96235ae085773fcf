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
// a caller can stop waiting. It loses nothing, and frees the source when it ends.
type pump struct {
	reader *reader
	frames chan *Frame   // handed over one by one
	stop   chan struct{} // closed by who wants no more
	done   chan struct{} // closed when the source is freed
	once   sync.Once
	err    error // why it ended; written before done is closed
}

func startPump(r *reader) *pump {
	p := &pump{reader: r, frames: make(chan *Frame), stop: make(chan struct{}), done: make(chan struct{}), err: errClosed}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.done)
	defer p.reader.free()
	for {
		f, err := p.reader.read()
		if err != nil {
			p.err = err
			return
		}
		select {
		case p.frames <- f:
		case <-p.stop:
			f.Close()
			return
		}
	}
}

func (p *pump) next(ctx context.Context) (*Frame, error) {
	select {
	case f := <-p.frames:
		return f, nil
	case <-p.done:
		return nil, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pump) close() error {
	p.once.Do(func() {
		close(p.stop)
		select {
		case <-p.done:
		case <-time.After(closeGrace):
		}
	})
	return nil
}
