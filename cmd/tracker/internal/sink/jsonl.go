//go:build gocv_specific_modules

package sink

import (
	"context"
	"io"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// JSONL writes one JSON object a line for each frame, also for a frame without
// tracks:
//
//	{"frame":12,"time":0.48,"tracks":[{"id":3,"class":0,"label":"person",
//	"score":0.87,"box":[10.5,20,60.25,180],"raw":[11,19.5,60,181.25],
//	"state":"observed","age":0.44,"class_confidence":1}],
//	"detections":5}
//
// frame counts the source's frames from 0; time and age are media seconds; box is
// x1,y1,x2,y2 in pixels, the tracker's estimate; raw is the box of the detection
// behind it, and is there where state is observed. Else state is coasted, the box
// being predicted, or interpolated, where it was filled in afterwards, and unseen
// says for how long nothing was detected;
// class_confidence is the share of the track's detections that speak for the class;
// detections is how many the detector found. With UTC, "utc" follows time: when
// the picture was taken, RFC 3339. With Source, "source" comes first: the name of
// the input, where the lines of several go to one place. "zones" follows where
// tracks are counted: {"yard":{"inside":2,"tracks":4,"entered":3,"left":1},
// "door":{"right":1,"left":0,"crossed":[{"id":3,"class":0,"label":"person",
// "way":"right"}]}}, up to this frame; crossed is there where somebody crosses in
// this frame, and way is the count that goes up. "device" comes last, where the
// result has one.
//
// Every line is written at once, so that a reader can follow along.
type JSONL struct {
	out  textFile
	opts JSONLOptions
	line []byte // reused
}

// JSONLOptions say what is in a line besides what every line has.
type JSONLOptions struct {
	// UTC adds the wall clock to every line: for live sources, whose frames have one.
	UTC bool
	// Source is the name of the input in every line; none where it is empty.
	Source string
}

// NewJSONL writes to path, or to stdout where path is "-". Each line is one Write.
func NewJSONL(path string, stdout io.Writer, opts JSONLOptions) (*JSONL, error) {
	out, err := newTextFile(path, stdout)
	if err != nil {
		return nil, err
	}
	return &JSONL{out: out, opts: opts}, nil
}

// NewJSONLIn writes to a file that is the caller's to end.
func NewJSONLIn(file *atomicfile.File, opts JSONLOptions) *JSONL {
	return &JSONL{out: textFileIn(file), opts: opts}
}

// Write writes the line of one frame.
func (s *JSONL) Write(_ context.Context, r Result) error {
	var utc time.Time
	if s.opts.UTC {
		utc = r.Frame.Captured.UTC()
	}
	for i := range r.Tracks {
		if err := s.out.check(&r.Tracks[i]); err != nil {
			return err
		}
	}
	s.line = appendFrame(s.line[:0], &s.opts, utc, &r)
	if _, err := s.out.Write(s.line); err != nil {
		return err
	}
	s.out.frames++
	return nil
}

// Commit completes the file.
func (s *JSONL) Commit() error { return s.out.commit(nothing) }

// Keep closes the file under its partial name, which it returns.
func (s *JSONL) Keep() (string, error) { return s.out.keep(nothing) }

// appendFrame appends the line of a frame; a zero utc is left out, and what opts
// leaves empty.
func appendFrame(b []byte, opts *JSONLOptions, utc time.Time, r *Result) []byte {
	b = append(b, '{')
	if opts.Source != "" {
		b = append(b, `"source":`...)
		b = appendString(b, opts.Source)
		b = append(b, ',')
	}
	b = append(b, `"frame":`...)
	b = appendInt(b, r.Frame.Index)
	b = append(b, `,"time":`...)
	b = appendSeconds(b, r.Frame.Time)
	if !utc.IsZero() {
		b = append(b, `,"utc":"`...)
		b = utc.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
		b = append(b, '"')
	}
	b = append(b, `,"tracks":[`...)
	for i := range r.Tracks {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrack(b, &r.Tracks[i], r.Labels)
	}
	b = append(b, `],"detections":`...)
	b = appendInt(b, len(r.Detections))
	if len(r.Zones) > 0 {
		b = append(b, `,"zones":`...)
		b = appendZones(b, r.Zones, r.Labels)
	}
	if r.Device != "" {
		b = append(b, `,"device":`...)
		b = appendString(b, r.Device)
	}
	return append(b, "}\n"...)
}
