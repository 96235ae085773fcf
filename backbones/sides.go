package backbones

import "encoding/binary"

// fixSides is the model with the sizes of a picture in the place of open ones: what
// depends on them alone ONNX Runtime then computes once, not at every inference. The
// number of pictures stays open. What cannot be read is left to ONNX Runtime.
func fixSides(model []byte, in *Input) []byte {
	fixed, err := field(modelGraph, field(graphInput, in.fix))(model)
	if err != nil {
		return model
	}
	return fixed
}

// fix puts the sizes into a graph's input, if it is this one.
func (in *Input) fix(input []byte) ([]byte, error) {
	var name string
	_, err := field(valueName, func(text []byte) ([]byte, error) {
		name = string(text)
		return text, nil
	})(input)
	if err != nil || name != in.Name {
		return input, err
	}
	shape, axis := in.shape(), -1
	const sized = dimValue<<wireTypeBits | wireVarint // how a size that is not open begins
	size := func(dim []byte) ([]byte, error) {
		if axis++; axis == 0 || axis >= len(shape) || len(dim) > 0 && dim[0] == sized {
			return dim, nil
		}
		return binary.AppendUvarint([]byte{sized}, uint64(shape[axis])), nil
	}
	return field(valueType, field(typeTensor, field(tensorShape, field(shapeDim, size))))(input)
}
