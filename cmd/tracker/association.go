package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// defaultFPS is assumed where neither a flag nor a seqinfo.ini gives a rate.
const defaultFPS = 30

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

// associateSequence tracks one sequence from its file to its results, which get
// their name only if all went well.
func (a *association) associateSequence(ctx context.Context, s sequence) (tally, error) {
	rows, err := readRows(s.detections, a.in)
	if err != nil {
		return tally{}, fmt.Errorf("read detections: %w", err)
	}
	if len(rows) == 0 {
		return tally{}, fmt.Errorf("read detections: %s has no rows; nothing to track", s.detections)
	}
	var motion mot.Motion
	if s.motion != "" {
		if motion, err = mot.ReadMotionFile(s.motion); err != nil {
			return tally{}, fmt.Errorf("read camera motion: %w", err)
		}
	}
	frames, fps, err := a.timeline(s, rows)
	if err != nil {
		return tally{}, err
	}
	tracker, err := track.New(a.tracker, a.cfg)
	if err != nil {
		return tally{}, err
	}
	play := replay{association: a, tracker: tracker, rows: rows, motion: motion, frames: frames, fps: fps}
	if s.results == "-" {
		return play.write(ctx, a.out)
	}
	file, err := atomicfile.Create(s.results)
	if err != nil {
		return tally{}, err
	}
	done, err := play.write(ctx, file)
	if err != nil {
		_ = file.Abort() // the first error is the one that matters
		return done, err
	}
	return done, file.Commit()
}

// timeline sorts rows by frame, and settles how many frames there are and how
// many of them a second.
func (a *association) timeline(s sequence, rows []mot.Row) (frames int, fps float64, err error) {
	slices.SortStableFunc(rows, func(x, y mot.Row) int { return cmp.Compare(x.Frame, y.Frame) })
	frames = rows[len(rows)-1].Frame
	var info mot.SeqInfo
	if s.detections != "-" {
		if info, _, err = findSeqInfo(s.detections); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case a.fps > 0:
		fps = a.fps
	case info.FrameRate > 0:
		fps = info.FrameRate
	default:
		fps = defaultFPS
		a.note("no --fps and no seqinfo.ini near %s: taking %d frames a second", s.detections, defaultFPS)
	}
	return max(frames, info.Length), fps, nil
}

// replay gives a tracker the detections of a sequence.
type replay struct {
	*association
	tracker track.Tracker
	rows    []mot.Row // sorted by frame
	motion  mot.Motion
	frames  int
	fps     float64

	dets []detect.Detection // reused
}

// results writes tracks as rows.
type results struct {
	*association
	rows *mot.Writer
	seen map[int]struct{} // ids written
}

// write writes the tracks of a frame, but those that are only predicted.
func (r *results) write(frame int, tracks []track.Track) error {
	for i := range tracks {
		t := &tracks[i]
		if t.State == track.Coasted || !r.wants(t.Box) {
			continue
		}
		r.seen[t.ID] = struct{}{}
		if err := r.rows.WriteRow(mot.FromBox(frame, t.ID, t.Box, t.Score)); err != nil {
			return err
		}
	}
	return nil
}

// write tracks frames 1 to frames, those that the stride keeps, and writes what
// the tracker reports: at once, or offline when all are tracked.
func (p *replay) write(ctx context.Context, out io.Writer) (tally, error) {
	var done tally
	var kept []track.Frame // for offline
	to := results{p.association, mot.NewWriter(out), make(map[int]struct{})}
	for frame, last := 1, 1; frame <= p.frames; frame += p.stride {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		done.kept += p.take(frame)
		done.used += len(p.dets)
		input := track.Input{Time: mediaTime(frame, p.fps), Detections: p.dets, Motion: p.motion.Between(last, frame)}
		if p.watch != nil {
			input.Events = new([]track.Event)
		}
		start := time.Now()
		tracks := p.tracker.Update(input)
		done.spent += time.Since(start)
		if p.watch != nil {
			p.watch(frame, input, tracks)
		}
		if p.offline {
			kept = append(kept, track.Frame{Time: input.Time, Tracks: slices.Clone(tracks)})
		} else if err := to.write(frame, tracks); err != nil {
			return done, err
		}
		last = frame
		done.frames++
	}
	if p.offline {
		if err := p.revise(kept, &to, &done); err != nil {
			return done, err
		}
	}
	done.tracks = len(to.seen)
	return done, to.rows.Flush()
}

// revise improves the frames that were kept and writes them.
func (p *replay) revise(kept []track.Frame, to *results, done *tally) error {
	start := time.Now()
	frames, err := track.Offline(kept, track.DefaultOfflineConfig())
	done.spent += time.Since(start)
	if err != nil {
		return err
	}
	for k := range frames {
		if err := to.write(1+k*p.stride, frames[k].Tracks); err != nil {
			return err
		}
	}
	return nil
}

// take puts the detections of a frame into dets and counts those below the bound.
func (p *replay) take(frame int) (below int) {
	p.dets = p.dets[:0]
	for ; len(p.rows) > 0 && p.rows[0].Frame <= frame; p.rows = p.rows[1:] {
		switch r := &p.rows[0]; {
		case r.Frame < frame: // left out by the stride
		case r.Conf >= p.conf:
			p.dets = append(p.dets, detect.Detection{Box: r.Box(), Score: r.Conf})
		default:
			below++
		}
	}
	return below
}

// wants says whether a box is to be written.
func (a *association) wants(b detect.Box) bool {
	return (a.minArea == 0 || b.Area() > a.minArea) && (a.maxAspect == 0 || b.Width() <= a.maxAspect*b.Height())
}

// mediaTime is when a frame, counted from 1, is shown.
func mediaTime(frame int, fps float64) time.Duration {
	return time.Duration(math.Round(float64(frame-1) / fps * float64(time.Second)))
}
