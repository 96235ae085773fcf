//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// checkGraph compares a model's inputs and outputs with its manifest.
func checkGraph(m *Manifest, dec decoder, data []byte) error {
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return fmt.Errorf("not a model that ONNX Runtime can load: %w", err)
	}
	return errors.Join(
		checkTensor("input", inputs, m.Input.Name, m.Input.elementType(), m.Input.shape()),
		checkTensor("output", outputs, m.Head.Boxes, ort.TensorElementDataTypeFloat,
			ort.NewShape(1, int64(dec.Anchors()), 4)),
		checkTensor("output", outputs, m.Head.Scores, ort.TensorElementDataTypeFloat,
			ort.NewShape(1, int64(dec.Anchors()), int64(dec.Channels()))),
	)
}

// checkTensor finds a tensor by name and compares its type and its shape with
// what is wanted, where a size below 1 on either side fits any.
func checkTensor(kind string, have []ort.InputOutputInfo, name string, elem ort.TensorElementDataType, want ort.Shape) error {
	for i := range have {
		if have[i].Name != name {
			continue
		}
		got := &have[i]
		if got.DataType != elem || !shapeFits(got.Dimensions, want) {
			return fmt.Errorf("%s %s is %s %v, the manifest says %s %v", kind, name, got.DataType, got.Dimensions, elem, want)
		}
		return nil
	}
	return fmt.Errorf("has no %s %q; it has %s", kind, name, tensorNames(have))
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

func tensorNames(infos []ort.InputOutputInfo) string {
	names := make([]string, len(infos))
	for i := range infos {
		names[i] = fmt.Sprintf("%s %s %v", infos[i].Name, infos[i].DataType, infos[i].Dimensions)
	}
	return strings.Join(names, ", ")
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
		return fmt.Sprintf(", and ONNX Runtime cannot load it: %v", err)
	}
	return fmt.Sprintf(" (inputs: %s; outputs: %s)%s", tensorNames(inputs), tensorNames(outputs), advice)
}
