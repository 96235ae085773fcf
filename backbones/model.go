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
	// Device is what ParseDevice reads; empty means cpu.
	Device string
	// Fallback lets the CPU run the network where Device cannot; Notify is then told.
	Fallback bool
	// Notify, if not nil, is told in a sentence what the user should know while the
	// model opens: that something takes minutes, or runs elsewhere than asked for.
	Notify func(message string)
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
	_, err := ParseDevice(o.Device)
	return err
}

// Model is a loaded network with what is needed to read its outputs. It may be
// shared by goroutines, each with its own Request.
type Model struct {
	manifest  *Manifest
	opts      Options
	device    Device // what it really runs on
	placement Placement
	session   *ort.DynamicAdvancedSession
	sharing   *atomic.Int32 // models that use the session
	decoder   detect.Decoder
	wanted    []bool
	outputs   []string    // names of the head's in the session, all float32
	classes   []int       // the number in Options.Labels of each of the model's; nil for its own
	shapes    []ort.Shape // of the outputs for one picture, as the network gives them
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
	device, err := ParseDevice(opts.Device)
	if err != nil {
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
	data, outputs, err := m.runnable(dec, device)
	if err != nil {
		return nil, err
	}
	model := &Model{manifest: m, opts: opts, device: device, decoder: dec, wanted: wanted, outputs: outputs, classes: classes}
	var option *OptionError
	if err = model.start(data); err != nil && opts.Fallback && !device.OnCPU() && !errors.As(err, &option) {
		model.notify("the network runs on the CPU, not on " + device.String() + ": " + err.Error())
		model.device, model.placement = Device{Kind: cpuKind}, nil
		err = model.start(data)
	}
	if err != nil {
		return nil, err
	}
	return model, nil
}

// runnable reads the model file and makes of it the bytes that run on the device, in
// which the head's outputs have these names.
func (m *Manifest) runnable(dec detect.Decoder, device Device) (data []byte, outputs []string, err error) {
	if data, err = readVerified(m); err != nil {
		return nil, nil, err
	}
	if err := LoadRuntimeFor(device); err != nil {
		return nil, nil, err
	}
	if data, outputs, err = checkGraph(m, dec, data); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", m.Path(), err)
	}
	return data, outputs, nil
}

// start makes the session and warms it up.
func (m *Model) start(data []byte) (err error) {
	if !m.device.OnCPU() {
		if err := m.mustUseDevice(data); err != nil {
			return err
		}
	}
	if m.session, err = m.newSession(data, nil); err != nil {
		return err
	}
	m.sharing = new(atomic.Int32)
	m.sharing.Add(1)
	if err := m.warmUp(); err != nil {
		return errors.Join(err, m.Close())
	}
	return nil
}

// mustUseDevice makes sure that nodes of the network run on its device: ONNX
// Runtime quietly leaves to the CPU what a provider does not take.
func (m *Model) mustUseDevice(data []byte) (err error) {
	if m.device.Kind == "openvino" && m.manifest.Precision == "int8" {
		m.notify("OpenVINO rounds INT8 networks its own way, with other scores and fewer boxes than on the CPU; prefer an fp32 model")
	}
	if m.placement, err = m.place(data); err != nil {
		return err
	}
	if m.placement.On(m.device.provider().name) == 0 {
		err = fmt.Errorf("device %s: it takes none of the network's nodes (%s); use --device cpu, or another model", m.device, m.placement)
		m.placement = nil
	}
	return err
}

func (m *Model) notify(message string) {
	if m.opts.Notify != nil {
		m.opts.Notify(message)
	}
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

// readVerified reads the model file whole: what runs is made of the bytes that were
// hashed.
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

// Verify checks that the model's file is the one that its manifest describes.
func (m *Manifest) Verify() error {
	_, err := readVerified(m)
	return err
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

// newSession makes a session on the model's device; more may add to its options.
func (m *Model) newSession(data []byte, more func(*ort.SessionOptions) error) (*ort.DynamicAdvancedSession, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer so.Destroy()
	if err := m.configure(so); err != nil {
		return nil, err
	}
	if more != nil {
		if err := more(so); err != nil {
			return nil, err
		}
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(fixSides(data, &m.manifest.Input), []string{m.manifest.Input.Name}, m.outputs, so)
	if err != nil && !m.device.OnCPU() {
		what, fix := m.device.provider().explain(err)
		return nil, &DeviceError{m.device, what, fix}
	}
	return session, err
}

// spinning is the runtime's setting for Options.Shared.
var spinning = map[bool]string{true: "0", false: "1"}

func (m *Model) configure(so *ort.SessionOptions) error {
	if err := errors.Join(
		so.SetIntraOpNumThreads(m.opts.Threads),
		so.SetInterOpNumThreads(1),
		so.AddSessionConfigEntry("session.intra_op.allow_spinning", spinning[m.opts.Shared]),
		so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
	); err != nil {
		return err
	}
	cache, err := m.cacheFolder()
	if err != nil {
		return err
	}
	return m.device.attachTo(so, sessionPlan{threads: m.opts.Threads, cache: cache})
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

// measure runs the network, checks the shapes of what it gives, and decodes it.
func (m *Model) measure(input *inputTensor) (_ []ort.Shape, err error) {
	names, want := m.manifest.Head.outputs(), m.decoder.Shapes()
	outputs, shapes, values := make([]ort.Value, len(names)), make([]ort.Shape, len(names)), make([][]float32, len(names))
	if err := m.session.Run([]ort.Value{input.value}, outputs); err != nil {
		return nil, fmt.Errorf("%s: a first inference failed: %w", m.manifest.Path(), oneLine(err))
	}
	defer func() {
		for _, out := range outputs {
			err = errors.Join(err, out.Destroy())
		}
	}()
	fits := true
	for i, out := range outputs {
		shapes[i], values[i] = out.GetShape().Clone(), floatsOf(out)
		fits = fits && shapeFits(shapes[i], onePicture(want[i])) && shapes[i][anchorAxis(want[i])] == shapes[0][anchorAxis(want[0])]
	}
	if !fits {
		return nil, fmt.Errorf("%s: outputs are %s, want %s; %s", m.manifest.Path(),
			outputList(names, shapes, want), outputList(nil, nil, want), m.manifest.correct("head and labels"))
	}
	_, err = m.decode(nil, values, 0)
	return shapes, err
}

// floatsOf is a float32 tensor's memory, nil for what is none.
func floatsOf(v ort.Value) []float32 {
	if t, ok := v.(*ort.Tensor[float32]); ok {
		return t.GetData()
	}
	return nil
}

// decode reads what the network gave for one picture. What cannot be read is the
// manifest's fault: shapes do not tell it all.
func (m *Model) decode(dst []detect.Detection, outputs [][]float32, conf float64) ([]detect.Detection, error) {
	dst, err := m.decoder.Decode(dst, outputs, conf, m.wanted)
	if err != nil {
		err = fmt.Errorf("%s: %w; %s", m.manifest.Path(), err, m.manifest.correct("head and labels"))
	}
	return dst, err
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

// Device is what the network runs on: the CPU where Options.Fallback had to help.
func (m *Model) Device() Device { return m.device }

// run is one inference on tensors bound beforehand.
func (m *Model) run(ctx context.Context, t *bound) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.infer(t); err != nil {
		return fmt.Errorf("run model %s: %w", m.manifest.Name, oneLine(err))
	}
	return nil
}

// bound are an inference's tensors, tied to the network's inputs and outputs.
type bound struct {
	binding *ort.IoBinding
	input   ort.Value
}

// infer runs the network. A device with memory of its own takes its copy of the
// input when that is bound, so it is bound again for every picture.
func (m *Model) infer(t *bound) error {
	if !m.device.OnCPU() {
		if err := t.binding.BindInput(m.manifest.Input.Name, t.input); err != nil {
			return err
		}
	}
	return m.session.RunWithBinding(t.binding)
}
