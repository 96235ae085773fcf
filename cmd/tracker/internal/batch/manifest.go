package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/track/zone"
)

// Status is how an input ended.
type Status string

const (
	Done        Status = "done"
	CutShort    Status = "cut short"   // the input broke off; what there is has partial names
	Failed      Status = "failed"      // nothing, or nothing complete, came of it
	Interrupted Status = "interrupted" // the same command goes on with it
)

// Manifest says what came of an input. All but Run is the same for every run that
// comes to the same end, however often it was interrupted.
type Manifest struct {
	Version  int             `json:"version"`
	Status   Status          `json:"status"`
	Error    string          `json:"error,omitempty"`
	Key      string          `json:"key"` // of input, model and settings
	Input    Source          `json:"input"`
	Model    Model           `json:"model"`
	Settings json.RawMessage `json:"settings"`
	Frames   int             `json:"frames"`
	Zones    []zone.Count    `json:"zones,omitempty"`
	Outputs  []Output        `json:"outputs"` // by their final names, whether or not they have them
	Versions Versions        `json:"versions"`
	Run      *Run            `json:"run,omitempty"`
}

const manifestVersion = 1

// Model is the detector that was used.
type Model struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Versions are those of what computes.
type Versions struct {
	Tracker string `json:"tracker"`
	Go      string `json:"go"`
	OpenCV  string `json:"opencv"`
	ONNX    string `json:"onnxruntime"`
}

// Run is about the last process that worked on the input.
type Run struct {
	Started string         `json:"started"`
	Host    string         `json:"host"`
	From    int            `json:"from_frame"` // where it went on
	Device  string         `json:"device"`     // that inference ran on, which --device-fallback may have chosen
	Timings timing.Summary `json:"timings"`
}

// Output is one result.
type Output struct {
	Path   string `json:"path"` // in the batch's folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// measured is the output as it lies in a file, perhaps under another name.
func measured(name, file string) (Output, error) {
	s, err := Digest(context.Background(), file) // to its end: the work is done
	return Output{name, s.Bytes, s.SHA256}, err
}

// Write replaces the manifest at path.
func (m *Manifest) Write(path string) error {
	m.Version = manifestVersion
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return replace(path, append(text, '\n'))
}

// replace writes a whole file, or leaves the one that was there.
func replace(path string, data []byte) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Abort() // the first error is the one that matters
		return err
	}
	return f.Commit()
}

// ReadManifest reads what Write wrote.
func ReadManifest(path string) (*Manifest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseManifest(text)
}

// ParseManifest reads the text of one.
func ParseManifest(text []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("manifest of version %d, not %d", m.Version, manifestVersion)
	}
	return &m, nil
}

// Finished says whether the results of that key are complete and in their place.
func Finished(folder, manifest, key string) bool {
	m, err := ReadManifest(manifest)
	if err != nil || m.Status != Done || m.Key != key {
		return false
	}
	for _, o := range m.Outputs {
		if info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(o.Path))); err != nil || info.Size() != o.Bytes {
			return false
		}
	}
	return true
}
