//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"gocv.io/x/gocv"
)

// openStdin reads a video from standard input as it comes, without a copy on
// disk. FFmpeg cannot seek in a pipe, so a format that keeps its index at the end
// (MP4 by default) works only where it is small. A redirected file is a file.
func openStdin(ctx context.Context, spec Spec) (*video, error) {
	info, err := os.Stdin.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("open standard input: %w", explainOpen(err))
	case info.Mode()&os.ModeCharDevice != 0:
		return nil, errors.New("open standard input: it is a terminal or empty; pipe a video into it")
	case info.Mode().IsRegular() && runtime.GOOS != "windows":
		spec.Path = "/dev/stdin"
		return openFile(ctx, spec)
	}
	in, err := startRelay(os.Stdin)
	if err != nil {
		return nil, fmt.Errorf("open standard input: %w", err)
	}
	var m medium
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) {
		vc, err := withFFmpeg(in.url(), decoding{threads: spec.Threads, medium: &m})
		if err != nil || ctx.Err() != nil {
			in.close() // not before: FFmpeg read
		}
		return vc, err
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("open standard input: %s", unreadable(m))
	}
	v := newVideo(vc, spec.Name(), false)
	v.atEnd = func(read int) error {
		if read == 0 {
			return errors.New("read standard input: no pictures came; " + indexInFront)
		}
		c, size := in.passed()
		return endOfFile(v, c, size, read)
	}
	v.free = in.close
	return v, nil
}

// unreadable is the likeliest reason why FFmpeg cannot read from a pipe.
func unreadable(m medium) string {
	if m.onlySound {
		return noPictures
	}
	return "not a video that FFmpeg can decode from a pipe; " + indexInFront
}

const indexInFront = "an MP4 needs its index in front (ffmpeg -movflags +faststart), or give the file's name"

// relay hands a pipe on to FFmpeg and looks at what passes, to know at the end whether
// all of the video came.
type relay struct {
	out *os.File // FFmpeg's end

	// After done is closed.
	done chan struct{}
	size int64 // bytes passed
	what container
}

func startRelay(from io.Reader) (*relay, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r := &relay{out: out, done: make(chan struct{})}
	go r.run(from, in)
	return r, nil
}

// url is what FFmpeg opens.
func (r *relay) url() string { return fmt.Sprintf("pipe:%d", r.out.Fd()) }

// run copies until either end is closed.
func (r *relay) run(from io.Reader, to *os.File) {
	seen, copied := io.Pipe()
	looked := make(chan container)
	go func() { looked <- inspectPassing(seen) }()
	r.size, _ = io.Copy(to, io.TeeReader(from, copied))
	copied.Close()
	r.what = <-looked
	close(r.done)
	to.Close() // after done: FFmpeg's end of the video
}

// passed is what has come, once that was all; while more may come, nothing.
func (r *relay) passed() (container, int64) {
	select {
	case <-r.done:
		return r.what, r.size
	default:
		return container{}, 0
	}
}

func (r *relay) close() error { return r.out.Close() }
