package capture

import (
	"errors"
	"fmt"
	"image"
	"io"
)

// ErrLost says that a live source stopped delivering: unplugged, switched off,
// or the network is gone.
var ErrLost = errors.New("no more frames")

// TruncatedError ends a file of which a part is missing: a copy or recording that
// was cut off, damage in the middle, or a connection that broke off. The frames that were read are good.
type TruncatedError struct {
	Name     string // of the file
	Read     int    // frames read
	Expected int    // frames promised by the header, an estimate for some containers; 0 unknown
	Size     int64  // bytes there are
	Declared int64  // bytes that the container says there should be; more than Size where it was cut off
	Cause    error  // of the disk or network that failed; nil where the file itself is at fault
}

func (e *TruncatedError) Error() string {
	frames := fmt.Sprintf("%d frames", e.Read)
	if e.Expected > 0 {
		frames = fmt.Sprintf("%d of %d frames", e.Read, e.Expected)
	}
	if e.Cause != nil {
		return fmt.Sprintf("read %s: broke off after %s: %v; try again, or copy it to a disk of this machine first", e.Name, frames, e.Cause)
	}
	const hint = "copy or record it again for the rest"
	if e.Declared > e.Size {
		return fmt.Sprintf("read %s: cut off after %s (%d of %d bytes); %s", e.Name, frames, e.Size, e.Declared, hint)
	}
	if e.Expected == 0 {
		return fmt.Sprintf("read %s: cut off or damaged at its end, after %s; %s", e.Name, frames, hint)
	}
	return fmt.Sprintf("read %s: damaged, only %s could be read; %s", e.Name, frames, hint)
}

// Unwrap makes errors.Is(err, io.ErrUnexpectedEOF) true.
func (e *TruncatedError) Unwrap() error { return io.ErrUnexpectedEOF }

// ResizedError ends a recording whose pictures change their size midway, which
// OpenCV cannot follow. The frames that were read are good. A live source is
// opened anew instead.
type ResizedError struct {
	Name     string
	Read     int         // frames read
	From, To image.Point // width and height in pixels
}

func (e *ResizedError) Error() string {
	return fmt.Sprintf("read %s: the pictures change from %dx%d to %dx%d after frame %d, which OpenCV cannot follow; "+
		"give them one size: ffmpeg -i INPUT -vf scale=%d:%d output.mp4",
		e.Name, e.From.X, e.From.Y, e.To.X, e.To.Y, e.Read, e.From.X, e.From.Y)
}
