//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

const trackLong = `track gives identities to detections that are already there: association only, no
video and no network. It reads records, which 'tracker --record' makes, and
MOTChallenge detections. It writes MOTChallenge results and JSON lines.

  tracker track street.rec --mot out.txt --jsonl out.jsonl
  tracker track monday.rec tuesday.rec --mot results/ --tracker bytetrack
  tracker track --detections MOT17-02/det/det.txt --mot out.txt
  tracker track --detections MOT17/train --mot results/
  tracker track --detections det.txt --mot - --fps 25 | tracker eval --gt gt.txt --results -

A record gives the tracks that the main program would have written with the same
settings, byte for byte. It knows its times, its camera motion and the --conf of the
run: with another --conf, it is as if the run had been made with that one.

Detections as text are a file, or a folder of sequences with det/det.txt in each
(--det-name takes another file of det/). With a folder, or with several files, --mot
and --jsonl are folders, which get <sequence>.txt and <sequence>.jsonl for each.

Every detection as text goes to the tracker unless --conf sets a bound; the id and
class columns are not looked at. The tracker sees every frame, also those
without detections: from 1 to the last in the file, or to the end of the sequence
where a seqinfo.ini beside the file or one folder up says where that is. Boxes
that a tracker only predicts are not written to --mot.

--config takes tracker settings and conf, as in the main program, from a YAML file,
such as 'tracker tune' writes; flags win.

--motion gives the camera's motion, a row "frame,a11,a12,tx,a21,a22,ty" for each
frame, counted from 1, or from 0 where the first row says so: the affine from the frame
before it. For a folder it is the name of a file in each sequence. --stride N leaves
out all but every Nth frame, with the times as they are.

--offline writes when a whole sequence is tracked, which makes it more accurate: tracks that
were broken off are joined, boxes smoothed, and gaps of a track filled with
interpolated boxes, whose score is the lesser of the detections to both sides.
Without it, nothing is written that depends on a later frame.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partly done (a record ends early), 130 interrupted.`

func newTrackCommand() *cobra.Command {
	a := association{settings: config.DefaultTracker()}
	cmd := &cobra.Command{
		Use:   "track (RECORD... | --detections PATH) (--mot PATH | --jsonl PATH)",
		Short: "Give identities to detections from a record or a file",
		Long:  trackLong,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.in, a.out, a.notes = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return a.run(cmd.Context(), cmd.Flags(), args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&a.detections, "detections", "", "MOTChallenge detections at `PATH`: a file, a folder of sequences, or - for standard input")
	flags.StringVar(&a.mot, "mot", "", "write tracks as MOTChallenge text to `PATH`, a file or folder, - for standard output")
	flags.StringVar(&a.jsonl, "jsonl", "", "write one JSON object a frame to `PATH`, a file or folder, - for standard output")
	bindTracker(flags, &a.settings)
	bindAssociation(flags, &a)
	bindMaterial(flags, &a.material)
	flags.StringSliceVar(&a.zones, "zones", nil, "count the tracks of a record at a line or in an area, `'NAME=X Y X Y ...'` in fractions of the picture; may be given many times")
	flags.BoolVar(&a.offline, "offline", false, "join, smooth and fill tracks when the sequence is over")
	flags.Float64Var(&a.minArea, "min-area", 0, "do not write boxes of `PIXELS` or less")
	flags.Float64Var(&a.maxAspect, "max-aspect", 0, "do not write boxes with a width above `RATIO` times the height")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no notes and no summary")
	_ = cmd.RegisterFlagCompletionFunc("tracker", cobra.FixedCompletions(track.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// bindAssociation makes the flags that say what the tracker is given.
func bindAssociation(f *pflag.FlagSet, a *association) {
	f.Float64Var(&a.conf, "conf", 0, "lowest `SCORE` of a detection, all if not given; of a record as in the main program, that of its run if not given")
	f.StringVar(&a.config, "config", "", "tracker settings and conf from a YAML `FILE`; flags win")
	f.IntVar(&a.stride, "stride", 1, "track every `N`th frame only")
}

// maxStride bounds strides to what a sequence can have.
const maxStride = 1_000_000

// association is one run of the command.
type association struct {
	material
	detections, mot, jsonl, config string

	conf               float64 // as the flag has it; −Inf where it is not given
	sure               float64 // conf as the file of settings has it, or config.Unset
	minArea, maxAspect float64 // of boxes that are written; 0 for no bound
	stride             int
	offline            bool
	zones              []string
	places             []zone.Zone // that they say, after settle
	settings           config.Tracker
	tracker            string // its name, after settle
	cfg                track.Config
	// watch, where set, is shown every frame, with its events.
	watch func(frame int, in track.Input, tracks []track.Track)

	out io.Writer
}

func (a *association) run(ctx context.Context, flags *pflag.FlagSet, args []string) error {
	if err := a.choose(args, a.detections); err != nil {
		return err
	}
	if err := a.checkDestinations(); err != nil {
		return err
	}
	if err := a.settle(flags); err != nil {
		return err
	}
	sequences, several, err := a.sequences()
	if err != nil {
		return err
	}
	if err := a.checkReplaced(sequences, several); err != nil {
		return err
	}
	if err := a.prepare(several); err != nil {
		return err
	}
	if a.motion != "" && !track.NeedsOf(a.tracker, a.cfg).Motion {
		a.note("%s does not look at camera motion; --motion changes nothing", a.tracker)
	}
	var all tally
	var short []error // records that end early
	for _, s := range sequences {
		one, err := a.associateSequence(ctx, s, a.destinationsOf(s, several))
		switch {
		case exitCode(err) == exitPartial:
			short = append(short, err)
		case err != nil:
			return err
		}
		if several {
			a.note("%s: %v", s.name, one)
		}
		all.add(one)
	}
	what := a.tracker
	if a.offline {
		what += " and offline"
	}
	a.note("%v (%s alone)", all, what)
	return errors.Join(short...)
}

// checkDestinations refuses results that go nowhere, or both to one place.
func (a *association) checkDestinations() error {
	switch {
	case a.mot == "" && a.jsonl == "":
		return usageErrorf("nowhere to write the tracks: give --mot PATH or --jsonl PATH")
	case a.mot == a.jsonl && !isFolder(a.mot):
		return usageErrorf("--mot and --jsonl cannot both go to %s", a.mot)
	case strings.Contains(a.mot+a.jsonl, config.NamePlace):
		return usageErrorf("%s is no name here: give a file for one input, or a folder, in which each gets a file of its name", config.NamePlace)
	}
	return nil
}

// checkReplaced refuses results that would replace what is read, or each other.
func (a *association) checkReplaced(sequences []sequence, several bool) error {
	files := append(filesOf(sequences), outputPath{"config", &a.config})
	inputs := len(files)
	for _, s := range sequences {
		to := a.destinationsOf(s, several)
		files = append(files, outputPath{"mot", &to.mot}, outputPath{"jsonl", &to.jsonl})
	}
	if err := checkNames(files, inputs); err != nil {
		return &codedError{exitUsage, err}
	}
	return nil
}

// filesOf are those that sequences are read from.
func filesOf(sequences []sequence) (files []outputPath) {
	for i := range sequences {
		s := &sequences[i]
		files = append(files, outputPath{"detections", &s.path}, outputPath{"motion", &s.motion})
	}
	return files
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// settle checks the flags. Tracker settings that are not given stay the
// tracker's own.
func (a *association) settle(flags *pflag.FlagSet) error {
	switch {
	case math.IsNaN(a.conf) || math.IsInf(a.conf, 0):
		return usageErrorf("--conf %g: want a finite number, such as 0.5", a.conf)
	case a.stride < 1 || a.stride > maxStride:
		return usageErrorf("--stride %d: want 1 to %d", a.stride, maxStride)
	case !(a.minArea >= 0 && a.maxAspect >= 0):
		return usageErrorf("--min-area %g and --max-aspect %g: want 0 or more", a.minArea, a.maxAspect)
	}
	if err := a.check(flags); err != nil {
		return err
	}
	if !flags.Changed("conf") {
		a.conf = math.Inf(-1)
	}
	if err := a.layer(flags); err != nil {
		return &codedError{exitUsage, err}
	}
	var err error
	if a.places, err = zone.ParseAll(a.zones); err != nil {
		return usageErrorf("--zones: %v", err)
	}
	a.tracker, a.cfg, err = trackerConfig(a.settings)
	return err
}

// layer puts the flags over the file of settings.
func (a *association) layer(flags *pflag.FlagSet) error {
	c := config.Default()
	if a.config != "" {
		if _, err := config.Load(a.config, &c); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read configuration: %w", checkSpelling(err))
		} else if err != nil {
			return err
		}
	}
	a.sure = c.Conf
	layered := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindTracker(layered, &c.Tracker)
	var errs []error
	flags.Visit(func(f *pflag.Flag) {
		if layered.Lookup(f.Name) != nil {
			errs = append(errs, layered.Set(f.Name, f.Value.String()))
		}
	})
	a.settings = c.Tracker
	if a.sure != config.Unset && !(a.sure >= 0 && a.sure <= 1) {
		errs = append(errs, fmt.Errorf("conf is %g, want 0 to 1", a.sure))
	}
	return errors.Join(append(errs, a.settings.Validate())...)
}

// prepare makes the folders that several results go to.
func (a *association) prepare(several bool) error {
	for flag, path := range map[string]string{"--mot": a.mot, "--jsonl": a.jsonl} {
		switch {
		case path == "" || !several:
			continue
		case path == "-":
			return usageErrorf("%s -: the results of several sequences go to a folder; give %[1]s FOLDER", flag)
		}
		if err := os.MkdirAll(path, 0o777); err != nil {
			return fmt.Errorf("write tracks: %w", err)
		}
	}
	return nil
}
