//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
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

	// PixelWidth and PixelHeight are how wide a pixel is to be shown for how high: 64
	// and 45 of a widescreen DVD. 0 is unknown, which mostly is square.
	PixelWidth, PixelHeight int
}

// Stream is an open source. See Open.
type Stream struct {
	spec    Spec
	facts   Info
	pool    pool
	damaged *atomic.Int64
	stride  *atomic.Int64
	taken   int // frames that Next gave out; of its caller's goroutine

	// One of these delivers.
	reader *reader // where reading waits for nobody: Next reads by itself
	pump   *pump   // where it may have to wait
	live   *live   // where it may have to wait and must not be late
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
	s := &Stream{spec: spec, facts: dec.info(), damaged: new(atomic.Int64), stride: new(atomic.Int64)}
	s.SetStride(spec.Stride)
	v, ok := dec.(*video)
	if ok {
		s.damaged = v.damaged
	}
	r := &reader{decoder: dec, pool: &s.pool, stride: s.stride}
	switch {
	case s.facts.Live:
		s.live = startLive(spec, &s.pool, s.stride, v, reopener(spec))
	case mayBlock(spec):
		s.pump = startPump(r)
	default:
		s.reader = r
	}
	return s, nil
}

// reopener returns a function that opens a live source once more.
func reopener(spec Spec) func(context.Context) (*video, error) {
	if spec.Kind == Camera {
		return cameraReopener(spec)
	}
	return func(ctx context.Context) (*video, error) { return openURL(ctx, spec, true) }
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
		return openCamera(ctx, spec, spec.Path)
	case URL:
		return openURL(ctx, spec, false)
	case Stdin:
		return openStdin(ctx, spec)
	default:
		return openFile(ctx, spec)
	}
}

// Info describes the source as it was opened.
func (s *Stream) Info() Info { return s.facts }

// SetStride delivers every n-th frame from the next one on, 1 or more. A source whose
// reading may have to wait may have read a frame ahead. It may be called at any time,
// from any goroutine.
func (s *Stream) SetStride(n int) { s.stride.Store(int64(max(n, 1))) }

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
	switch {
	case s.live != nil:
		return s.live.queue.take(ctx)
	case s.pump != nil:
		return s.pump.next(ctx)
	}
	return s.reader.read()
}

// State says how the source fares. It may be called at any time, from any
// goroutine.
func (s *Stream) State() State {
	if s.live == nil {
		return State{}
	}
	return s.live.report()
}

// Dropped counts the frames of a live source that nobody took in time. It may be
// called at any time, from any goroutine.
func (s *Stream) Dropped() int { return s.State().Dropped }

// Damaged counts the pieces of a video that could not be decoded and were passed
// over, or made up by the decoder. It may be called at any time, from any goroutine.
func (s *Stream) Damaged() int { return int(s.damaged.Load()) }

// Close implements Source.
func (s *Stream) Close() error {
	defer s.pool.close()
	switch {
	case s.live != nil:
		return s.live.close()
	case s.pump != nil:
		return s.pump.close()
	}
	return s.reader.free()
}
