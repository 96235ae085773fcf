//go:build gocv_specific_modules

package main

import (
	"cmp"
	"fmt"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// painter draws tracks and the panel on a stream's pictures.
type painter struct {
	overlay *overlay.Overlay
	panel   overlay.Panel // what stays the same from frame to frame
	drawn   int
	source  *capture.Stream
	timings *timing.Recorder
}

func newPainter(c config.Config, model *backbones.Model, source *capture.Stream, timings *timing.Recorder) *painter {
	p := &painter{overlay: overlay.New(overlay.Options{}), source: source, timings: timings}
	p.panel.Live = source.Info().Live
	p.use(c, model)
	return p
}

// use shows other settings from now on.
func (p *painter) use(c config.Config, model *backbones.Model) {
	p.overlay.ShowPanel(c.Panel == "on")
	m := model.Manifest()
	p.panel.Title = fmt.Sprintf("%s %dx%d", cmp.Or(m.Backbone, m.Name), m.Input.Width, m.Input.Height)
	p.panel.Tracker, p.panel.Device = cmp.Or(c.Tracker.Name, track.Default), model.Device().String()
}

// boundEvery is how often the panel's bottleneck is worked out, in frames: often
// enough to read, and not a cost.
const boundEvery = 15

func (p *painter) draw(r sink.Result) error {
	panel := &p.panel
	if p.drawn++; p.drawn%boundEvery == 0 {
		s := p.timings.Summary()
		panel.Bound = s.Bound()
	}
	panel.Rows, panel.Latency, panel.FPS = p.timings.Rows(panel.Rows[:0]), p.timings.Latency(), p.timings.FPS()
	panel.Width, panel.Height = r.Frame.Mat.Cols(), r.Frame.Mat.Rows()
	panel.Detections, panel.Tracks = len(r.Detections), len(r.Tracks)
	panel.Frame, panel.Time, panel.Dropped = r.Frame.Index, r.Frame.Time, p.source.Dropped()
	panel.Zones = r.Zones
	panel.Reconnects = p.source.State().Reconnects
	return p.overlay.Draw(&r.Frame.Mat, r.Tracks, r.Labels, *panel)
}
