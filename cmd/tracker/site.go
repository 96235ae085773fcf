//go:build gocv_specific_modules

package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// openSite has the session shown to browsers, where they may look, as soon as it runs.
func (s *session) openSite() error {
	if s.config.Serve == "" {
		return nil
	}
	l, err := web.Listen(s.config.Serve)
	if err != nil {
		return &codedError{exitFailed, err}
	}
	s.site = web.Serve(l, s.config.Serve, s.news.warn)
	for _, stream := range s.streams {
		stream.feed = web.NewFeed()
	}
	return nil
}

// closeSite ends what browsers see.
func (s *session) closeSite() error {
	if s.site == nil {
		return nil
	}
	return s.site.Close()
}

// show lets browsers see the streams.
func (s *session) show() {
	if s.site == nil {
		return
	}
	run := &web.Run{Version: version, Network: func() web.Network { return *s.network.Load() }}
	for _, stream := range s.streams {
		in := web.Input{Name: stream.name, Source: stream.name, Feed: stream.feed, Timings: stream.timings, Health: stream.health, Final: stream.final.Load}
		if stream.source != nil {
			info := stream.source.Info()
			in.Source, in.Live = info.Name, info.Live
		} else {
			in.Timings = timing.New(1) // of nothing
		}
		run.Inputs = append(run.Inputs, in)
	}
	s.site.Show(run)
	s.log.Info("pictures and figures", "page", s.site.URL(), "metrics", s.site.URL()+"metrics")
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
	h := web.Health{State: s.state(), Ended: s.ended.Load() != nil}
	h.OK = h.State == "" || h.State == endedWell
	if s.source == nil {
		return h
	}
	now := s.source.State()
	h.Dropped, h.Damaged, h.Reconnects = s.source.Dropped(), s.source.Damaged(), now.Reconnects
	if s.source.Info().Live && !h.Ended {
		noted := s.feed.Noted()
		quiet := time.Since(latest(now.Since, noted))
		if h.OK = now.Status == capture.Connected && quiet < s.patience(); !h.OK && h.State == "" {
			h.State = noResults(noted, time.Now())
		}
	}
	return h
}

// noResults says that pictures come but no results, the last of which was noted then.
func noResults(noted, now time.Time) string {
	if noted.IsZero() {
		return "no results come, none so far"
	}
	return fmt.Sprintf("no results come, the last %.0f s ago", now.Sub(noted).Seconds())
}

// patience is how long a live stream may give no results before somebody should see to it:
// long for one with few frames.
func (s *stream) patience() time.Duration {
	fps := cmp.Or(s.source.Info().FPS, savedFPS) / float64(s.stride.Load())
	return 10*time.Second + time.Duration(3/fps*float64(time.Second))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
