package backbones

import (
	"encoding/binary"
	"errors"
	"io"
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

// maxFields is more than a model has: a few, its metadata and its own functions.
const maxFields = 1 << 16

// isONNX says whether a file of size bytes has the outline of an ONNX model: fields to its
// end, the graph among them. It reads no more than that of it.
func isONNX(file io.ReaderAt, size int64) (has bool) {
	var head [2 * binary.MaxVarintLen64]byte
	for at, fields := int64(0), 0; at < size; fields++ {
		if fields == maxFields {
			return false
		}
		n, _ := file.ReadAt(head[:], at)
		key, start, length, err := measure(head[:n])
		if at += int64(start); err != nil || length > uint64(size-at) {
			return false
		}
		has = has || key == modelGraph<<wireTypeBits|wireMessage
		at += int64(length)
	}
	return has
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
		key, start, length, err := measure(message)
		if err != nil || length > uint64(len(message)-start) {
			return nil, errNotProtobuf
		}
		end := start + int(length)
		whole, value := message[:end], message[start:end]
		message = message[end:]
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

// measure finds, at the beginning of a field, its key, where its value begins, and how
// many bytes the value should have.
func measure(field []byte) (key uint64, start int, length uint64, err error) {
	key, n := binary.Uvarint(field)
	if n <= 0 || key>>wireTypeBits == 0 { // fields count from 1
		return 0, 0, 0, errNotProtobuf
	}
	value, m := binary.Uvarint(field[n:])
	switch wire := key & (1<<wireTypeBits - 1); {
	case wire == wireFixed64:
		return key, n, 8, nil
	case wire == wireFixed32:
		return key, n, 4, nil
	case wire == wireVarint && m > 0:
		return key, n, uint64(m), nil
	case wire == wireMessage && m > 0:
		return key, n + m, value, nil
	}
	return 0, 0, 0, errNotProtobuf
}
