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
// or standard output, which has nothing to complete. It ends once, completed or kept;
// ending it again does nothing.
type textFile struct {
	w      io.Writer
	file   *atomicfile.File // nil for standard output
	name   string           // for messages
	frames int              // written
	failed bool             // a Write did, and whoever called it has said so
	ended  bool
}

// newTextFile opens path, or takes stdout for "-".
func newTextFile(path string, stdout io.Writer) (textFile, error) {
	if path == "-" {
		return textFile{w: stdout, name: "standard output"}, nil
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return textFile{}, err
	}
	return textFileIn(file), nil
}

// textFileIn is a text file of the caller's.
func textFileIn(file *atomicfile.File) textFile {
	return textFile{w: file, file: file, name: file.Path()}
}

// Write writes to the file or standard output, and remembers where that fails.
func (t *textFile) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.failed = t.failed || err != nil
	return n, err
}

// commit writes what flush still holds and completes the file; where flushing fails,
// it says what is left of it.
func (t *textFile) commit(flush func() error) error {
	if t.ended {
		return nil
	}
	t.ended = true
	flushErr := flush()
	switch {
	case t.file == nil:
		return flushErr
	case flushErr == nil:
		return t.file.Commit()
	}
	kept, err := t.file.Keep()
	if kept != "" {
		flushErr = fmt.Errorf("%w (what was written is in %s)", flushErr, kept)
	}
	return errors.Join(flushErr, err)
}

// keep writes what flush still holds, unless a Write failed, and leaves the partial file,
// whose path it returns, or nothing where there are no frames.
func (t *textFile) keep(flush func() error) (path string, err error) {
	if t.ended {
		return "", nil
	}
	t.ended = true
	if t.failed { // flushing would say it again
		flush = nothing
	}
	flushErr := flush()
	switch {
	case t.file == nil:
	case t.frames == 0:
		err = t.file.Abort()
	default:
		path, err = t.file.Keep()
	}
	return path, errors.Join(flushErr, err)
}

// nothing is the flush of a sink that writes every frame at once.
func nothing() error { return nil }

// check refuses a track that no format can hold: whoever reads it would stop there.
func (t *textFile) check(r *track.Track) error {
	sum := r.Box.X1 + r.Box.Y1 + r.Box.X2 + r.Box.Y2 + r.Raw.X1 + r.Raw.Y1 + r.Raw.X2 + r.Raw.Y2 + r.Score
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("write %s: track %d has box %v, detected as %v, and score %v, which are no numbers", t.name, r.ID, r.Box, r.Raw, r.Score)
	}
	return nil
}
