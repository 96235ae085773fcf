//go:build gocv_specific_modules

package backbones

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

var foreignDir = filepath.Join("testdata", "foreign")

// foreignReference is what testdata/foreign/generate.py found in picture.png.
type foreignReference struct {
	Width, Height int
	Detections    []foundRow
}

// foundRow is x1, y1, x2, y2, score, class.
type foundRow [6]float64

func rowOf(d detect.Detection) foundRow {
	return foundRow{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2, d.Score, float64(d.Class)}
}

// sameFound compares detections, in order: boxes to so many pixels, scores to a
// thousandth.
func sameFound(t *testing.T, got []detect.Detection, want []foundRow, pixels float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d detections, want %d", len(got), len(want))
	}
	for i := range want {
		row := rowOf(got[i])
		for k := range row {
			tolerance := 1e-3
			if k < 4 {
				tolerance = pixels
			}
			if math.Abs(row[k]-want[i][k]) > tolerance {
				t.Fatalf("detection %d is %v, want %v", i, row, want[i])
			}
		}
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

func readPicture(t testing.TB, path string) *gocv.Mat {
	t.Helper()
	img := gocv.IMRead(path, gocv.IMReadColor)
	if img.Empty() {
		t.Fatalf("cannot read %s", path)
	}
	t.Cleanup(func() { img.Close() })
	return &img
}

// findIn opens a model with its own thresholds and runs it on a picture.
func findIn(t *testing.T, m *Manifest, img *gocv.Mat) []detect.Detection {
	t.Helper()
	conf, nmsIoU := m.Thresholds()
	model, err := Open(m, Options{Threads: 1, Conf: conf, NMSIoU: nmsIoU})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	r := newRequest(t, model)
	if err := errors.Join(r.Load(img), r.Run(context.Background())); err != nil {
		t.Fatal(err)
	}
	dets, err := r.Detections(nil)
	if err != nil {
		t.Fatal(err)
	}
	return dets
}

// Models of others, without a manifest, find what their own conventions in PyTorch
// find, from the pixels on.
func TestForeignModelsEqualPyTorch(t *testing.T) {
	var want map[string]foreignReference
	readJSON(t, filepath.Join(foreignDir, "reference.json"), &want)
	img := readPicture(t, filepath.Join(foreignDir, "picture.png"))
	for name, ref := range want {
		t.Run(name, func(t *testing.T) {
			m, err := FromFile(filepath.Join(foreignDir, name+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			format, _, half := strings.Cut(name, "-half")
			if m.Head.Format != format || m.Input.Width != ref.Width || m.Input.Height != ref.Height ||
				(m.Input.Type == "float16") != half || (m.Precision == "fp16") != half {
				t.Errorf("recognised as %+v of %+v, %s", m.Head, m.Input, m.Precision)
			}
			if (m.Input.Resize == "stretch") != (format == "nanodet" || format == "detr") {
				t.Errorf("resized by %s", m.Input.Resize)
			}
			labels := []string{"person", "driver's car", "dog"} // as Ultralytics' exporter writes them
			if format == "yolox" || format == "nanodet" {
				labels = []string{"class 0", "class 1", "class 2"}
			}
			if !slices.Equal(m.Labels, labels) {
				t.Errorf("labels %q, want %q", m.Labels, labels)
			}
			pixels := 1e-3
			if half {
				pixels = 0.1 // beyond pixel 64 a float16 has steps of 1/16
			}
			sameFound(t, findIn(t, m, img), ref.Detections, pixels)
		})
	}
}

// A network of any size takes other sizes, one of a fixed size does not.
func TestForeignSizes(t *testing.T) {
	free, err := FromFile(filepath.Join(foreignDir, "yolov5.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if free, err = free.WithSize(128, 96); err != nil {
		t.Fatal(err)
	}
	if dets := findIn(t, free, readPicture(t, filepath.Join(foreignDir, "picture.png"))); len(dets) == 0 {
		t.Error("nothing was found")
	}
	if _, err := free.WithSize(100, 96); err == nil || !strings.Contains(err.Error(), "multiples of 32") {
		t.Errorf("a size that is no multiple: %v", err)
	}
	fixed, err := FromFile(filepath.Join(foreignDir, "yolox.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fixed.WithSize(128, 96); err == nil || !strings.Contains(err.Error(), "takes 96×64 only") {
		t.Errorf("another size: %v", err)
	}
}

// The shapes that the detectors' exporters give at their usual sizes.
func TestMatchHead(t *testing.T) {
	for _, c := range []struct {
		w, h    int
		shape   ort.Shape
		labels  int
		format  string
		classes int
	}{
		{640, 640, ort.NewShape(1, 8400, 85), 0, "yolox", 80},
		{416, 416, ort.NewShape(1, 3549, 85), 0, "yolox", 80},
		{640, 640, ort.NewShape(1, 25200, 85), 80, "yolov5", 80},
		{1280, 1280, ort.NewShape(1, 102000, 85), 0, "yolov5", 80}, // with stride 64
		{640, 640, ort.NewShape(1, 84, 8400), 80, "yolov8", 80},
		{640, 480, ort.NewShape(1, 5, 6300), 0, "yolov8", 1},
		{320, 320, ort.NewShape(1, 2125, 112), 0, "nanodet", 80},
		{416, 416, ort.NewShape(1, 3598, 112), 0, "nanodet", 80}, // 416/64 is rounded up
		{640, 640, ort.NewShape(1, 300, 6), 80, "end2end", 80},
		{640, 640, ort.NewShape(1, 300, 6), 1, "end2end", 1},
		{640, 640, ort.NewShape(1, 1000, 6), 80, "end2end", 80},
		{640, 640, ort.NewShape(1, 1001, 6), 80, "", 0},     // more than anybody chooses
		{640, 640, ort.NewShape(1, 300, 6), 0, "", 0},       // without names it may be anything
		{640, 640, ort.NewShape(1, 300, 6), 2, "", 0},       // or a transformer of two classes
		{640, 640, ort.NewShape(1, 8400, 6), 1, "yolox", 1}, // cells
		{640, 640, ort.NewShape(1, 25200, 6), 1, "yolov5", 1},
		{160, 160, ort.NewShape(1, 525, 6), 1, "yolox", 1}, // cells say more than K
		{96, 64, ort.NewShape(1, 378, 6), 1, "yolov5", 1},
		{160, 160, ort.NewShape(1, 525, 6), 80, "end2end", 80},
		{640, 640, ort.NewShape(1, 300, 84), 80, "detr", 80},
		{640, 640, ort.NewShape(1, 300, 5), 1, "detr", 1},
		{640, 640, ort.NewShape(1, 300, 84), 0, "", 0},
		{160, 160, ort.NewShape(1, 525, 84), 80, "", 0}, // YOLOv8's with its axes swapped
		{160, 160, ort.NewShape(1, 534, 84), 80, "", 0}, // with stride 64
		{160, 160, ort.NewShape(1, 524, 84), 80, "detr", 80},
		{96, 64, ort.NewShape(1, 510, 84), 80, "", 0}, // from stride 4
		{160, 160, ort.NewShape(1, 525, 6), 2, "", 0},
		{64, 64, ort.NewShape(1, 84, 84), 80, "yolov8", 80},
		{640, 640, ort.NewShape(1, 300, 84), 79, "", 0},
		{640, 640, ort.NewShape(1, 8400, 85), 20, "", 0},   // 20 names for 80 classes
		{640, 640, ort.NewShape(1, 8400, 1<<40), 0, "", 0}, // absurd
		{640, 640, ort.NewShape(1, 8400, 5), 0, "", 0},     // no classes
		{32, 32, ort.NewShape(1, 21, 21), 0, "", 0},        // ambiguous
	} {
		format, classes, err := matchHead(c.w, c.h, c.shape, c.labels, headLayouts)
		if format != c.format && c.format != "" || classes != c.classes && c.format != "" || (err != nil) != (c.format == "") {
			t.Errorf("%d×%d %v: %s of %d classes, %v; want %s of %d", c.w, c.h, c.shape, format, classes, err, c.format, c.classes)
		}
	}
	_, _, err := matchHead(32, 32, ort.NewShape(1, 21, 21), 0, headLayouts)
	if err == nil || !strings.Contains(err.Error(), "may be YOLOX [1,21,5+C] or YOLOv8 or YOLO11 [1,4+C,21]") {
		t.Errorf("ambiguous: %v", err)
	}
}

var picture64 = onnxValue(graphInput, "images", onnxFloat, 1, 3, 64, 64)

// onnxMetadata is a key and a value that a model file says of itself.
func onnxMetadata(key, value string) []byte { return pbBytes(14, pbText(1, key), pbText(2, value)) }

// headOf is a model with one output of that shape.
func headOf(input []byte, shape ...int64) []byte {
	return onnxModel(input, onnxFloats("out", 0.5, shape...), onnxValue(graphOutput, "out", onnxFloat, shape...))
}

// ofType is a YOLOv8 but for the type of its numbers.
func ofType(elem int64) []byte {
	return onnxModel(picture64, onnxFloats("floats", 0.5, 1, 7, 84),
		onnxNode("Cast", []string{"floats"}, "out", map[string]int64{"to": elem}),
		onnxValue(graphOutput, "out", elem, 1, 7, 84))
}

// shapeless is a model whose output has one axis for a blank picture, but says that
// it has three.
func shapeless(input []byte) []byte {
	return onnxModel(input, onnxInts("flat", -1), onnxInts("two", 2),
		onnxNode("NonZero", []string{"images"}, "found", nil),
		onnxNode("Reshape", []string{"found", "flat"}, "sizes", nil),
		onnxNode("Concat", []string{"sizes", "two"}, "all", map[string]int64{"axis": 0}),
		onnxNode("ConstantOfShape", []string{"all"}, "out", nil),
		onnxValue(graphOutput, "out", onnxFloat, 1, 7, -1))
}

// What is not recognised is refused with what it has and what would do.
func TestNotRecognised(t *testing.T) {
	v8 := headOf(picture64, 1, 7, 84)
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"unknown shape": {headOf(picture64, 1, 300, 6), []string{"output [1,300,6] is none known here; for 64×64 pixels",
			"YOLOX [1,84,5+C]", "YOLOv5 [1,252,5+C]", "YOLO11 [1,4+C,84]", "NanoDet-Plus [1,85,32+C]", "end-to-end [1,K,6]", "RT-DETR [1,K,4+C]",
			"K is at most 1000, and goes with a file that names its classes",
			"inputs: images float32 [1,3,64,64]", "no manifest model.json beside it", "docs/models.md"}},
		"another task":      {append(slices.Clone(v8), onnxMetadata("task", "segment")...), []string{"is a segment model"}},
		"other class count": {append(slices.Clone(v8), onnxMetadata("names", "['a', 'b']")...), []string{"and 2 classes"}},
		"unreadable names":  {append(slices.Clone(v8), onnxMetadata("names", "{0: person}")...), []string{"names cannot be read"}},
		"more outputs": {onnxModel(picture64, onnxFloats("out", 0.5, 1, 39, 84), onnxFloats("masks", 0, 1, 32, 16, 16),
			onnxValue(graphOutput, "out", onnxFloat, 1, 39, 84), onnxValue(graphOutput, "masks", onnxFloat, 1, 32, 16, 16)),
			[]string{"other outputs", "masks"}},
		"whole numbers": {ofType(onnxInt64), []string{"other outputs than one head's", "out int64 [1,7,84]"}},
		"float64":       {ofType(onnxDouble), []string{"other outputs than one head's", "out float64 [1,7,84]"}},
		"swapped axes": {append(headOf(picture64, 1, 84, 6), onnxMetadata("names", "['a', 'b']")...),
			[]string{"output [1,84,6] is YOLOv8's with its axes swapped; export it as [1,6,84]"}},
		"an input too large": {append(headOf(onnxValue(graphInput, "x", onnxFloat, 1, 3, -1, -1), 1, 7, 84), onnxMetadata("imgsz", "[99999, 64]")...),
			[]string{"input is 64×99999, want 16 to 4096"}},
		"a fixed input too large": {shapeless(onnxValue(graphInput, "images", onnxFloat, 1, 3, 1<<20, 1<<20)), []string{"input is 1048576×1048576, want 16 to 4096"}},
		"other axes than it says": {shapeless(picture64), []string{"output out is [2], want three axes"}},
		"no picture":              {headOf(onnxValue(graphInput, "x", onnxFloat, 1, 10), 1, 7, 84), []string{"input is not one picture", "x float32 [1,10]"}},
		"other input":             {headOf(onnxValue(graphInput, "x", onnxUint8, 1, 3, 64, 64), 1, 7, 84), []string{"neither float32 or float16 [N,3,H,W] nor uint8"}},
		"bytes but no boxes": {headOf(picture16, 1, 7, 84), []string{
			"does not give boxes and scores"}},
		"no model": {[]byte("nonsense"), []string{"is no ONNX file"}},
	} {
		path := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := FromFile(path)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want one line with %q", name, err, want)
			}
		}
	}
}

// A model of this project's own needs no manifest: it says itself what it is.
func TestOwnModelWithoutManifest(t *testing.T) {
	path := copyModel(t, func(_ *Manifest, data []byte) []byte { return data })
	want, err := FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(manifestBeside(path)); err != nil {
		t.Fatal(err)
	}
	got, err := FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := want.Input
	if got.Input.Width != in.Width || got.Input.Multiple != in.Multiple || got.Input.Resize != in.Resize ||
		got.Backbone != want.Backbone || got.Licence != want.Licence || !slices.Equal(got.Labels, want.Labels) {
		t.Errorf("recognised %+v, want %+v", got, want)
	}
}

func TestParseNames(t *testing.T) {
	for text, want := range map[string][]string{
		`{0: 'person', 1: "driver's car"}`: {"person", "driver's car"},
		`['a', 'b\'s', "c"]`:               {"a", "b's", "c"},
		` {0:'x',} `:                       {"x"},
		`[]`:                               nil,
	} {
		if got, err := parseNames(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "{", "person", "{1: 'a'}", "{0: 'a', 2: 'b'}", "{'a'}", "[0: 'a']", "['a' 'b']", "['a]", "{0: a}"} {
		if got, err := parseNames(bad); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}

func FuzzParseNames(f *testing.F) {
	f.Add(`{0: 'person', 1: "driver's car"}`)
	f.Add(`['a', 'b\'s']`)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseNames(text) })
}

func TestNameFor(t *testing.T) {
	for source, want := range map[string]string{
		"/data/YOLOX Nano.onnx":                    "yolox-nano",
		"https://example.org/a/best.v2.onnx?raw=1": "best.v2",
		"._-.onnx": "model",
	} {
		if got := nameFor(source); got != want {
			t.Errorf("%s is called %s, want %s", source, got, want)
		}
	}
}
