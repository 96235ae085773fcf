//go:build gocv_specific_modules

package sink

import (
	"errors"
	"fmt"
	"image"
	"io"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/encode"
)

// Pieces is how far a video is that is made in pieces: with it and the bytes of the
// pieces, another Video can go on.
type Pieces struct {
	Codec         string
	Width, Height int           // of the first picture
	Shown, Left   int           // pictures that came, and of these were left out
	Origin, Last  time.Duration // media time of the start and of the last picture
	Written       int64         // when the last one written is shown
}

// Cut ends a piece: the next picture is a key frame, which needs none before it.
// Pieces that end at the same pictures are the same, whatever came before them in
// the process.
func (v *Video) Cut() (Pieces, error) {
	if v.encoder != nil {
		err := v.encoder.Close()
		if v.encoder = nil; err != nil {
			return Pieces{}, v.fail(err)
		}
	}
	return Pieces{
		Codec: v.codec, Width: v.size.X, Height: v.size.Y, Shown: v.shown, Left: v.left,
		Origin: v.origin, Last: v.last, Written: v.written,
	}, nil
}

// GoOn takes up a video where Cut left it.
func (v *Video) GoOn(p Pieces) {
	v.codec, v.size, v.shown, v.left = p.Codec, image.Pt(p.Width, p.Height), p.Shown, p.Left
	v.origin, v.last, v.written = p.Origin, p.Last, p.Written
}

// Join makes the video of its pieces, read from the start, and returns it as
// complete as a partial file can be: it is the caller's to commit.
func (v *Video) Join(pieces io.Reader) (_ *atomicfile.File, err error) {
	if _, err := v.Cut(); err != nil {
		return nil, err
	}
	if v.shown == 0 {
		return nil, fmt.Errorf("write %s: %w", v.opt.Path, ErrNoFrames)
	}
	file, err := atomicfile.Create(v.opt.Path)
	if err != nil {
		return nil, err
	}
	c, _ := containerOf(v.opt.Path)
	opt := v.encoding(c, v.codec)
	opt.Path = file.PartialPath()
	if err := encode.Join(opt, pieces); err != nil {
		return nil, errors.Join(v.fail(err), file.Abort())
	}
	return file, nil
}

// Release frees what a video in pieces holds, whatever became of it.
func (v *Video) Release() {
	if v.encoder != nil {
		_ = v.encoder.Close() // what it held back belongs to no checkpoint
		v.encoder = nil
	}
	if v.scaled.Ptr() != nil {
		v.scaled.Close()
		v.scaled = gocv.Mat{}
	}
}
