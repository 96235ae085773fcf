//go:build gocv_specific_modules

package backbones

import (
	"fmt"
	"image"

	"gocv.io/x/gocv"
)

// Load resizes a BGR picture of any size into the input tensor. The picture is
// not kept. Only a build with OpenCV has it.
func (r *Request) Load(img *gocv.Mat) error { return r.input.load(img) }

// load resizes a BGR picture of any size into the tensor. It may be a region of
// a larger one.
func (t *inputTensor) load(img *gocv.Mat) error {
	src, err := pictureOf(img)
	if err != nil {
		return fmt.Errorf("load picture: %w", err)
	}
	t.expect(img.Cols(), img.Rows())
	if size := t.reducedSize(); size != image.Pt(img.Cols(), img.Rows()) {
		if src, err = t.reduce(img, size); err != nil {
			return fmt.Errorf("load picture: %w", err)
		}
	}
	t.write(src)
	return nil
}

// reduce has OpenCV shrink a picture that is too large for the kernel.
func (t *inputTensor) reduce(img *gocv.Mat, size image.Point) (picture, error) {
	mat, ok := t.reduced.(*gocv.Mat)
	if !ok {
		made := gocv.NewMat()
		mat, t.reduced = &made, &made
	}
	if err := gocv.Resize(*img, mat, size, 0, 0, gocv.InterpolationArea); err != nil {
		return picture{}, err
	}
	return pictureOf(mat)
}

// pictureOf takes an 8-bit BGR Mat, which may be a region of another. The pixels
// stay the Mat's.
func pictureOf(img *gocv.Mat) (picture, error) {
	if img.Empty() || img.Type() != gocv.MatTypeCV8UC3 {
		return picture{}, fmt.Errorf("%d×%d pixels of type %v, want 8-bit BGR (%v)", img.Cols(), img.Rows(), img.Type(), gocv.MatTypeCV8UC3)
	}
	pixels, err := firstRow(img)
	if err != nil {
		return picture{}, err
	}
	return newPicture(pixels, img.Step(), img.Cols(), img.Rows()), nil
}

// firstRow gives at least the first row of pixels. GoCV hands out the memory of
// gapless Mats only; of a region with gaps, a row alone is one.
func firstRow(img *gocv.Mat) ([]uint8, error) {
	if img.IsContinuous() {
		return img.DataPtrUint8()
	}
	row := img.Region(image.Rect(0, 0, img.Cols(), 1))
	pixels, err := row.DataPtrUint8()
	if cerr := row.Close(); err == nil {
		err = cerr
	}
	return pixels, err
}
