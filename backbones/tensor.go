package backbones

import (
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// padding is the grey around a letterboxed picture, the value most detectors are
// trained with.
const padding = 114

func (in *Input) elementType() ort.TensorElementDataType {
	if in.Type == "uint8" {
		return ort.TensorElementDataTypeUint8
	}
	return ort.TensorElementDataTypeFloat
}

// shape of the input tensor for one picture.
func (in *Input) shape() ort.Shape {
	if in.Layout == "NHWC" {
		return ort.NewShape(1, int64(in.Height), int64(in.Width), 3)
	}
	return ort.NewShape(1, 3, int64(in.Height), int64(in.Width))
}

// inputTensor is a network's input with the picture that is written into it:
// straight into the tensor's memory, whatever its type and layout.
type inputTensor struct {
	spec   *Input
	value  ort.Value
	bytes  []uint8   // the memory of a uint8 tensor, else
	floats []float32 // of a float32 one
	table  *levels   // what floats holds for each level

	box     detect.Letterbox
	resizer resizer
	reduced io.Closer      // holds a huge picture on its way; nil before there is one
	pinner  runtime.Pinner // ONNX Runtime keeps pointers to Go memory
}

func newInputTensor(spec *Input) (*inputTensor, error) {
	t := &inputTensor{spec: spec, resizer: resizer{at: placeIn(spec)}}
	if err := t.allocate(spec.Height * spec.Width * 3); err != nil {
		t.pinner.Unpin()
		return nil, fmt.Errorf("make input tensor: %w", err)
	}
	return t, nil
}

func (t *inputTensor) allocate(elements int) (err error) {
	if t.spec.Type == "uint8" {
		t.bytes = make([]uint8, elements)
		t.pinner.Pin(&t.bytes[0])
		t.value, err = counted(ort.NewTensor(t.spec.shape(), t.bytes))
		return err
	}
	t.floats, t.table = make([]float32, elements), normalLevels(t.spec)
	t.pinner.Pin(&t.floats[0])
	t.value, err = counted(ort.NewTensor(t.spec.shape(), t.floats))
	return err
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
	if t.bytes != nil {
		t.resizer.toBytes(src, t.bytes)
	} else {
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

func counted[T ort.TensorData](tensor *ort.Tensor[T], err error) (*ort.Tensor[T], error) {
	if err == nil {
		live.Add(1)
	}
	return tensor, err
}

func release(tensor ort.Value) error {
	live.Add(-1)
	return tensor.Destroy()
}
