//go:build gocv_specific_modules

package backbones

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"
)

// A head gives one fixed number of boxes, whether or not its graph says so.
func TestFixedHeads(t *testing.T) {
	for name, declared := range map[string]int64{"said by the graph": 5, "left open": -1} {
		t.Run(name, func(t *testing.T) {
			model, err := Open(writeModel(t, constantModel(5, declared)), Options{Conf: 0.4, NMSIoU: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer model.Close()
			r := newRequest(t, model)
			if n := model.shapes[0][1]; n != 5 {
				t.Errorf("%d boxes, want 5", n)
			}
			img := gocv.NewMatWithSize(16, 16, gocv.MatTypeCV8UC3)
			defer img.Close()
			if err := errors.Join(r.Load(&img), r.Run(context.Background())); err != nil {
				t.Error(err)
			}
		})
	}
}

// Models whose outputs cannot be read are refused with one line that says why.
func TestUnfitModels(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"no boxes at all", constantModel(0, 0), []string{"gives 0 boxes for a blank picture and 0 for noise", "export it without"}},
		{"no boxes on a blank picture", filteringModel(0), []string{"gives 0 boxes for a blank picture and 7", "small.onnx"}},
		{"boxes as many as are found", filteringModel(3), []string{"gives 3 boxes for a blank picture and 7", "without its own NMS"}},
		{"another kind of detector", onnxModel(picture16,
			onnxFloats("boxes", 1, 1, 5, 7), onnxValue(graphOutput, "boxes", onnxFloat, 1, -1, 7),
			onnxFloats("scores", 1, 1, 5, 3), onnxValue(graphOutput, "scores", onnxFloat, 1, 5, 3)),
			[]string{"output boxes is float32 [1,5,7], the manifest says float32 [1,A,4]; output scores is float32 [1,5,3], the manifest says float32 [1,A,2]; " +
				"not this kind of detector: correct head and labels in ", "small.json"}},
		{"outputs of integers", onnxModel(picture16, onnxInts("boxes", 1, 2), onnxInts("scores", 1),
			onnxValue(graphOutput, "boxes", onnxInt64, 2), onnxValue(graphOutput, "scores", onnxInt64, 1)),
			[]string{"output boxes is int64 [2]", "output scores is int64 [1]"}},
		{"another input and output", onnxModel(
			onnxValue(graphInput, "images", onnxFloat, 1, 3, -1, -1), onnxFloats("boxes", 1, 1, 5, 4),
			onnxValue(graphOutput, "boxes", onnxFloat, 1, 5, 4)),
			[]string{"input images is float32 [1,3,?,?], the manifest says uint8 [1,16,16,3]; correct input in ", `; has no output "scores"; it has boxes float32 [1,5,4]; `}},
		{"an input more", constantModel(5, 5, onnxValue(graphInput, "size", onnxFloat, 1, -1)),
			[]string{"needs more inputs than the picture: size float32 [1,?]; export it without"}},
		{"no model", []byte("not a model"), []string{"not a model that ONNX Runtime can load"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			model, err := Open(writeModel(t, c.data), Options{})
			if err == nil {
				model.Close()
				t.Fatal("was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want it to hold %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "ELEMENT_DATA_TYPE") {
				t.Errorf("error %q is raw", err)
			}
		})
	}
}

// quietEnv makes this test's own process the one whose output is looked at.
const quietEnv = "TRACKER_TEST_FAIL_INFERENCE"

// The runtime returns its errors; it must not print them as well.
func TestRuntimePrintsNothing(t *testing.T) {
	if path := os.Getenv(quietEnv); path != "" {
		failInference(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "filtering.onnx")
	if err := os.WriteFile(path, filteringModel(3), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRuntimePrintsNothing$")
	cmd.Env = append(os.Environ(), quietEnv+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "onnxruntime") {
		t.Errorf("%v: %s", err, out)
	}
}

// failInference has the network give more boxes than there is room for.
func failInference(t *testing.T, path string) {
	if err := LoadRuntime(); err != nil {
		t.Fatal(err)
	}
	session, err := ort.NewDynamicAdvancedSession(path, []string{"images"}, []string{"boxes"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Destroy()
	in, err := ort.NewTensor(ort.NewShape(1, 16, 16, 3), make([]uint8, 16*16*3))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Destroy()
	out, err := ort.NewEmptyTensor[float32](ort.NewShape(1, 2, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Destroy()
	if err := session.Run([]ort.Value{in}, []ort.Value{out}); err == nil {
		t.Error("an inference that cannot work worked")
	}
}

// A model has the outline of one, and a part of it, or another file, has not.
func TestIsONNX(t *testing.T) {
	data, err := os.ReadFile(yoloxFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{"whole": {data, true}, "cut": {data[:len(data)/2], false}, "empty": {nil, false}, "zeros": {make([]byte, 4096), false}, "small fields": {bytes.Repeat([]byte{8, 1}, 1<<20), false}, "text": {[]byte("not a network\n"), false}} {
		if got := isONNX(bytes.NewReader(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
