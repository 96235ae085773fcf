// Package progress shows how far a run has come: one line on a terminal that
// redraws itself, a plain line now and then where the output is a log.
package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	logEvery    = 10 * time.Second       // elsewhere
	defaultCols = 80                     // where a terminal does not tell its width
)

// Bar reports the progress of one run. Its methods may be called from several
// goroutines. Create it with New, and end it with Done.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	total int
	quiet bool
	cols  func() int // width of the terminal in columns; nil where w is none
	start time.Time
	drawn time.Time // last redraw or log line; zero before the first
	now   state
	live  bool // the line is on the terminal, the cursor behind it
	done  bool
	buf   bytes.Buffer
}

// state is what the line shows.
type state struct {
	frame, total int
	fps          float64
	tracks       int
	elapsed      time.Duration
}

// New makes a Bar that writes to w, which should be standard error, for a run
// of total frames; 0 where their number is not known, as for a live source.
// A quiet Bar writes nothing of its own.
func New(w io.Writer, total int, quiet bool) *Bar {
	b := &Bar{w: w, total: max(total, 0), quiet: quiet, start: time.Now()}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		b.cols = func() int { return columns(f) }
	}
	return b
}

// Update says that frame frames are finished, at fps frames per second, with
// tracks objects in view. It writes at most ten times a second and is otherwise
// cheap: call it for every frame. Errors of the writer are ignored: progress
// must not end a run.
func (b *Bar) Update(frame int, fps float64, tracks int) {
	if b.quiet {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.frame, b.now.fps, b.now.tracks = max(frame, 0), fps, tracks
	t := time.Now()
	if b.done || t.Sub(b.lastDrawn()) < b.interval() {
		return
	}
	b.drawn = t
	b.draw(t)
}

// Write passes p, one or more whole lines for the same writer as the Bar's,
// such as log records, above the line of the Bar.
func (b *Bar) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live {
		return b.w.Write(p)
	}
	b.buf.Reset()
	b.buf.WriteString(eraseLine)
	b.buf.Write(p)
	b.redraw(time.Now())
	if _, err := b.w.Write(b.buf.Bytes()); err != nil {
		return 0, fmt.Errorf("write above the progress line: %w", err)
	}
	return len(p), nil
}

// Done draws the last state and leaves it standing on its own line. Calling it
// again does nothing.
func (b *Bar) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done = true
	if b.live {
		b.buf.Reset()
		b.redraw(time.Now())
		b.buf.WriteByte('\n')
		_, _ = b.w.Write(b.buf.Bytes())
		b.live = false
	}
}

// eraseLine returns the cursor to the first column and clears to the end.
const eraseLine = "\r\x1b[K"

// draw shows the current state, in one write so that nothing tears it.
func (b *Bar) draw(t time.Time) {
	b.buf.Reset()
	if b.cols != nil {
		b.redraw(t)
		b.live = true
	} else {
		b.now.elapsed, b.now.total = t.Sub(b.start), b.total
		b.now.appendPlain(&b.buf)
		b.buf.WriteByte('\n')
	}
	_, _ = b.w.Write(b.buf.Bytes())
}

func (b *Bar) redraw(t time.Time) {
	b.now.elapsed, b.now.total = t.Sub(b.start), b.total
	b.buf.WriteString(eraseLine)
	// The last column stays empty: filling it makes some terminals wrap.
	b.now.appendLine(&b.buf, b.cols()-1)
}

// lastDrawn makes a terminal's first line appear at once and a log's after one
// interval, so that a short run leaves no trace in a log.
func (b *Bar) lastDrawn() time.Time {
	if b.drawn.IsZero() && b.cols == nil {
		return b.start
	}
	return b.drawn
}

func (b *Bar) interval() time.Duration {
	if b.cols == nil {
		return logEvery
	}
	return redrawEvery
}

// isTerminal says whether f understands a line that is redrawn.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// columns asks again on every redraw, which follows a resized window.
func columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultCols
}
