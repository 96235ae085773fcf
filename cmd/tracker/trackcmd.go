package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

const trackLong = `track gives identities to detections that are already there: association only, no
video and no network. It reads MOTChallenge detections and writes MOTChallenge
results.

  tracker track --detections MOT17-02/det/det.txt --mot out.txt
  tracker track --detections det.txt --mot - --fps 25 | tracker eval --gt gt.txt --results -

Every detection in the file goes to the tracker unless --conf sets a bound; the
id and class columns are not looked at. The tracker sees every frame, also those
without detections: from 1 to the last in the file, or to the end of the sequence
where a seqinfo.ini beside the file or one folder up says where that is. Boxes
that a tracker only predicts are not written.`

func newTrackCommand() *cobra.Command {
	var a association
	cmd := &cobra.Command{
		Use:   "track --detections FILE --mot FILE",
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
	flags.StringVar(&a.detections, "detections", "", "MOTChallenge detections from `FILE`, - for standard input")
	flags.StringVar(&a.mot, "mot", "", "write tracks as MOTChallenge text to `FILE`, - for standard output")
	flags.StringVar(&a.tracker, "tracker", "sort", "association algorithm, `NAME`: "+strings.Join(track.Names(), ", "))
	flags.Float64Var(&a.conf, "conf", 0, "lowest `SCORE` of a detection; all if not given")
	flags.IntVar(&a.cfg.MaxAge, "max-age", 0, "`N` frames that a track survives without a detection; the tracker's own if not given")
	flags.IntVar(&a.cfg.MinHits, "min-hits", 0, "`N` detections in a row that confirm a track; the tracker's own if not given")
	flags.Float64Var(&a.cfg.IoU, "track-iou", 0, "least `OVERLAP` of a track and its detection, 0 to 1; the tracker's own if not given")
	flags.Float64Var(&a.fps, "fps", 0, "frames a second, `RATE`; from seqinfo.ini if not given, else 30")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no notes and no summary")
	_ = cmd.RegisterFlagCompletionFunc("tracker", cobra.FixedCompletions(track.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// defaultFPS is assumed where neither a flag nor a seqinfo.ini gives a rate.
const defaultFPS = 30

// association is one run of the command.
type association struct {
	detections, mot, tracker string
	conf                     float64 // lowest score; −Inf for no bound
	fps                      float64
	cfg                      track.Config
	quiet                    bool

	in         io.Reader
	out, notes io.Writer
}

func (a *association) run(ctx context.Context, flags *pflag.FlagSet) error {
	t, err := a.settle(flags)
	if err != nil {
		return err
	}
	rows, err := readRows(a.detections, a.in)
	if err != nil {
		return fmt.Errorf("read detections: %w", err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("read detections: %s has no rows; nothing to track", a.detections)
	}
	frames, err := a.timeline(rows)
	if err != nil {
		return err
	}
	done, err := a.write(func(w io.Writer) (tally, error) { return a.associate(ctx, t, rows, frames, w) })
	if err != nil {
		return err
	}
	if !a.quiet {
		fmt.Fprintf(a.notes, "tracker: %d frames, %d detections%s, %d tracks, %.0f frames/s (%s alone)\n",
			frames, done.used, done.left(len(rows), a.conf), done.tracks, done.rate(frames), a.tracker)
	}
	return nil
}

// settle checks the flags and makes the tracker. Flags that are not given leave
// the tracker's own settings.
func (a *association) settle(flags *pflag.FlagSet) (track.Tracker, error) {
	switch {
	case a.detections == "":
		return nil, usageErrorf("no detections to track: give --detections FILE")
	case a.mot == "":
		return nil, usageErrorf("nowhere to write the tracks: give --mot FILE")
	case !slices.Contains(track.Names(), a.tracker):
		return nil, usageErrorf("--tracker: no tracker %q; choose one of %s", a.tracker, strings.Join(track.Names(), ", "))
	case math.IsNaN(a.conf) || math.IsInf(a.conf, 0):
		return nil, usageErrorf("--conf %g: want a finite number, such as 0.5", a.conf)
	case flags.Changed("fps") && !(a.fps > 0 && a.fps <= 1e6):
		return nil, usageErrorf("--fps %g: want a number above 0, such as 25", a.fps)
	case sameFile(a.detections, a.mot):
		return nil, usageErrorf("--mot %s would replace the detections; give it another name", a.mot)
	}
	if !flags.Changed("conf") {
		a.conf = math.Inf(-1)
	}
	cfg := track.DefaultConfig(a.tracker)
	if flags.Changed("max-age") {
		cfg.MaxAge = a.cfg.MaxAge
	}
	if flags.Changed("min-hits") {
		cfg.MinHits = a.cfg.MinHits
	}
	if flags.Changed("track-iou") {
		cfg.IoU = a.cfg.IoU
	}
	if err := cfg.Validate(); err != nil {
		return nil, usageErrorf("settings of tracker %s: %w", a.tracker, err)
	}
	return track.New(a.tracker, cfg)
}

// timeline sorts rows by frame, settles the frame rate and returns how many
// frames there are.
func (a *association) timeline(rows []mot.Row) (frames int, err error) {
	slices.SortStableFunc(rows, func(x, y mot.Row) int { return cmp.Compare(x.Frame, y.Frame) })
	frames = rows[len(rows)-1].Frame
	var info mot.SeqInfo
	if a.detections != "-" {
		if info, _, err = findSeqInfo(a.detections); err != nil {
			return 0, err
		}
	}
	switch {
	case a.fps > 0:
	case info.FrameRate > 0:
		a.fps = info.FrameRate
	default:
		a.fps = defaultFPS
		if !a.quiet {
			fmt.Fprintf(a.notes, "tracker: no --fps and no seqinfo.ini near %s: taking %d frames a second\n", a.detections, defaultFPS)
		}
	}
	return max(frames, info.Length), nil
}

// write runs produce with the output, which gets its name only if all went well.
func (a *association) write(produce func(io.Writer) (tally, error)) (tally, error) {
	if a.mot == "-" {
		return produce(a.out)
	}
	file, err := atomicfile.Create(a.mot)
	if err != nil {
		return tally{}, err
	}
	done, err := produce(file)
	if err != nil {
		_ = file.Abort() // the first error is the one that matters
		return done, err
	}
	return done, file.Commit()
}

// tally is what an association run did.
type tally struct {
	used   int           // detections given to the tracker
	tracks int           // identities written
	spent  time.Duration // in the tracker
}

// rate is the frames per second of the tracker alone.
func (t tally) rate(frames int) float64 { return float64(frames) / max(t.spent.Seconds(), 1e-9) }

// left says how many detections the bound kept out, if any.
func (t tally) left(all int, conf float64) string {
	if t.used == all {
		return ""
	}
	return fmt.Sprintf(" (%d more below %g)", all-t.used, conf)
}

// associate gives the tracker frames 1 to frames with the rows' detections, rows
// sorted by frame, and writes what it reports.
func (a *association) associate(ctx context.Context, t track.Tracker, rows []mot.Row, frames int, out io.Writer) (tally, error) {
	var done tally
	w := mot.NewWriter(out)
	seen := make(map[int]struct{})
	var dets []detect.Detection
	for frame := 1; frame <= frames; frame++ {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		dets = dets[:0]
		for ; len(rows) > 0 && rows[0].Frame == frame; rows = rows[1:] {
			if r := &rows[0]; r.Conf >= a.conf {
				dets = append(dets, detect.Detection{Box: r.Box(), Score: r.Conf})
			}
		}
		done.used += len(dets)
		start := time.Now()
		tracks := t.Update(track.Input{Time: mediaTime(frame, a.fps), Detections: dets})
		done.spent += time.Since(start)
		for i := range tracks {
			if tracks[i].Detection < 0 {
				continue
			}
			seen[tracks[i].ID] = struct{}{}
			if err := w.WriteRow(mot.FromBox(frame, tracks[i].ID, tracks[i].Box, tracks[i].Score)); err != nil {
				return done, err
			}
		}
	}
	done.tracks = len(seen)
	return done, w.Flush()
}

// mediaTime is when a frame, counted from 1, is shown.
func mediaTime(frame int, fps float64) time.Duration {
	return time.Duration(math.Round(float64(frame-1) / fps * float64(time.Second)))
}

// sameFile reports whether two names lead to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
