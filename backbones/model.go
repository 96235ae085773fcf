package backbones

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// Options are the settings of one loaded model.
type Options struct {
	// Threads that one inference may use; 0 lets ONNX Runtime take every core.
	Threads int
	// Shared says that other work runs beside the inference: its threads then sleep
	// while they have nothing to do, instead of spinning for the least latency.
	Shared bool
	// Device is "cpu" or "cuda[:N]"; empty means cpu.
	Device string
	// Conf is the lowest score of a detection, 0..1. Raising it drops false boxes
	// and then people; lowering it does the opposite.
	Conf float64
	// NMSIoU is the overlap above which two boxes of one class are one object, 0..1.
	NMSIoU float64
	// Classes to keep, by label without regard to case; none means all.
	Classes []string
	// Labels are what the classes of detections are numbers of; nil means the model's
	// own. All of the model's must be among them. A model that takes another's place
	// in the middle of a video keeps the numbers so.
	Labels []string
}

// Validate checks the ranges of the settings.
func (o Options) Validate() error {
	switch {
	case !(o.Conf >= 0 && o.Conf <= 1):
		return fmt.Errorf("conf is %g, want 0 to 1", o.Conf)
	case !(o.NMSIoU >= 0 && o.NMSIoU <= 1):
		return fmt.Errorf("nms-iou is %g, want 0 to 1", o.NMSIoU)
	case o.Threads < 0:
		return fmt.Errorf("threads is %d, want 0 (all cores) or more", o.Threads)
	}
	_, _, err := ParseDevice(o.Device)
	return err
}

// Model is a loaded network with what is needed to read its outputs. It may be
// shared by goroutines, each with its own Request.
type Model struct {
	manifest *Manifest
	opts     Options
	session  *ort.DynamicAdvancedSession
	sharing  *atomic.Int32 // models that use the session
	decoder  detect.Decoder
	wanted   []bool
	classes  []int       // the number in Options.Labels of each of the model's; nil for its own
	shapes   []ort.Shape // of the outputs for one picture, as the network gives them
}

// Open loads the model that a manifest describes: it checks the file's digest,
// its inputs and outputs against the manifest, and runs it once, so that a model
// that cannot work fails here and not in the middle of a video.
func Open(m *Manifest, opts Options) (*Model, error) {
	model, err := open(m, opts)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", m.Name, err)
	}
	return model, nil
}

func open(m *Manifest, opts Options) (*Model, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	wanted, err := detect.SelectClasses(m.Labels, opts.Classes)
	if err != nil {
		return nil, err
	}
	classes, err := translate(m.Labels, opts.Labels)
	if err != nil {
		return nil, err
	}
	dec, err := newDecoder(m)
	if err != nil {
		return nil, err
	}
	data, err := readVerified(m)
	if err != nil {
		return nil, err
	}
	if err := LoadRuntime(); err != nil {
		return nil, err
	}
	if err := checkGraph(m, dec, data); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path(), err)
	}
	session, err := newSession(m, data, opts)
	if err != nil {
		return nil, err
	}
	model := &Model{manifest: m, opts: opts, session: session, sharing: new(atomic.Int32), decoder: dec, wanted: wanted, classes: classes}
	model.sharing.Add(1)
	if err := model.warmUp(); err != nil {
		return nil, errors.Join(err, model.Close())
	}
	return model, nil
}

// With is the same network read in another way: with other thresholds, classes or
// labels. It has the session in common with m, which may be closed before it.
func (m *Model) With(opts Options) (*Model, error) {
	other, err := m.with(opts)
	if err != nil {
		return nil, fmt.Errorf("adjust model %s: %w", m.manifest.Name, err)
	}
	return other, nil
}

func (m *Model) with(opts Options) (_ *Model, err error) {
	if opts.Threads != m.opts.Threads || opts.Shared != m.opts.Shared || opts.Device != m.opts.Device {
		return nil, errors.New("threads and device are the session's; open the model again")
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	other := *m
	other.opts = opts
	if other.wanted, err = detect.SelectClasses(m.manifest.Labels, opts.Classes); err != nil {
		return nil, err
	}
	if other.classes, err = translate(m.manifest.Labels, opts.Labels); err != nil {
		return nil, err
	}
	m.sharing.Add(1)
	return &other, nil
}

// translate gives the place of each label among others; nil where it is its own.
func translate(labels, among []string) ([]int, error) {
	same := true
	places := make([]int, len(labels))
	for i, label := range labels {
		places[i] = i
		if among == nil {
			continue
		}
		if places[i] = slices.Index(among, label); places[i] < 0 {
			return nil, fmt.Errorf("label %q is not among: %s", label, strings.Join(among, ", "))
		}
		same = same && places[i] == i
	}
	if same {
		return nil, nil
	}
	return places, nil
}

// readVerified reads the model file whole: the bytes that were hashed are the
// bytes that run.
func readVerified(m *Manifest) ([]byte, error) {
	f, err := m.open()
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, m.repair())
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", m.Path(), err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != m.SHA256 {
		return nil, fmt.Errorf("%s is not the file its manifest describes (sha256 %s…, want %s…); %s",
			m.Path(), got[:12], m.SHA256[:12], m.repair())
	}
	return data, nil
}

// repair says what to do about a model file that is missing or another one.
func (m *Manifest) repair() string {
	own := "correct sha256 in " + m.path + " if the file is right"
	switch m.origin {
	case inProgram:
		return "build the program again"
	case inStore:
		return "install it again (tracker models remove " + m.Name + ", then add), or " + own
	}
	return own
}

func newSession(m *Manifest, data []byte, opts Options) (*ort.DynamicAdvancedSession, error) {
	so, err := sessionOptions(opts)
	if err != nil {
		return nil, err
	}
	defer so.Destroy()
	return ort.NewDynamicAdvancedSessionWithONNXData(data,
		[]string{m.Input.Name}, m.Head.outputs(), so)
}

// spinning is the runtime's setting for Options.Shared.
var spinning = map[bool]string{true: "0", false: "1"}

func sessionOptions(opts Options) (*ort.SessionOptions, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		so.SetIntraOpNumThreads(opts.Threads),
		so.SetInterOpNumThreads(1),
		so.AddSessionConfigEntry("session.intra_op.allow_spinning", spinning[opts.Shared]),
		so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		appendProvider(so, opts.Device),
	)
	if err != nil {
		return nil, errors.Join(err, so.Destroy())
	}
	return so, nil
}

// ParseDevice splits "cpu" or "cuda[:N]" into its kind and its number.
func ParseDevice(device string) (kind string, index int, err error) {
	kind, num, numbered := strings.Cut(strings.ToLower(device), ":")
	switch {
	case kind == "" || kind == "cpu" && !numbered:
		return "cpu", 0, nil
	case kind == "cuda" && !numbered:
		return "cuda", 0, nil
	case kind == "cuda":
		if index, err = strconv.Atoi(num); err == nil && index >= 0 {
			return "cuda", index, nil
		}
	}
	return "", 0, fmt.Errorf("device %q: want cpu, cuda or cuda:N", device)
}

// appendProvider asks for the device's execution provider. A device that cannot
// be had is an error: a silent fall back to the CPU would make every timing a lie.
func appendProvider(so *ort.SessionOptions, device string) error {
	kind, index, err := ParseDevice(device)
	if err != nil || kind == "cpu" {
		return err
	}
	cuda, err := ort.NewCUDAProviderOptions()
	if err == nil {
		defer cuda.Destroy()
		err = errors.Join(cuda.Update(map[string]string{"device_id": strconv.Itoa(index)}),
			so.AppendExecutionProviderCUDA(cuda))
	}
	if err != nil {
		return fmt.Errorf("device %s: the ONNX Runtime in use (%s) cannot use CUDA: %w; "+
			"set %s to a GPU build of ONNX Runtime %s with its CUDA libraries, or use --device cpu",
			device, runtimePath, err, RuntimeEnv, RuntimeVersion)
	}
	return nil
}

// warmUp runs the network on a blank picture, which also tells the number of
// boxes it gives, and on noise, which must give as many. A graph may leave that
// number open and still always give the same; one that filters its boxes does not.
func (m *Model) warmUp() (err error) {
	input, err := newInputTensor(&m.manifest.Input)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, input.Destroy()) }()
	if m.shapes, err = m.measure(input); err != nil {
		return err
	}
	input.loadNoise()
	noisy, err := m.measure(input)
	if err != nil {
		return err
	}
	axis := anchorAxis(m.decoder.Shapes()[0])
	if blank, noise := m.shapes[0][axis], noisy[0][axis]; blank < 1 || noise != blank {
		return fmt.Errorf("%s: the network gives %d boxes for a blank picture and %d for noise, want the same number for every picture; "+
			"export it without its own NMS and score threshold", m.manifest.Path(), blank, noise)
	}
	return nil
}

// measure runs the network and checks the shapes of what it gives.
func (m *Model) measure(input *inputTensor) ([]ort.Shape, error) {
	names, want := m.manifest.Head.outputs(), m.decoder.Shapes()
	outputs, shapes := make([]ort.Value, len(names)), make([]ort.Shape, len(names))
	if err := m.session.Run([]ort.Value{input.value}, outputs); err != nil {
		return nil, fmt.Errorf("%s: a first inference failed: %w", m.manifest.Path(), oneLine(err))
	}
	fits := true
	for i, out := range outputs {
		shapes[i] = out.GetShape().Clone()
		if err := out.Destroy(); err != nil {
			return nil, err
		}
		fits = fits && shapeFits(shapes[i], onePicture(want[i])) && shapes[i][anchorAxis(want[i])] == shapes[0][anchorAxis(want[0])]
	}
	if !fits {
		return nil, fmt.Errorf("%s: outputs are %s, want %s; %s", m.manifest.Path(),
			outputList(names, shapes, want), outputList(nil, nil, want), m.manifest.correct("head and labels"))
	}
	return shapes, nil
}

// loadNoise fills the input with random pixels, always the same.
func (t *inputTensor) loadNoise() {
	w, h := t.spec.Width, t.spec.Height
	pixels := make([]byte, 3*w*h)
	rand.NewChaCha8([32]byte{}).Read(pixels)
	t.expect(w, h)
	t.write(newPicture(pixels, 3*w, w, h))
}

// Manifest describes the loaded model; do not change it.
func (m *Model) Manifest() *Manifest { return m.manifest }

// Labels names the classes of the model's detections, by index.
func (m *Model) Labels() []string {
	if m.opts.Labels != nil {
		return m.opts.Labels
	}
	return m.manifest.Labels
}

// Close releases the session, unless another model of With uses it; every Request
// must be closed before.
func (m *Model) Close() error {
	if m.sharing.Add(-1) > 0 {
		return nil
	}
	return m.session.Destroy()
}

// run is one inference on tensors bound beforehand.
func (m *Model) run(ctx context.Context, binding *ort.IoBinding) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.session.RunWithBinding(binding); err != nil {
		return fmt.Errorf("run model %s: %w", m.manifest.Name, oneLine(err))
	}
	return nil
}
