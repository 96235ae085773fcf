//go:build gocv_specific_modules

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tracker-go/tracker/cmd/tracker/internal/bench"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
)

const benchPipelineLong = `pipeline measures how much of its own inference rate the whole program reaches: the
frames a second from the file to the results, over those of the network alone, in
the same process with the same threads. The network alone is measured before and
after the run, on pictures of the same video, and averaged. A note tells when the
two differ too much to be trusted, and when the input is too short.

The bottleneck is the stage that bounds the rate. With --save the run also draws
and writes the video.

  tracker bench pipeline --input street.mp4 --backbone mobilenetv2 --json

Exit codes: 0 ok, 1 failed, 2 usage, 130 interrupted.`

func newBenchPipelineCommand() *cobra.Command {
	c := config.Default()
	c.Display = "off"
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pipeline --input FILE",
		Short: "Measure the pipeline against its own inference",
		Long:  benchPipelineLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(c.HasInput(), c.Validate(), checkOutputs(c, "")); err != nil {
				return &codedError{exitUsage, err}
			}
			r, err := benchPipeline(cmd.Context(), c)
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	bindInput(flags, &c)
	flags.Lookup("input").Usage = "video `PATH`: a file, a folder or glob of pictures, or the URL of a file"
	for _, name := range []string{"cam", "cam-width", "cam-height", "cam-fps", "live-policy", "reconnect"} { // of live inputs, which are refused
		flags.Lookup(name).Hidden = true
	}
	bindModel(flags, &c)
	bindTracker(flags, &c.Tracker)
	bindVideo(flags, &c)
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// pipelineBench is what bench pipeline measures.
type pipelineBench struct {
	PipelineFPS  float64        `json:"pipeline_fps"`
	InferenceFPS float64        `json:"inference_fps"`
	Ratio        float64        `json:"ratio"`
	Bottleneck   string         `json:"bottleneck"`
	Model        string         `json:"model"`
	Workers      int            `json:"workers"`
	Summary      timing.Summary `json:"summary"`
	// Notes say what speaks against trusting the figures.
	Notes []string `json:"notes,omitempty"`
}

// inferenceTime is how long the network alone is measured, before and again after
// the pipeline.
const inferenceTime = 3 * time.Second

func benchPipeline(ctx context.Context, c config.Config) (_ *pipelineBench, err error) {
	manifest, err := chooseModel(&c)
	if err != nil {
		return nil, err
	}
	inputs := inputsOf(c)
	if len(inputs) > 1 {
		return nil, usageErrorf("bench pipeline: measures one input, not %d", len(inputs))
	}
	if slices.Equal(c.Input, []string{"-"}) {
		return nil, usageErrorf("bench pipeline: reads its input twice, and standard input comes once; give a file")
	}
	s, err := newStream(inputs[0])
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.source.Close()) }()
	if info := s.source.Info(); info.Live {
		return nil, usageErrorf("bench pipeline: %s is live, and waits for its own clock; give a file", info.Name)
	}
	eng, err := openEngine(c, manifest, s.needs, nil, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	if err := eng.loadFirst(ctx, c); err != nil {
		return nil, err
	}
	before, err := eng.rate(ctx, inferenceTime)
	if err != nil {
		return nil, err
	}
	summary, err := s.time(ctx, eng)
	if err != nil {
		return nil, err
	}
	after, err := eng.rate(ctx, inferenceTime)
	if err != nil {
		return nil, err
	}
	alone := (before + after) / 2
	return &pipelineBench{
		PipelineFPS: summary.FPS, InferenceFPS: alone, Ratio: summary.FPS / alone, Bottleneck: summary.Bottleneck,
		Model: eng.model.Manifest().Name, Workers: eng.workers, Summary: summary,
		Notes: bench.PipelineNotes(summary.Frames, before, after),
	}, nil
}

// time runs the whole input once.
func (s *stream) time(ctx context.Context, eng *engine) (timing.Summary, error) {
	out, err := openOutputs(s.config, s.source.Info(), destination{stdout: io.Discard}, slog.New(slog.DiscardHandler))
	if err != nil {
		return timing.Summary{}, err
	}
	s.timings = timing.New(eng.workers)
	p := s.newPipeline(eng)
	p.Writers = out.writers
	if out.pixels {
		p.Draw = newPainter(s.config, eng.model, s.source, s.timings).draw
	}
	_, err = p.Run(ctx)
	summary := s.timings.Summary()
	if err != nil {
		_, keepErr := out.keep()
		return summary, errors.Join(err, keepErr)
	}
	return summary, out.commit(nil)
}

// loadFirst puts pictures of the input into the inferences that rate runs. Those
// for which a short input has none look at a blank one, which takes as long.
func (e *engine) loadFirst(ctx context.Context, c config.Config) error {
	source, err := openSource(ctx, c, nil)
	if err != nil {
		return err
	}
	defer source.Close()
	for i, r := range e.requests[:e.workers] {
		frame, err := source.Next(ctx)
		if i > 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := errors.Join(r.Load(&frame.Mat), frame.Close()); err != nil {
			return err
		}
	}
	return nil
}

// rate is how many inferences a second the engine's workers do with nothing else
// to do.
func (e *engine) rate(ctx context.Context, d time.Duration) (float64, error) {
	start := time.Now()
	var total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range e.requests[:e.workers] {
		group.Go(func() error {
			for time.Since(start) < d {
				if err := r.Run(ctx); err != nil {
					return err
				}
				total.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(total.Load()) / time.Since(start).Seconds(), err
}

func (b *pipelineBench) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(b)
	}
	if err := b.Summary.WriteTable(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "pipeline %.1f FPS, inference alone %.1f FPS (%s, %d at once): ratio %.3f\n",
		b.PipelineFPS, b.InferenceFPS, b.Model, b.Workers, b.Ratio)
	if err != nil {
		return err
	}
	return bench.WriteNotes(w, b.Notes)
}
