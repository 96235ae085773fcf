package backbones

import (
	"encoding/binary"
	"errors"
)

// The numbers of an ONNX file's fields (onnx.proto), a protobuf message, on the way
// to the types and sizes of inputs and outputs.
const (
	modelGraph    = 7
	graphInput    = 11
	graphOutput   = 12
	valueName     = 1
	valueType     = 2
	typeTensor    = 1
	tensorElement = 1
	tensorShape   = 2
	shapeDim      = 1
	dimValue      = 1
	wireVarint    = 0
	wireFixed64   = 1
	wireMessage   = 2
	wireFixed32   = 5
	wireTypeBits  = 3
)

var errNotProtobuf = errors.New("not a protobuf message")

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

// edit gives a changed form of a field's text, bytes or message.
type edit func([]byte) ([]byte, error)

// field is the edit of a message that changes its fields of one number.
func field(number uint64, change edit) edit {
	return func(message []byte) ([]byte, error) { return rewrite(message, number, change) }
}

func rewrite(message []byte, number uint64, change edit) ([]byte, error) {
	made := make([]byte, 0, len(message)+binary.MaxVarintLen64)
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return nil, errNotProtobuf
		}
		start, size, err := extent(message[n:], key)
		if err != nil {
			return nil, err
		}
		whole, value := message[:n+start+size], message[n+start:n+start+size]
		message = message[len(whole):]
		if key != number<<wireTypeBits|wireMessage {
			made = append(made, whole...)
			continue
		}
		if value, err = change(value); err != nil {
			return nil, err
		}
		made = binary.AppendUvarint(made, key)
		made = binary.AppendUvarint(made, uint64(len(value)))
		made = append(made, value...)
	}
	return made, nil
}

// extent is where the value of a field with this key begins, and its size.
func extent(rest []byte, key uint64) (start, size int, err error) {
	switch key & (1<<wireTypeBits - 1) {
	case wireVarint:
		_, size = binary.Uvarint(rest)
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	case wireMessage:
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return 0, 0, errNotProtobuf
		}
		return n, int(length), nil
	}
	if size <= 0 || size > len(rest) {
		return 0, 0, errNotProtobuf
	}
	return 0, size, nil
}
