//go:build gocv_specific_modules

package main

import (
	"slices"
	"sync/atomic"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// setup is what frames are analysed with: settled settings and the engine that goes
// with them. It never changes. A stream takes over another one whole, between two
// frames; the last who lets go of one frees it.
type setup struct {
	config  config.Config // of all inputs
	inputs  []input       // by the stream's place in the session
	engine  *engine
	outputs []*outputs // by the stream's place among the opened ones
	users   atomic.Int32
}

// newSetup has one user, its maker.
func newSetup(c config.Config, eng *engine) *setup {
	s := &setup{config: c, inputs: inputsOf(c), engine: eng}
	s.users.Add(1)
	return s
}

// device is what the network runs on; empty where nothing but the CPU was asked for.
func (s *setup) device() string {
	if asked, err := backbones.ParseDevice(s.config.Device); err == nil && asked.OnCPU() {
		return ""
	}
	return s.engine.model.Device().String()
}

// use adds a user.
func (s *setup) use() *setup {
	s.users.Add(1)
	return s
}

func (s *setup) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return s.engine.Close()
}

// trackerOf is the configuration of the tracker that the settings ask for, and what
// such a tracker needs, or the record that others are to be given.
func trackerOf(c config.Config) (track.Config, track.Needs, error) {
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return track.Config{}, track.Needs{}, err
	}
	cfg = cfg.WithScore(name, c.Conf)
	if c.Record != "" {
		return cfg, recordNeeds(c.Conf), nil
	}
	return cfg, track.NeedsOf(name, cfg), nil
}

// allLabels are labels with those that only more has behind them: the classes of
// tracks keep their numbers.
func allLabels(labels, more []string) []string {
	all := slices.Clone(labels)
	for _, label := range more {
		if !slices.Contains(all, label) {
			all = append(all, label)
		}
	}
	return all
}
