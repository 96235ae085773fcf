//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
)

// Record keeps what the tracker was given, and the weaker detections, for a replay.
// Who reads along finds all but the last second under the partial name.
type Record struct {
	out   textFile
	w     *record.Writer
	live  bool
	frame record.Frame // reused
}

// NewRecord writes to path.
func NewRecord(path string, h record.Header) (*Record, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	s, err := NewRecordIn(file, h)
	if err != nil {
		return nil, errors.Join(err, file.Abort())
	}
	return s, nil
}

// NewRecordIn writes to a file that is the caller's to end. Call End before, and neither
// Commit nor Keep.
func NewRecordIn(file *atomicfile.File, h record.Header) (s *Record, err error) {
	s = &Record{out: textFileIn(file), live: h.Live}
	s.w, err = record.NewWriter(&s.out, h)
	return s, err
}

// ResumeRecordIn is NewRecordIn for a source that is not live, to go on with a file that
// has what was written up to a Snapshot.
func ResumeRecordIn(file *atomicfile.File, snapshot []byte) (s *Record, err error) {
	s = &Record{out: textFileIn(file)}
	s.w, err = record.Resume(&s.out, snapshot)
	return s, err
}

// Snapshot is what ResumeRecordIn needs besides the file, after the last frame.
func (s *Record) Snapshot() []byte { return s.w.Snapshot() }

// Flush hands all frames to the file, which is then as one that was cut short.
func (s *Record) Flush() error { return s.w.Flush() }

// End hands all frames and the end mark to the file.
func (s *Record) End() error { return s.w.Close() }

// Write adds a frame.
func (s *Record) Write(_ context.Context, r Result) error {
	f := &s.frame
	f.Index, f.Time, f.Motion = r.Frame.Index, r.Frame.Time, r.Motion
	f.Width, f.Height = r.Width, r.Height
	if s.live {
		f.Wall = r.Frame.Captured
	}
	f.Detections = append(append(f.Detections[:0], r.Detections...), r.Weak...)
	if err := s.w.Write(f); err != nil {
		return err
	}
	s.out.frames++
	return nil
}

// Commit completes the file.
func (s *Record) Commit() error { return s.out.commit(s.w.Close) }

// Keep closes the file under its partial name, which it returns. It has no end mark.
func (s *Record) Keep() (string, error) { return s.out.keep(s.w.Flush) }
