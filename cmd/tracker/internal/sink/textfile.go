package sink

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/track"
)

// textFile is where a text sink writes: a file that gets its name when complete,
// or standard output, which has nothing to complete.
type textFile struct {
	io.Writer
	file *atomicfile.File // nil for standard output
	name string           // for messages
}

// newTextFile opens path, or takes stdout for "-".
func newTextFile(path string, stdout io.Writer) (textFile, error) {
	if path == "-" {
		return textFile{Writer: stdout, name: "standard output"}, nil
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return textFile{}, err
	}
	return textFile{Writer: file, file: file, name: path}, nil
}

func (t textFile) commit() error {
	if t.file == nil {
		return nil
	}
	return t.file.Commit()
}

// finish ends the file after the last flush: completes it, or says what is left of
// it where flushing failed.
func (t textFile) finish(flushErr error) error {
	if flushErr == nil {
		return t.commit()
	}
	if t.file == nil {
		return flushErr
	}
	kept, err := t.file.Keep()
	if kept != "" {
		flushErr = fmt.Errorf("%w (what was written is in %s)", flushErr, kept)
	}
	return errors.Join(flushErr, err)
}

// check refuses a track that no format can hold: whoever reads it would stop there.
func (t textFile) check(r *track.Track) error {
	sum := r.Box.X1 + r.Box.Y1 + r.Box.X2 + r.Box.Y2 + r.Raw.X1 + r.Raw.Y1 + r.Raw.X2 + r.Raw.Y2 + r.Score
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("write %s: track %d has box %v, detected as %v, and score %v, which are no numbers", t.name, r.ID, r.Box, r.Raw, r.Score)
	}
	return nil
}

// keep leaves the partial file, or nothing where there are no frames.
func (t textFile) keep(frames int) (string, error) {
	switch {
	case t.file == nil:
		return "", nil
	case frames == 0:
		return "", t.file.Abort()
	}
	return t.file.Keep()
}
