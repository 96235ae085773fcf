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
	// Latency is of whole frames, from capture to the end of the pipeline.
	Latency StageSummary `json:"latency"`
	// Bottleneck is the stage that bounds the rate: the longest of the lane that is
	// busy for the largest part of a frame's interval. Empty before the first frame.
	Bottleneck string `json:"bottleneck"`
	// BusyMS is that lane's time for a frame, IntervalMS the time between frames.
	BusyMS     float64 `json:"busy_ms"`
	IntervalMS float64 `json:"interval_ms"`
	// Workers run that lane, between whom BusyMS is divided.
	Workers int `json:"-"`
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
	// Waited is the mean time that a frame stood in the queue before the stage, or
	// that the capture waited for room for a frame.
	Waited float64 `json:"queue_ms"`
	// Utilisation is the share of the run's time that the stage was at work, per
	// worker, 0..1.
	Utilisation float64 `json:"utilisation"`
}

// Summary is the state of the run so far.
func (r *Recorder) Summary() Summary {
	var s Summary
	frames, elapsed := r.pace.total(time.Now())
	s.Frames, s.Elapsed, s.FPS = frames, elapsed.Seconds(), perSecond(frames, elapsed)
	if frames > 0 {
		s.IntervalMS = ms(elapsed) / float64(frames)
	}
	for _, lane := range lanes {
		r.addLane(&s, lane)
	}
	s.Latency = r.frames.summary(latencyName)
	return s
}

// addLane appends the stages of a lane and remembers it where it is the busiest.
func (r *Recorder) addLane(s *Summary, lane []Stage) {
	longest, busy := StageSummary{}, 0.0
	for _, stage := range lane {
		row := r.stages[stage].summary(stageNames[stage])
		if row.Count == 0 {
			continue
		}
		perFrame := row.Sum / float64(max(s.Frames, 1)) / float64(r.workersOf(stage))
		row.Waited = r.waits[stage].summary("").Mean
		if s.IntervalMS > 0 {
			row.Utilisation = perFrame / s.IntervalMS
		}
		if busy += perFrame; row.Sum > longest.Sum {
			longest = row
		}
		s.Stages = append(s.Stages, row)
	}
	if busy > s.BusyMS && s.Frames > 0 {
		s.Bottleneck, s.BusyMS, s.Workers = longest.Name, busy, r.workersOf(lane[0])
	}
}

// workersOf is how many goroutines run a stage.
func (r *Recorder) workersOf(s Stage) int {
	if s == Preprocess || s == Inference {
		return r.workers
	}
	return 1
}

// Bound says what limits the rate, as in "inference-bound: 8.9 of 13.2 ms a
// frame"; empty before the first frame.
func (s *Summary) Bound() string {
	if s.Bottleneck == "" {
		return ""
	}
	return fmt.Sprintf("%s-bound: %.1f of %.1f ms a frame", s.Bottleneck, s.BusyMS, s.IntervalMS)
}

// WriteTable writes the summary as an aligned table for a terminal. The error
// is that of w.
func (s *Summary) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-12s %9s %9s %9s %9s %9s %7s\n", "stage", "mean ms", "p50", "p95", "max", "queue", "busy")
	for i := range s.Stages {
		row := &s.Stages[i]
		row.write(&b)
		fmt.Fprintf(&b, " %9.2f %6.1f%%\n", row.Waited, 100*row.Utilisation)
	}
	s.Latency.write(&b)
	fmt.Fprintf(&b, "\n\n%d frames in %.1f s: %.1f FPS\n", s.Frames, s.Elapsed, s.FPS)
	if bound := s.Bound(); bound != "" {
		b.WriteString(bound)
		if s.Workers > 1 { // only those of this lane can be several
			fmt.Fprintf(&b, " (preprocess and inference ÷ %d workers)", s.Workers)
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (s *StageSummary) write(w io.Writer) {
	fmt.Fprintf(w, "%-12s %9.2f %9.2f %9.2f %9.2f", s.Name, s.Mean, s.P50, s.P95, s.Max)
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
