package web

import (
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/track/zone"
)

// Run is what there is to show. Its functions are called for each request, from several
// goroutines.
type Run struct {
	Version string
	Network func() Network
	Inputs  []Input
}

// Network is what finds the objects.
type Network struct {
	Model   string `json:"model"`
	Input   string `json:"input"` // WIDTHxHEIGHT pixels
	Device  string `json:"device"`
	Tracker string `json:"tracker"`
}

// Input is one source and what is known of it.
type Input struct {
	Name    string // as in file names
	Source  string // as shown to a user
	Live    bool
	Feed    *Feed
	Timings *timing.Recorder
	Health  func() Health
	// Final is the summary of an input that has ended, nil before: figures of the whole run
	// get ever worse while others go on.
	Final func() *timing.Summary
}

// Health is how a source does.
type Health struct {
	// State says in a word or two why no pictures come, or how the input ended; empty while
	// it delivers.
	State string `json:"state"`
	// OK is false where somebody should see to it, Ended where nothing more comes.
	OK         bool `json:"ok"`
	Ended      bool `json:"ended"`
	Dropped    int  `json:"dropped"`    // frames that nobody took in time
	Damaged    int  `json:"damaged"`    // pieces of the video, passed over or made up by the decoder
	Reconnects int  `json:"reconnects"` // that succeeded
}

// Status is a run as JSON.
type Status struct {
	Version string  `json:"version"`
	Uptime  float64 `json:"uptime_s"`
	Network
	Inputs []InputStatus `json:"inputs"`
}

// InputStatus is an input of a Status. Stages and latency are of the last frames, counts of
// zones of all.
type InputStatus struct {
	Name       string        `json:"name"`
	Source     string        `json:"source"`
	Live       bool          `json:"live"`
	Health                   // inlined
	Frames     int           `json:"frames"` // that are done
	Frame      int           `json:"frame"`  // the last one, counted from 0
	Time       float64       `json:"time"`   // media time of it, seconds
	Width      int           `json:"width"`  // of its picture, pixels
	Height     int           `json:"height"`
	FPS        float64       `json:"fps"`
	Detections int           `json:"detections"` // in the last frame
	Tracks     int           `json:"tracks"`
	Latency    StageStatus   `json:"latency"`
	Stages     []StageStatus `json:"stages"`
	Bound      string        `json:"bound"` // what limits the rate
	Zones      []zone.Count  `json:"zones"`
}

// delivers says that pictures come.
func (s *InputStatus) delivers() bool { return s.State == "" }

// StageStatus is what a stage takes, in milliseconds.
type StageStatus struct {
	Name string  `json:"name"`
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
}

func (r *Run) status(since time.Time) Status {
	s := Status{Version: r.Version, Uptime: time.Since(since).Seconds(), Network: r.Network(), Inputs: make([]InputStatus, 0, len(r.Inputs))}
	for i := range r.Inputs {
		in, _ := r.Inputs[i].status()
		s.Inputs = append(s.Inputs, in)
	}
	return s
}

// summary is of the run of the input, as long as it took.
func (in *Input) summary() timing.Summary {
	if final := in.Final(); final != nil {
		return *final
	}
	return in.Timings.Summary()
}

// status is that of the input, and the summary that is behind it.
func (in *Input) status() (s InputStatus, run timing.Summary) {
	m := in.Feed.Latest()
	run = in.summary()
	s = InputStatus{
		Name: in.Name, Source: in.Source, Live: in.Live, Health: in.Health(),
		Frames: m.Frames, Frame: m.Index, Time: m.Time.Seconds(), Width: m.Width, Height: m.Height,
		FPS: in.Timings.FPS(), Detections: m.Detections, Tracks: m.Tracks,
		Latency: stageOf(in.Timings.Latency()), Stages: []StageStatus{}, Bound: run.Bound(), Zones: named(m),
	}
	if s.Ended {
		s.FPS = run.FPS
	}
	for _, row := range in.Timings.Rows(nil) {
		s.Stages = append(s.Stages, stageOf(row))
	}
	return s, run
}

func stageOf(r timing.Row) StageStatus {
	return StageStatus{r.Name, milliseconds(r.P50), milliseconds(r.P95)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// named are the counts of a moment, whose classes have their names.
func named(m Moment) []zone.Count {
	zone.Name(m.Zones, m.Labels)
	if m.Zones == nil {
		return []zone.Count{}
	}
	return m.Zones
}
