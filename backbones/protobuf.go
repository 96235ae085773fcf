package backbones

import (
	"encoding/binary"
	"errors"
)

// An ONNX file is a protobuf message, a model: its parts are written and changed here.

// The numbers of its fields (onnx.proto) on the way to the types and sizes of inputs
// and outputs, and of protobuf's own wire types.
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

// isONNX says whether a file has the outline of an ONNX model: fields to its end, the graph
// among them.
func isONNX(data []byte) (has bool) {
	_, err := rewrite(data, modelGraph, func(graph []byte) ([]byte, error) {
		has = true
		return graph, nil
	})
	return has && err == nil
}

var errNotProtobuf = errors.New("not a protobuf message")

// onnxFloat is float32 among TensorProto's data types.
const onnxFloat = 1

// pbInt is a field that holds a whole number.
func pbInt(field int, v int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<wireTypeBits|wireVarint), uint64(v))
}

// pbBytes is a field that holds a message, given its fields, or bytes.
func pbBytes(field int, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<wireTypeBits|wireMessage), uint64(len(body)))
	return append(head, body...)
}

// pbText is a field that holds text.
func pbText(field int, s string) []byte { return pbBytes(field, []byte(s)) }

// onnxNode is a node of the graph; its attributes are integers.
func onnxNode(op string, inputs []string, output string, attributes map[string]int64) []byte {
	var body []byte
	for _, in := range inputs {
		body = append(body, pbText(1, in)...)
	}
	body = append(append(body, pbText(2, output)...), pbText(4, op)...)
	for name, v := range attributes {
		body = append(body, pbBytes(5, pbText(1, name), pbInt(3, v), pbInt(20, 2))...)
	}
	return pbBytes(1, body)
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
