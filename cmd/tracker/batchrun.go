//go:build gocv_specific_modules

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
)

// run does all items, some at a time.
func (b *batchFlags) run(cmd *cobra.Command, w *workshop, items []item) (err error) {
	jobs := min(b.jobs, len(items))
	closeEngine := w.share(jobs)
	defer func() { err = errors.Join(err, closeEngine()) }()
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	r := newBatchReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), items, jobs, b.json, w.config.Quiet)
	w.log = newLogger(r.bar, levelOf(w.config.LogLevel))

	next := make(chan int)
	var all sync.WaitGroup
	for slot := range jobs {
		all.Go(func() {
			for i := range next {
				r.begin(slot, i)
				m, err := w.process(ctx, items[i], func(frame, of int, fps float64, tracks int) { r.progress(slot, frame, of, fps, tracks) })
				r.end(slot, i, m, err, w.log)
				if place := (*placeError)(nil); errors.As(err, &place) {
					stop(place)
				}
			}
		})
	}
	for i := 0; i < len(items) && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	return r.close(context.Cause(ctx))
}

// batchReport tells how a batch goes: on a terminal a line for each running input and
// one for all, plain lines elsewhere, JSON for machines.
type batchReport struct {
	mu     sync.Mutex
	items  []item
	bar    *progress.Bar
	notes  io.Writer
	events *json.Encoder // nil where nobody asks
	quiet  bool
	start  time.Time
	lines  []*progress.Line // a slot each, then all

	share         []float64 // of the running input, by slot
	weights       []float64 // of its work, by slot
	work, worked  float64   // of all inputs that are not skipped
	done, skipped int
	failures      []failure
	frames        int
	told          time.Time // the last event of progress
}

// failure is an input that did not come to its end.
type failure struct {
	item   item
	status batch.Status
	err    error
}

// batchEvent is a line of --json. Fields that do not apply are left out.
type batchEvent struct {
	Event   string       `json:"event"` // start, progress, end, summary
	Name    string       `json:"name,omitempty"`
	Input   string       `json:"input,omitempty"`
	Status  batch.Status `json:"status,omitempty"`
	Error   string       `json:"error,omitempty"`
	Frame   int          `json:"frame,omitempty"`
	Frames  int          `json:"frames,omitempty"`
	FPS     float64      `json:"fps,omitempty"`
	Done    int          `json:"done"`
	Skipped int          `json:"skipped"`
	Cut     int          `json:"cut_short"`
	Failed  int          `json:"failed"`
	Inputs  int          `json:"inputs"`
	Share   float64      `json:"share"`           // of the work, 0..1
	ETA     float64      `json:"eta_s,omitempty"` // seconds
}

func newBatchReport(stdout, stderr io.Writer, items []item, jobs int, events, quiet bool) *batchReport {
	r := &batchReport{items: items, notes: stderr, quiet: quiet, start: time.Now(),
		share: make([]float64, jobs), weights: make([]float64, jobs)}
	r.bar = progress.NewLines(stderr, quiet || events, make([]string, jobs+1)...)
	for i := range jobs + 1 {
		r.lines = append(r.lines, r.bar.Line(i))
		if i < jobs {
			r.lines[i].End("idle")
		}
	}
	if events {
		r.events = json.NewEncoder(stdout)
	}
	for _, it := range items {
		r.work += weight(it)
	}
	return r
}

// weight is the work of an item: its bytes, and something for opening it.
func weight(it item) float64 { return float64(it.Bytes) + 64<<10 }

func (r *batchReport) begin(slot, i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weights[slot], r.share[slot] = weight(r.items[i]), 0
	r.lines[slot].Begin(r.items[i].name, 0)
	r.say(batchEvent{Event: "start", Name: r.items[i].name, Input: r.items[i].Path})
}

// eventEvery is the least time between events of progress.
const eventEvery = time.Second

func (r *batchReport) progress(slot, frame, of int, fps float64, tracks int) {
	r.lines[slot].Expect(of)
	r.lines[slot].Update(frame, fps, tracks)
	r.mu.Lock()
	defer r.mu.Unlock()
	if of > 0 {
		r.share[slot] = min(float64(frame)/float64(of), 1)
	}
	r.total()
	if r.events != nil && time.Since(r.told) >= eventEvery {
		r.told = time.Now()
		r.say(batchEvent{Event: "progress", FPS: fps})
	}
}

// total tells how far the whole is.
func (r *batchReport) total() {
	share, left := r.reached()
	r.lines[len(r.lines)-1].Total(r.done+r.skipped+len(r.failures), len(r.items), share, left)
}

// reached is the share of the work that is done, and the time that the rest takes at
// that rate, negative for unknown.
func (r *batchReport) reached() (share float64, left time.Duration) {
	worked := r.worked
	for i, s := range r.share {
		worked += s * r.weights[i]
	}
	if r.work <= 0 {
		return 1, 0
	}
	if share = worked / r.work; share <= 0 {
		return 0, -1
	}
	return share, time.Duration(float64(time.Since(r.start)) * (1 - share) / share)
}

func (r *batchReport) end(slot, i int, m *batch.Manifest, err error, log *slog.Logger) {
	r.mu.Lock()
	r.share[slot] = 0
	r.mu.Unlock()
	how := r.ended(i, m, err, log)
	r.lines[slot].End(string(how))
}

// ended takes note of how an item ended, and says in a word how.
func (r *batchReport) ended(i int, m *batch.Manifest, err error, log *slog.Logger) batch.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.items[i]
	event := batchEvent{Event: "end", Name: it.name, Input: it.Path, Status: m.Status, Frames: m.Frames}
	switch {
	case errors.Is(err, errSkipped):
		event.Status = "skipped"
		r.skipped++
		r.work -= weight(it)
	case err != nil:
		event.Status, event.Error = statusOf(err), oneLine(err)
		r.failures = append(r.failures, failure{it, event.Status, err})
		r.worked += weight(it)
		if event.Status != batch.Interrupted {
			log.Error(event.Error, "input", it.Path)
		}
	default:
		r.done++
		r.frames += m.Frames
		r.worked += weight(it)
	}
	r.total()
	r.say(event)
	return event.Status
}

// say writes an event, with how far the whole is.
func (r *batchReport) say(e batchEvent) {
	if r.events == nil {
		return
	}
	var left time.Duration
	e.Share, left = r.reached()
	e.Done, e.Skipped, e.Cut, e.Failed, e.Inputs = r.done, r.skipped, r.count(batch.CutShort), r.count(batch.Failed), len(r.items)
	e.ETA = max(left, 0).Seconds()
	_ = r.events.Encode(e) // like progress, it must not end a run
}

// mostReported bounds the failures that the end repeats: all are in the manifests.
const mostReported = 50

// close says what became of all, and how the command ends. stopped is why it ended
// before its time, if it did.
func (r *batchReport) close(stopped error) error {
	r.total()
	r.bar.Done()
	r.say(batchEvent{Event: "summary", Frames: r.frames})
	bad := 0
	for _, f := range r.failures {
		if f.status == batch.Interrupted {
			continue
		}
		if bad++; bad <= mostReported {
			fmt.Fprintf(r.notes, "%s: %s: %s\n", f.status, f.item.Path, oneLine(f.err))
		}
	}
	if bad > mostReported {
		fmt.Fprintf(r.notes, "and %d more; their manifests say why\n", bad-mostReported)
	}
	cut, failed := r.count(batch.CutShort), r.count(batch.Failed)
	if !r.quiet {
		took := time.Since(r.start).Seconds()
		fmt.Fprintf(r.notes, "%d inputs: %d done, %d were done before, %d cut short, %d failed, %d left; %d frames in %.1f s\n",
			len(r.items), r.done, r.skipped, cut, failed, len(r.items)-r.done-r.skipped-cut-failed, r.frames, took)
	}
	return r.outcome(stopped, cut, failed)
}

// count is how many inputs ended so, of those that did not come to their end.
func (r *batchReport) count(how batch.Status) (n int) {
	for _, f := range r.failures {
		if f.status == how {
			n++
		}
	}
	return n
}

func (r *batchReport) outcome(stopped error, cut, failed int) error {
	good, all := r.done+r.skipped, len(r.items)
	switch {
	case errors.Is(stopped, context.Canceled):
		return &codedError{exitInterrupted, fmt.Errorf("interrupted with %d of %d inputs done%s; the same command goes on", good, all, alsoBad(cut, failed))}
	case stopped != nil && good+cut > 0:
		return partialError(stopped)
	case stopped != nil:
		return &codedError{exitFailed, stopped}
	case cut+failed == 0:
		return nil
	case all == 1 && failed == 1:
		return &codedError{exitFailed, errors.New("the only input failed")}
	case failed == all:
		return &codedError{exitFailed, fmt.Errorf("all %d inputs failed", all)}
	}
	return partialError(fmt.Errorf("%d of %d inputs failed, %d were cut short", failed, all, cut))
}

// alsoBad tells of inputs that ended badly beside those that are done; empty for none.
func alsoBad(cut, failed int) (text string) {
	if cut > 0 {
		text += fmt.Sprintf(", %d cut short", cut)
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}
