package backbones

import (
	"fmt"
	"math"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// maxHalf is the largest finite float16.
const maxHalf = 65504

// halfOf is the float16 (IEEE 754 binary16) nearest to v, of two the even one.
func halfOf(v float32) uint16 {
	const (
		bias     = (127 - 15) << 10 // between the exponents, in a half's last place
		smallest = 113 << 23        // 2⁻¹⁴, the smallest half with all its digits
		beyond   = 143 << 23        // 2¹⁶, which is infinite, also where rounding leads to it
		infinity = 255 << 23
	)
	bits := math.Float32bits(v)
	sign, size := uint16(bits>>16)&0x8000, bits&^(1<<31)
	switch {
	case size > infinity: // NaN
		return sign | 0x7e00
	case size >= beyond:
		return sign | 0x7c00
	case size < smallest: // multiples of 2⁻²⁴; rounded up to 1024 they are 2⁻¹⁴
		return sign | uint16(math.RoundToEven(math.Abs(float64(v))*(1<<24)))
	}
	size += 1<<12 - 1 + size>>13&1
	return sign | uint16(size>>13-bias)
}

// halfLevels is what a float16 tensor holds for each 8-bit level of B, G and R.
type halfLevels [3][256]uint16

// halves rounds the levels of a float32 tensor.
func (l *levels) halves() *halfLevels {
	var table halfLevels
	for c := range l {
		for v, value := range l[c] {
			table[c][v] = halfOf(value)
		}
	}
	return &table
}

// fitHalf says whether all levels are within float16's range.
func (l *levels) fitHalf() bool {
	for c := range l {
		for _, value := range l[c] {
			if !(value >= -maxHalf && value <= maxHalf) {
				return false
			}
		}
	}
	return true
}

// wideName is the output that gives a float16 one as float32.
func wideName(name string) string { return "tracker/float32/" + name }

// widen is the model with, for each of these float16 outputs, one more that gives it
// as float32, wideName. The conversion is exact, ONNX Runtime does it on the
// network's device, and its Go binding cannot read float16 that it did not allocate.
func widen(model []byte, outputs []string) ([]byte, error) {
	var more []byte
	for _, name := range outputs {
		wide := wideName(name)
		more = append(more, onnxNode("Cast", []string{name}, wide, map[string]int64{"to": onnxFloat})...)
		more = append(more, pbBytes(graphOutput, pbText(valueName, wide),
			pbBytes(valueType, pbBytes(typeTensor, pbInt(tensorElement, onnxFloat))))...)
	}
	if len(more) == 0 {
		return model, nil
	}
	model, err := field(modelGraph, func(graph []byte) ([]byte, error) { return slices.Concat(graph, more), nil })(model)
	if err != nil {
		return nil, fmt.Errorf("read float16 outputs %s as float32: %w; export it with float32 outputs", strings.Join(outputs, ", "), err)
	}
	return model, nil
}

// declaredType is the element type of an output whose values can be read: float16
// if the file says so, else float32.
func declaredType(outputs []ort.InputOutputInfo, name string) ort.TensorElementDataType {
	at := slices.IndexFunc(outputs, func(o ort.InputOutputInfo) bool { return o.Name == name })
	if at >= 0 && outputs[at].DataType == ort.TensorElementDataTypeFloat16 {
		return ort.TensorElementDataTypeFloat16
	}
	return ort.TensorElementDataTypeFloat
}

// readable is the model with every one of the outputs as float32, and their names in
// it.
func readable(model []byte, have []ort.InputOutputInfo, names []string) ([]byte, []string, error) {
	var narrow []string
	names = slices.Clone(names)
	for i, name := range names {
		if declaredType(have, name) == ort.TensorElementDataTypeFloat16 {
			narrow = append(narrow, name)
			names[i] = wideName(name)
		}
	}
	model, err := widen(model, narrow)
	return model, names, err
}
