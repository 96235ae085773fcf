//go:build gocv_specific_modules

package backbones

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/detect"
)

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]Device{
		"": {"cpu", ""}, "cpu": {"cpu", ""}, "CUDA": {"cuda", "0"}, "cuda:3": {"cuda", "3"},
		"tensorrt": {"tensorrt", "0"}, "openvino": {"openvino", "CPU"}, "openvino:gpu.1": {"openvino", "GPU.1"},
		"openvino:AUTO:GPU,CPU": {"openvino", "AUTO:GPU,CPU"}, "xnnpack": {"xnnpack", ""}, "coreml": {"coreml", ""},
	} {
		got, err := ParseDevice(text)
		if err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
		if again, err := ParseDevice(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, which reads %v (%v)", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"tpu": "cuda[:N]", "cpu:1": "want cpu", "cuda:": "want cuda[:N]", "cuda:x": "want cuda[:N]",
		"cuda:-1": "want cuda[:N]", "openvino:": "want openvino[:DEVICE]", "xnnpack:2": "want xnnpack",
	} {
		if _, err := ParseDevice(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The CPU build of ONNX Runtime has no other device, and says what each lacks.
func TestDevicesThatAreNotThere(t *testing.T) {
	m := shipped(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for device, want := range map[string][]string{
		"cuda":         {"device cuda:0", "libonnxruntime_providers_cuda.so", "deploy/setup.sh cuda"},
		"tensorrt:1":   {"device tensorrt:1", "libonnxruntime_providers_tensorrt.so", "deploy/setup.sh cuda", "TensorRT 10"},
		"openvino:NPU": {"device openvino:NPU", "libonnxruntime_providers_openvino.so", "deploy/setup.sh openvino"},
		"xnnpack":      {"XNNPACK execution provider is not supported in this build", "--use_xnnpack", RuntimeEnv},
		"coreml":       {"does not support CoreML", "macOS"},
	} {
		model, err := Open(m, Options{Device: device})
		if err == nil {
			model.Close()
			t.Errorf("%s: was opened; is another ONNX Runtime installed for everybody?", device)
			continue
		}
		for _, part := range append(want, "or use --device cpu") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q lacks %q", device, err, part)
			}
		}
	}
}

func TestFallback(t *testing.T) {
	m := shipped(t)
	var said []string
	model, err := Open(m, Options{Device: "cuda:2", Fallback: true, Notify: func(s string) { said = append(said, s) }, Conf: 0.4, NMSIoU: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if !model.Device().OnCPU() || len(said) != 1 || !strings.Contains(said[0], "runs on the CPU, not on cuda:2: device cuda:2") {
		t.Errorf("runs on %s; told %q", model.Device(), said)
	}
	placement, err := model.Placement()
	if err != nil || len(placement) != 1 || placement.On("CPU") < 100 {
		t.Errorf("nodes: %s (%v)", placement, err)
	}
}

// deviceEnv has this test's own process run on that device.
const deviceEnv = "TRACKER_TEST_DEVICE"

// onDevice runs the calling test again in a process that loads the ONNX Runtime
// built for the device, or skips it where none is installed. It returns true in
// that process.
func onDevice(t *testing.T, device string) bool {
	t.Helper()
	if os.Getenv(deviceEnv) != "" {
		return true
	}
	d, err := ParseDevice(device)
	if err != nil {
		t.Fatal(err)
	}
	library := findBundle(runtimeDirs(), d.provider().bundle)
	if library == "" {
		t.Skipf("no ONNX Runtime for %s is installed: deploy/setup.sh %s", device, d.provider().bundle)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), deviceEnv+"="+device, RuntimeEnv+"="+library, "GODEBUG="+noPreemption, "XDG_CACHE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil {
		t.Errorf("%v: %s", err, out)
	} else if strings.Contains(text, "--- SKIP") {
		t.Skip(text)
	} else {
		t.Log(text)
	}
	return false
}

// OpenVINO runs a network in fp32 whole, and finds what PyTorch finds, in one
// picture after another and in a batch.
func TestOpenVINO(t *testing.T) {
	if !onDevice(t, "openvino") {
		return
	}
	var want map[string]foreignReference
	readJSON(t, filepath.Join(foreignDir, "reference.json"), &want)
	m, err := FromFile(filepath.Join(foreignDir, "yolox.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	conf, nmsIoU := m.Thresholds()
	model, err := Open(m, Options{Threads: 1, Device: "openvino", Conf: conf, NMSIoU: nmsIoU})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	placement, err := model.Placement()
	if err != nil || model.Device() != (Device{"openvino", "CPU"}) || placement.On("OpenVINO") == 0 {
		t.Errorf("on %s: %s (%v)", model.Device(), placement, err)
	}
	r := newRequest(t, model)
	r.input.loadNoise()
	if err := r.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	picture := readPicture(t, filepath.Join(foreignDir, "picture.png"))
	// The second picture must not get the first one's result.
	sameFound(t, infer(t, r, picture), want["yolox"].Detections, 1e-3)
	if n := testing.AllocsPerRun(20, func() { _ = r.Run(context.Background()) }); n > 1 {
		t.Errorf("%v allocations a frame, want at most the one of binding the input", n)
	}
}

// The CPU's and OpenVINO's results of the default model, INT8, may differ; how it
// ends must not.
func TestOpenVINOTakesINT8(t *testing.T) {
	if !onDevice(t, "openvino") {
		return
	}
	var said []string
	model, err := Open(shipped(t), Options{Threads: 1, Device: "openvino", Conf: 0.3, NMSIoU: 0.5, Notify: func(s string) { said = append(said, s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if len(said) != 1 || !strings.Contains(said[0], "INT8") {
		t.Errorf("told %q", said)
	}
	for _, d := range infer(t, newRequest(t, model), readPicture(t, filepath.Join(referenceDir, "street.png"))) {
		if !d.Box.Valid() || math.IsNaN(d.Score) {
			t.Errorf("found %v", d)
		}
	}
}

// Where AMX would end the program, opening says so instead.
func TestOpenVINOWithAMX(t *testing.T) {
	if !onDevice(t, "openvino") {
		return
	}
	t.Setenv("GODEBUG", "")
	if !signalsKill() {
		t.Skip("this processor has no AMX")
	}
	if _, err := Open(shipped(t), Options{Device: "openvino"}); err == nil || !strings.Contains(err.Error(), "set GODEBUG=asyncpreemptoff=1") {
		t.Error(err)
	}
}

// A GPU that OpenVINO has no driver for is named as missing.
func TestOpenVINOWithoutGPU(t *testing.T) {
	if !onDevice(t, "openvino") {
		return
	}
	if cards, _ := filepath.Glob("/dev/dri/render*"); len(cards) > 0 {
		t.Skip("this machine may have such a GPU")
	}
	model, err := Open(shipped(t), Options{Device: "openvino:GPU"})
	if err == nil {
		model.Close()
		t.Fatal("was opened")
	}
	if !strings.Contains(err.Error(), "device openvino:GPU") || !strings.Contains(err.Error(), "Intel's driver") {
		t.Error(err)
	}
}

// Where the CUDA build is installed, the model runs on the GPU, or the error says
// what the machine lacks for it.
func TestCUDA(t *testing.T) {
	if !onDevice(t, "cuda") {
		return
	}
	if _, err := os.Stat("/dev/nvidiactl"); err != nil {
		wantNoGPU(t)
		return
	}
	m := shipped(t)
	var found [2][]detect.Detection
	for i, device := range []string{"cpu", "cuda"} {
		model, err := Open(m, Options{Threads: 1, Device: device, Conf: 0.3, NMSIoU: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		placement, err := model.Placement()
		t.Log(model.Device(), placement, err)
		r := newRequest(t, model)
		r.input.loadNoise()
		if err := r.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		found[i] = infer(t, r, readPicture(t, filepath.Join(referenceDir, "street.png")))
		t.Cleanup(func() { model.Close() })
	}
	wantSimilar(t, found[0], found[1])
}

// wantSimilar wants what was surely found in one list in the other, too: devices
// round differently.
func wantSimilar(t *testing.T, want, got []detect.Detection) {
	t.Helper()
	const sure, overlap, difference = 0.4, 0.8, 0.1
	if len(want) == 0 {
		t.Error("nothing was found")
	}
	for _, d := range want {
		if d.Score >= sure && !slices.ContainsFunc(got, func(e detect.Detection) bool {
			return e.Class == d.Class && e.Box.IoU(d.Box) > overlap && math.Abs(e.Score-d.Score) < difference
		}) {
			t.Errorf("class %d, score %.2f at %v is not among %v", d.Class, d.Score, d.Box, got)
		}
	}
}

func wantNoGPU(t *testing.T) {
	model, err := Open(shipped(t), Options{Device: "cuda"})
	if err == nil {
		model.Close()
		t.Fatal("was opened without a GPU")
	}
	t.Log(err)
	if text := err.Error(); !strings.Contains(text, "is missing; install it beside") && !strings.Contains(text, "nvidia-smi") {
		t.Error(err)
	}
}

func TestParseProfile(t *testing.T) {
	text := `[{"cat":"Session","name":"model_run","args":{}},
		{"cat":"Node","name":"a_kernel_time","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","name":"a_kernel_time","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","name":"b_kernel_time","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","name":"c_kernel_time","args":{"provider":"CPUExecutionProvider"}},
		{"cat":"Node","name":"c_fence_before","args":{}}]`
	p, err := parseProfile([]byte(text))
	if err != nil || p.String() != "CUDA 2, CPU 1" || p.On("CPU") != 1 || p.On("Tensorrt") != 0 {
		t.Errorf("%s (%v)", p, err)
	}
	for _, bad := range []string{"", "{}", "[]", `[{"name":"a_kernel_time","args":{}}]`} {
		if p, err := parseProfile([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, p)
		}
	}
}

// A pair that is wrong is named, with the variable that it stands in.
func TestSetPairs(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "prefer_nhwc=0  a=b=c empty=": "",
		"prefer_nhwc=0 a":             `TRACKER_CUDA_OPTIONS: "a": want name=value; correct it, or unset TRACKER_CUDA_OPTIONS`,
		"=1":                          `TRACKER_CUDA_OPTIONS: "=1": want name=value; correct it, or unset TRACKER_CUDA_OPTIONS`,
		"prefer_nhwc=0 unknown=1 a=b": `TRACKER_CUDA_OPTIONS: "unknown=1": no such option; correct it, or unset TRACKER_CUDA_OPTIONS`,
	} {
		set := map[string]string{"prefer_nhwc": "1"}
		err := setPairs(text, set, func() error {
			if _, there := set["unknown"]; there {
				return errors.New("no such option")
			}
			return nil
		})
		if option := (*OptionError)(nil); want == "" && err != nil || want != "" && (!errors.As(err, &option) || err.Error() != want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
		if want == "" && text != "" && (set["prefer_nhwc"] != "0" || set["a"] != "b=c") {
			t.Errorf("%q: %v", text, set)
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`[{"name":"a_kernel_time","args":{"provider":"CPUExecutionProvider"}}]`))
	f.Add([]byte(`[{"name":1}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseProfile(text)
		if err == nil && len(p) == 0 {
			t.Error("no nodes and no error")
		}
	})
}

// What explains an error names the missing file or the driver, in words of one line.
func TestExplain(t *testing.T) {
	cuda := Device{Kind: "cuda"}.provider()
	for text, want := range map[string][2]string{
		"x.cc:1952 Get() FAIL : Failed to load library /a/libp.so with error: libcublasLt.so.12: cannot open shared object file: No such file": {"libcublasLt.so.12 is missing", "docs/gpu.md"},
		`Parse "device_id": CUDA failure 35: CUDA driver version is insufficient ; GPU=-1 ; hostname=vm`:                                       {"CUDA failure 35: CUDA driver version is insufficient", "nvidia-smi"},
		"Failed to load library /a/libp.so with error: libcuda.so.1: cannot open shared object file: No such file":                             {"libcuda.so.1, which is the NVIDIA driver's, is missing", "install the driver"},
		"CUDA execution provider is not enabled in this build.":                                                                                {"CUDA execution provider is not enabled in this build", "deploy/setup.sh cuda"},
	} {
		what, fix := cuda.explain(errors.New(text))
		if what != want[0] || !strings.Contains(fix, want[1]) {
			t.Errorf("%q: %q; %q", text, what, fix)
		}
	}
}
