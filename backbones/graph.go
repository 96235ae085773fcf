package backbones

import (
	"fmt"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// inputAxes names the input's sizes that may be any in messages: the pictures
// alone, for its other axes may be what is wrong.
const inputAxes = "N"

// anchorAxis is where an output has its boxes, batch axis included, given the
// decoder's shape of it.
func anchorAxis(shape []int) int {
	if shape[1] == 0 {
		return 2
	}
	return 1
}

// outputAxes names the axes of an output in messages: pictures, then boxes and
// channels.
func outputAxes(shape []int) string { return [...]string{1: "NAC", 2: "NCA"}[anchorAxis(shape)] }

// onePicture is a decoder's shape with the batch axis.
func onePicture(shape []int) ort.Shape {
	whole := ort.NewShape(1)
	for _, n := range shape {
		whole = append(whole, int64(n))
	}
	return whole
}

// checkGraph compares a model's inputs and outputs with its manifest. It gives the
// model to run and the names of the head's outputs in it: see readable.
func checkGraph(m *Manifest, dec detect.Decoder, data []byte) (model []byte, names []string, err error) {
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, nil, fmt.Errorf("not a model that ONNX Runtime can load: %w", oneLine(err))
	}
	if err := m.compare(dec, inputs, outputs); err != nil {
		return nil, nil, err
	}
	return readable(data, outputs, m.Head.outputs())
}

func (m *Manifest) compare(dec detect.Decoder, inputs, outputs []ort.InputOutputInfo) error {
	in := &m.Input
	badInput := checkTensor("input", inputs, inputAxes, in.Name, elementTypes[in.Type], in.shape())
	var badOutputs []error
	for i, name := range m.Head.outputs() {
		want := dec.Shapes()[i]
		badOutputs = append(badOutputs, checkTensor("output", outputs, outputAxes(want), name, declaredType(outputs, name), onePicture(want)))
	}
	return oneLine(
		hinted(badInput, m.correct("input")),
		hinted(oneLine(badOutputs...), "not this kind of detector: "+m.correct("head and labels")),
		checkOthers(inputs, in.Name),
	)
}

// outputList writes the shapes of outputs with their names, or those wanted where
// there are none.
func outputList(names []string, shapes []ort.Shape, want [][]int) string {
	list := make([]string, len(want))
	for i := range want {
		if names == nil {
			list[i] = shapeText(onePicture(want[i]), outputAxes(want[i]))
		} else {
			list[i] = names[i] + " " + shapeText(shapes[i], outputAxes(want[i]))
		}
	}
	return strings.Join(list, " and ")
}

// hinted adds to an error, if there is one, what to do about it.
func hinted(err error, hint string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; %s", err, hint)
}

// correct is the hint for a manifest that does not fit its model.
func (m *Manifest) correct(keys string) string {
	if m.origin == undescribed {
		return "describe it in " + m.path + ", as docs/models.md shows"
	}
	return "correct " + keys + " in " + m.path
}

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
