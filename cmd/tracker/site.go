//go:build gocv_specific_modules

package main

import (
	"cmp"
	"fmt"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// openSite shows the session to browsers, where that is asked for; nil where it is not.
func (s *session) openSite() (*web.Server, error) {
	if s.config.Serve == "" {
		return nil, nil
	}
	run := &web.Run{Version: version, Network: func() web.Network { return *s.network.Load() }}
	for _, stream := range s.streams {
		stream.feed = web.NewFeed()
		in := web.Input{Name: stream.name, Source: stream.name, Feed: stream.feed, Timings: stream.timings, Health: stream.health}
		if stream.source != nil {
			info := stream.source.Info()
			in.Source, in.Live = info.Name, info.Live
		} else {
			in.Timings = timing.New(1) // of nothing
		}
		run.Inputs = append(run.Inputs, in)
	}
	site, err := web.Open(s.config.Serve, run)
	if err == nil {
		s.log.Info("pictures and figures", "page", site.URL(), "metrics", site.URL()+"metrics")
	}
	return site, err
}

// networkOf is what a page says of a setup.
func networkOf(c config.Config, eng *engine) *web.Network {
	m := eng.model.Manifest()
	return &web.Network{
		Model: m.Name, Input: fmt.Sprintf("%dx%d", m.Input.Width, m.Input.Height),
		Device: eng.model.Device().String(), Tracker: cmp.Or(c.Tracker.Name, track.Default),
	}
}

// health is how the stream does, for whoever watches over it.
func (s *stream) health() web.Health {
	h := web.Health{State: s.state()}
	h.OK = h.State == "" || h.State == endedWell
	if s.source != nil {
		h.Dropped, h.Damaged, h.Reconnects = s.source.Dropped(), s.source.Damaged(), s.source.State().Reconnects
	}
	return h
}
