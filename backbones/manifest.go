//go:build gocv_specific_modules

package backbones

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tracker-go/tracker/detect"
)

// ManifestSchema is the version of the manifest format that this program reads.
const ManifestSchema = 1

// Manifest describes one model file: what it is, how to feed it and how to read
// it. It stands beside the file as JSON, under the same name.
type Manifest struct {
	Schema      int    `json:"schema"`
	Name        string `json:"name"`
	Backbone    string `json:"backbone"` // a family of the registry
	Description string `json:"description"`
	// File is the model's name in the manifest's own folder, SHA256 its hex digest.
	File   string   `json:"file"`
	SHA256 string   `json:"sha256"`
	Input  Input    `json:"input"`
	Head   Head     `json:"head"`
	Labels []string `json:"labels"`
	// Licence of the weights, Source where they came from, TrainedBy whose recipe
	// made them and TrainingData on what.
	Licence      string `json:"licence"`
	Source       string `json:"source"`
	TrainedBy    string `json:"trained_by"`
	TrainingData string `json:"training_data"`

	path      string // the file that the manifest was read from
	installed bool   // found in a data folder, not named by the user
}

// Input says how pixels become the network's input tensor.
type Input struct {
	Name   string `json:"name"`   // tensor name
	Type   string `json:"type"`   // "uint8" (0..255) or "float32"
	Layout string `json:"layout"` // "NHWC" or "NCHW"
	Color  string `json:"color"`  // "BGR" or "RGB"
	Width  int    `json:"width"`  // pixels
	Height int    `json:"height"` // pixels
	Resize string `json:"resize"` // "letterbox" (keeps the aspect ratio) or "stretch"
	// Mean and Std, per channel in Color order, make float32 inputs:
	// (pixel − mean) / std with pixels 0..255. Empty means pixels as they are.
	Mean []float64 `json:"mean"`
	Std  []float64 `json:"std"`
}

// Head says how the network's outputs become detections.
type Head struct {
	// Format is "boxes" (decoded already: boxes [N,A,4] in input pixels and scores
	// [N,A,C] 0..1, the project's own contract) or "ssd".
	Format string            `json:"format"`
	Boxes  string            `json:"boxes"`  // output name
	Scores string            `json:"scores"` // output name
	SSD    *detect.SSDConfig `json:"ssd,omitempty"`
}

// Path is where the model file should be.
func (m *Manifest) Path() string { return filepath.Join(filepath.Dir(m.path), m.File) }

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
	m, err := ParseManifest(io.LimitReader(f, maxManifest))
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
	if _, err := LookupFamily(m.Backbone); err != nil {
		errs = append(errs, fmt.Errorf("backbone: %w", err))
	}
	check(m.File != "" && m.File != "." && m.File != ".." && !strings.ContainsAny(m.File, `/\`),
		"file %q: want the name of a file in the manifest's own folder", m.File)
	check(sha256Pattern.MatchString(m.SHA256), "sha256 %q: want 64 lower-case hex digits", m.SHA256)
	check(m.Licence != "", "licence is missing")
	check(m.Source != "", "source is missing")
	check(len(m.Labels) > 0, "labels is empty")
	for i, l := range m.Labels {
		check(strings.TrimSpace(l) != "", "labels[%d] is blank", i)
	}
	return oneLine(append(errs, m.Input.validate(), m.Head.validate())...)
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
	oneOf("type", in.Type, "uint8", "float32")
	oneOf("layout", in.Layout, "NHWC", "NCHW")
	oneOf("color", in.Color, "BGR", "RGB")
	oneOf("resize", in.Resize, "letterbox", "stretch")
	if in.Width < 16 || in.Width > 4096 || in.Height < 16 || in.Height > 4096 {
		errs = append(errs, fmt.Errorf("input is %d×%d, want 16 to 4096 a side", in.Width, in.Height))
	}
	if in.Type == "uint8" && len(in.Mean)+len(in.Std) > 0 {
		errs = append(errs, errors.New("input.mean and input.std go with float32 only"))
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
	return errors.Join(errs...)
}

func (h *Head) validate() error {
	var errs []error
	if h.Boxes == "" || h.Scores == "" || h.Boxes == h.Scores {
		errs = append(errs, fmt.Errorf("head.boxes %q and head.scores %q: want two output names", h.Boxes, h.Scores))
	}
	switch {
	case h.Format != "ssd" && h.Format != "boxes":
		errs = append(errs, fmt.Errorf("head.format is %q, want boxes or ssd", h.Format))
	case (h.Format == "ssd") != (h.SSD != nil):
		errs = append(errs, errors.New("head.ssd goes with format ssd, and with no other"))
	case h.SSD != nil:
		errs = append(errs, h.SSD.Validate())
	}
	return errors.Join(errs...)
}
