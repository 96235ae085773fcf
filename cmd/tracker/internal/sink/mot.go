//go:build gocv_specific_modules

package sink

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// MOT writes MOTChallenge results, one row for each track of the frame but those
// whose box is only predicted, as the benchmarks expect. Frames count from 1 there: the source's index plus one.
type MOT struct {
	out textFile
	w   *mot.Writer
}

// NewMOT writes to path, or to stdout where path is "-".
func NewMOT(path string, stdout io.Writer) (*MOT, error) {
	out, err := newTextFile(path, stdout)
	if err != nil {
		return nil, err
	}
	return newMOT(out), nil
}

// NewMOTIn writes to a file that is the caller's to end. Call Flush before.
func NewMOTIn(file *atomicfile.File) *MOT { return newMOT(textFileIn(file)) }

func newMOT(out textFile) *MOT {
	s := &MOT{out: out}
	s.w = mot.NewWriter(&s.out)
	return s
}

// Flush hands all rows to the file.
func (s *MOT) Flush() error { return inner(s.w.Flush()) }

// Write writes the rows of one frame, ordered as the tracks are.
func (s *MOT) Write(_ context.Context, r Result) error {
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if t.State == track.Coasted {
			continue
		}
		if err := s.out.check(t); err != nil {
			return err
		}
		if err := s.w.WriteRow(mot.FromBox(r.Frame.Index+1, t.ID, t.Box, t.Score)); err != nil {
			return inner(err)
		}
	}
	s.out.frames++
	return inner(s.w.Flush()) // whoever reads along, and what a kill leaves, is to have it
}

// inner leaves of an error what the file or standard output says: that names itself,
// and whoever writes frames knows which.
func inner(err error) error { return cmp.Or(errors.Unwrap(err), err) }

// Commit completes the file.
func (s *MOT) Commit() error { return s.out.commit(s.Flush) }

// Keep closes the file under its partial name, which it returns.
func (s *MOT) Keep() (string, error) { return s.out.keep(s.Flush) }
