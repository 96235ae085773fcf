//go:build gocv_specific_modules

package main

import (
	"fmt"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// leeway is how far below a run's --conf a replay's may be. Lowering it makes records
// larger: a detector finds many weak things.
const leeway = 0.5

// recordNeeds is what any tracker can use of a run with that conf, or down to half
// of it, since what is recorded is for all of them.
func recordNeeds(conf float64) track.Needs {
	needs := track.Needs{Score: leeway * conf, Motion: true, Looks: true}
	for _, name := range track.Names() {
		needs.Score = min(needs.Score, leastScore(name, track.DefaultConfig(name), leeway*conf))
	}
	return needs
}

// leastScore is the lowest score of a detection that a tracker is given where conf
// is the score from where on it is sure of one.
func leastScore(name string, cfg track.Config, conf float64) float64 {
	return min(conf, track.NeedsOf(name, cfg.WithScore(name, conf)).Score)
}

// leastOf is the lowest score of a detection that the run's tracker is given.
func leastOf(c config.Config) float64 {
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return 0 // who makes the tracker says it
	}
	return leastScore(name, cfg, c.Conf)
}

// recordHeader says where a stream's frames are from. Embeddings, boxes and labels
// need no mention: each detection says its own.
func recordHeader(c config.Config, info capture.Info, eng *engine) record.Header {
	m := eng.manifest
	name := c.Tracker.Name
	if name == "" {
		name = track.Default
	}
	least := leastOf(c) // all that a replay of this very run needs
	if c.Record != "" {
		least = recordNeeds(c.Conf).Score
	}
	return record.Header{
		Program: "tracker " + version,
		Source:  info.Name, Width: info.Width, Height: info.Height, FPS: info.FPS, Stride: c.Stride, Live: info.Live,
		Model:  record.Model{Name: m.Name, SHA256: m.SHA256, Size: fmt.Sprintf("%dx%d", m.Input.Width, m.Input.Height)},
		Labels: eng.model.Labels(), Conf: c.Conf, Least: least, NMSIoU: c.NMSIoU, Classes: c.Classes,
		CameraMotion: c.CameraMotion, Tracker: name,
	}
}
