// Package timing measures where the time of a frame goes: one Recorder per
// stream, one duration per stage and frame.
//
// Two views share the same records. The recent one, a sliding window of Window
// records, is for the panel on the picture: it shows what happens now. The
// whole-run one, a histogram of fixed size, is for the summary at the end. Both
// have a bounded memory and record without allocating.
package timing

import (
	"slices"
	"sync"
	"time"
)

// Window is how many of the latest records the recent view covers: raising it
// steadies the figures on the panel, lowering it makes them follow faster.
const Window = 120

// Stage is one step of the pipeline. The order of the constants is the order in
// which a frame passes through them.
type Stage int

// The stages of a frame.
const (
	Capture Stage = iota
	Preprocess
	Inference
	Postprocess
	Motion
	Track
	Draw
	Write
	NumStages = iota
)

var stageNames = [NumStages]string{
	"capture", "preprocess", "inference", "postprocess", "motion", "track", "draw", "write",
}

// latencyName labels the figures of whole frames beside those of the stages.
const latencyName = "latency"

// lanes groups the stages that one goroutine runs, one after the other, for a
// frame; between lanes frames wait in queues. The first stage of a lane carries
// the lane's waiting time.
var lanes = [...][]Stage{
	{Capture}, {Preprocess, Inference}, {Postprocess, Motion, Track}, {Draw, Write},
}

// String is the stage's name in lower case.
func (s Stage) String() string {
	if s < 0 || s >= NumStages {
		return "unknown"
	}
	return stageNames[s]
}

// Row is the recent view of one stage, or of whole frames. All durations cover
// the last Window records, Current the very last.
type Row struct {
	Name              string
	Current, P50, P95 time.Duration
}

// Trace is the timing of one frame. A stage that did not run took 0.
type Trace struct {
	Took [NumStages]time.Duration
	// Waited is how long the frame stood in the queue before a stage; before the
	// capture, how long that waited for room for a frame.
	Waited [NumStages]time.Duration
	// Latency is from the frame's capture to the end of the pipeline.
	Latency time.Duration
}

// Timed runs a stage and notes how long it took.
func (t *Trace) Timed(s Stage, run func() error) error {
	start := time.Now()
	err := run()
	t.Took[s] = max(time.Since(start), 1)
	return err
}

// Recorder collects the timings of one stream. Every method may be called from
// several goroutines. Create it with New.
type Recorder struct {
	stages  [NumStages]series
	waits   [NumStages]series
	frames  series
	pace    pace
	workers int
}

// New makes a Recorder whose clock starts now: call it when the run begins, not
// while models are still loading. workers is how many inferences run at once.
func New(workers int) *Recorder {
	r := &Recorder{workers: max(workers, 1)}
	r.pace.start = time.Now()
	return r
}

// Add takes in a frame that has left the pipeline.
func (r *Recorder) Add(t *Trace) {
	for s := range r.stages {
		if t.Took[s] != 0 {
			r.stages[s].add(t.Took[s])
		}
		if t.Waited[s] != 0 {
			r.waits[s].add(t.Waited[s])
		}
	}
	r.frames.add(t.Latency)
	r.pace.tick(time.Now())
}

// FPS is the recent rate of finished frames per second; 0 before the second
// one. A frame that is overdue counts as arriving now, so that the rate of a
// stalled stream falls.
func (r *Recorder) FPS() float64 { return r.pace.recent(time.Now()) }

// Rows appends the recent view to dst, a row for every stage that has run, in
// order, and returns the result. Given a dst with room it does not allocate.
func (r *Recorder) Rows(dst []Row) []Row {
	for s := range r.stages {
		if row, ok := r.stages[s].row(stageNames[s]); ok {
			dst = append(dst, row)
		}
	}
	return dst
}

// Latency is the recent view of whole frames, from capture to the end; all zero,
// the name included, before the first.
func (r *Recorder) Latency() Row {
	row, _ := r.frames.row(latencyName)
	return row
}

// series holds the durations of one stage in both views.
type series struct {
	mu      sync.Mutex
	run     histogram
	recent  [Window]time.Duration // ring; the latest is at (run.count−1) mod Window
	current time.Duration
}

func (s *series) add(d time.Duration) {
	d = max(d, 0)
	s.mu.Lock()
	s.recent[s.run.count%Window] = d
	s.current = d
	s.run.add(d)
	s.mu.Unlock()
}

// row is false where nothing has been recorded.
func (s *series) row(name string) (Row, bool) {
	s.mu.Lock()
	window, current := s.recent, s.current
	n := min(s.run.count, Window)
	s.mu.Unlock()
	if n == 0 {
		return Row{}, false
	}
	sorted := window[:n]
	slices.Sort(sorted)
	return Row{
		Name: name, Current: current,
		P50: sorted[rank(0.50, n)-1], P95: sorted[rank(0.95, n)-1],
	}, true
}
