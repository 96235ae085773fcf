//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// tally is what an association run did.
type tally struct {
	frames int           // given to the tracker
	used   int           // detections given to it
	kept   int           // detections kept from it, below the bound
	tracks int           // identities written
	spent  time.Duration // in the tracker
}

func (t *tally) add(o tally) {
	t.frames += o.frames
	t.used += o.used
	t.kept += o.kept
	t.tracks += o.tracks
	t.spent += o.spent
}

func (t tally) String() string {
	below := ""
	if t.kept > 0 {
		below = fmt.Sprintf(" (%d more below the bound)", t.kept)
	}
	return fmt.Sprintf("%d frames, %d detections%s, %d tracks, %.0f frames/s",
		t.frames, t.used, below, t.tracks, float64(t.frames)/max(t.spent.Seconds(), 1e-9))
}

// associateSequence tracks one sequence from its detections to its results, which
// get their names only if all went well. A record that ends early is tracked up to
// there, with a partialError that says where the results are.
func (a *association) associateSequence(ctx context.Context, s sequence, to destinations) (done tally, err error) {
	clip, err := a.open(s)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, clip.close()) }()
	cfg, least := a.settingsFor(s, clip.header)
	tracker, err := track.New(a.tracker, cfg)
	if err != nil {
		return done, err
	}
	counter, err := a.counterFor(s, clip.header, cfg)
	if err != nil {
		return done, err
	}
	out, err := a.openSinks(to, clip.header)
	if err != nil {
		return done, err
	}
	play := replay{
		association: a, tracker: tracker, footage: &thinned{footage: clip.footage, stride: a.stride},
		header: clip.header, least: least, outputs: out, seen: make(map[int]struct{}), zones: counter,
	}
	done, err = play.run(ctx)
	if counter != nil && !a.quiet {
		writeCounts(a.notes, counter.Counts(), clip.header.Labels)
	}
	short := cutShort(err)
	switch {
	case short != nil:
		paths, keepErr := out.keep()
		return done, errors.Join(withPaths(short, paths), keepErr)
	case err != nil:
		out.discard() // a replay is soon made again
		return done, err
	}
	return done, out.commit(nil)
}

// counterFor counts at the zones that are wanted; nil where there are none.
func (a *association) counterFor(s sequence, h *record.Header, cfg track.Config) (*zone.Counter, error) {
	switch {
	case len(a.places) == 0:
		return nil, nil
	case h == nil || h.Width < 1 || h.Height < 1:
		return nil, usageErrorf("--zones are fractions of a picture, and %s does not say how large it is; track a record, made with --record", s.path)
	}
	return zone.NewCounter(a.places, cfg), nil
}

// settingsFor are the tracker's settings and the least score of a detection that it
// is given: for a record those that the run had, where nothing else is said.
func (a *association) settingsFor(s sequence, h *record.Header) (cfg track.Config, least float64) {
	conf := a.sure
	switch given := !math.IsInf(a.conf, -1); {
	case h == nil && given:
		return a.cfg, a.conf
	case given:
		conf = a.conf
	}
	cfg, least = withConf(a.tracker, a.cfg, conf, h)
	if h != nil && least < h.Least {
		a.note("%s has detections from score %.3g on, and with these settings %s looks at them from %.3g on: a run would give others; record with a lower --conf",
			s.path, h.Least, a.tracker, least)
	}
	return cfg, least
}

// withConf are settings with conf, the score from where on a detection is sure, and
// the least score that the tracker then looks at, as in the main program. Where conf
// is config.Unset a record has that of its run, and of text everything is looked at.
func withConf(name string, cfg track.Config, conf float64, h *record.Header) (_ track.Config, least float64) {
	switch {
	case conf != config.Unset:
	case h == nil:
		return cfg, math.Inf(-1)
	default:
		conf = h.Conf
	}
	return cfg.WithScore(name, conf), leastScore(name, cfg, conf)
}

// destinations is where the tracks of a sequence go; empty for nowhere.
type destinations struct{ mot, jsonl string }

// destinationsOf names the results of a sequence. Those of several are in folders.
func (a *association) destinationsOf(s sequence, several bool) destinations {
	in := func(path, ext string) string {
		if path == "" || !several {
			return path
		}
		return filepath.Join(path, s.name+ext)
	}
	return destinations{in(a.mot, ".txt"), in(a.jsonl, ".jsonl")}
}

// openSinks opens the writers of the main program.
func (a *association) openSinks(to destinations, h *record.Header) (*outputs, error) {
	c := config.Config{MOT: to.mot, JSONL: to.jsonl}
	return openOutputs(c, capture.Info{Live: h != nil && h.Live}, destination{stdout: a.out}, nil)
}

// discard removes what was written; why it is to go is said already.
func (o *outputs) discard() {
	paths, _ := o.keep()
	for _, path := range paths {
		_ = os.Remove(path)
	}
}

// replay gives a tracker the detections of a sequence.
type replay struct {
	*association
	*outputs
	tracker track.Tracker
	footage footage
	header  *record.Header // nil for detections as text
	least   float64        // score of a detection that the tracker is given
	seen    map[int]struct{}
	zones   *zone.Counter // nil where nobody counts
	done    tally

	detections []detect.Detection // reused
	written    []track.Track
	frame      capture.Frame

	late sink.Offline // what is written offline
}

// reviseInto tracks a record as its run did and writes what offline makes of it, counted at
// zones, where not nil. A record that ends early, which is an error, is tracked up to there.
func reviseInto(ctx context.Context, c config.Config, from *record.Reader, zones *zone.Counter, writers ...pipeline.Writer) (frames int, err error) {
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return 0, err
	}
	cfg, least := withConf(name, cfg, config.Unset, &from.Header)
	tracker, err := track.New(name, cfg)
	if err != nil {
		return 0, err
	}
	play := replay{
		association: &association{offline: true}, outputs: &outputs{writers: writers}, tracker: tracker,
		footage: from, header: &from.Header, least: least, seen: make(map[int]struct{}), zones: zones,
	}
	done, err := play.run(ctx)
	return done.frames, err
}

// run tracks every frame and writes what the tracker reports: at once, or offline
// when all are tracked.
func (p *replay) run(ctx context.Context) (tally, error) {
	err := p.play(ctx)
	if p.offline && (err == nil || cutShort(err) != nil) {
		if failed := p.revise(ctx); failed != nil {
			err = failed
		}
	}
	p.done.tracks = len(p.seen)
	return p.done, err
}

// play gives the tracker the frames in order.
func (p *replay) play(ctx context.Context) error {
	for ctx.Err() == nil {
		f, err := p.footage.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = p.update(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *replay) update(ctx context.Context, f *record.Frame) error {
	all := len(f.Detections)
	p.detections = strong(p.detections[:0], f.Detections, p.least)
	p.done.frames++
	p.done.used += len(p.detections)
	p.done.kept += all - len(p.detections)
	input := track.Input{Time: f.Time, Detections: p.detections, Motion: f.Motion, Width: f.Width, Height: f.Height}
	if p.watch != nil {
		input.Events = new([]track.Event)
	}
	start := time.Now()
	tracks := p.tracker.Update(input)
	p.done.spent += time.Since(start)
	if p.watch != nil {
		p.watch(f.Index+1, input, tracks)
	}
	p.frame.Index, p.frame.Time, p.frame.Captured = f.Index, f.Time, f.Wall
	r := sink.Result{Frame: &p.frame, Width: f.Width, Height: f.Height, Detections: p.detections, Tracks: tracks}
	if p.header != nil {
		r.Labels = p.header.Labels
	}
	if p.offline {
		return p.late.Write(ctx, r)
	}
	return p.write(ctx, r)
}

// revise improves the frames that were kept and writes them.
func (p *replay) revise(ctx context.Context) error {
	start := time.Now()
	frames, err := p.late.Improved()
	p.done.spent += time.Since(start)
	for _, r := range frames {
		if err := p.write(ctx, r); err != nil {
			return err
		}
	}
	return err
}

// write writes the tracks of a frame that are wanted.
func (p *replay) write(ctx context.Context, r sink.Result) error {
	if p.zones != nil {
		r.Zones = p.zones.Update(r.Tracks, r.Frame.Time, cmp.Or(r.Width, p.header.Width), cmp.Or(r.Height, p.header.Height))
	}
	p.written = p.written[:0]
	for i := range r.Tracks {
		if t := &r.Tracks[i]; p.wants(t.Box) {
			p.written = append(p.written, *t)
			if t.State != track.Coasted {
				p.seen[t.ID] = struct{}{}
			}
		}
	}
	r.Tracks = p.written
	for _, w := range p.writers {
		if err := w.Write(ctx, r); err != nil {
			return fmt.Errorf("frame %d: %w", r.Frame.Index+1, err)
		}
	}
	return nil
}

// wants says whether a box is to be written.
func (a *association) wants(b detect.Box) bool {
	return (a.minArea == 0 || b.Area() > a.minArea) && (a.maxAspect == 0 || b.Width() <= a.maxAspect*b.Height())
}
