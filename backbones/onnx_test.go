//go:build gocv_specific_modules

package backbones

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The functions here write small ONNX models: protobuf with the field numbers of
// onnx.proto, as training/onnx_writer.py does for real ones.

const (
	onnxUint8, onnxInt64, onnxHalf, onnxDouble = 2, 7, 10, 11 // TensorProto.DataType
)

// onnxInts is a one-dimensional constant.
func onnxInts(name string, values ...int64) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return pbBytes(5, pbInt(1, int64(len(values))), pbInt(2, onnxInt64), pbText(8, name), pbBytes(9, raw))
}

// onnxFloats is a constant of that shape, every value the same.
func onnxFloats(name string, value float32, shape ...int64) []byte {
	var dims, raw []byte
	n := int64(1)
	for _, d := range shape {
		dims = append(dims, pbInt(1, d)...)
		n *= d
	}
	for range n {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(value))
	}
	return pbBytes(5, dims, pbInt(2, onnxFloat), pbText(8, name), pbBytes(9, raw))
}

// onnxValue declares an input or output; a size below 0 is one that may be any.
func onnxValue(field int, name string, elem int64, shape ...int64) []byte {
	var dims []byte
	for _, d := range shape {
		if d < 0 {
			dims = append(dims, pbBytes(1, pbText(2, "any"))...)
		} else {
			dims = append(dims, pbBytes(1, pbInt(1, d))...)
		}
	}
	return pbBytes(field, pbText(1, name), pbBytes(2, pbBytes(1, pbInt(1, elem), pbBytes(2, dims))))
}

// onnxModel puts a graph's parts together.
func onnxModel(parts ...[]byte) []byte {
	graph := append([][]byte{pbText(2, "test")}, parts...)
	model := append(pbInt(1, 8), pbBytes(7, graph...)...)
	return append(model, pbBytes(8, pbText(1, ""), pbInt(2, 17))...)
}

var picture16 = onnxValue(graphInput, "images", onnxUint8, 1, 16, 16, 3)

// constantModel gives a boxes and scores that are always the same; its graph says
// declared, where below 0 stands for any number.
func constantModel(boxes, declared int64, more ...[]byte) []byte {
	return onnxModel(append([][]byte{
		onnxFloats("boxes", 4, 1, boxes, 4), onnxFloats("scores", 0.5, 1, boxes, 2), picture16,
		onnxValue(graphOutput, "boxes", onnxFloat, 1, declared, 4),
		onnxValue(graphOutput, "scores", onnxFloat, 1, declared, 2),
	}, more...)...)
}

// filteringModel gives a box for each byte of the picture that is not 0, and
// always as many more as asked for: what an NMS in the graph does to shapes.
func filteringModel(always int64) []byte {
	return onnxModel(
		onnxInts("flat", -1), onnxInts("last", 2), onnxFloats("ones", 1, always),
		onnxNode("Cast", []string{"images"}, "pixels", map[string]int64{"to": onnxFloat}),
		onnxNode("Reshape", []string{"pixels", "flat"}, "row", nil),
		onnxNode("Concat", []string{"row", "ones"}, "values", map[string]int64{"axis": 0}),
		onnxNode("NonZero", []string{"values"}, "found", nil),
		onnxNode("Cast", []string{"found"}, "places", map[string]int64{"to": onnxFloat}),
		onnxNode("Unsqueeze", []string{"places", "last"}, "column", nil),
		onnxNode("Concat", []string{"column", "column", "column", "column"}, "boxes", map[string]int64{"axis": 2}),
		onnxNode("Concat", []string{"column", "column"}, "scores", map[string]int64{"axis": 2}),
		picture16,
		onnxValue(graphOutput, "boxes", onnxFloat, 1, -1, 4),
		onnxValue(graphOutput, "scores", onnxFloat, 1, -1, 2),
	)
}

// writeModel puts a model with two labels beside a manifest that fits the models
// above, and reads it.
func writeModel(t testing.TB, data []byte) *Manifest {
	t.Helper()
	sum := sha256.Sum256(data)
	text, err := json.Marshal(&Manifest{
		Schema: ManifestSchema, Name: "small", Backbone: "resnet", File: "small.onnx", SHA256: hex.EncodeToString(sum[:]),
		Input:  Input{Name: "images", Type: "uint8", Layout: "NHWC", Color: "BGR", Width: 16, Height: 16, Resize: "letterbox"},
		Head:   Head{Format: "boxes", Boxes: "boxes", Scores: "scores"},
		Labels: []string{"person", "car"}, Licence: "none", Source: "a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, contents := range map[string][]byte{"small.onnx": data, "small.json": text} {
		if err := os.WriteFile(filepath.Join(dir, name), contents, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := FromFile(filepath.Join(dir, "small.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
