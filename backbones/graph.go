//go:build gocv_specific_modules

package backbones

import (
	"fmt"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// What stands in messages for sizes that may be any: of boxes and scores the
// pictures, boxes a picture and classes; of the input the pictures alone, for its
// other axes may be what is wrong.
const (
	inputAxes  = "N"
	outputAxes = "NAC"
)

// checkGraph compares a model's inputs and outputs with its manifest.
func checkGraph(m *Manifest, dec decoder, data []byte) error {
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return fmt.Errorf("not a model that ONNX Runtime can load: %w", oneLine(err))
	}
	in, head := &m.Input, &m.Head
	anchors, channels := int64(dec.Anchors()), int64(dec.Channels())
	badInput := checkTensor("input", inputs, inputAxes, in.Name, in.elementType(), in.shape())
	badOutput := oneLine(
		checkTensor("output", outputs, outputAxes, head.Boxes, ort.TensorElementDataTypeFloat, ort.NewShape(1, anchors, 4)),
		checkTensor("output", outputs, outputAxes, head.Scores, ort.TensorElementDataTypeFloat, ort.NewShape(1, anchors, channels)),
	)
	return oneLine(
		hinted(badInput, m.correct("input")),
		hinted(badOutput, "not this kind of detector: "+m.correct("head and labels")),
		checkOthers(inputs, in.Name),
	)
}

// hinted adds to an error, if there is one, what to do about it.
func hinted(err error, hint string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; %s", err, hint)
}

// correct is the hint for a manifest that does not fit its model.
func (m *Manifest) correct(keys string) string { return "correct " + keys + " in " + m.path }

// checkTensor finds a tensor by name and compares its type and its shape with
// what is wanted, where a size below 1 on either side fits any. axes names the
// sizes for the message.
func checkTensor(kind string, have []ort.InputOutputInfo, axes, name string, elem ort.TensorElementDataType, want ort.Shape) error {
	for i := range have {
		if have[i].Name != name {
			continue
		}
		got := &have[i]
		if got.DataType != elem || !shapeFits(got.Dimensions, want) {
			return fmt.Errorf("%s %s is %s, the manifest says %s %s", kind, name, tensorText(got, axes), typeText(elem), shapeText(want, axes))
		}
		return nil
	}
	return fmt.Errorf("has no %s %q; it has %s", kind, name, tensorList(have))
}

// checkOthers refuses inputs that nobody would fill.
func checkOthers(inputs []ort.InputOutputInfo, name string) error {
	var others []ort.InputOutputInfo
	for _, in := range inputs {
		if in.Name != name {
			others = append(others, in)
		}
	}
	if len(others) == 0 || len(others) == len(inputs) { // all are others: the manifest's name is wrong
		return nil
	}
	return fmt.Errorf("needs more inputs than the picture: %s; export it without them", tensorList(others))
}

func shapeFits(got, want ort.Shape) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] > 0 && want[i] > 0 && got[i] != want[i] {
			return false
		}
	}
	return true
}

// tensorText is the type and shape of an input or output: float32 [1,A,4].
func tensorText(t *ort.InputOutputInfo, axes string) string {
	if t.OrtValueType != ort.ONNXTypeTensor {
		return "no tensor"
	}
	return typeText(t.DataType) + " " + shapeText(t.Dimensions, axes)
}

func tensorList(infos []ort.InputOutputInfo) string {
	list := make([]string, len(infos))
	for i := range infos {
		list[i] = infos[i].Name + " " + tensorText(&infos[i], "")
	}
	return strings.Join(list, ", ")
}

// typeText is how NumPy and the manifest call an element type.
func typeText(elem ort.TensorElementDataType) string {
	switch elem {
	case ort.TensorElementDataTypeFloat:
		return "float32"
	case ort.TensorElementDataTypeDouble:
		return "float64"
	}
	return strings.ToLower(strings.TrimPrefix(elem.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
}

// shapeText writes a shape; a size that may be any is its axis's letter, or a
// question mark where the axes have no names.
func shapeText(shape ort.Shape, axes string) string {
	sizes := make([]string, len(shape))
	for i, n := range shape {
		switch {
		case n > 0:
			sizes[i] = strconv.FormatInt(n, 10)
		case i < len(axes):
			sizes[i] = axes[i : i+1]
		default:
			sizes[i] = "?"
		}
	}
	return "[" + strings.Join(sizes, ",") + "]"
}

// describeGraph says for an error message what a model file without a manifest
// holds, or why it cannot be loaded.
func describeGraph(path string) string {
	const advice = "; write one as docs/models.md shows"
	if err := LoadRuntime(); err != nil {
		return advice
	}
	inputs, outputs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return fmt.Sprintf(", and ONNX Runtime cannot load it: %v", oneLine(err))
	}
	return fmt.Sprintf(" (inputs: %s; outputs: %s)%s", tensorList(inputs), tensorList(outputs), advice)
}
