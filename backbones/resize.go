package backbones

// #cgo CFLAGS: -O3
// #include "resize.h"
import "C"

import (
	"slices"
	"unsafe"

	"github.com/tracker-go/tracker/detect"
)

// maxShrink is how many source pixels along an axis may make one output pixel.
// More would lose what the kernel's 8 fractional bits keep.
const maxShrink = 64

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
	scratch []C.uint16_t
}

// axis holds what the kernel has to know of an axis; resize.h says more.
type axis struct {
	first   []C.int32_t
	weights []C.uint16_t
	taps    int
	bias    C.uint16_t
}

// levels is what a float32 tensor holds for each 8-bit level of B, G and R.
type levels [3][256]float32

// plan makes the tables for pictures that are placed so.
func (r *resizer) plan(box detect.Letterbox) {
	r.y.plan(box.SrcH, box.H, C.ROW_BLOCK)
	r.x.plan(box.SrcW, box.W, C.PIXEL_BLOCK)
	r.x.weights = r.x.vectors()
	n := 3*(box.SrcW+r.x.taps) + C.VECTOR
	r.scratch = slices.Grow(r.scratch[:0], n)[:n]
	clear(r.scratch)
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

// toHalves resizes one into a float16 tensor.
func (r *resizer) toHalves(src picture, tensor []uint16, table *halfLevels) {
	C.resize_half(src, r.x.c(), r.y.c(), &r.scratch[0], (*C.uint16_t)(&tensor[r.corner]), r.at, (*C.uint16_t)(&table[0][0]))
}

// plan makes the taps that turn src pixels into dst, in whole blocks.
func (a *axis) plan(src, dst, block int) {
	reach := coverage(src, dst)
	used := 0
	for i := range dst {
		first, last := reach(i)
		used = max(used, last-first+1)
	}
	a.taps = (used + block - 1) / block * block
	a.bias = C.uint16_t(used / 2)
	a.first, a.weights = make([]C.int32_t, dst), make([]C.uint16_t, dst*a.taps)
	for i := range dst {
		first, last := reach(i)
		a.first[i] = C.int32_t(first)
		weigh(a.weights[i*a.taps:], i, src, dst, first, last)
	}
}

// coverage says which source pixels make output pixel i.
func coverage(src, dst int) func(i int) (first, last int) {
	if src >= dst {
		return func(i int) (int, int) { return i * src / dst, ((i+1)*src - 1) / dst }
	}
	return func(i int) (int, int) {
		at := (2*i+1)*src - dst // from the middle of pixel 0, in units of 1/(2·dst) pixel
		first := max(at, 0) / (2 * dst)
		if at <= 0 || first >= src-1 {
			return min(first, src-1), min(first, src-1)
		}
		return first, first + 1
	}
}

// one is the weight of 1, the whole of an output pixel.
const one = 1 << 16

// weigh sets the weights of the source pixels first to last in output pixel i.
// Each is the difference of two rounded sums, so that all sum to one exactly.
func weigh(weights []C.uint16_t, i, src, dst, first, last int) {
	before := 0
	for k := range last - first + 1 {
		upTo := one
		switch j := first + k; {
		case j == last:
		case src >= dst: // the area from i·src/dst to the end of pixel j
			upTo = ((j+1)*dst - i*src) * one / src
		default: // interpolated between two
			upTo = one - ((2*i+1)*src-dst)%(2*dst)*one/(2*dst)
		}
		weights[k] = C.uint16_t(min(upTo-before, one-1)) // 1 itself takes 17 bits
		before = upTo
	}
}

// vectors lays weights out as the horizontal pass multiplies them.
func (a *axis) vectors() []C.uint16_t {
	const values = 3
	laid := make([]C.uint16_t, len(a.weights)/C.PIXEL_BLOCK*C.VECTOR)
	for i, w := range a.weights {
		at := i/C.PIXEL_BLOCK*C.VECTOR + i%C.PIXEL_BLOCK*values
		for c := range values {
			laid[at+c] = w
		}
	}
	return laid
}

func (a *axis) c() C.struct_axis {
	return C.struct_axis{
		first: &a.first[0], weights: &a.weights[0],
		size: C.int(len(a.first)), taps: C.int(a.taps), bias: a.bias,
	}
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

// newPicture is one of 8-bit BGR pixels, of which rows begin stride bytes apart.
func newPicture(pixels []byte, stride, width, height int) picture {
	return picture{
		pixels: (*C.uint8_t)(unsafe.SliceData(pixels)), stride: C.ptrdiff_t(stride),
		width: C.int(width), height: C.int(height),
	}
}

// greyPixel is a picture of one pixel in the padding's colour.
func greyPixel() picture { return newPicture([]byte{padding, padding, padding}, 3, 1, 1) }
