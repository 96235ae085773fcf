//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

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

// inputTensor is a network's input with the picture that is written into it.
// OpenCV writes interleaved BGR bytes to pixels; where the network takes just
// that, pixels is the tensor's own memory and nothing is copied.
type inputTensor struct {
	spec   *Input
	value  ort.Value
	pixels gocv.Mat // Height×Width×3 over bytes
	bytes  []byte
	pack   func() // bytes → tensor; nil where they are one

	box     detect.Letterbox
	content gocv.Mat       // the part of pixels that the picture fills
	pinner  runtime.Pinner // OpenCV and ONNX Runtime keep pointers to Go memory
}

func newInputTensor(spec *Input) (*inputTensor, error) {
	t := &inputTensor{spec: spec, bytes: make([]byte, spec.Height*spec.Width*3)}
	t.pinner.Pin(&t.bytes[0])
	var err error
	if t.value, err = t.newValue(); err != nil {
		t.pinner.Unpin()
		return nil, fmt.Errorf("make input tensor: %w", err)
	}
	if t.pixels, err = gocv.NewMatFromBytes(spec.Height, spec.Width, gocv.MatTypeCV8UC3, t.bytes); err != nil {
		err = errors.Join(fmt.Errorf("make input picture: %w", err), t.value.Destroy())
		t.pinner.Unpin()
		return nil, err
	}
	return t, nil
}

func (t *inputTensor) newValue() (ort.Value, error) {
	if t.spec.Type == "uint8" {
		if t.spec.Layout == "NHWC" && t.spec.Color == "BGR" {
			return ort.NewTensor(t.spec.shape(), t.bytes)
		}
		data := make([]uint8, len(t.bytes))
		t.pinner.Pin(&data[0])
		t.pack = packer(t.spec, t.bytes, data, identityTable())
		return ort.NewTensor(t.spec.shape(), data)
	}
	data := make([]float32, len(t.bytes))
	t.pinner.Pin(&data[0])
	t.pack = packer(t.spec, t.bytes, data, normalTable(t.spec))
	return ort.NewTensor(t.spec.shape(), data)
}

// load resizes a BGR picture of any size into the tensor.
func (t *inputTensor) load(img *gocv.Mat) error {
	if img.Empty() || img.Channels() != 3 {
		return fmt.Errorf("load picture: %d×%d with %d channels, want colour pixels", img.Cols(), img.Rows(), img.Channels())
	}
	if w, h := img.Cols(), img.Rows(); w != t.box.SrcW || h != t.box.SrcH {
		if err := t.layOut(w, h); err != nil {
			return err
		}
	}
	// Averaging over areas keeps small objects that sampling points would alias
	// away. The content has the wanted size already: the pixels land in place.
	if err := gocv.Resize(*img, &t.content, image.Pt(t.box.W, t.box.H), 0, 0, gocv.InterpolationArea); err != nil {
		return fmt.Errorf("resize picture: %w", err)
	}
	if t.pack != nil {
		t.pack()
	}
	return nil
}

// layOut places pictures of a new size and paints the padding once.
func (t *inputTensor) layOut(w, h int) error {
	if t.box.SrcW != 0 {
		if err := t.content.Close(); err != nil {
			return err
		}
	}
	fit := detect.FitLetterbox
	if t.spec.Resize == "stretch" {
		fit = detect.FitStretch
	}
	t.box = fit(w, h, t.spec.Width, t.spec.Height)
	t.content = t.pixels.Region(image.Rect(t.box.Left, t.box.Top, t.box.Left+t.box.W, t.box.Top+t.box.H))
	grey := color.RGBA{R: padding, G: padding, B: padding}
	return gocv.Rectangle(&t.pixels, image.Rect(0, 0, t.spec.Width, t.spec.Height), grey, -1)
}

// Destroy releases the tensor and its Mats.
func (t *inputTensor) Destroy() error {
	var err error
	if t.box.SrcW != 0 {
		err = t.content.Close()
	}
	err = errors.Join(err, t.pixels.Close(), t.value.Destroy())
	t.pinner.Unpin()
	return err
}

// packer makes the function that spreads interleaved BGR bytes over a tensor,
// each value looked up in its channel's table (indexed as the tensor's channels).
func packer[T uint8 | float32](spec *Input, src []byte, dst []T, table [3][256]T) func() {
	order := [3]int{0, 1, 2} // where in a BGR pixel the tensor's channel stands
	if spec.Color == "RGB" {
		order = [3]int{2, 1, 0}
	}
	plane, step := spec.Width*spec.Height, 1
	if spec.Layout == "NHWC" {
		plane, step = 1, 3
	}
	return func() {
		for c, from := range order {
			lut, out := &table[c], dst[c*plane:]
			for i, j := from, 0; i < len(src); i, j = i+3, j+step {
				out[j] = lut[src[i]]
			}
		}
	}
}

func identityTable() (table [3][256]uint8) {
	for c := range table {
		for v := range table[c] {
			table[c][v] = uint8(v)
		}
	}
	return table
}

func normalTable(spec *Input) (table [3][256]float32) {
	for c := range table {
		mean, std := 0.0, 1.0
		if len(spec.Mean) == 3 {
			mean = spec.Mean[c]
		}
		if len(spec.Std) == 3 {
			std = spec.Std[c]
		}
		for v := range table[c] {
			table[c][v] = float32((float64(v) - mean) / std)
		}
	}
	return table
}
