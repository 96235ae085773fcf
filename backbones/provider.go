package backbones

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"
)

// provider is an execution provider of ONNX Runtime: what runs a network's nodes
// on one kind of device.
type provider struct {
	kind    string         // of the device
	form    string         // how a user writes it
	target  string         // where none is given
	targets *regexp.Regexp // what may be given; nil for nothing
	name    string         // as profiles call it, without "ExecutionProvider"
	// library is the provider's own shared library, without "lib" and its ending,
	// which lies beside ONNX Runtime's; empty where it is part of that.
	library string
	// needs are libraries of others, without "lib", in the order of their own needs:
	// those that lie beside ONNX Runtime are loaded first.
	needs []string
	// bundle is the folder under lib/ in which setup puts a build that has it.
	bundle string
	attach func(*ort.SessionOptions, Device, sessionPlan) error
	fix    string // what to do where the build in use lacks it
}

// sessionPlan is what providers are told of the session to come.
type sessionPlan struct {
	threads int    // for one inference, 0 for every core
	cache   string // folder for what the provider builds from this model; empty if nothing
}

// cudaLibraries are those of CUDA 12 and of CUDA 13; one of the two lies beside an
// ONNX Runtime.
var cudaLibraries = []string{
	"cudart.so.12", "cublasLt.so.12", "cublas.so.12", "cufft.so.11",
	"cudart.so.13", "nvrtc.so.13", "cublasLt.so.13", "cublas.so.13", "cufft.so.12",
	"curand.so.10", "cudnn.so.9",
}

var providers = []provider{
	{kind: cpuKind, form: "cpu", name: "CPU",
		attach: func(*ort.SessionOptions, Device, sessionPlan) error { return nil }},
	{kind: "cuda", form: "cuda[:N]", target: "0", targets: gpuNumber, name: "CUDA",
		library: "onnxruntime_providers_cuda", needs: cudaLibraries, bundle: "cuda",
		attach: attachCUDA, fix: "run 'deploy/setup.sh cuda' for one that has it (docs/gpu.md)"},
	{kind: "tensorrt", form: "tensorrt[:N]", target: "0", targets: gpuNumber, name: "Tensorrt",
		library: "onnxruntime_providers_tensorrt", needs: append(cudaLibraries, "nvinfer.so.10", "nvonnxparser.so.10"), bundle: "cuda",
		attach: attachTensorRT, fix: "run 'deploy/setup.sh cuda' for one that has it, and install TensorRT 10 (docs/gpu.md)"},
	{kind: "openvino", form: "openvino[:DEVICE]", target: "CPU", targets: openvinoDevice, name: "OpenVINO",
		library: "onnxruntime_providers_openvino", bundle: "openvino",
		attach: attachOpenVINO, fix: "run 'deploy/setup.sh openvino' for one that has it"},
	{kind: "xnnpack", form: "xnnpack", name: "Xnnpack",
		attach: attachXNNPACK, fix: "set " + RuntimeEnv + " to a library built with --use_xnnpack; the published ones for Linux are built without"},
	{kind: "coreml", form: "coreml", name: "CoreML",
		attach: attachCoreML, fix: "use macOS, whose published library has it"},
}

// provider is the table's row for the device.
func (d Device) provider() *provider {
	for i := range providers {
		if providers[i].kind == d.Kind {
			return &providers[i]
		}
	}
	return &providers[0]
}

// DeviceError says why a device cannot be had, and what to do about it.
type DeviceError struct {
	Device    Device
	What, Fix string
}

func (e *DeviceError) Error() string {
	return fmt.Sprintf("device %s: %s; %s, or use --device cpu", e.Device, e.What, e.Fix)
}

// Usable tells whether the ONNX Runtime in use can run networks on the device: nil,
// or a *DeviceError.
func (d Device) Usable() error {
	if err := LoadRuntimeFor(d); err != nil {
		return err
	}
	so, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	return errors.Join(d.attachTo(so, sessionPlan{threads: 1, cache: os.TempDir()}), so.Destroy())
}

// attachTo has a session run on the device what can run there. A device that
// cannot be had is an error: running on the CPU instead would make every timing a
// lie.
func (d Device) attachTo(so *ort.SessionOptions, plan sessionPlan) error {
	p := d.provider()
	if p.library != "" {
		path := filepath.Join(filepath.Dir(runtimePath), sharedLibrary(p.library))
		if isFile(path) != nil {
			what, fix := fmt.Sprintf("the ONNX Runtime in use, %s, has no %s beside it", runtimePath, filepath.Base(path)), p.fix
			if other := findBundle(runtimeDirs(), p.bundle); other != "" && os.Getenv(RuntimeEnv) == "" {
				what += ", but " + other + " has"
				fix = "start the program with --device " + d.String() + ", for a process keeps the ONNX Runtime that it began with"
			}
			return &DeviceError{d, what, fix}
		}
		preload(filepath.Dir(runtimePath), p.needs)
	}
	if p.kind == "openvino" && signalsKill() {
		return &DeviceError{d, "on a processor with AMX, OpenVINO and the signals by which Go preempts its goroutines end the program",
			"set GODEBUG=" + noPreemption + " in the environment, which switches those signals off"}
	}
	if err := p.attach(so, d, plan); err != nil {
		if option := (*OptionError)(nil); errors.As(err, &option) {
			return err
		}
		what, fix := p.explain(err)
		return &DeviceError{d, fmt.Sprintf("the ONNX Runtime in use, %s, cannot use it: %s", runtimePath, what), fix}
	}
	return nil
}

// noPreemption is Go's own setting against preemption by signals.
const noPreemption = "asyncpreemptoff=1"

// signalsKill reports whether a signal to a thread may not find room for its frame,
// which AMX's registers make large, on the stack that is left for it once OpenVINO
// has switched them on: seen with OpenVINO 2025.4 as a crash at the second or third
// model.
func signalsKill() bool {
	return cpu.X86.HasAMXTile && !strings.Contains(os.Getenv("GODEBUG"), noPreemption)
}

var (
	missingLibrary = regexp.MustCompile(`(lib\S+): cannot open shared object file`)
	cudaFailure    = regexp.MustCompile(`CUDA failure \d+: [^;]*`)
)

// driverLibrary comes with NVIDIA's driver; builds for CUDA 13 do not load without it.
const driverLibrary = "libcuda.so.1"

// explain makes of an error of ONNX Runtime what is wrong and what to do about it.
func (p *provider) explain(err error) (what, fix string) {
	text := oneLine(err).Error()
	if found := missingLibrary.FindStringSubmatch(text); found != nil {
		if found[1] == driverLibrary {
			return found[1] + ", which is the NVIDIA driver's, is missing", "install the driver, and start a container with --gpus all"
		}
		return found[1] + " is missing", "install it beside that library, or where the system looks for libraries (docs/gpu.md)"
	}
	if found := cudaFailure.FindString(text); found != "" {
		return strings.TrimSpace(found), "check the driver and the GPU with nvidia-smi, and start a container with --gpus all"
	}
	if p.kind == "openvino" {
		return text, "check that the device is there: CPU always is, GPU and NPU need Intel's driver"
	}
	return strings.TrimSuffix(text, "."), p.fix
}

// cudaOptionsEnv adds to, or changes, what ONNX Runtime's CUDA provider is told:
// "name=value name=value", for measurements.
const cudaOptionsEnv = "TRACKER_CUDA_OPTIONS"

// OptionError says what is wrong with an option that the user has set for a device, and
// what to do about it. The device may be there: it is no reason to do without.
type OptionError struct{ What, Fix string }

func (e *OptionError) Error() string { return e.What + "; " + e.Fix }

// wrongPair says what is wrong with one of cudaOptionsEnv.
func wrongPair(pair string, err error) *OptionError {
	return &OptionError{fmt.Sprintf("%s: %q: %v", cudaOptionsEnv, pair, oneLine(err)), "correct it, or unset " + cudaOptionsEnv}
}

// setPairs adds the pairs of a text to a set. added is called after each: an error is that
// of the pair.
func setPairs(text string, set map[string]string, added func() error) error {
	for _, pair := range strings.Fields(text) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return wrongPair(pair, errors.New("want name=value"))
		}
		set[name] = value
		if err := added(); err != nil {
			return wrongPair(pair, err)
		}
	}
	return nil
}

// attachCUDA: convolutions compute channels-last, as tensor cores do, with the
// algorithm that cuDNN's heuristics name for each input shape: trying all of them
// takes seconds for every number of pictures. Memory grows by what is asked for, not
// in doublings, since other processes share a GPU. CUDA graphs need an input that
// stays at one place in the GPU's memory, which the Go binding cannot allocate.
func attachCUDA(so *ort.SessionOptions, d Device, _ sessionPlan) error {
	set := map[string]string{
		"device_id":                    d.Target,
		"arena_extend_strategy":        "kSameAsRequested",
		"cudnn_conv_algo_search":       "HEURISTIC",
		"cudnn_conv_use_max_workspace": "1",
		"do_copy_in_default_stream":    "1",
		"prefer_nhwc":                  "1",
	}
	options, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	update := func() error { return options.Update(set) }
	if err := update(); err != nil {
		return err
	}
	if err := setPairs(os.Getenv(cudaOptionsEnv), set, update); err != nil {
		return err
	}
	return so.AppendExecutionProviderCUDA(options)
}

// attachTensorRT has CUDA run what TensorRT does not. Engines and the timings that
// chose their kernels are kept, since building one takes minutes.
func attachTensorRT(so *ort.SessionOptions, d Device, plan sessionPlan) error {
	options, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	if err := options.Update(map[string]string{
		"device_id":               d.Target,
		"trt_engine_cache_enable": "1",
		"trt_engine_cache_path":   plan.cache,
		"trt_timing_cache_enable": "1",
		"trt_timing_cache_path":   plan.cache,
	}); err != nil {
		return err
	}
	return errors.Join(so.AppendExecutionProviderTensorRT(options), attachCUDA(so, d, plan))
}

// attachOpenVINO keeps fp32 networks in fp32, where OpenVINO would take bf16 by
// itself on processors that have it.
func attachOpenVINO(so *ort.SessionOptions, d Device, plan sessionPlan) error {
	options := map[string]string{"device_type": d.Target, "precision": "ACCURACY"}
	if plan.cache != "" {
		options["cache_dir"] = plan.cache
	}
	if plan.threads > 0 {
		options["num_of_threads"] = strconv.Itoa(plan.threads)
	}
	return so.AppendExecutionProviderOpenVINO(options)
}

// attachXNNPACK gives it threads of its own.
func attachXNNPACK(so *ort.SessionOptions, _ Device, plan sessionPlan) error {
	threads := plan.threads
	if threads == 0 {
		threads = runtime.NumCPU()
	}
	return so.AppendExecutionProvider("XNNPACK", map[string]string{"intra_op_num_threads": strconv.Itoa(threads)})
}

func attachCoreML(so *ort.SessionOptions, _ Device, _ sessionPlan) error {
	return so.AppendExecutionProviderCoreMLV2(map[string]string{"ModelFormat": "MLProgram"})
}
