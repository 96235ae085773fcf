//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"slices"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/track"
)

// Writer is a sink with its two ends: complete, or as far as it went.
type Writer interface {
	Write(context.Context, Result) error
	Commit() error
	Keep() (path string, err error)
}

// Offline keeps what there is to write until its end, and lets another sink write it then,
// with tracks that track.Offline has improved. It holds every frame in memory, without
// its pixels.
type Offline struct {
	to     Writer
	kept   []Result
	tracks []track.Frame // of kept, as the tracker reported them
}

// NewOffline has to write what comes of the tracks.
func NewOffline(to Writer) *Offline { return &Offline{to: to} }

// Write keeps what a text can say of one frame.
func (o *Offline) Write(_ context.Context, r Result) error {
	o.kept = append(o.kept, Result{
		Frame:      &capture.Frame{Index: r.Frame.Index, Time: r.Frame.Time, Captured: r.Frame.Captured},
		Detections: slices.Clone(r.Detections), Labels: r.Labels, Device: r.Device,
	})
	o.tracks = append(o.tracks, track.Frame{Time: r.Frame.Time, Tracks: slices.Clone(r.Tracks)})
	return nil
}

// Commit writes all frames and completes the other sink.
func (o *Offline) Commit() error {
	if err := o.flush(); err != nil {
		return err // Keep is still to come
	}
	return o.to.Commit()
}

// Keep writes all frames and closes the other sink as Keep of that does.
func (o *Offline) Keep() (string, error) {
	err := o.flush()
	path, keepErr := o.to.Keep()
	return path, errors.Join(err, keepErr)
}

// flush writes the frames that are kept, once.
func (o *Offline) flush() error {
	kept, tracks := o.kept, o.tracks
	o.kept, o.tracks = nil, nil
	better, err := track.Offline(tracks, track.DefaultOfflineConfig())
	if err != nil {
		return err
	}
	for i, r := range kept {
		r.Tracks = better[i].Tracks
		if err := o.to.Write(context.Background(), r); err != nil {
			return err
		}
	}
	return nil
}
