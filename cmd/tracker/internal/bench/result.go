// Package bench turns measurements of models into an answer to "which model, on
// this machine?": medians over rounds, the Pareto front of accuracy over latency,
// a recommendation for a time budget, and a table and a plot of all of it.
//
// A model is measured in several rounds, each in a process of its own, and the
// rounds of all models are interleaved, so that a slow spell of the machine falls
// on all of them. Repeating at the level of processes, and not only of frames,
// counts what differs from one start to the next, such as the layout of memory
// (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time, ISMM 2013).
package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Round is what one process measured of a model. Between rounds, each figure is
// the median.
type Round struct {
	// Frames is how many the latencies were taken of.
	Frames int `json:"frames"`
	// Network is the time of an inference, Frame that of a whole frame: preprocess,
	// inference, postprocess, camera motion and tracking.
	Network Latency `json:"network"`
	Frame   Latency `json:"frame"`
	// FPS is whole frames a second with several inferences at once, as for a file.
	FPS float64 `json:"fps"`
	// Memory is by how many bytes the model made the process grow at most; 0 where
	// the system does not tell.
	Memory int64 `json:"memory_bytes,omitempty"`
}

// Latency is quantiles of a time, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
}

// NewLatency takes the quantiles of samples by nearest rank, and sorts them. None
// gives zeros.
func NewLatency(samples []time.Duration) Latency {
	slices.Sort(samples)
	at := func(percent int) float64 {
		if len(samples) == 0 {
			return 0
		}
		rank := (percent*len(samples) + 99) / 100 // from 1, rounded up
		return float64(samples[rank-1]) / float64(time.Millisecond)
	}
	return Latency{P50: at(50), P95: at(95)}
}

// Result is one model at one input size.
type Result struct {
	Model     string `json:"model"`
	Backbone  string `json:"backbone,omitempty"`
	Precision string `json:"precision,omitempty"`
	Width     int    `json:"width"`  // of the network's input, pixels
	Height    int    `json:"height"` // pixels
	File      int64  `json:"file_bytes"`
	Round
	// Spread is how far the rounds' median frame times are apart, as a share of their
	// median: the machine's noise.
	Spread float64 `json:"spread"`
	// P95Least and P95Most are those of the rounds' p95 of a frame, in milliseconds.
	P95Least float64 `json:"frame_p95_least_ms"`
	P95Most  float64 `json:"frame_p95_most_ms"`
	// AP50 and PersonAP50 are what the manifest says of this input size, 0..1, 0
	// where it says nothing, and AP50Data what they were measured on.
	AP50       float64 `json:"ap50,omitempty"`
	PersonAP50 float64 `json:"person_ap50,omitempty"`
	AP50Data   string  `json:"ap50_data,omitempty"`
	// Tracking is the accuracy on the user's own sequence, nil where there is none.
	Tracking *Tracking `json:"tracking,omitempty"`
	// Front says that no other model is both as fast and as accurate.
	Front bool `json:"front"`
}

// Tracking is the accuracy of identities on one sequence, shares 0..1 but MOTA,
// which may be negative.
type Tracking struct {
	HOTA float64 `json:"HOTA"`
	MOTA float64 `json:"MOTA"`
	IDF1 float64 `json:"IDF1"`
	IDSW int     `json:"IDSW"`
}

// Settle fills in the medians of the rounds, of which there must be one at least.
func (r *Result) Settle(rounds []Round) {
	of := func(figure func(Round) float64) float64 { return median(each(rounds, figure)) }
	frames := 0
	for _, round := range rounds {
		frames += round.Frames
	}
	p50 := func(round Round) float64 { return round.Frame.P50 }
	p95 := func(round Round) float64 { return round.Frame.P95 }
	r.Round = Round{
		Frames: frames,
		Network: Latency{
			P50: of(func(r Round) float64 { return r.Network.P50 }), P95: of(func(r Round) float64 { return r.Network.P95 }),
		},
		Frame:  Latency{P50: of(p50), P95: of(p95)},
		FPS:    of(func(r Round) float64 { return r.FPS }),
		Memory: int64(of(func(r Round) float64 { return float64(r.Memory) })),
	}
	r.Spread = spread(each(rounds, p50))
	r.P95Least, r.P95Most = slices.Min(each(rounds, p95)), slices.Max(each(rounds, p95))
}

// Name tells the model and its input size from others.
func (r *Result) Name() string { return fmt.Sprintf("%s at %s", r.Model, r.Size()) }

// Size is the input size as --size takes it, one number for a square.
func (r *Result) Size() string {
	if r.Width == r.Height {
		return fmt.Sprint(r.Width)
	}
	return fmt.Sprintf("%dx%d", r.Width, r.Height)
}

// pictures are what AP50 was measured on, without the input size, which is the model's
// own: the same pictures at another size are the same pictures.
func (r *Result) pictures() string {
	return strings.TrimSuffix(r.AP50Data, fmt.Sprintf(" at %dx%d", r.Width, r.Height))
}

func each(rounds []Round, figure func(Round) float64) []float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = figure(r)
	}
	return values
}

// median of at least one value; sorts them.
func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// spread is the range of the values as a share of their median, 0 for a median of 0.
func spread(values []float64) float64 {
	if m := median(values); m > 0 {
		return (slices.Max(values) - slices.Min(values)) / m
	}
	return 0
}

// byLatency orders results from fast to slow; equal ones by name and size, so that
// the order is always the same.
func byLatency(a, b Result) int {
	return cmp.Or(
		cmp.Compare(a.Frame.P95, b.Frame.P95), cmp.Compare(a.Model, b.Model),
		cmp.Compare(a.Width, b.Width), cmp.Compare(a.Height, b.Height),
	)
}

// percent is a share as a table shows it, without a figure that rounding made up.
func percent(share float64) float64 { return math.Round(1000*share) / 10 }
