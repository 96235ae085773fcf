//go:build gocv_specific_modules

package backbones

// #cgo CFLAGS: -O3
// #include "resize.h"
import "C"

import (
	"fmt"
	"image"
	"math/bits"
	"slices"
	"unsafe"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// maxSide bounds a picture's sides, in pixels: even at the smallest input, sums
// over an output pixel's area fit the kernel's 32 bits.
const maxSide = 1 << 19

// resizer writes pictures of one size to the place a letterbox gives them, in one
// pass over their pixels. Along an axis that shrinks, an output pixel is the mean
// of the source area it covers, as by OpenCV's INTER_AREA: small objects stay,
// where sampling points would alias them away. Along one that grows it is
// interpolated, as by INTER_LINEAR. Results differ from OpenCV's by one level at
// most. The arithmetic is whole numbers, so they do not differ between machines.
type resizer struct {
	at      C.struct_place
	corner  int // the tensor's element with which the content begins
	x, y    axis
	scratch []C.uint32_t
}

// axis holds what the kernel has to know of an axis; resize.h says more.
type axis struct {
	taps  []C.struct_tap // one for each output pixel
	shift int
}

// levels is what a float32 tensor holds for each 8-bit level of B, G and R.
type levels [3][256]float32

// plan makes the tables for pictures that are placed so.
func (r *resizer) plan(box detect.Letterbox) {
	// Source pixels have 8 bits, which leaves a product's other 24 to the weight. A
	// row's values have 16: sums of them are shifted to 16 bits before they are
	// weighed, and the weights the other way, so that both stay exact.
	r.y.plan(box.SrcH, box.H, C.Y_BITS, 0)
	r.x.plan(box.SrcW, box.W, C.X_BITS, bits.Len(uint(box.SrcW/box.W)))
	n := 3*box.SrcW + 1
	r.scratch = slices.Grow(r.scratch[:0], n)[:n]
	r.corner = box.Top*int(r.at.row) + box.Left*int(r.at.pixel)
}

// toBytes resizes a picture of the planned size into a uint8 tensor.
func (r *resizer) toBytes(src picture, tensor []uint8) {
	C.resize_uint8(src, r.x.c(), r.y.c(), &r.scratch[0], (*C.uint8_t)(&tensor[r.corner]), r.at)
}

// toFloats resizes one into a float32 tensor.
func (r *resizer) toFloats(src picture, tensor []float32, table *levels) {
	C.resize_float(src, r.x.c(), r.y.c(), &r.scratch[0], (*C.float)(&tensor[r.corner]), r.at, (*C.float)(&table[0][0]))
}

// plan makes the taps that turn src pixels into dst. Weights have fraction bits.
func (a *axis) plan(src, dst, fraction, shift int) {
	tap := areaTap
	if src < dst {
		tap = linearTap
	}
	a.taps, a.shift = a.taps[:0], shift
	for i := range dst {
		a.taps = append(a.taps, tap(i, src, dst, fraction, shift))
	}
}

// areaTap averages the source from i·src/dst to (i+1)·src/dst. The last pixel
// takes what rounding leaves, so that the weights sum to 1 and flat areas stay flat.
func areaTap(i, src, dst, fraction, shift int) C.struct_tap {
	from, to := i*src, (i+1)*src // in units of 1/dst pixel, as is the span's length, src
	first, last := from/dst, (to-1)/dst
	if first == last {
		return singleTap(first, fraction)
	}
	lead := ((first+1)*dst - from) << fraction / src
	inner := dst << (fraction + shift) / src
	trail := 1<<fraction - lead - (last-first-1)*inner>>shift
	return newTap(first, last, lead, inner, trail)
}

// linearTap interpolates at the source position under the middle of pixel i; the
// picture's edge pixels go on outside of it.
func linearTap(i, src, dst, fraction, _ int) C.struct_tap {
	at := (2*i+1)*src - dst // from the middle of pixel 0, in units of 1/(2·dst) pixel
	first, rest := at/(2*dst), at%(2*dst)
	if at < 0 || first >= src-1 {
		return singleTap(min(first, src-1), fraction)
	}
	trail := rest << fraction / (2 * dst)
	return newTap(first, first+1, 1<<fraction-trail, 0, trail)
}

func singleTap(at, fraction int) C.struct_tap { return newTap(at, at, 1<<fraction, 0, 0) }

func newTap(first, last, lead, inner, trail int) C.struct_tap {
	return C.struct_tap{
		first: C.int32_t(first), last: C.int32_t(last),
		lead: C.uint32_t(lead), inner: C.uint32_t(inner), trail: C.uint32_t(trail),
	}
}

func (a *axis) c() C.struct_axis {
	return C.struct_axis{taps: &a.taps[0], size: C.int(len(a.taps)), shift: C.int(a.shift)}
}

// placeIn says how the elements of an input tensor lie.
func placeIn(spec *Input) C.struct_place {
	width, plane := C.ptrdiff_t(spec.Width), C.ptrdiff_t(spec.Width*spec.Height)
	at := C.struct_place{pixel: 1, row: width, green: plane, red: 2 * plane}
	if spec.Layout == "NHWC" {
		at = C.struct_place{pixel: 3, row: 3 * width, green: 1, red: 2}
	}
	if spec.Color == "RGB" {
		at.blue, at.red = at.red, at.blue
	}
	return at
}

// picture is where the kernel finds a picture's pixels.
type picture = C.struct_picture

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
	return picture{
		pixels: (*C.uint8_t)(unsafe.SliceData(pixels)),
		stride: C.ptrdiff_t(img.Step()),
		width:  C.int(img.Cols()),
	}, nil
}

// greyPixel is a picture of one pixel in the padding's colour.
func greyPixel() picture {
	return picture{pixels: &[]C.uint8_t{padding, padding, padding}[0], stride: 3, width: 1}
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
