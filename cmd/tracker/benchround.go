//go:build gocv_specific_modules

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/capture/motion"
	"github.com/tracker-go/tracker/cmd/tracker/internal/bench"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
)

// newBenchRoundCommand is what bench starts for each model and round: a process
// that has held no other model, so that its memory is that model's.
func newBenchRoundCommand() *cobra.Command {
	c := config.Default()
	var length time.Duration
	cmd := &cobra.Command{
		Use: "round", Hidden: true, Args: flagsOnly,
		Short: "Measure one model once, for bench",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := measureRound(cmd.Context(), c, length)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
		},
	}
	bindInput(cmd.Flags(), &c)
	bindModel(cmd.Flags(), &c)
	cmd.Flags().DurationVar(&length, "time", time.Second, "measure for this `TIME`")
	return cmd
}

// measureRound measures a model for the given time: one half as the program runs a
// camera, one frame at a time with every thread, for latency and memory; the other
// as it runs a file, for the rate.
func measureRound(ctx context.Context, c config.Config, length time.Duration) (r bench.Round, err error) {
	manifest, err := chooseModel(&c)
	if err != nil {
		return r, err
	}
	pictures, err := loadPictures(ctx, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeAll(pictures)) }()
	if err := backbones.LoadRuntime(); err != nil {
		return r, err
	}
	memory := startMemory()
	var times stageTimes
	if _, err = runStills(ctx, c, manifest, pictures, true, length/2, times.add); err != nil {
		return r, err
	}
	r.Memory = memory.peak()
	r.Frames, r.Network, r.Frame = len(times.frame), bench.NewLatency(times.network), bench.NewLatency(times.frame)
	if len(times.frame) == 0 {
		return r, fmt.Errorf("measure %s: no frame came to its end in %v; raise --time", manifest.Name, length)
	}
	r.FPS, err = runStills(ctx, c, manifest, pictures, false, length/2, func(*timing.Trace) {})
	return r, err
}

// stageTimes collects the samples of the frames that count.
type stageTimes struct{ network, frame []time.Duration }

func (s *stageTimes) add(t *timing.Trace) {
	s.network = append(s.network, t.Took[timing.Inference])
	var whole time.Duration
	for _, stage := range []timing.Stage{timing.Preprocess, timing.Inference, timing.Postprocess, timing.Motion, timing.Track} {
		whole += t.Took[stage]
	}
	s.frame = append(s.frame, whole)
}

// warmUp is the share of the time whose frames do not count: caches fill, clocks
// rise, threads start.
const warmUp = 0.2

// runStills runs the pipeline on the pictures, over and over, for the given time,
// and gives its frames a second. It passes the frames after the warm-up to each.
// Live is how a camera is run, but for one frame at a time through all stages.
func runStills(ctx context.Context, c config.Config, manifest *backbones.Manifest, pictures []gocv.Mat, live bool, length time.Duration, each func(*timing.Trace)) (fps float64, err error) {
	tracker, needs, err := newTracker(c)
	if err != nil {
		return 0, err
	}
	eng, err := openEngine(c, manifest, needs, nil, live)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	start := time.Now()
	source := &stills{pictures: pictures, end: start.Add(length)}
	p := &pipeline.Pipeline{
		Source: source, Detectors: eng.pools[0], Workers: eng.workers, Tracker: tracker,
		Labels: eng.model.Labels(), Timings: timing.New(eng.workers), Serial: live,
	}
	p.Looks = looked(c, needs)
	if needs.Motion {
		p.Motion = cameraMotion(motion.New(motion.Options{Auto: true}))
	}
	rate := warmRate{warm: start.Add(time.Duration(warmUp * float64(length))), first: start}
	p.Finished = func(_ sink.Result, t *timing.Trace) error {
		if rate.count(time.Now()) {
			each(t)
		}
		return nil
	}
	if _, err = p.Run(ctx); err != nil {
		return 0, err
	}
	return rate.perSecond(), nil
}

// warmRate is the rate of frames after a warm-up.
type warmRate struct {
	warm        time.Time // until when the warm-up lasts
	first, last time.Time // the latest frame of the warm-up, or its start; the latest frame
	counted     int
}

// count reports whether a frame that is finished now counts.
func (r *warmRate) count(now time.Time) bool {
	if now.Before(r.warm) {
		r.first = now
		return false
	}
	r.counted, r.last = r.counted+1, now
	return true
}

// perSecond is 0 where no frame counted.
func (r *warmRate) perSecond() float64 {
	if r.counted == 0 {
		return 0
	}
	return float64(r.counted) / r.last.Sub(r.first).Seconds()
}

// stills is a source of the same pictures, forwards and backwards so that nothing
// in them jumps, until its time is up. There is one frame at least.
type stills struct {
	pictures []gocv.Mat
	end      time.Time
	frames   int
}

// stillsInterval is the media time between two pictures.
const stillsInterval = time.Second / 25

func (s *stills) Next(ctx context.Context) (*capture.Frame, error) {
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case s.frames > 0 && now.After(s.end):
		return nil, io.EOF
	}
	f := &capture.Frame{
		Index: s.frames, Time: time.Duration(s.frames) * stillsInterval, Captured: now,
		Mat: s.pictures[thereAndBack(s.frames, len(s.pictures))].Clone(),
	}
	s.frames++
	return f, nil
}

func (s *stills) Close() error { return nil }

// thereAndBack is the i-th of 0, 1 … n−1, n−2 … 1, 0, 1 and so on.
func thereAndBack(i, n int) int {
	if n == 1 {
		return 0
	}
	i %= 2 * (n - 1)
	return min(i, 2*(n-1)-i)
}

// ownPicture is a frame of Debian's vtest.avi (opencv-doc, Apache-2.0): people in a
// street, so that there is something to decode.
//
//go:embed scene.jpg
var ownPicture []byte

// maxStills is how many pictures of the input are used: enough for the tracker to
// have work, few enough to be held.
const maxStills = 8

// loadPictures gives the first pictures of the input, or the program's own.
func loadPictures(ctx context.Context, c config.Config) (pictures []gocv.Mat, err error) {
	if len(c.Input) == 0 {
		own, err := gocv.IMDecode(ownPicture, gocv.IMReadColor)
		return []gocv.Mat{own}, err
	}
	c.MaxFrames = maxStills
	source, err := openSource(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	for {
		frame, err := source.Next(ctx)
		if errors.Is(err, io.EOF) && len(pictures) > 0 {
			return pictures, nil
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(pictures))
		}
		pictures = append(pictures, frame.Mat.Clone())
		if err := frame.Close(); err != nil {
			return nil, errors.Join(err, closeAll(pictures))
		}
	}
}

func closeAll(pictures []gocv.Mat) error {
	var errs []error
	for i := range pictures {
		errs = append(errs, pictures[i].Close())
	}
	return errors.Join(errs...)
}
