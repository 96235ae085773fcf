//go:build gocv_specific_modules

package backbones

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"path/filepath"
	"slices"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/models"
)

// shipped gives the program's own default model. It never skips: a machine on which
// the ONNX Runtime cannot run it has failed the most basic test.
func shipped(t testing.TB) *Manifest {
	t.Helper()
	emptyStore(t)
	m, err := Find("mobilenetv2")
	if err != nil {
		t.Fatal(err)
	}
	if !m.BuiltIn() {
		t.Fatalf("%s is not built in", m.Path())
	}
	return m
}

// emptyStore hides what is installed on this machine, but for the ONNX Runtime,
// and returns the folder for models.
func emptyStore(t testing.TB) string {
	t.Helper()
	if err := LoadRuntime(); err != nil {
		t.Fatalf("%v (run 'make setup' first)", err)
	}
	home := t.TempDir()
	t.Setenv(HomeEnv, home)
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	return filepath.Join(home, "models")
}

func openModel(t testing.TB, opts Options) *Model {
	t.Helper()
	return opened(t, shipped(t), opts)
}

// opened is a model that is closed when the test ends.
func opened(t testing.TB, m *Manifest, opts Options) *Model {
	t.Helper()
	model, err := Open(m, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	})
	return model
}

func newRequest(t testing.TB, model *Model) *Request {
	t.Helper()
	r, err := model.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestShippedModelRuns(t *testing.T) {
	r := newRequest(t, openModel(t, Options{Threads: 2, Conf: 0.3, NMSIoU: 0.5}))
	img := gocv.NewMatWithSize(480, 640, gocv.MatTypeCV8UC3)
	defer img.Close()
	if err := errors.Join(r.Load(&img), r.Run(context.Background())); err != nil {
		t.Fatal(err)
	}
	dets, err := r.Detections(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(dets) > 5 {
		t.Errorf("%d objects on a black picture", len(dets))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

// A request allocates nothing from picture to detections.
func TestRequestAllocatesNothing(t *testing.T) {
	r := newRequest(t, openModel(t, Options{Threads: 1, Conf: 0.01, NMSIoU: 0.5}))
	img := gocv.NewMatWithSize(480, 640, gocv.MatTypeCV8UC3)
	defer img.Close()
	dets, err := r.Detections(nil)
	step := func() {
		err = errors.Join(r.Load(&img), r.Run(context.Background()))
		dets, _ = r.Detections(dets[:0])
	}
	step()
	if n := testing.AllocsPerRun(5, step); err != nil || n != 0 {
		t.Errorf("%v allocations a frame, error %v", n, err)
	}
}

func TestLookupFamily(t *testing.T) {
	for _, name := range []string{"mnasnet", "mobilenetv2", "mobilenetv3", "efficientnet", "regnet", "resnet", "ResNeSt"} {
		if _, err := LookupFamily(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := LookupFamily("vgg"); err == nil || !strings.Contains(err.Error(), "mnasnet, mobilenetv2") {
		t.Errorf("unknown family: %v", err)
	}
	emptyStore(t)
	_, err := Find("resnest")
	if err == nil || !strings.HasPrefix(err.Error(), "backbone resnest has no model (the models are: ") || !strings.Contains(err.Error(), "mobilenetv2-int8") {
		t.Errorf("family without a model: %v", err)
	}
}

// ssdManifest is that of the SSD detector which setup can install.
func ssdManifest(t testing.TB) Manifest {
	t.Helper()
	m, err := ReadManifest(filepath.Join("..", "training", "ssd-mobilenetv2.json"))
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func TestManifestFaults(t *testing.T) {
	ssd := ssdManifest(t)
	good, err := json.Marshal(&ssd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseManifest(strings.NewReader(string(good))); err != nil {
		t.Fatalf("the manifest does not parse again: %v", err)
	}
	for want, edit := range map[string][2]string{
		"unknown field":         {`"schema":`, `"colour":1,"schema":`},
		"schema is 2":           {`"schema":1`, `"schema":2`},
		"name \"Bad Name\"":     {`"name":"ssd-mobilenetv2"`, `"name":"Bad Name"`},
		"unknown backbone":      {`"backbone":"mobilenetv2"`, `"backbone":"vgg"`},
		"own folder":            {`"file":"`, `"file":"../`},
		"sha256":                {`"sha256":"`, `"sha256":"zz`},
		"input.type":            {`"type":"uint8"`, `"type":"int8"`},
		"input.layout":          {`"layout":"NHWC"`, `"layout":"HWC"`},
		"input is":              {`"width":300`, `"width":3`},
		"head.format":           {`"format":"ssd"`, `"format":"magic"`},
		"cannot unmarshal":      {`"labels":[`, `"labels":[7,`},
		"labels[0] is blank":    {`"labels":[`, `"labels":[" ",`},
		"licence is missing":    {`"licence":"Apache-2.0"`, `"licence":""`},
		"more text after":       {`{"schema"`, `{"schema":1}{"schema"`},
		"head.ssd goes with":    {`"format":"ssd"`, `"format":"boxes"`},
		"box_order \"hwxy\"":    {`"box_order":"yxhw"`, `"box_order":"hwxy"`},
		"anchors each, want at": {`"feature_maps":[19`, `"feature_maps":[512`},
		"two output names":      {`"boxes":"raw_boxes"`, `"boxes":"raw_scores"`},
		"float32 and float16":   {`"resize":`, `"mean":[1,2,3],"resize":`},
		"input.mean has 1 valu": {`"resize":`, `"mean":[1],"resize":`},
		"precision is \"fp8\"":  {`"precision":"fp32"`, `"precision":"fp8"`},
		"conf is 1.5":           {`"conf":0.4`, `"conf":1.5`},
		"nms_iou is -1":         {`"nms_iou":0.4`, `"nms_iou":-1`},
		"multiple, 32":          {`"width":300`, `"multiple":32,"width":300`},
		"recommended goes with": {`"backbone":"mobilenetv2"`, `"recommended":true`},
		"accuracy is 40":        {`"labels":[`, `"accuracy":{"ap50":40,"data":"x"},"labels":[`},
		"this one output":       {`"format":"ssd"`, `"format":"yolox"`},
		"head.strides does not": {`"format":"ssd"`, `"strides":[8],"format":"ssd"`},
		"head.reg_max goes":     {`"format":"ssd"`, `"reg_max":7,"format":"ssd"`},
		"beyond float16":        {`"type":"uint8"`, `"std":[1,0.001,1],"type":"float16"`},
		"format end2end has":    {`"format":"ssd"`, `"format":"end2end"`},
		"format detr has":       {`"format":"ssd"`, `"format":"detr"`},
	} {
		text := strings.Replace(string(good), edit[0], edit[1], 1)
		if text == string(good) {
			t.Fatalf("%s: the edit found nothing to change", want)
		}
		if _, err := ParseManifest(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// A manifest with many faults says each once, on one line, always the same.
func TestManifestFaultsOnOneLine(t *testing.T) {
	m := ssdManifest(t)
	m.Input.Type, m.Input.Mean, m.Input.Std = "float32", []float64{1}, []float64{0, 0}
	m.Head.SSD = &detect.SSDConfig{FeatureMaps: []int{19}, MinScale: 0.2, MaxScale: 0.9, AspectRatios: []float64{1}}
	text, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	want := "read manifest " + path + ": input.mean has 1 values, want 3 or none; input.std has 2 values, want 3 or none; " +
		"input.std holds a zero; ssd head: box scale 0, want a positive number; ssd head: box_order \"\", want \"yxhw\" or \"xywh\"; " +
		"ssd head: activation \"\", want \"sigmoid\" or \"none\""
	for range 5 {
		if _, err := ReadManifest(path); err == nil || err.Error() != want {
			t.Fatalf("error %v, want %s", err, want)
		}
	}
}

// What to do about a spoilt file depends on where it came from.
func TestSpoiltModelHint(t *testing.T) {
	path := copyModel(t, func(_ *Manifest, data []byte) []byte { return data[1:] })
	dir := emptyStore(t)
	if err := os.Rename(filepath.Dir(path), dir); err != nil {
		t.Fatal(err)
	}
	name := shippedName(t)
	for where, find := range map[string]func() (*Manifest, error){
		"in the store": func() (*Manifest, error) { return Find(name) },
		"a file":       func() (*Manifest, error) { return FromFile(filepath.Join(dir, filepath.Base(path))) },
	} {
		m, err := find()
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(m, Options{})
		if err == nil || !strings.Contains(err.Error(), "correct sha256 in "+strings.TrimSuffix(m.Path(), ".onnx")+".json") ||
			!strings.Contains(err.Error(), m.SHA256[:12]) || !strings.Contains(err.Error(), m.Path()) ||
			strings.Contains(err.Error(), "tracker models remove "+name) != (where == "in the store") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

func shippedName(t *testing.T) string {
	t.Helper()
	list, err := fs.Glob(models.Files, "mobilenetv2*.json")
	if err != nil || len(list) == 0 {
		t.Fatalf("no mobilenetv2 is built in (%v)", err)
	}
	return strings.TrimSuffix(list[0], ".json")
}

// copyModel puts the shipped model into a folder of its own, its manifest changed
// by edit.
func copyModel(t *testing.T, edit func(*Manifest, []byte) []byte) string {
	t.Helper()
	m := *shipped(t)
	data, err := fs.ReadFile(models.Files, m.File)
	if err != nil {
		t.Fatal(err)
	}
	data = edit(&m, slices.Clone(data))
	text, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), m.File)
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.WriteFile(manifestBeside(path), text, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenRefuses(t *testing.T) {
	keep := func(_ *Manifest, data []byte) []byte { return data }
	ssd := ssdManifest(t)
	for _, tc := range []struct {
		name string
		edit func(*Manifest, []byte) []byte
		opts Options
		want string
	}{
		{"another digest", func(m *Manifest, d []byte) []byte { d[len(d)/2]++; return d }, Options{}, "; correct sha256 in "},
		{"a wrong input name", func(m *Manifest, d []byte) []byte { m.Input.Name = "pixels"; return d }, Options{}, `has no input "pixels"`},
		{"a wrong input type", func(m *Manifest, d []byte) []byte { m.Input.Type = "float32"; return d }, Options{}, "input images is"},
		{"a wrong output name", func(m *Manifest, d []byte) []byte { m.Head.Boxes = "places"; return d }, Options{}, `has no output "places"`},
		{"too few labels", func(m *Manifest, d []byte) []byte { m.Labels = m.Labels[1:]; return d }, Options{}, "output scores is float32 [N,A,14]"},
		{"another head", func(m *Manifest, d []byte) []byte {
			m.Head = Head{Format: "ssd", Boxes: "boxes", Scores: "scores", SSD: ssd.Head.SSD}
			return d
		}, Options{}, "output scores is float32 [N,A,14]"},
		{"an unknown class", keep, Options{Classes: []string{"unicorn"}}, `class "unicorn"`},
		{"an impossible conf", keep, Options{Conf: 2}, "conf is 2"},
		{"a device that is not there", keep, Options{Device: "cuda:0"}, "has no libonnxruntime_providers_cuda.so beside it; run 'deploy/setup.sh cuda'"},
		{"an unknown device", keep, Options{Device: "tpu"}, `device "tpu"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := FromFile(copyModel(t, tc.edit))
			if err != nil {
				t.Fatal(err)
			}
			model, err := Open(m, tc.opts)
			if err == nil {
				model.Close()
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q, want it to hold %q", err, tc.want)
			}
		})
	}
}

func TestFromFileRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.onnx")
	if err := os.WriteFile(text, []byte("not a network"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.onnx"): "no such file",
		dir:                             "is a folder",
		text:                            "is no ONNX file",
	} {
		if _, err := FromFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// Every way of laying out the input holds the same pixels.
func TestInputLayouts(t *testing.T) {
	if err := LoadRuntime(); err != nil {
		t.Fatal(err)
	}
	img := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(10, 20, 30, 0), 32, 64, gocv.MatTypeCV8UC3) // B, G, R
	defer img.Close()
	base := Input{Name: "x", Width: 64, Height: 64, Resize: "letterbox"}
	for _, tc := range []struct {
		typ, layout, color string
		want               [3]float32 // the tensor's channels at the centre
	}{
		{"uint8", "NHWC", "BGR", [3]float32{10, 20, 30}},
		{"uint8", "NHWC", "RGB", [3]float32{30, 20, 10}},
		{"uint8", "NCHW", "BGR", [3]float32{10, 20, 30}},
		{"float32", "NHWC", "RGB", [3]float32{29, 9, 3}},
		{"float32", "NCHW", "RGB", [3]float32{29, 9, 3}},
		{"float16", "NCHW", "RGB", [3]float32{29, 9, 3}},
	} {
		spec := base
		spec.Type, spec.Layout, spec.Color = tc.typ, tc.layout, tc.color
		if tc.typ != "uint8" {
			spec.Mean, spec.Std = []float64{1, 2, 1}, []float64{1, 2, 3}
		}
		in, err := newInputTensor(&spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.load(&img); err != nil {
			t.Fatal(err)
		}
		centre, corner := in.at(32, 32), in.at(0, 0)
		if centre != tc.want {
			t.Errorf("%s %s %s: centre %v, want %v", tc.typ, tc.layout, tc.color, centre, tc.want)
		}
		if tc.typ == "uint8" && corner != [3]float32{padding, padding, padding} {
			t.Errorf("%s %s: padding is %v", tc.layout, tc.color, corner)
		}
		if err := in.Destroy(); err != nil {
			t.Error(err)
		}
	}
}

// at reads one pixel of the tensor, channels in the tensor's order.
func (t *inputTensor) at(x, y int) (px [3]float32) {
	for c := range px {
		i := c*t.spec.Width*t.spec.Height + y*t.spec.Width + x
		if t.spec.Layout == "NHWC" {
			i = (y*t.spec.Width+x)*3 + c
		}
		switch v := t.value.(type) {
		case *ort.CustomDataTensor:
			px[c] = floatOf(binary.NativeEndian.Uint16(v.GetData()[2*i:]))
		case interface{ GetData() []uint8 }:
			px[c] = float32(v.GetData()[i])
		case interface{ GetData() []float32 }:
			px[c] = v.GetData()[i]
		}
	}
	return px
}

func TestRuntimeNotFound(t *testing.T) {
	empty := t.TempDir()
	t.Setenv(HomeEnv, empty)
	t.Setenv("XDG_DATA_HOME", empty)
	if _, err := findRuntime(Device{}); err == nil {
		t.Skip("a system-wide ONNX Runtime is installed")
	} else if !strings.Contains(err.Error(), "no "+runtimeFile()+" in "+filepath.Join(empty, "lib")) || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("error %q names not the file, the folder and the command", err)
	}
	t.Setenv(RuntimeEnv, filepath.Join(empty, "none.so"))
	if _, err := findRuntime(Device{}); err == nil || !strings.Contains(err.Error(), "none.so") {
		t.Errorf("error %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add(`{"schema":1}`)
	f.Add(`{"schema":1,"head":{"format":"ssd","ssd":{"feature_maps":[1e9]}}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseManifest(strings.NewReader(text)); err == nil {
			if _, err := newDecoder(m); err != nil {
				t.Errorf("an accepted manifest has no decoder: %v", err)
			}
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	r := newRequest(b, openModel(b, Options{Threads: 2, Conf: 0.4, NMSIoU: 0.5}))
	img := gocv.NewMatWithSize(576, 768, gocv.MatTypeCV8UC3)
	defer img.Close()
	b.Run("preprocess", func(b *testing.B) {
		for b.Loop() {
			if err := r.Load(&img); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("inference", func(b *testing.B) {
		for b.Loop() {
			if err := r.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("postprocess", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Detections(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
