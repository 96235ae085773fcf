package backbones

import (
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"sync/atomic"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// padding is the grey around a letterboxed picture, the value most detectors are
// trained with.
const padding = 114

// elementTypes are those that an input may have, by their name in a manifest.
var elementTypes = map[string]ort.TensorElementDataType{
	"uint8":   ort.TensorElementDataTypeUint8,
	"float16": ort.TensorElementDataTypeFloat16,
	"float32": ort.TensorElementDataTypeFloat,
}

// shape of the input tensor for one picture.
func (in *Input) shape() ort.Shape {
	if in.Layout == "NHWC" {
		return ort.NewShape(1, int64(in.Height), int64(in.Width), 3)
	}
	return ort.NewShape(1, 3, int64(in.Height), int64(in.Width))
}

// elements is the memory of an input tensor: one of its slices, by the input's type.
type elements struct {
	bytes  []uint8
	halves []uint16 // float16
	floats []float32
}

// newElements makes the memory for n values and pins it: ONNX Runtime keeps pointers
// to it.
func newElements(typ string, n int64, pinner *runtime.Pinner) (e elements) {
	switch typ {
	case "uint8":
		e.bytes = make([]uint8, n)
		pinner.Pin(&e.bytes[0])
	case "float16":
		e.halves = make([]uint16, n)
		pinner.Pin(&e.halves[0])
	default:
		e.floats = make([]float32, n)
		pinner.Pin(&e.floats[0])
	}
	return e
}

// tensor is one of that shape in the beginning of the memory.
func (e *elements) tensor(shape ort.Shape) (ort.Value, error) {
	n := shape.FlattenedSize()
	switch {
	case e.bytes != nil:
		return counted(ort.NewTensor(shape, e.bytes[:n]))
	case e.halves != nil:
		const size = 2
		memory := unsafe.Slice((*byte)(unsafe.Pointer(&e.halves[0])), size*n)
		return counted(ort.NewCustomDataTensor(shape, memory, ort.TensorElementDataTypeFloat16))
	}
	return counted(ort.NewTensor(shape, e.floats[:n]))
}

// take copies another one's values to where the i-th of its size are.
func (e *elements) take(i int, from *elements) {
	copy(part(e.bytes, len(from.bytes), i), from.bytes)
	copy(part(e.halves, len(from.halves), i), from.halves)
	copy(part(e.floats, len(from.floats), i), from.floats)
}

// part is the i-th piece of n elements.
func part[T any](whole []T, n, i int) []T { return whole[i*n : (i+1)*n] }

// inputTensor is a network's input with the picture that is written into it:
// straight into the tensor's memory, whatever its type and layout.
type inputTensor struct {
	spec  *Input
	value ort.Value
	elements
	table     *levels     // what floats hold for each level; nil for other types
	halfTable *halfLevels // what halves hold; nil for other types

	box     detect.Letterbox
	resizer resizer
	reduced io.Closer // holds a huge picture on its way; nil before there is one
	pinner  runtime.Pinner
}

func newInputTensor(spec *Input) (*inputTensor, error) {
	t := &inputTensor{spec: spec, resizer: resizer{at: placeIn(spec)}}
	switch spec.Type {
	case "float32":
		t.table = normalLevels(spec)
	case "float16":
		t.halfTable = normalLevels(spec).halves()
	}
	t.elements = newElements(spec.Type, spec.shape().FlattenedSize(), &t.pinner)
	var err error
	if t.value, err = t.tensor(spec.shape()); err != nil {
		t.pinner.Unpin()
		return nil, fmt.Errorf("make input tensor: %w", err)
	}
	return t, nil
}

// expect gets ready for pictures of w×h pixels.
func (t *inputTensor) expect(w, h int) {
	if w != t.box.SrcW || h != t.box.SrcH {
		t.layOut(w, h)
	}
}

// reducedSize is the size from which the kernel goes on: the picture's own, or
// the largest that the kernel can shrink.
func (t *inputTensor) reducedSize() image.Point {
	return image.Pt(min(t.box.SrcW, maxShrink*t.box.W), min(t.box.SrcH, maxShrink*t.box.H))
}

// fits are the ways to place a picture, by their name in a manifest.
var fits = map[string]func(srcW, srcH, dstW, dstH int) detect.Letterbox{
	"letterbox": detect.FitLetterbox, "letterbox-top-left": detect.FitTopLeft, "stretch": detect.FitStretch,
}

// layOut places pictures of a new size and paints the padding once.
func (t *inputTensor) layOut(w, h int) {
	t.resizer.plan(detect.FitStretch(1, 1, t.spec.Width, t.spec.Height))
	t.write(greyPixel())

	t.box = fits[t.spec.Resize](w, h, t.spec.Width, t.spec.Height)
	planned, size := t.box, t.reducedSize()
	planned.SrcW, planned.SrcH = size.X, size.Y
	t.resizer.plan(planned)
}

func (t *inputTensor) write(src picture) {
	switch {
	case t.bytes != nil:
		t.resizer.toBytes(src, t.bytes)
	case t.halves != nil:
		t.resizer.toHalves(src, t.halves, t.halfTable)
	default:
		t.resizer.toFloats(src, t.floats, t.table)
	}
}

// Destroy releases the tensor.
func (t *inputTensor) Destroy() error {
	err := release(t.value)
	if t.reduced != nil {
		err = errors.Join(err, t.reduced.Close())
	}
	t.pinner.Unpin()
	return err
}

// normalLevels normalises the 256 levels of each channel as the manifest says.
func normalLevels(spec *Input) *levels {
	var table levels
	for c := range table {
		mean, std := 0.0, 1.0
		if len(spec.Mean) == 3 {
			mean = spec.Mean[c]
		}
		if len(spec.Std) == 3 {
			std = spec.Std[c]
		}
		from := c // the channel's place in a BGR pixel
		if spec.Color == "RGB" {
			from = 2 - c
		}
		for v := range table[from] {
			table[from][v] = float32((float64(v) - mean) / std)
		}
	}
	return &table
}

// live counts the tensors that were made and not yet released.
var live atomic.Int64

// LiveTensors is the number of tensors in the process that hold memory of the
// ONNX Runtime: what a program that opens and closes models must bring back to
// where it was.
func LiveTensors() int { return int(live.Load()) }

// counted counts a tensor that was made; nil where it was not.
func counted[T ort.Value](tensor T, err error) (ort.Value, error) {
	if err != nil {
		return nil, err
	}
	live.Add(1)
	return tensor, nil
}

func release(tensor ort.Value) error {
	live.Add(-1)
	return tensor.Destroy()
}
