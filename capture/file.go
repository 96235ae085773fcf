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
)

func openFile(spec Spec) (*video, error) {
	size, c, err := inspectFile(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Name(), err)
	}
	abs, err := filepath.Abs(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Name(), err)
	}
	// With the protocol named, FFmpeg takes no colon in a file name for one.
	vc, err := openCapture(context.Background(), "file:"+abs)
	if err != nil {
		return nil, fmt.Errorf("open %s: %s", spec.Name(), unplayable(c, size))
	}
	v := newVideo(vc, spec.Name(), false)
	v.atEnd = func(read int) error {
		// Fewer frames than the header says is no proof: cuts without encoding
		// keep frames that are never shown, and some containers only estimate.
		if !c.truncated(size) || v.facts.Frames > 0 && read >= v.facts.Frames {
			return io.EOF
		}
		return &TruncatedError{Name: v.facts.Name, Read: read, Expected: v.facts.Frames, Size: size, Declared: c.end}
	}
	return v, nil
}

// inspectFile looks at a file before OpenCV does, which gives no reasons.
func inspectFile(path string) (size int64, c container, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, container{}, explainOpen(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, container{}, explainOpen(err)
	case info.IsDir():
		return 0, container{}, errors.New("it is a folder")
	case info.Mode().IsRegular() && info.Size() == 0:
		return 0, container{}, errors.New("the file is empty; copy or record it again")
	case !info.Mode().IsRegular():
		return 0, container{}, nil // a named pipe: nothing to look at without eating it
	}
	return info.Size(), inspect(f, info.Size()), nil
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

// unplayable is the likeliest reason why FFmpeg cannot read a file.
func unplayable(c container, size int64) string {
	switch {
	case c.format == "text":
		return "it is text, not video; give a video file, a folder of images or a URL"
	case c.format == "mp4" && !c.index:
		return "its index (moov) is missing, so it was cut off while copying or recording; copy or record it again"
	case c.truncated(size):
		return fmt.Sprintf("cut off (%d of %d bytes); copy or record it again", size, c.end)
	}
	return "not a video that FFmpeg can decode; try to convert it: ffmpeg -i INPUT output.mp4"
}
