//go:build gocv_specific_modules

package backbones

import (
	"bytes"
	"testing"
)

func TestFixSides(t *testing.T) {
	in := &Input{Name: "images", Type: "uint8", Layout: "NHWC", Width: 416, Height: 320}
	node := onnxNode("Cast", []string{"images"}, "pixels", map[string]int64{"to": onnxFloat})
	other := onnxValue(graphInput, "other", onnxUint8, -1, -1)
	open := onnxModel(node, onnxValue(graphInput, "images", onnxUint8, -1, -1, -1, 3), other)
	want := onnxModel(node, onnxValue(graphInput, "images", onnxUint8, -1, 320, 416, 3), other)
	if got := fixSides(open, in); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := fixSides(want, in); !bytes.Equal(got, want) {
		t.Errorf("fixed again: %q", got)
	}
	other16 := onnxModel(node, onnxValue(graphInput, "images", onnxUint8, -1, 16, -1, 3), other)
	want = onnxModel(node, onnxValue(graphInput, "images", onnxUint8, -1, 16, 416, 3), other)
	if got := fixSides(other16, in); !bytes.Equal(got, want) {
		t.Errorf("a size of its own: got  %q\nwant %q", got, want)
	}
	for n := range open { // cut short, or no protobuf at all
		fixSides(open[:n], in)
	}
	for _, broken := range [][]byte{[]byte("no model"), {0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}} {
		if got := fixSides(broken, in); !bytes.Equal(got, broken) {
			t.Errorf("%q became %q", broken, got)
		}
	}
}

func FuzzFixSides(f *testing.F) {
	node := onnxNode("Cast", []string{"images"}, "pixels", map[string]int64{"to": onnxFloat})
	f.Add(onnxModel(node, onnxValue(graphInput, "images", onnxUint8, -1, -1, -1, 3)))
	f.Add([]byte("no model"))
	f.Add([]byte{})
	in := &Input{Name: "images", Type: "uint8", Layout: "NHWC", Width: 416, Height: 320}
	f.Fuzz(func(t *testing.T, model []byte) {
		once := fixSides(model, in)
		if twice := fixSides(once, in); !bytes.Equal(twice, once) {
			t.Errorf("%q became %q, then %q", model, once, twice)
		}
	})
}
