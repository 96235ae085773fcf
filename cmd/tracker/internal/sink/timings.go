//go:build gocv_specific_modules

package sink

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
)

// Timings writes the times of every frame as CSV, with a line of titles: the
// frame's index, its media time in seconds, then for each stage how long it took
// and how long the frame had waited for it, and the latency, in milliseconds.
type Timings struct {
	out  textFile
	line []byte // what is not written yet: at first, the titles
}

// NewTimings writes to path, or to stdout where path is "-".
func NewTimings(path string, stdout io.Writer) (*Timings, error) {
	out, err := newTextFile(path, stdout)
	if err != nil {
		return nil, err
	}
	t := &Timings{out: out}
	t.line = append(t.line, "frame,time_s"...)
	for s := range timing.Stage(timing.NumStages) {
		t.line = fmt.Appendf(t.line, ",%s_ms,%s_queue_ms", s, s)
	}
	t.line = append(t.line, ",latency_ms\n"...)
	return t, nil
}

// Add writes the line of a frame that is done.
func (t *Timings) Add(r Result, trace *timing.Trace) error {
	t.line = strconv.AppendInt(t.line, int64(r.Frame.Index), 10)
	t.line = append(t.line, ',')
	t.line = strconv.AppendFloat(t.line, r.Frame.Time.Seconds(), 'f', 6, 64)
	for s := range trace.Took {
		t.line = appendMilliseconds(t.line, trace.Took[s])
		t.line = appendMilliseconds(t.line, trace.Waited[s])
	}
	t.line = append(appendMilliseconds(t.line, trace.Latency), '\n')
	t.out.frames++
	return t.write()
}

func (t *Timings) write() error {
	if len(t.line) == 0 {
		return nil
	}
	_, err := t.out.Write(t.line)
	t.line = t.line[:0]
	return err
}

func appendMilliseconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(append(b, ','), float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// Commit completes the file.
func (t *Timings) Commit() error { return t.out.commit(t.write) }

// Keep closes the file under its partial name, which it returns.
func (t *Timings) Keep() (string, error) { return t.out.keep(nothing) }
