//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"slices"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// Writer is a sink with its two ends: complete, or as far as it went.
type Writer interface {
	Write(context.Context, Result) error
	Commit() error
	Keep() (path string, err error)
}

// Offline keeps the frames of an input until its end, in memory, to write them with tracks
// that track.Offline has improved. What writes them may be several sinks; without pixels and
// detections, of which only the number is kept, the frames are there once for all.
type Offline struct {
	frames []Result
	tracks []track.Frame // of frames, as the tracker reported them
	better int           // so many frames have tracks improved, as of then
	blank  []detect.Detection
}

// Write keeps what a text can say of one frame.
func (o *Offline) Write(_ context.Context, r Result) error {
	if n := len(r.Detections); n > len(o.blank) {
		o.blank = make([]detect.Detection, n)
	}
	o.frames = append(o.frames, Result{
		Width: r.Width, Height: r.Height,
		Frame:      &capture.Frame{Index: r.Frame.Index, Time: r.Frame.Time, Captured: r.Frame.Captured},
		Detections: o.blank[:len(r.Detections)], Labels: r.Labels, Device: r.Device,
	})
	kept := slices.Clone(r.Tracks)
	if sx, sy := o.gauge(r); sx != 1 || sy != 1 {
		rescale(kept, sx, sy)
	}
	o.tracks = append(o.tracks, track.Frame{Time: r.Frame.Time, Tracks: kept})
	return nil
}

// gauge is how many times as wide and high the first picture is: what is improved
// together is in its pixels.
func (o *Offline) gauge(r Result) (sx, sy float64) {
	first := &o.frames[0]
	if r.Width < 1 || r.Height < 1 || first.Width < 1 || first.Height < 1 {
		return 1, 1
	}
	return float64(first.Width) / float64(r.Width), float64(first.Height) / float64(r.Height)
}

func rescale(tracks []track.Track, sx, sy float64) {
	for i := range tracks {
		tracks[i].Rescale(sx, sy)
	}
}

// Improved are the frames that were kept, with better tracks. They are valid until the next
// frame is kept.
func (o *Offline) Improved() ([]Result, error) {
	if o.better == len(o.tracks) {
		return o.frames, nil
	}
	better, err := track.Offline(o.tracks, track.DefaultOfflineConfig())
	if err != nil {
		return nil, err
	}
	for i := range better {
		o.frames[i].Tracks = better[i].Tracks
		if sx, sy := o.gauge(o.frames[i]); sx != 1 || sy != 1 {
			rescale(o.frames[i].Tracks, 1/sx, 1/sy)
		}
	}
	o.better = len(better)
	return o.frames, nil
}

// Before has a sink write the frames when it ends. All that share them begin with the same
// frame; each may end for itself.
func (o *Offline) Before(to Writer) Writer { return &late{kept: o, to: to} }

// late is one of the sinks that share what is kept.
type late struct {
	kept   *Offline // nil once it has been written
	to     Writer
	frames int // that it was given
}

// Write keeps a frame, unless another sink has done so.
func (l *late) Write(ctx context.Context, r Result) error {
	if l.frames++; l.frames <= len(l.kept.frames) {
		return nil
	}
	return l.kept.Write(ctx, r)
}

// Commit writes all frames and completes the sink.
func (l *late) Commit() error {
	if err := l.flush(); err != nil {
		return err // Keep is still to come
	}
	return l.to.Commit()
}

// Keep writes all frames and closes the sink as its own Keep does.
func (l *late) Keep() (string, error) {
	err := l.flush()
	path, keepErr := l.to.Keep()
	return path, errors.Join(err, keepErr)
}

// flush writes the frames, once. The user's stop does not end it: what was tracked is
// written as far as it goes.
func (l *late) flush() error {
	if l.kept == nil {
		return nil
	}
	frames, err := l.kept.Improved()
	l.kept = nil
	for _, r := range frames {
		if err := l.to.Write(context.Background(), r); err != nil {
			return err
		}
	}
	return err
}
