//go:build gocv_specific_modules

package motion

import (
	"fmt"

	"gocv.io/x/gocv"
)

// Estimate returns the camera's motion from the picture of the previous call to
// img: 8 bits, any number of channels, without gaps between the rows. The pixels
// are only read, and free after the call.
//
// exclude are boxes [x1, y1, x2, y2] around what may move by itself, in pixels of
// the previous picture: the objects found there. It may be empty: the motion of
// the majority wins, which exclude makes the background's.
//
// ok is false, and the motion the identity, for the first picture, after a change
// of size, and where no motion can be believed: too little texture, a cut, a
// picture full of moving objects. Whatever ok says, the next call measures from
// this picture. With Options.Auto, and the camera at rest, the motion is the
// identity and ok true.
//
// An error says that img is not such a picture, which changes nothing, or with
// [ErrSize] that its size leaves nothing to measure: then the next picture is the first.
func (e *Estimator) Estimate(img *gocv.Mat, exclude [][4]float64) (motion Affine, ok bool, err error) {
	const depth = 7 // the bits of a Mat's type that say what a channel is
	if img.Empty() || img.Type()&depth != gocv.MatTypeCV8U {
		return Identity, false, fmt.Errorf("motion: cannot measure a picture of %dx%d, type %v: needs 8 bits per channel",
			img.Cols(), img.Rows(), img.Type())
	}
	pix, err := img.DataPtrUint8()
	if err != nil {
		return Identity, false, fmt.Errorf("motion: cannot measure a part of a picture (clone it first): %w", err)
	}
	return e.EstimatePixels(Pixels{pix, img.Cols(), img.Rows(), img.Channels()}, exclude)
}
