// Package progress shows how far a run has come: a line for each of its inputs on
// a terminal, redrawn in place, plain lines now and then where the output is a log.
package progress

import (
	"bytes"
	"cmp"
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
	defaultRows = 24                     // nor its height
)

// Bar reports the progress of one run, in a line for each input. Its methods may
// be called from several goroutines. Create it with New or NewLines, and end it
// with Done.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	lines []*Line
	quiet bool
	size  func() (cols, rows int) // of the terminal; nil where w is none
	start time.Time
	drawn time.Time // last redraw or log line; zero before the first
	live  int       // lines that are on the terminal, the cursor behind the last
	done  bool
	buf   bytes.Buffer
}

// Line is the progress of one input.
type Line struct {
	bar  *Bar
	now  state
	over bool // nothing more comes
}

// state is what a line shows.
type state struct {
	name         string // of the input; empty where there is only one
	frame, total int
	fps          float64
	tracks       int
	elapsed      time.Duration
	end          string // how it ended, where that is worth a word
	batch        batch  // on the line that is of all inputs
}

// batch is how far many inputs are.
type batch struct {
	done, of int // inputs; of is 0 on the line of one
	share    float64
	left     time.Duration // negative for unknown
}

// New makes a Bar of one line that writes to w, which should be standard error, for
// a run of total frames; 0 where their number is not known, as for a live source.
// A quiet Bar writes nothing of its own.
func New(w io.Writer, total int, quiet bool) *Bar {
	b := NewLines(w, quiet, "")
	b.Line(0).Expect(total)
	return b
}

// NewLines makes a Bar with a line for each name.
func NewLines(w io.Writer, quiet bool, names ...string) *Bar {
	b := &Bar{w: w, quiet: quiet, start: time.Now()}
	for _, name := range names {
		b.lines = append(b.lines, &Line{bar: b, now: state{name: name}})
	}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		b.size = func() (int, int) { return size(f) }
	}
	return b
}

// Line is that of the i-th name.
func (b *Bar) Line(i int) *Line { return b.lines[i] }

// Expect sets how many frames there will be, 0 for unknown.
func (l *Line) Expect(total int) {
	l.bar.mu.Lock()
	defer l.bar.mu.Unlock()
	l.now.total = max(total, 0)
}

// Begin gives the line to another input, of total frames, 0 for unknown.
func (l *Line) Begin(name string, total int) {
	l.bar.mu.Lock()
	defer l.bar.mu.Unlock()
	l.now, l.over = state{name: name, total: max(total, 0)}, false
}

// Total makes the line that of all inputs: done of so many are, and share, 0..1, of
// the work is; the rest takes left, negative for unknown.
func (l *Line) Total(done, of int, share float64, left time.Duration) {
	b := l.bar
	b.mu.Lock()
	defer b.mu.Unlock()
	l.now.batch = batch{done, of, min(max(share, 0), 1), left}
	if t := time.Now(); !b.quiet && !b.done && t.Sub(b.lastDrawn()) >= b.interval() {
		b.drawn = t
		b.draw(t)
	}
}

// Update is that of a Bar's only line.
func (b *Bar) Update(frame int, fps float64, tracks int) { b.lines[0].Update(frame, fps, tracks) }

// Update says that frame frames are finished, at fps frames per second, with
// tracks objects in view. It writes at most ten times a second and is otherwise
// cheap: call it for every frame. Errors of the writer are ignored: progress
// must not end a run.
func (l *Line) Update(frame int, fps float64, tracks int) {
	b := l.bar
	if b.quiet {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l.now.frame, l.now.fps, l.now.tracks = max(frame, 0), fps, tracks
	t := time.Now()
	if b.done || t.Sub(b.lastDrawn()) < b.interval() {
		return
	}
	b.drawn = t
	b.draw(t)
}

// End says that an input has come to its end, in a word, while others go on.
func (l *Line) End(how string) {
	l.bar.mu.Lock()
	defer l.bar.mu.Unlock()
	l.now.elapsed, l.now.end, l.over = time.Since(l.bar.start), how, true
}

// Write passes p, one or more whole lines for the same writer as the Bar's,
// such as log records, above the lines of the Bar.
func (b *Bar) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == 0 {
		return b.w.Write(p)
	}
	b.buf.Reset()
	b.erase()
	b.buf.Write(p)
	b.live = 0
	b.redraw(time.Now())
	if _, err := b.w.Write(b.buf.Bytes()); err != nil {
		return 0, fmt.Errorf("write above the progress line: %w", err)
	}
	return len(p), nil
}

// Done draws the last state and leaves it standing. Calling it again does nothing.
func (b *Bar) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done = true
	if b.live > 0 {
		b.buf.Reset()
		b.redraw(time.Now())
		b.buf.WriteByte('\n')
		_, _ = b.w.Write(b.buf.Bytes())
		b.live = 0
	}
}

const (
	eraseLine  = "\r\x1b[K"   // returns the cursor to the first column and clears to the end
	eraseBelow = "\x1b[J"     // clears from the cursor to the end of the screen
	lineUp     = "\r\x1b[%dA" // returns the cursor to the first column, lines further up
)

// draw shows the current state, in one write so that nothing tears it.
func (b *Bar) draw(t time.Time) {
	b.buf.Reset()
	if b.size != nil {
		b.redraw(t)
	} else {
		b.drawPlain(t)
	}
	_, _ = b.w.Write(b.buf.Bytes())
}

// drawPlain writes the lines of inputs that go on.
func (b *Bar) drawPlain(t time.Time) {
	for _, l := range b.lines {
		if !l.over {
			l.now.elapsed = t.Sub(b.start)
			l.now.appendPlain(&b.buf)
			b.buf.WriteByte('\n')
		}
	}
}

// erase clears the lines on the terminal; the cursor is then where they began.
func (b *Bar) erase() {
	if b.live == 1 {
		b.buf.WriteString(eraseLine)
		return
	}
	fmt.Fprintf(&b.buf, lineUp+eraseBelow, b.live-1)
}

// redraw writes the lines over those that are on the terminal. Where they are more
// than it has, the last says how many are left out.
func (b *Bar) redraw(t time.Time) {
	cols, rows := b.size()
	shown := b.lines
	if most := max(rows-1, 1); len(shown) > most {
		shown = shown[:most-1]
	}
	before := b.live
	if before > 1 {
		fmt.Fprintf(&b.buf, lineUp, before-1)
	}
	for i, l := range shown {
		if i > 0 {
			b.buf.WriteByte('\n')
		}
		if !l.over {
			l.now.elapsed = t.Sub(b.start)
		}
		b.buf.WriteString(eraseLine)
		// The last column stays empty: filling it makes some terminals wrap.
		l.now.appendLine(&b.buf, cols-1)
	}
	b.live = len(shown)
	if left := len(b.lines) - len(shown); left > 0 {
		if b.live++; b.live > 1 {
			b.buf.WriteByte('\n')
		}
		fmt.Fprintf(&b.buf, "%sand %s", eraseLine, Count(left, "more input"))
	}
	if before > b.live { // the terminal has become lower
		b.buf.WriteString(eraseBelow)
	}
}

// lastDrawn makes a terminal's first line appear at once and a log's after one
// interval, so that a short run leaves no trace in a log.
func (b *Bar) lastDrawn() time.Time {
	if b.drawn.IsZero() && b.size == nil {
		return b.start
	}
	return b.drawn
}

func (b *Bar) interval() time.Duration {
	if b.size == nil {
		return logEvery
	}
	return redrawEvery
}

// isTerminal says whether f understands a line that is redrawn.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// size asks again on every redraw, which follows a resized window.
func size(f *os.File) (cols, rows int) {
	cols, rows = defaultCols, defaultRows
	if w, h, err := term.GetSize(int(f.Fd())); err == nil {
		cols, rows = cmp.Or(w, cols), cmp.Or(h, rows)
	}
	return cols, rows
}
