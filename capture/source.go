//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"io"
	"os"
)

// Source delivers frames in order.
type Source interface {
	// Next is the next frame, which the caller owns. It returns io.EOF at the end
	// of a file, a *TruncatedError where the file ends too soon, and ctx's error
	// once ctx is done, even where a camera or network says nothing. It is for one
	// goroutine.
	Next(ctx context.Context) (*Frame, error)
	// Close frees the source. Frames still in use stay valid until they are closed.
	Close() error
}

// Info describes an open source.
type Info struct {
	Name          string  // as shown to a user; a URL's password is masked
	Width, Height int     // pixels, 0 unknown
	FPS           float64 // nominal frame rate, before any stride; 0 unknown
	Frames        int     // by the header, an estimate for some containers; 0 unknown
	Live          bool    // has no end and does not wait: frames not read in time are dropped
	Backend       string  // of OpenCV: FFMPEG, V4L2; "images" for images
	FourCC        string  // codec, or pixel format of a camera; empty unknown
}

// decoder reads one kind of input, from one goroutine.
type decoder interface {
	info() Info
	// decode reads the next picture into f: Index, Time, Captured and Mat.
	decode(f *Frame) error
	// skip passes over the next picture.
	skip() error
	close() error
}

// Stream is an open source. See Open.
type Stream struct {
	spec    Spec
	facts   Info
	decoder decoder
	pool    pool
	pump    *pump // nil where Next reads by itself

	taken int // frames that Next gave out; of its caller's goroutine

	// Of the goroutine that reads: the caller of Next, or the pump.
	decoded int
	err     error // sticky: after it there is nothing more
}

var (
	_ Source = (*Stream)(nil)

	errClosed = errors.New("capture: the source is closed")
)

// Open opens an input. It fails with a line that says what is wrong and what to
// do. Waiting for a network stream ends with ctx.
func Open(ctx context.Context, spec Spec) (*Stream, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	Quiet()
	dec, err := openDecoder(ctx, spec)
	if err != nil {
		return nil, err
	}
	s := &Stream{spec: spec, facts: dec.info(), decoder: dec}
	if mayBlock(spec) {
		s.pump = startPump(s)
	}
	return s, nil
}

// mayBlock says whether reading may have to wait for somebody else.
func mayBlock(spec Spec) bool {
	switch spec.Kind {
	case Images:
		return false
	case File:
		info, err := os.Stat(spec.Path)
		return err == nil && !info.Mode().IsRegular() // a named pipe
	}
	return true
}

func openDecoder(ctx context.Context, spec Spec) (decoder, error) {
	switch spec.Kind {
	case Images:
		return openImages(spec)
	case Camera:
		return openCamera(spec)
	case URL:
		return openURL(ctx, spec)
	case Stdin:
		return openStdin(ctx, spec)
	default:
		return openFile(ctx, spec)
	}
}

// Info describes the source as it was opened.
func (s *Stream) Info() Info { return s.facts }

// Next implements Source.
func (s *Stream) Next(ctx context.Context) (*Frame, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.spec.MaxFrames > 0 && s.taken >= s.spec.MaxFrames {
		return nil, io.EOF
	}
	f, err := s.next(ctx)
	if err == nil {
		s.taken++
	}
	return f, err
}

func (s *Stream) next(ctx context.Context) (*Frame, error) {
	if s.pump != nil {
		return s.pump.next(ctx)
	}
	return s.read()
}

// Dropped counts the frames of a live source that nobody took in time. It may be
// called at any time, from any goroutine.
func (s *Stream) Dropped() int {
	if s.pump == nil {
		return 0
	}
	return int(s.pump.dropped.Load())
}

// Damaged counts the pieces of a video that could not be decoded and were passed
// over. It may be called at any time, from any goroutine.
func (s *Stream) Damaged() int {
	if v, ok := s.decoder.(*video); ok {
		return int(v.damaged.Load())
	}
	return 0
}

// Close implements Source.
func (s *Stream) Close() error {
	if s.pump != nil {
		return s.pump.close()
	}
	return s.free()
}

// free gives everything back; it belongs to the goroutine that reads.
func (s *Stream) free() error {
	if s.err == errClosed {
		return nil
	}
	s.err = errClosed
	s.pool.close()
	return s.decoder.close()
}

// read decodes the next frame after the stride.
func (s *Stream) read() (*Frame, error) {
	if s.err != nil {
		return nil, s.err
	}
	f, err := s.decode()
	if err != nil {
		s.err = err
		return nil, err
	}
	s.decoded++
	return f, nil
}

func (s *Stream) decode() (*Frame, error) {
	if s.decoded > 0 {
		for range s.spec.Stride - 1 {
			if err := s.decoder.skip(); err != nil {
				return nil, err
			}
		}
	}
	f := s.pool.frame()
	if err := s.decoder.decode(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
