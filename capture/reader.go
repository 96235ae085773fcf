//go:build gocv_specific_modules

package capture

import "sync/atomic"

// decoder reads one kind of input, from one goroutine.
type decoder interface {
	info() Info
	// decode reads the next picture into f: Index, Time, Captured and Mat.
	decode(f *Frame) error
	// skip passes over the next picture.
	skip() error
	close() error
}

// reader takes frames from a decoder. It is for one goroutine.
type reader struct {
	decoder decoder
	pool    *pool
	stride  *atomic.Int64 // of the Stream
	decoded int
	err     error // sticky: after it there is nothing more
}

// read decodes the next frame after the stride.
func (r *reader) read() (*Frame, error) {
	if r.err != nil {
		return nil, r.err
	}
	f, err := r.decode()
	if err != nil {
		r.err = err
		return nil, err
	}
	r.decoded++
	return f, nil
}

func (r *reader) decode() (*Frame, error) {
	if r.decoded > 0 {
		for range r.stride.Load() - 1 {
			if err := r.decoder.skip(); err != nil {
				return nil, err
			}
		}
	}
	f := r.pool.frame()
	if err := r.decoder.decode(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// free closes the decoder, once.
func (r *reader) free() error {
	if r.err == errClosed {
		return nil
	}
	r.err = errClosed
	return r.decoder.close()
}
