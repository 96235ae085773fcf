//go:build gocv_specific_modules

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// metrics are what can be tuned for, shares from 0 (or below) to 1.
var metrics = []struct {
	name string
	of   func(*mot.Summary) float64
}{
	{"HOTA", func(s *mot.Summary) float64 { return s.HOTA }},
	{"MOTA", func(s *mot.Summary) float64 { return s.MOTA }},
	{"IDF1", func(s *mot.Summary) float64 { return s.IDF1 }},
}

// lesson is a sequence in memory: detections, and what is true.
type lesson struct {
	name    string
	frames  []record.Frame
	header  *record.Header // nil for detections as text
	truth   []mot.Row
	options mot.Options
}

// load reads a sequence and its truth. A record is only asked about the frames that
// it has.
func (m *material) load(s sequence, truth scored) (l *lesson, err error) {
	clip, err := m.open(s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clip.close()) }()
	l = &lesson{name: s.name, header: clip.header, options: truth.options}
	has := make(map[int]bool)
	for {
		f, err := clip.Next()
		if short := cutShort(err); short != nil {
			m.note("%v", err)
		} else if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil {
			break
		}
		l.frames = append(l.frames, f.Clone())
		has[f.Index+1] = true
	}
	info, _, err := findSeqInfo(truth.gt)
	if err != nil {
		return nil, err
	}
	l.options.Frames = info.Length
	if l.truth, err = mot.ReadFile(truth.gt); err != nil {
		return nil, fmt.Errorf("read ground truth: %w", err)
	}
	if s.isRecord {
		l.truth = slices.DeleteFunc(l.truth, func(r mot.Row) bool { return !has[r.Frame] })
	}
	return l, nil
}

// admits says whether the record has all detections that the contender looks at.
func (l *lesson) admits(c contender) bool {
	if l.header == nil {
		return true
	}
	_, least, err := l.settings(c)
	return err == nil && least >= l.header.Least
}

// settings are what a run with the contender would have, as in 'tracker track'.
func (l *lesson) settings(c contender) (cfg track.Config, least float64, err error) {
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return cfg, 0, err
	}
	cfg, least = withConf(name, cfg, c.Conf, l.header)
	return cfg, least, nil
}

// score tracks the sequence and scores the result. It goes through text, so that it
// is what 'tracker eval' says of what 'tracker track' writes.
func (l *lesson) score(ctx context.Context, c contender) (s mot.Summary, err error) {
	cfg, least, err := l.settings(c)
	if err != nil {
		return s, err
	}
	tracker, err := track.New(c.Name, cfg)
	if err != nil {
		return s, err
	}
	var text bytes.Buffer
	w := mot.NewWriter(&text)
	var detections []detect.Detection
	for i := range l.frames {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		f := &l.frames[i]
		motion := f.Motion
		if i == 0 {
			motion = nil
		}
		detections = strong(detections[:0], f.Detections, least)
		for _, t := range tracker.Update(track.Input{Time: f.Time, Detections: detections, Motion: motion, Width: f.Width, Height: f.Height}) {
			if t.State == track.Coasted {
				continue
			}
			if err := w.WriteRow(mot.FromBox(f.Index+1, t.ID, t.Box, t.Score)); err != nil {
				return s, err
			}
		}
	}
	if err := w.Flush(); err != nil {
		return s, err
	}
	rows, err := mot.Read(&text)
	if err != nil {
		return s, err
	}
	result, err := mot.Evaluate(l.truth, rows, l.options)
	if err != nil {
		return s, fmt.Errorf("score %s: %w", l.name, err)
	}
	if result.Count.GTDets == 0 {
		return s, fmt.Errorf("score %s: the ground truth has no box that counts in the frames that are there; check the file and --benchmark", l.name)
	}
	return result.Summary(), nil
}

// evaluate scores contenders on all lessons, on all cores. Those that it does not
// come to before ctx ends are left without.
func evaluate(ctx context.Context, lessons []*lesson, list []contender, of func(*mot.Summary) float64) ([][]float64, error) {
	scores := make([][]float64, len(list))
	missed := make([]atomic.Bool, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range list {
		scores[i] = make([]float64, len(lessons))
		for k, l := range lessons {
			group.Go(func() error {
				s, err := l.score(ctx, c)
				if err != nil && errors.Is(err, ctx.Err()) {
					missed[i].Store(true)
					return nil
				}
				scores[i][k] = of(&s)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range list {
		if missed[i].Load() {
			scores[i] = nil
		}
	}
	return scores, nil
}

// metricNamed finds a metric by its name in any case.
func metricNamed(name string) (string, func(*mot.Summary) float64, error) {
	var names []string
	for _, m := range metrics {
		if strings.EqualFold(m.name, name) {
			return m.name, m.of, nil
		}
		names = append(names, m.name)
	}
	return "", nil, usageErrorf("--metric %s: want one of %s", name, strings.Join(names, ", "))
}
