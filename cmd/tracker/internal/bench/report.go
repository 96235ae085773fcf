package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
)

// Report is all of one run, ready for JSON.
type Report struct {
	Machine string `json:"machine"`
	Device  string `json:"device"`
	// Threads of one inference where latency is measured; Workers inferences at once,
	// each with WorkerThreads, where FPS is.
	Threads       int `json:"threads"`
	Workers       int `json:"workers"`
	WorkerThreads int `json:"worker_threads"`
	// Pictures is what was looked at, Truth what tracking was scored against.
	Pictures string `json:"pictures"`
	Truth    string `json:"truth,omitempty"`
	// Classes are those that are wanted, none for all.
	Classes []string `json:"classes,omitempty"`
	Rounds  int      `json:"rounds"`
	// Seconds is how long each model was measured.
	Seconds float64 `json:"seconds"`
	// Metric is the accuracy that Front and Choice go by.
	Metric Metric   `json:"metric"`
	Models []Result `json:"models"` // from fast to slow
	// Budget is the time allowed for a frame in milliseconds, 0 where none was given.
	Budget float64 `json:"budget_ms,omitempty"`
	Choice *Choice `json:"choice,omitempty"`
	// Notes say what was left out and what speaks against trusting the figures.
	Notes []string `json:"notes,omitempty"`
}

// Judge sorts the models, marks the front and answers for the budget. There must
// be one model at least.
func (r *Report) Judge() {
	slices.SortFunc(r.Models, byLatency)
	r.Metric = bestMetric(r.Models, r.Classes)
	markFront(r.Models, r.Metric)
	if r.Budget > 0 {
		choice := choose(r.Models, r.Metric, r.Budget)
		r.Choice = &choice
		r.Notes = append(r.Notes, undecided(r.Models, r.Metric, r.Budget)...)
	}
	r.Notes = append(r.Notes, doubts(r.Models, r.Metric, r.Classes)...)
}

// column is one of the table; cell is empty where a model has no value.
type column struct {
	head  string
	words bool // and not figures
	cell  func(*Result) string
}

var columns = []column{
	{"MODEL", true, func(r *Result) string { return r.Model }},
	{"INPUT", true, (*Result).Size},
	{"PRECISION", true, func(r *Result) string { return r.Precision }},
	{"FILE MB", false, func(r *Result) string { return megabytes(r.File) }},
	{"MEMORY MB", false, func(r *Result) string { return megabytes(r.Memory) }},
	{"NET P50", false, func(r *Result) string { return fmt.Sprintf("%.1f", r.Network.P50) }},
	{"NET P95", false, func(r *Result) string { return fmt.Sprintf("%.1f", r.Network.P95) }},
	{"FRAME P50", false, func(r *Result) string { return fmt.Sprintf("%.1f", r.Frame.P50) }},
	{"FRAME P95", false, func(r *Result) string { return fmt.Sprintf("%.1f", r.Frame.P95) }},
	{"FPS", false, func(r *Result) string { return fmt.Sprintf("%.1f", r.FPS) }},
	{"AP50", false, func(r *Result) string { return known(r.AP50) }},
	{"PERSON", false, func(r *Result) string { return known(r.PersonAP50) }},
	{"HOTA", false, tracked(func(t *Tracking) string { return fmt.Sprintf("%.1f", 100*t.HOTA) })},
	{"MOTA", false, tracked(func(t *Tracking) string { return fmt.Sprintf("%.1f", 100*t.MOTA) })},
	{"IDF1", false, tracked(func(t *Tracking) string { return fmt.Sprintf("%.1f", 100*t.IDF1) })},
	{"IDSW", false, tracked(func(t *Tracking) string { return fmt.Sprint(t.IDSW) })},
	{"FRONT", true, func(r *Result) string { return map[bool]string{true: "*"}[r.Front] }},
}

func tracked(cell func(*Tracking) string) func(*Result) string {
	return func(r *Result) string {
		if r.Tracking == nil {
			return ""
		}
		return cell(r.Tracking)
	}
}

func known(share float64) string {
	if share == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", 100*share)
}

func megabytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(n)/1e6)
}

// WriteTable writes the report for people: times in milliseconds, shares in
// percent. Columns that no model has a value for are left out. The error is that
// of w.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", r.Machine, r.Device)
	fmt.Fprintf(&b, "latency (ms): one frame at a time, threads: %d; FPS: frames at once: %d, threads each: %d\n", r.Threads, r.Workers, r.WorkerThreads)
	fmt.Fprintf(&b, "medians of %s on %s\n\n", progress.Count(r.Rounds, "round"), r.Pictures)
	r.writeRows(&b)
	if r.Metric != Unknown {
		fmt.Fprintf(&b, "\n* on the Pareto front of %s over the frame's p95: none is both faster and better\n", r.Metric)
	}
	if r.Choice != nil {
		fmt.Fprintf(&b, "\n%s\n", r.Choice.Answer)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return WriteNotes(w, r.Notes)
}

// WriteNotes writes what speaks against trusting figures below them, a line each.
func WriteNotes(w io.Writer, notes []string) error {
	if len(notes) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nNote: %s\n", strings.Join(notes, "\nNote: "))
	return err
}

// writeRows writes the table proper: words to the left, figures to the right.
func (r *Report) writeRows(b *strings.Builder) {
	lines := make([]strings.Builder, 1+len(r.Models))
	for _, c := range columns {
		cells, width := r.cells(c)
		if cells == nil {
			continue
		}
		for i, cell := range cells {
			padding := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if c.words {
				fmt.Fprintf(&lines[i], "%s%s  ", cell, padding)
			} else {
				fmt.Fprintf(&lines[i], "%s%s  ", padding, cell)
			}
		}
	}
	for i := range lines {
		b.WriteString(strings.TrimRight(lines[i].String(), " ") + "\n")
	}
}

// cells are a column's head and values, and how wide they are; nil where no model
// has a value.
func (r *Report) cells(c column) (cells []string, width int) {
	cells = []string{c.head}
	empty := true
	for i := range r.Models {
		cell := c.cell(&r.Models[i])
		empty = empty && cell == ""
		if cell == "" && !c.words {
			cell = "–"
		}
		cells = append(cells, cell)
	}
	if empty {
		return nil, 0
	}
	for _, cell := range cells {
		width = max(width, utf8.RuneCountInString(cell))
	}
	return cells, width
}
