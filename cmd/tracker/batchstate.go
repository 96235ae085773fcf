//go:build gocv_specific_modules

package main

import (
	"fmt"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture/motion"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// checkpointEvery is the least time between checkpoints: what a crash makes an input
// repeat, as long as its pieces are no longer.
const checkpointEvery = time.Second

// stateKeeper is a tracker, and the camera motion it is told of, which remember now and
// then all that they need to go on. Both work in the pipeline's lane of tracking,
// which runs ahead of the lane that writes.
type stateKeeper struct {
	tracker   track.Resumable
	needs     track.Needs
	estimator *motion.Estimator // nil where nobody asks for motion
	estimate  func(*gocv.Mat, [][4]float64) (*track.Affine, error)
	moving    [][4]float64 // of the frame before the first; nil once used
	frames    int          // seen
	every     int          // only after multiples of so many frames
	last      time.Time
	moments   chan *moment // one at most, on its way to the writing lane
}

// moment is the state after a frame.
type moment struct {
	frames          int
	tracker, motion []byte
	moving          [][4]float64
}

func newStateKeeper(c config.Config, every int) (*stateKeeper, error) {
	t, needs, err := newTracker(c)
	if err != nil {
		return nil, err
	}
	resumable, ok := t.(track.Resumable)
	if !ok {
		return nil, fmt.Errorf("tracker %s cannot go on after a crash, which a batch needs", c.Tracker.Name)
	}
	r := &stateKeeper{tracker: resumable, needs: needs, every: every, last: time.Now(), moments: make(chan *moment, 1)}
	if needs.Motion && c.CameraMotion != "off" {
		r.estimator = motion.New(motion.Options{Auto: c.CameraMotion == "auto"})
		r.estimate = cameraMotion(r.estimator)
	}
	return r, nil
}

// restore takes up the state of a checkpoint.
func (r *stateKeeper) restore(from *batch.Checkpoint) error {
	if err := r.tracker.Restore(from.Tracker); err != nil {
		return err
	}
	r.frames, r.moving = from.Frames, from.Moving
	if r.estimator == nil {
		return nil
	}
	return r.estimator.Restore(from.Motion)
}

// motion is the pipeline's Motion.
func (r *stateKeeper) motion(img *gocv.Mat, moving [][4]float64) (*track.Affine, error) {
	if r.moving != nil {
		moving, r.moving = r.moving, nil
	}
	return r.estimate(img, moving)
}

// Update implements track.Tracker.
func (r *stateKeeper) Update(in track.Input) []track.Track {
	tracks := r.tracker.Update(in)
	r.frames++
	if r.frames%r.every == 0 && len(r.moments) == 0 && time.Since(r.last) >= checkpointEvery {
		if now, err := r.moment(tracks); err == nil { // else the one before stands
			r.moments <- now
			r.last = time.Now()
		}
	}
	return tracks
}

func (r *stateKeeper) moment(tracks []track.Track) (*moment, error) {
	now := &moment{frames: r.frames, tracker: r.tracker.Snapshot(nil), moving: make([][4]float64, 0, len(tracks))}
	for i := range tracks {
		b := &tracks[i].Box
		now.moving = append(now.moving, [4]float64{b.X1, b.Y1, b.X2, b.Y2})
	}
	var err error
	if r.estimator != nil {
		now.motion, err = r.estimator.Snapshot()
	}
	return now, err
}

// taken is the next moment, nil where there is none yet.
func (r *stateKeeper) taken() *moment {
	select {
	case now := <-r.moments:
		return now
	default:
		return nil
	}
}
