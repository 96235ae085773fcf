//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"gocv.io/x/gocv"
)

func openFile(ctx context.Context, spec Spec) (*video, error) {
	size, c, err := inspectFile(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Name(), err)
	}
	abs, err := filepath.Abs(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Name(), err)
	}
	// With the protocol named, FFmpeg takes no colon in a file name for one.
	var m medium
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) {
		return withFFmpeg("file:"+abs, decoding{threads: spec.Threads, medium: &m})
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("open %s: %s", spec.Name(), unplayable(c, size, m))
	}
	v := newVideo(vc, spec.Name(), false)
	v.atEnd = func(read int) error { return endOfFile(v, c, size, read) }
	return v, nil
}

// endOfFile is io.EOF, or what is wrong with a file that ends after so many frames.
func endOfFile(v *video, c container, size int64, read int) error {
	if !incomplete(v, c, size, read) {
		return io.EOF
	}
	e := &TruncatedError{Name: v.facts.Name, Read: read, Size: size, Declared: c.end, Cause: v.broken}
	if v.facts.Frames > read {
		e.Expected = v.facts.Frames
	}
	return e
}

// incomplete says whether frames are missing at the end of a file. Fewer than the
// header says is no proof: cuts without encoding keep frames that are never
// shown, and some containers only estimate. Where there is no header, damage is that
// begins with what came last.
func incomplete(v *video, c container, size int64, read int) bool {
	promised := v.facts.Frames
	switch {
	case read == 0, v.broken != nil:
		return true
	case c.headless():
		return c.truncated(size) || v.spoilt > 0 && v.spoilt >= read-v.heldBack
	case promised > 0 && read >= promised:
		return false
	case c.truncated(size):
		return true
	case promised == 0:
		return false
	case v.damaged.Load() > 0:
		return true
	}
	// AVI has neither hidden frames nor gaps: its length in time is exact, but
	// for what writers get wrong.
	length := time.Duration(promised) * v.period
	end := v.clock.last + v.period
	return c.format == "avi" && c.end > 0 && end < length-length/100-2*v.period
}

// inspectFile looks at a file before OpenCV does, which gives no reasons. A named
// pipe it leaves alone: what is read from it is gone.
func inspectFile(path string) (size int64, c container, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, container{}, explainPath(path, err)
	case info.IsDir():
		return 0, container{}, errors.New("it is a folder, not a video file")
	case !info.Mode().IsRegular():
		return 0, container{}, nil
	case info.Size() == 0:
		return 0, container{}, errors.New("the file is empty; copy or record it again")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, container{}, explainOpen(err)
	}
	defer f.Close()
	return info.Size(), inspect(f, info.Size()), nil
}

// notations are what other programs take for several pictures.
var notations = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`%\d*d`), "give numbered pictures as a pattern in quotes, 'img*.jpg'"},
	{regexp.MustCompile(`,`), "give --input once for each of several inputs"},
}

// explainPath is explainOpen, with what may have been meant by a path that does not exist.
func explainPath(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		for _, n := range notations {
			if n.pattern.MatchString(path) {
				return errors.New("no such file; " + n.hint)
			}
		}
	}
	return explainOpen(err)
}

// explainOpen says in a few words why a file cannot be opened.
func explainOpen(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file or folder; check the spelling")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied; check the owner and mode of the file")
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

const noPictures = "it has sound and no pictures; give a file with a video stream"

// unplayable is the likeliest reason why FFmpeg cannot read a file.
func unplayable(c container, size int64, m medium) string {
	switch {
	case c.format == "text":
		return "it is text, not video; give a video file, a folder of images or a URL"
	case c.format == "mp4" && !c.index:
		return "its index (moov) is missing, so it was cut off while copying or recording; copy or record it again"
	case c.truncated(size):
		return fmt.Sprintf("cut off (%d of %d bytes); copy or record it again", size, c.end)
	case m.onlySound:
		return noPictures
	}
	return "not a video that FFmpeg can decode; try to convert it: ffmpeg -i INPUT output.mp4"
}
