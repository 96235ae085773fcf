//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
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
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) { return withFFmpeg("pipe:0", decoding{threads: spec.Threads}) })
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, errors.New("open standard input: not a video that FFmpeg can decode from a pipe; " +
			"an MP4 needs its index in front (ffmpeg -movflags +faststart), or give the file's name")
	}
	return newVideo(vc, spec.Name(), false), nil
}
