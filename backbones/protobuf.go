package backbones

import "encoding/binary"

// The functions here write parts of an ONNX file: protobuf with the field numbers of
// onnx.proto.

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
