package backbones

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ManifestSchema is the version of the manifest format that this program reads.
const ManifestSchema = 1

// Manifest describes one model file: what it is, how to feed it and how to read
// it. It stands beside the file as JSON, under the same name.
type Manifest struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	// Backbone is a family of the registry, empty for a detector outside of them.
	Backbone string `json:"backbone,omitempty"`
	// Recommended says that the model stands for its family: --backbone FAMILY.
	Recommended bool   `json:"recommended,omitempty"`
	Description string `json:"description,omitempty"`
	// File is the model's name in the manifest's own folder, SHA256 its hex digest.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	// Precision that the network computes in: fp32, fp16 or int8; empty if unknown.
	Precision string   `json:"precision,omitempty"`
	Input     Input    `json:"input"`
	Head      Head     `json:"head"`
	Labels    []string `json:"labels"`
	// Conf is the lowest score of a detection and NMSIoU the overlap above which two
	// boxes of a class are one object, where the user does not say; 0 for what is
	// usual with the head's format.
	Conf   float64 `json:"conf,omitempty"`
	NMSIoU float64 `json:"nms_iou,omitempty"`
	// Accuracy and Speed are what was measured, nil where nothing was.
	Accuracy *Accuracy `json:"accuracy,omitempty"`
	Speed    *Speed    `json:"speed,omitempty"`
	// Licence of the weights, Source where they came from, TrainedBy whose recipe
	// made them and TrainingData on what.
	Licence      string `json:"licence"`
	Source       string `json:"source"`
	TrainedBy    string `json:"trained_by,omitempty"`
	TrainingData string `json:"training_data,omitempty"`

	path   string // the file that the manifest was read from, within files
	files  fs.FS  // nil for the file system
	origin origin
}

// origin is where a model was found, which decides what to do about a broken one.
type origin int

const (
	asFile      origin = iota // named by the user, with a manifest
	undescribed               // the same, but without
	inStore                   // in a data folder
	inProgram                 // built in
)

// Accuracy is average precision at an overlap of 0.5, 0..1: the mean over classes,
// and of people alone, 0 where not measured.
type Accuracy struct {
	AP50       float64 `json:"ap50"`
	PersonAP50 float64 `json:"person_ap50,omitempty"`
	Data       string  `json:"data"` // what it was measured on
}

// Speed is the time of one inference at the input's default size.
type Speed struct {
	Milliseconds float64 `json:"milliseconds"`
	Threads      int     `json:"threads"`
	Machine      string  `json:"machine"`
}

// Input says how pixels become the network's input tensor.
type Input struct {
	Name   string `json:"name"`   // tensor name
	Type   string `json:"type"`   // "uint8" (0..255), "float32" or "float16"
	Layout string `json:"layout"` // "NHWC" or "NCHW"
	Color  string `json:"color"`  // "BGR" or "RGB"
	Width  int    `json:"width"`  // pixels
	Height int    `json:"height"` // pixels
	// Multiple, if not 0, says that the sides may be any multiples of this many
	// pixels; Width and Height are then where nothing else is asked for.
	Multiple int `json:"multiple,omitempty"`
	// Resize is "letterbox" (keeps the aspect ratio, the picture in the middle),
	// "letterbox-top-left" (in the corner) or "stretch".
	Resize string `json:"resize"`
	// Mean and Std, per channel in Color order, make inputs of floats:
	// (pixel − mean) / std with pixels 0..255. Empty means pixels as they are.
	Mean []float64 `json:"mean,omitempty"`
	Std  []float64 `json:"std,omitempty"`
}

// Path is where the model file should be.
func (m *Manifest) Path() string {
	if m.files != nil {
		return "built-in " + m.File
	}
	return filepath.Join(filepath.Dir(m.path), m.File)
}

// BuiltIn reports whether the model is part of the program.
func (m *Manifest) BuiltIn() bool { return m.origin == inProgram }

// open opens the model file.
func (m *Manifest) open() (fs.File, error) {
	if m.files != nil {
		return m.files.Open(m.File)
	}
	return os.Open(m.Path())
}

// Size is the length of the model file in bytes.
func (m *Manifest) Size() (int64, error) {
	f, err := m.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Thresholds are the model's own conf and nms-iou, for settings that the user
// leaves to it.
func (m *Manifest) Thresholds() (conf, nmsIoU float64) {
	format := headFormats[m.Head.Format]
	return cmp.Or(m.Conf, format.conf), cmp.Or(m.NMSIoU, format.nmsIoU)
}

// WithSize is the same model for an input of w×h pixels.
func (m *Manifest) WithSize(w, h int) (*Manifest, error) {
	in := &m.Input
	if w == in.Width && h == in.Height {
		return m, nil
	}
	step := in.Multiple
	if step == 0 {
		return nil, fmt.Errorf("size %d×%d: model %s takes %d×%d only", w, h, m.Name, in.Width, in.Height)
	}
	if w < step || h < step || w%step != 0 || h%step != 0 || w > maxInput || h > maxInput {
		return nil, fmt.Errorf("size %d×%d: model %s takes multiples of %d, up to %d", w, h, m.Name, step, maxInput)
	}
	sized := *m
	sized.Input.Width, sized.Input.Height = w, h
	return &sized, nil
}

// minInput and maxInput bound an input's sides, in pixels.
const minInput, maxInput = 16, 4096

// maxManifest bounds what is read: a manifest is text for people.
const maxManifest = 1 << 20

// ReadManifest reads and checks the manifest at path. Unknown keys, wrong types
// and impossible values are errors that name the file.
func ReadManifest(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close()
	return readManifest(f, path)
}

func readManifest(r io.Reader, path string) (*Manifest, error) {
	m, err := ParseManifest(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", path, err)
	}
	m.path = path
	return m, nil
}

// ParseManifest decodes and checks one manifest.
func ParseManifest(r io.Reader) (*Manifest, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(data[:dec.InputOffset()], []byte("\n")), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more text after the JSON object")
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return &m, nil
}

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// validate reports every fault at once, on one line, each with its key.
func (m *Manifest) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(m.Schema == ManifestSchema, "schema is %d, this program reads %d", m.Schema, ManifestSchema)
	check(namePattern.MatchString(m.Name), "name %q: want lower-case letters, digits, '.', '_' and '-'", m.Name)
	if _, err := LookupFamily(m.Backbone); m.Backbone != "" && err != nil {
		errs = append(errs, fmt.Errorf("backbone: %w", err))
	}
	check(m.Backbone != "" || !m.Recommended, "recommended goes with a backbone")
	check(slices.Contains([]string{"", "fp32", "fp16", "int8"}, m.Precision), "precision is %q, want fp32, fp16 or int8", m.Precision)
	check(m.Conf >= 0 && m.Conf <= 1, "conf is %g, want 0 to 1", m.Conf)
	check(m.NMSIoU >= 0 && m.NMSIoU <= 1, "nms_iou is %g, want 0 to 1", m.NMSIoU)
	check(m.File != "" && m.File != "." && m.File != ".." && !strings.ContainsAny(m.File, `/\`),
		"file %q: want the name of a file in the manifest's own folder", m.File)
	check(sha256Pattern.MatchString(m.SHA256), "sha256 %q: want 64 lower-case hex digits", m.SHA256)
	check(m.Licence != "", "licence is missing")
	check(m.Source != "", "source is missing")
	check(len(m.Labels) > 0, "labels is empty")
	for i, l := range m.Labels {
		check(strings.TrimSpace(l) != "", "labels[%d] is blank", i)
	}
	if a := m.Accuracy; a != nil {
		check(a.AP50 >= 0 && a.AP50 <= 1 && a.PersonAP50 >= 0 && a.PersonAP50 <= 1,
			"accuracy is %g and %g, want 0 to 1", a.AP50, a.PersonAP50)
	}
	if err := oneLine(append(errs, m.Input.validate(), m.Head.validate())...); err != nil {
		return err
	}
	_, err := newDecoder(m)
	return err
}

// oneLine joins what several errors say, each thing once, for a message that
// stays on one line. It is text only: whoever asks what kind of error it is has to
// ask before.
func oneLine(errs ...error) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	var said []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return errors.New(strings.Join(said, "; "))
}

func (in *Input) validate() error {
	var errs []error
	oneOf := func(key, got string, want ...string) {
		for _, w := range want {
			if got == w {
				return
			}
		}
		errs = append(errs, fmt.Errorf("input.%s is %q, want %s", key, got, strings.Join(want, " or ")))
	}
	if in.Name == "" {
		errs = append(errs, errors.New("input.name is missing"))
	}
	oneOf("type", in.Type, "uint8", "float32", "float16")
	oneOf("layout", in.Layout, "NHWC", "NCHW")
	oneOf("color", in.Color, "BGR", "RGB")
	oneOf("resize", in.Resize, "letterbox", "letterbox-top-left", "stretch")
	errs = append(errs, in.validateSize())
	if in.Type == "uint8" && len(in.Mean)+len(in.Std) > 0 {
		errs = append(errs, errors.New("input.mean and input.std go with float32 and float16"))
	}
	for _, list := range []struct {
		key    string
		values []float64
	}{{"mean", in.Mean}, {"std", in.Std}} {
		if n := len(list.values); n != 0 && n != 3 {
			errs = append(errs, fmt.Errorf("input.%s has %d values, want 3 or none", list.key, n))
		}
	}
	for _, s := range in.Std {
		if s == 0 {
			errs = append(errs, errors.New("input.std holds a zero"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if in.Type == "float16" && !normalLevels(in).fitHalf() {
		return fmt.Errorf("input.mean and input.std lead beyond float16, whose largest is %d", maxHalf)
	}
	return nil
}

func (in *Input) validateSize() error {
	switch w, h := in.Width, in.Height; {
	case w < minInput || w > maxInput || h < minInput || h > maxInput:
		return fmt.Errorf("input is %d×%d, want %d to %d a side", w, h, minInput, maxInput)
	case in.Multiple < 0 || in.Multiple > 0 && (w%in.Multiple != 0 || h%in.Multiple != 0):
		return fmt.Errorf("input is %d×%d, which are no multiples of input.multiple, %d", w, h, in.Multiple)
	}
	return nil
}
