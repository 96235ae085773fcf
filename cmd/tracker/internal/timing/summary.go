package timing

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// Summary is the whole-run view, ready for JSON. Quantiles are within 1 % of
// the exact ones; means and maxima are exact. A run without frames has zeros.
type Summary struct {
	Frames  uint64  `json:"frames"`
	Elapsed float64 `json:"elapsed_s"` // wall clock, seconds
	FPS     float64 `json:"fps"`       // Frames / Elapsed
	// Stages holds those that have run, in pipeline order.
	Stages []StageSummary `json:"stages"`
	// Total is the latency of a frame from capture to the end of the pipeline.
	Total StageSummary `json:"total"`
}

// StageSummary is the whole-run view of one stage; times in milliseconds.
type StageSummary struct {
	Name  string  `json:"name"`
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	Max   float64 `json:"max_ms"`
	Sum   float64 `json:"sum_ms"`
	// Share of the time that all stages together took, 0..1.
	Share float64 `json:"share"`
}

// Summary is the state of the run so far.
func (r *Recorder) Summary() Summary {
	var s Summary
	frames, elapsed := r.pace.total(time.Now())
	s.Frames, s.Elapsed, s.FPS = frames, elapsed.Seconds(), perSecond(frames, elapsed)
	for i := range r.stages {
		if row := r.stages[i].summary(stageNames[i]); row.Count > 0 {
			s.Stages = append(s.Stages, row)
		}
	}
	s.Total = r.frames.summary(totalName)
	if busy := s.busy(); busy > 0 {
		for i := range s.Stages {
			s.Stages[i].Share = s.Stages[i].Sum / busy
		}
		s.Total.Share = 1
	}
	return s
}

// busy is the milliseconds that all stages together took.
func (s *Summary) busy() float64 {
	var sum float64
	for i := range s.Stages {
		sum += s.Stages[i].Sum
	}
	return sum
}

// Bound names the stage that takes the most of a frame, as in "inference-bound:
// 8.9 of 13.2 ms a frame"; empty before the first frame.
func (s *Summary) Bound() string {
	if s.Frames == 0 || len(s.Stages) == 0 {
		return ""
	}
	largest := &s.Stages[0]
	for i := range s.Stages {
		if s.Stages[i].Sum > largest.Sum {
			largest = &s.Stages[i]
		}
	}
	n := float64(s.Frames)
	return fmt.Sprintf("%s-bound: %.1f of %.1f ms a frame", largest.Name, largest.Sum/n, s.busy()/n)
}

// WriteTable writes the summary as an aligned table for a terminal. The error
// is that of w.
func (s *Summary) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-12s %9s %9s %9s %9s %7s\n", "stage", "mean ms", "p50", "p95", "max", "share")
	for i := range s.Stages {
		s.Stages[i].write(&b)
	}
	s.Total.write(&b)
	fmt.Fprintf(&b, "\n%d frames in %.1f s: %.1f FPS\n", s.Frames, s.Elapsed, s.FPS)
	if bound := s.Bound(); bound != "" {
		fmt.Fprintln(&b, bound)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (s *StageSummary) write(w io.Writer) {
	fmt.Fprintf(w, "%-12s %9.2f %9.2f %9.2f %9.2f %6.1f%%\n", s.Name, s.Mean, s.P50, s.P95, s.Max, 100*s.Share)
}

func (s *series) summary(name string) StageSummary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return StageSummary{
		Name: name, Count: s.run.count,
		Mean: ms(s.run.mean()), P50: ms(s.run.quantile(0.50)), P95: ms(s.run.quantile(0.95)),
		Max: ms(s.run.max), Sum: ms(s.run.sum),
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
