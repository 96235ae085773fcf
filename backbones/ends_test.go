//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ultralytics are the parts of a file that its exporter writes beside the graph.
func ultralytics(names, end2end, args string) []byte {
	var all []byte
	for key, value := range map[string]string{"task": "detect", "names": names, "end2end": end2end, "args": args} {
		all = append(all, onnxMetadata(key, value)...)
	}
	return all
}

const (
	oneName  = "{0: 'person'}"
	twoNames = "{0: 'person', 1: 'car'}"
	plain    = "{'batch': 1, 'half': False, 'dynamic': False, 'agnostic_nms': True, 'nms': False}"
	withNMS  = "{'batch': 1, 'half': False, 'dynamic': True, 'nms': True}"
)

// fromBytes reads a model that has no manifest.
func fromBytes(t *testing.T, data []byte) (*Manifest, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return FromFile(path)
}

// What the exporter wrote decides where a shape does not, and it alone.
func TestDeclaredEnds(t *testing.T) {
	for name, c := range map[string]struct {
		shape                []int64
		names, end2end, args string
		want                 string // the format, or part of the error
	}{
		"two classes, nothing said":  {[]int64{1, 300, 6}, twoNames, "False", plain, "may be end-to-end [1,K,6] or RT-DETR [1,K,4+C]"},
		"two classes, end2end":       {[]int64{1, 300, 6}, twoNames, "True", plain, "end2end"},
		"two classes, NMS inside":    {[]int64{1, 300, 6}, twoNames, "False", withNMS, "end2end"},
		"one class, cells":           {[]int64{1, 84, 6}, oneName, "False", plain, "yolox"},
		"one class, cells, end2end":  {[]int64{1, 84, 6}, oneName, "True", plain, "end2end"},
		"another shape than it says": {[]int64{1, 6, 84}, twoNames, "True", plain, "output [1,6,84] is none known here; for 64×64 pixels and 2 classes C these are: end-to-end [1,K,6];"},
	} {
		m, err := fromBytes(t, append(headOf(picture64, c.shape...), ultralytics(c.names, c.end2end, c.args)...))
		if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && m.Head.Format != c.want {
			t.Errorf("%s: %+v, error %v, want %q", name, m, err, c.want)
		}
	}
}

// firstOnly is a network that finds boxes in the first picture of a batch and none in
// the others: so a graph computes whose suppression was traced on one picture.
func firstOnly() []byte {
	return onnxModel(onnxValue(graphInput, "images", onnxFloat, -1, 3, 64, 64),
		onnxFloats("rows", 1, 1, 20, 6), onnxInts("one", 1), onnxInts("before", 0, 0, 0), onnxInts("after", 0, 0),
		onnxNode("Shape", []string{"images"}, "n", map[string]int64{"start": 0, "end": 1}),
		onnxNode("Sub", []string{"n", "one"}, "others", nil),
		onnxNode("Concat", []string{"before", "others", "after"}, "pads", map[string]int64{"axis": 0}),
		onnxNode("Pad", []string{"rows", "pads"}, "out", nil),
		onnxValue(graphOutput, "out", onnxFloat, -1, 20, 6))
}

// A network that chooses its boxes gets one picture at a time: whether it chooses in
// the others of a batch, too, no first run can tell.
func TestEndsTakeOnePicture(t *testing.T) {
	m, err := fromBytes(t, append(firstOnly(), ultralytics(twoNames, "False", withNMS)...))
	if err != nil {
		t.Fatal(err)
	}
	model, err := Open(m, Options{NMSIoU: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if _, err := model.NewBatch(2); !errors.Is(err, ErrOnePicture) {
		t.Errorf("error %v, want %v", err, ErrOnePicture)
	}
}

// A wrong list of labels is said, with the remedy: as the model opens, where its rows
// are filled then, else with the first picture that fills them.
func TestEndsWithFewerLabels(t *testing.T) {
	m, err := FromFile(filepath.Join(foreignDir, "end2end.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	fewer := *m
	fewer.Labels = m.Labels[:1]
	said := func(when string, err error) {
		t.Helper()
		for _, want := range []string{"end2end.onnx", "the number of labels", "describe it in", "end2end.json"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", when, err, want)
			}
		}
	}
	_, err = Open(&fewer, Options{Conf: 1, NMSIoU: 1})
	said("opening", err)
	model, err := Open(m, Options{Conf: 0.25, NMSIoU: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	r := newRequest(t, model)
	copy(r.values[0], []float32{0, 0, 9, 9, 0.5, float32(len(m.Labels))})
	_, err = r.Detections(nil)
	said("a picture", err)
}

// The nodes of a network are counted in the same bytes that run, float16 outputs or not.
func TestPlacementOfHalves(t *testing.T) {
	for _, name := range []string{"end2end-half", "yolov8-half", "yolov8"} {
		m, err := FromFile(filepath.Join(foreignDir, name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		model, err := Open(m, Options{Threads: 1, NMSIoU: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if nodes, err := model.Placement(); err != nil || nodes.On("CPU") == 0 {
			t.Errorf("%s: %s, %v", name, nodes, err)
		}
	}
}
