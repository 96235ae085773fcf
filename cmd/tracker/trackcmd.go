package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

const trackLong = `track gives identities to detections that are already there: association only, no
video and no network. It reads MOTChallenge detections and writes MOTChallenge
results.

  tracker track --detections MOT17-02/det/det.txt --mot out.txt
  tracker track --detections MOT17/train --mot results/
  tracker track --detections det.txt --mot - --fps 25 | tracker eval --gt gt.txt --results -

--detections is a file, or a folder of sequences with det/det.txt in each
(--det-name takes another file of det/); then --mot is a folder, which gets
<sequence>.txt for each.

Every detection in the file goes to the tracker unless --conf sets a bound; the
id and class columns are not looked at. The tracker sees every frame, also those
without detections: from 1 to the last in the file, or to the end of the sequence
where a seqinfo.ini beside the file or one folder up says where that is. Boxes
that a tracker only predicts are not written.

--motion gives the camera's motion, a row "frame,a11,a12,tx,a21,a22,ty" for each
frame: the affine from the frame before it. For a folder it is the name of a file
in each sequence. --stride N leaves out all but every Nth frame, with the times as
they are.

--offline writes when a whole sequence is tracked, and better for it: tracks that
were broken off are joined, boxes smoothed, and gaps of a track filled with
interpolated boxes, whose score is the lesser of the detections to both sides.
Without it, nothing is written that depends on a later frame.`

func newTrackCommand() *cobra.Command {
	a := association{settings: config.DefaultTracker()}
	cmd := &cobra.Command{
		Use:   "track --detections PATH --mot PATH",
		Short: "Give identities to detections from a file",
		Long:  trackLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.in, a.out, a.notes = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return a.run(cmd.Context(), cmd.Flags())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&a.detections, "detections", "", "MOTChallenge detections: a file, a folder of sequences, or - for standard input (`PATH`)")
	flags.StringVar(&a.detName, "det-name", "det.txt", "file `NAME` in the det/ of each sequence of a folder")
	flags.StringVar(&a.mot, "mot", "", "write tracks as MOTChallenge text to a file or folder, - for standard output (`PATH`)")
	bindTracker(flags, &a.settings)
	flags.Float64Var(&a.conf, "conf", 0, "lowest `SCORE` of a detection; all if not given")
	flags.StringVar(&a.motion, "motion", "", "camera motion from `FILE`")
	flags.IntVar(&a.stride, "stride", 1, "track every `N`th frame only")
	flags.BoolVar(&a.offline, "offline", false, "join, smooth and fill tracks when the sequence is over")
	flags.Float64Var(&a.minArea, "min-area", 0, "do not write boxes of `PIXELS` or less")
	flags.Float64Var(&a.maxAspect, "max-aspect", 0, "do not write boxes with a width above `RATIO` times the height")
	flags.Float64Var(&a.fps, "fps", 0, "frames a second; from seqinfo.ini if not given, else 30")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no notes and no summary")
	_ = cmd.RegisterFlagCompletionFunc("tracker", cobra.FixedCompletions(track.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// maxStride bounds strides to what a sequence can have.
const maxStride = 1_000_000

// association is one run of the command.
type association struct {
	detections, detName, mot, motion string

	conf               float64 // lowest score; −Inf for no bound
	minArea, maxAspect float64 // of boxes that are written; 0 for no bound
	stride             int
	offline            bool
	fps                float64 // 0 where the sequence says it
	settings           config.Tracker
	tracker            string // its name, after settle
	cfg                track.Config
	quiet              bool
	// watch, where set, is shown every frame, with its events.
	watch func(frame int, in track.Input, tracks []track.Track)

	in         io.Reader
	out, notes io.Writer
}

func (a *association) run(ctx context.Context, flags *pflag.FlagSet) error {
	if err := a.settle(flags); err != nil {
		return err
	}
	sequences, err := a.sequences()
	if err != nil {
		return err
	}
	if a.motion != "" && !track.NeedsOf(a.tracker, a.cfg).Motion {
		a.note("%s does not look at camera motion; --motion changes nothing", a.tracker)
	}
	var all tally
	for _, s := range sequences {
		one, err := a.associateSequence(ctx, s)
		if err != nil {
			return err
		}
		if len(sequences) > 1 {
			a.note("%s: %v", s.name, one)
		}
		all.add(one)
	}
	what := a.tracker
	if a.offline {
		what += " and offline"
	}
	a.note("%v (%s alone)", all, what)
	return nil
}

// note tells the user something, unless they do not want to hear it.
func (a *association) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.notes, "tracker: "+format+"\n", args...)
	}
}

// settle checks the flags. Tracker settings that are not given stay the
// tracker's own.
func (a *association) settle(flags *pflag.FlagSet) error {
	switch {
	case a.detections == "":
		return usageErrorf("no detections to track: give --detections PATH")
	case a.mot == "":
		return usageErrorf("nowhere to write the tracks: give --mot PATH")
	case math.IsNaN(a.conf) || math.IsInf(a.conf, 0):
		return usageErrorf("--conf %g: want a finite number, such as 0.5", a.conf)
	case flags.Changed("fps") && !(a.fps > 0 && a.fps <= 1e6):
		return usageErrorf("--fps %g: want a number above 0, such as 25", a.fps)
	case a.stride < 1 || a.stride > maxStride:
		return usageErrorf("--stride %d: want 1 to %d", a.stride, maxStride)
	case !(a.minArea >= 0 && a.maxAspect >= 0):
		return usageErrorf("--min-area %g and --max-aspect %g: want 0 or more", a.minArea, a.maxAspect)
	case a.mot != "-" && atomicfile.Same(a.detections, a.mot):
		return usageErrorf("--mot %s would replace the detections; give it another name", a.mot)
	}
	if !flags.Changed("conf") {
		a.conf = math.Inf(-1)
	}
	if err := a.settings.Validate(); err != nil {
		return &codedError{exitUsage, err}
	}
	var err error
	a.tracker, a.cfg, err = trackerConfig(a.settings)
	return err
}

// sequence is one file of detections and where its tracks go.
type sequence struct{ name, detections, motion, results string }

// sequences lists what --detections holds, in the order of the names.
func (a *association) sequences() ([]sequence, error) {
	if info, err := os.Stat(a.detections); err != nil || !info.IsDir() {
		return []sequence{{a.detections, a.detections, a.motion, a.mot}}, nil // reading it tells what is wrong
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(a.detections), "*", "det", escapeGlob(a.detName)))
	if err != nil {
		return nil, fmt.Errorf("read detections in %s: %w", a.detections, err)
	}
	if a.mot == "-" {
		return nil, usageErrorf("--mot -: the results of a folder go to a folder; give --mot FOLDER")
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read detections in %s: there is no <sequence>/det/%s; --det-name names another file", a.detections, a.detName)
	}
	if err := os.MkdirAll(a.mot, 0o777); err != nil {
		return nil, fmt.Errorf("write tracks: %w", err)
	}
	slices.Sort(files)
	list := make([]sequence, len(files))
	for i, file := range files {
		dir := filepath.Dir(filepath.Dir(file))
		name := filepath.Base(dir)
		list[i] = sequence{name: name, detections: file, results: filepath.Join(a.mot, name+".txt")}
		if a.motion != "" {
			list[i].motion = filepath.Join(dir, a.motion)
		}
	}
	return list, nil
}
