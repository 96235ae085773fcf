//go:build gocv_specific_modules

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const benchLong = `bench answers which model to use on this machine: it measures every model there
is, marks those that no other beats in both speed and accuracy (the Pareto front),
and recommends the most accurate one that keeps to a time for each frame.

  tracker bench --budget 33ms
  tracker bench --backbone mnasnet,mobilenetv2 --size 256,320,416 --plot models.png
  tracker bench --input street.mp4 --gt gt.txt --classes person --budget 33ms

Latency is of one frame at a time with every thread, as for a camera: of the
network alone (NET), and of the whole frame (FRAME): preprocess, inference,
postprocess, camera motion and tracking. FPS is of several frames at once, each on
a thread of its own, as for a file, without reading it. MEMORY is by how much the
first of these makes the process grow at its peak.

Accuracy is what the manifest says (AP50, for the model's own input size; that of
people where --classes is person alone) or, with --gt, what tracking all of --input
scores against that MOTChallenge truth with the program's own settings; the latter
is what counts then. The truth is a file or a sequence's folder, as for 'tracker
eval'; one of people alone wants --classes person, for other objects count as false.

Every model is measured in five rounds, each in a process of its own; the rounds
of all models take turns, and medians are shown. A note tells when rounds differ
too much to be trusted. The pictures are the first of --input, or one of a street
that comes with the program.

Exit codes: 0 ok, 1 failed, 2 usage, 3 some models could not be measured, 130 interrupted,
with what was measured so far.`

// benchRounds is how often each model is measured: odd, so that one bad round, or
// two, leave the median alone.
const benchRounds = 5

func newBenchCommand() *cobra.Command {
	b := modelBench{time: 10 * time.Second, device: "cpu"}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the models on this machine, and recommend one",
		Long:  benchLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.progress = cmd.ErrOrStderr()
			return b.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	b.bind(flags)
	cmd.AddCommand(newBenchPipelineCommand(), newBenchRoundCommand())
	return cmd
}

func (b *modelBench) bind(f *pflag.FlagSet) {
	f.StringSliceVarP(&b.backbones, "backbone", "b", nil, "measure the models of these families, or of these `NAMES`; all if not given")
	f.StringSliceVar(&b.sizes, "size", nil, "network inputs of `N` or WxH pixels, for models that allow it; each model's own if not given")
	f.StringSliceVar(&b.precisions, "precision", nil, "measure models that compute in `fp32,fp16,int8`; all if not given")
	f.StringVarP(&b.input, "input", "i", "", "measure with the first pictures of this video `PATH`, and track it with --gt")
	f.StringVar(&b.gt, "gt", "", "truth of --input, MOTChallenge text, to score tracking by: `PATH` of the file or the sequence's folder")
	f.StringSliceVar(&b.classes, "classes", nil, "classes to keep, as in `person,car`; all if not given")
	f.StringVar(&b.device, "device", b.device, "run the networks on a `DEVICE`: cpu, cuda[:N], …")
	f.IntVar(&b.threads, "threads", 0, "`N` threads for the network and OpenCV, 0 for every core")
	f.DurationVar(&b.budget, "budget", 0, "recommend a model for this `TIME` a frame, as in 33ms")
	f.DurationVar(&b.time, "time", b.time, "measure each model for this `TIME`, over all rounds; longer steadies p95")
	f.BoolVar(&b.asJSON, "json", false, "print JSON")
	f.StringVar(&b.plot, "plot", "", "write accuracy over latency as a picture to `FILE`.png")
}
