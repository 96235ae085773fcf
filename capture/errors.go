package capture

import (
	"errors"
	"fmt"
	"io"
)

// ErrLost says that a live source stopped delivering: unplugged, switched off,
// or the network is gone.
var ErrLost = errors.New("no more frames")

// TruncatedError ends a file that stops before its own header says: a copy or a
// recording that was cut off. What was read before it is good.
type TruncatedError struct {
	Name     string // of the file
	Read     int    // frames read
	Expected int    // frames promised by the header, an estimate for some containers; 0 unknown
	Size     int64  // bytes there are
	Declared int64  // bytes that the container says there should be
}

func (e *TruncatedError) Error() string {
	frames := fmt.Sprintf("%d frames", e.Read)
	if e.Expected > 0 {
		frames = fmt.Sprintf("%d of %d frames", e.Read, e.Expected)
	}
	return fmt.Sprintf("read %s: cut off after %s (%d of %d bytes); copy or record it again for the rest",
		e.Name, frames, e.Size, e.Declared)
}

// Unwrap makes errors.Is(err, io.ErrUnexpectedEOF) true.
func (e *TruncatedError) Unwrap() error { return io.ErrUnexpectedEOF }
