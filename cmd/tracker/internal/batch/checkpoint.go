package batch

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// Checkpoint is where an input goes on after the process that worked on it has died:
// the state after a frame, and how much of the results belongs to the frames up to
// it.
type Checkpoint struct {
	// Key is that of input, model and settings, Program the version that wrote it:
	// another must start anew.
	Key, Program string
	Device       string           // that inference ran on
	Frames       int              // that are done
	Sizes        map[string]int64 // bytes that are good, by file name in the batch's folder
	Tracker      []byte
	Motion       []byte       // nil where nobody follows the camera
	Moving       [][4]float64 // boxes of the last frame's tracks
	Zones        []byte       // nil where nobody counts
	Record       []byte       // nil without a record
	Overlay      []byte       // nil without a video
	Video        []byte
	// Ready, where not nil, says that all results are complete, if not under their own
	// names: the only thing left is to give them these.
	Ready *Manifest
}

// Save replaces the checkpoint at path.
func (c *Checkpoint) Save(path string) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(c); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return replace(path, b.Bytes())
}

// LoadCheckpoint reads what Save wrote; nil where there is none, or none of use to
// this program and key.
func LoadCheckpoint(path, key, program string) *Checkpoint {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return ReadCheckpoint(data, key, program)
}

// ReadCheckpoint is LoadCheckpoint of the bytes of the file.
func ReadCheckpoint(data []byte, key, program string) *Checkpoint {
	c, err := parseCheckpoint(data)
	if err != nil || c.Key != key || c.Program != program {
		return nil
	}
	return c
}

func parseCheckpoint(data []byte) (*Checkpoint, error) {
	var c Checkpoint
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
		return nil, err
	}
	if c.Frames < 0 {
		return nil, fmt.Errorf("%d frames", c.Frames)
	}
	for name, size := range c.Sizes {
		if size < 0 {
			return nil, fmt.Errorf("%s has %d bytes", name, size)
		}
	}
	return &c, nil
}

// Ready describes results that are complete under their partial names, in folder.
func Ready(folder string, names []string) ([]Output, error) {
	var outputs []Output
	for _, name := range names {
		o, err := measured(name, atomicfile.PartialName(filepath.Join(folder, filepath.FromSlash(name))))
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

// Publish gives results that are Ready their names, also where a process died while
// it did so.
func Publish(folder string, outputs []Output) error {
	for _, o := range outputs {
		path := filepath.Join(folder, filepath.FromSlash(o.Path))
		if partial, err := measured(o.Path, atomicfile.PartialName(path)); err == nil && partial == o {
			if err := os.Rename(atomicfile.PartialName(path), path); err != nil {
				return fmt.Errorf("complete %s: %w", path, err)
			}
			continue
		}
		if there, err := measured(o.Path, path); err != nil || there != o {
			return fmt.Errorf("complete %s: its partial file is gone or another", path)
		}
	}
	return syncFolders(folder, outputs)
}

// syncFolders makes the names as lasting as the bytes.
func syncFolders(folder string, outputs []Output) error {
	done := make(map[string]bool)
	for _, o := range outputs {
		dir := filepath.Dir(filepath.Join(folder, filepath.FromSlash(o.Path)))
		if done[dir] {
			continue
		}
		done[dir] = true
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		if err := d.Sync(); err != nil {
			return fmt.Errorf("complete the names in %s: %w", dir, err)
		}
	}
	return nil
}
