package web

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
)

// exporter gives Prometheus the figures of a run, as they are when it asks.
type exporter struct{ run *Run }

// family is a metric of every input.
type family struct {
	*prometheus.Desc
	kind  prometheus.ValueType
	value func(*InputStatus) float64
	now   bool // nobody knows it while no pictures come
}

func newFamily(name, help string, kind prometheus.ValueType, value func(*InputStatus) float64) family {
	return family{Desc: describe(name, help, "input"), kind: kind, value: value}
}

// newPresent is a gauge of what is to be seen now.
func newPresent(name, help string, value func(*InputStatus) float64) family {
	f := newFamily(name, help, prometheus.GaugeValue, value)
	f.now = true
	return f
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tracker_"+name, help, labels, nil)
}

var families = []family{
	newFamily("up", "1 where the input delivers or has come to its end, 0 where somebody should see to it.", prometheus.GaugeValue,
		func(s *InputStatus) float64 { return oneIf(s.OK) }),
	newFamily("frames_total", "Frames that are done.", prometheus.CounterValue,
		func(s *InputStatus) float64 { return float64(s.Frames) }),
	newFamily("dropped_frames_total", "Frames of a live source that nobody took in time.", prometheus.CounterValue,
		func(s *InputStatus) float64 { return float64(s.Dropped) }),
	newFamily("damaged_pieces_total", "Damaged pieces of the video, passed over or made up by the decoder.", prometheus.CounterValue,
		func(s *InputStatus) float64 { return float64(s.Damaged) }),
	newFamily("reconnects_total", "Times that a live source was lost and had again.", prometheus.CounterValue,
		func(s *InputStatus) float64 { return float64(s.Reconnects) }),
	newFamily("fps", "Frames a second, of late.", prometheus.GaugeValue,
		func(s *InputStatus) float64 { return s.FPS * oneIf(s.delivers()) }),
	newFamily("media_time_seconds", "Media time of the last frame.", prometheus.GaugeValue,
		func(s *InputStatus) float64 { return s.Time }),
	newPresent("detections", "Objects that the network found in the last frame, while frames come.",
		func(s *InputStatus) float64 { return float64(s.Detections) }),
	newPresent("tracks", "Tracks in the last frame, while frames come.",
		func(s *InputStatus) float64 { return float64(s.Tracks) }),
}

var (
	infoDesc    = describe("info", "What runs; always 1.", "version", "model", "input_size", "device", "tracker")
	stageDesc   = describe("stage_seconds", "What a stage of the pipeline takes for a frame; quantiles of the whole run.", "input", "stage")
	latencyDesc = describe("latency_seconds", "From the capture of a frame to its results; quantiles of the whole run.", "input")
	insideDesc  = describe("zone_inside", "Tracks in an area now, while frames come.", "input", "zone")
	zoneTracks  = describe("zone_tracks_total", "Tracks that were ever in an area.", "input", "zone", "class")
	zoneCrossed = describe("zone_crossings_total", "Crossings of a border: entered or left an area, right or left over a line.", "input", "zone", "class", "way")
)

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// newRegistry has the figures of the run, and those of its process.
func newRegistry(run *Run) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(exporter{run}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe implements prometheus.Collector. It sends nothing: which inputs and zones there
// are is known when they are asked for.
func (e exporter) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (e exporter) Collect(to chan<- prometheus.Metric) {
	n := e.run.Network()
	to <- prometheus.MustNewConstMetric(infoDesc, prometheus.GaugeValue, 1, e.run.Version, n.Model, n.Input, n.Device, n.Tracker)
	for i := range e.run.Inputs {
		in := &e.run.Inputs[i]
		s, run := in.status()
		for _, f := range families {
			if f.now && !s.delivers() {
				continue
			}
			to <- prometheus.MustNewConstMetric(f.Desc, f.kind, f.value(&s), in.Name)
		}
		collectTimes(to, in.Name, &run)
		collectZones(to, &s)
	}
}

func collectTimes(to chan<- prometheus.Metric, input string, run *timing.Summary) {
	for i := range run.Stages {
		to <- summaryOf(stageDesc, &run.Stages[i], input, run.Stages[i].Name)
	}
	if run.Latency.Count > 0 {
		to <- summaryOf(latencyDesc, &run.Latency, input)
	}
}

func summaryOf(desc *prometheus.Desc, s *timing.StageSummary, labels ...string) prometheus.Metric {
	quantiles := map[float64]float64{0.5: s.P50 / 1000, 0.95: s.P95 / 1000}
	return prometheus.MustNewConstSummary(desc, s.Count, s.Sum/1000, quantiles, labels...)
}

func collectZones(to chan<- prometheus.Metric, s *InputStatus) {
	for _, n := range s.Zones {
		name, line := n.Zone.Name, n.Zone.IsLine()
		if !line && s.delivers() {
			to <- prometheus.MustNewConstMetric(insideDesc, prometheus.GaugeValue, float64(n.Inside), s.Name, name)
		}
		for _, own := range n.Classes {
			count := func(way string, n int) {
				to <- prometheus.MustNewConstMetric(zoneCrossed, prometheus.CounterValue, float64(n), s.Name, name, own.Label, way)
			}
			count("left", own.Left)
			if line {
				count("right", own.Right)
				continue
			}
			count("entered", own.Entered)
			to <- prometheus.MustNewConstMetric(zoneTracks, prometheus.CounterValue, float64(own.Tracks), s.Name, name, own.Label)
		}
	}
}
