//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

const explainLong = `explain says why tracks begin and end: it tracks recorded detections once more,
with the settings given, and puts into words what the tracker measured and which
limit decided. Give it the flags that 'tracker track' had, or the tracker settings of
the run that made a record with --record, and ids are the same.

  tracker explain street.rec --id 12
  tracker explain --detections MOT17-02/det/det.txt
  tracker explain --detections MOT17-02/det/det.txt --id 12
  tracker explain --detections MOT17-02/det/det.txt --frame 57
  tracker explain --detections MOT17-02/det/det.txt --id 12 --frame 57

With --id, the life of a track: when it was born, confirmed, lost, found again and
ended. With --frame, all that happened in a frame, to every track and to every
detection. With both, how the track stood in that frame: seen, by which detection,
or not, since when, and what became of the detections around it. With neither, a
summary. Frames count from 1, as in MOTChallenge text: "frame 56" on a picture or in
a JSON line is --frame 57.

Similarity is what the tracker decides by: the overlap (IoU) of a detection with
where the track is expected, which may be away from where it was last seen; some
weigh it by score, shape, label or looks. Where the two do not overlap, tempo looks
farther: then it is the chance, by looks and label, that they are one, which has to
be 0.75. What is called overlap was not decided by: it is that of the boxes shown.
Boxes are "(left, top) width x height" in pixels. Detections have the numbers of their
rows in the frame, from 1, those below --conf left out. --json prints the same as JSON,
boxes as [left, top, width, height].

Exit codes: 0 ok, also where a record ends early; 1 failed, 2 usage, 130 interrupted.`

func newExplainCommand() *cobra.Command {
	x := explanation{association: association{settings: config.DefaultTracker()}}
	cmd := &cobra.Command{
		Use:   "explain (RECORD | --detections FILE) [--id N] [--frame K]",
		Short: "Say in words why tracks begin and end",
		Long:  explainLong,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			x.in, x.notes = cmd.InOrStdin(), cmd.ErrOrStderr()
			return x.run(cmd.Context(), cmd.Flags(), args, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&x.detections, "detections", "", "MOTChallenge detections from `FILE`, - for standard input")
	flags.IntVar(&x.id, "id", 0, "explain track `N`")
	flags.IntVar(&x.frame, "frame", 0, "explain frame `K`, counted from 1: one more than in JSON lines and on pictures")
	flags.BoolVar(&x.asJSON, "json", false, "print JSON")
	bindTracker(flags, &x.settings)
	bindAssociation(flags, &x.association)
	bindSequence(flags, &x.motion, &x.fps)
	flags.BoolVarP(&x.quiet, "quiet", "q", false, "no notes")
	_ = cmd.RegisterFlagCompletionFunc("tracker", cobra.FixedCompletions(track.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// explanation is one run of the command.
type explanation struct {
	association
	id, frame int // what to explain, 0 for all
	asJSON    bool
}

func (x *explanation) run(ctx context.Context, flags *pflag.FlagSet, args []string, out io.Writer) error {
	if err := x.choose(args, x.detections); err != nil {
		return err
	}
	if err := x.settle(flags); err != nil {
		return err
	}
	switch {
	case flags.Changed("id") && x.id < 1:
		return usageErrorf("--id %d: tracks count from 1", x.id)
	case flags.Changed("frame") && x.frame < 1:
		return usageErrorf("--frame %d: frames count from 1", x.frame)
	}
	if len(x.paths) > 1 {
		return usageErrorf("%d records to explain; name one", len(x.paths))
	}
	if isFolder(x.paths[0]) {
		return usageErrorf("%s is a folder; name the file of one sequence, such as %[1]s/det/det.txt", x.paths[0])
	}
	sequences, _, err := x.sequences()
	if err != nil {
		return err
	}
	c := newChronicle(x.id, x.frame, x.cfg.MaxAge)
	x.watch = c.watch
	all, err := x.associateSequence(ctx, sequences[0], destinations{})
	if exitCode(err) == exitPartial {
		x.note("%v", err)
	} else if err != nil {
		return err
	}
	if err := x.check(c); err != nil {
		return err
	}
	r := c.report(x.tracker, all.kept)
	if x.asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err = io.WriteString(out, r.text())
	return err
}

// check says what of --id and --frame is not in the recording.
func (x *explanation) check(c *chronicle) error {
	path, by := x.paths[0], " of the record"
	if x.stride > 1 {
		by = fmt.Sprintf(" by --stride %d", x.stride)
	}
	switch {
	case x.frame > c.last.Frame:
		return usageErrorf("--frame %d: there is no such frame to track; those of %s are 1 to %d", x.frame, path, c.last.Frame)
	case x.frame > 0 && c.at.Frame == 0:
		return usageErrorf("--frame %d is left out%s; the frame before it is %d", x.frame, by, c.before)
	case x.id > 0 && len(c.lives) == 0:
		return usageErrorf("--id %d: %s starts no track in %s", x.id, x.tracker, path)
	case x.id > len(c.lives):
		return usageErrorf("--id %d: there is no such track; those that %s makes of %s are 1 to %d", x.id, x.tracker, path, len(c.lives))
	}
	return nil
}

// account is what the command prints; fields that do not apply are left out.
type account struct {
	Tracker string `json:"tracker"`
	*place
	Track *lifeReport `json:"track,omitempty"`
	// How the track stands in the frame, and the frame's detections and tracks
	// around it.
	State  string      `json:"state,omitempty"`
	Around []neighbour `json:"around,omitempty"`
	Before *happening  `json:"before,omitempty"`
	Next   *happening  `json:"next,omitempty"`
	Events []happening `json:"events,omitempty"`
	All    *summary    `json:"summary,omitempty"`
	lines  func() []string
}

// lifeReport is a track as a whole.
type lifeReport struct {
	ID         int    `json:"id"`
	Born       place  `json:"born"`
	Died       *place `json:"died,omitempty"`
	LastSeen   place  `json:"last_seen"`
	Box        box    `json:"last_box"`
	Detections int    `json:"detections"`
	Reported   int    `json:"reported"` // frames in which the tracker reported it
}

// summary counts what happened.
type summary struct {
	Frames     int                       `json:"frames"`
	Detections int                       `json:"detections"`
	BelowConf  int                       `json:"below_conf"`
	Tracks     int                       `json:"tracks"`
	Reported   int                       `json:"tracks_reported"`
	Events     map[string]map[string]int `json:"events"` // by kind, by reason
}

func (r *account) text() string { return strings.Join(r.lines(), "\n") + "\n" }

// report puts together what was asked for, after the last frame.
func (c *chronicle) report(tracker string, below int) *account {
	r := &account{Tracker: tracker}
	switch {
	case c.id > 0 && c.frame > 0:
		c.reportSituation(r)
	case c.id > 0:
		c.reportLife(r)
	case c.frame > 0:
		c.reportFrame(r)
	default:
		c.reportSummary(r, below)
	}
	return r
}

func (c *chronicle) reportLife(r *account) {
	r.Track, r.Events = c.lives[c.id].report(), c.story
	r.lines = func() []string {
		l := r.Track
		lines := []string{fmt.Sprintf("track %d: %s, reported in %s", l.ID, progress.Count(l.Detections, "detection"), progress.Count(l.Reported, "frame"))}
		for _, h := range r.Events {
			lines = append(lines, h.String())
		}
		if l.Died == nil {
			lines = append(lines, fmt.Sprintf("%v: the recording ends; track %d was last seen in %v at %v", c.last, l.ID, l.LastSeen, l.Box))
		}
		return lines
	}
}

// frameOrder is how the events of a frame are told: what is news first.
var frameOrder = [...]track.Kind{track.Born, track.Confirmed, track.Found, track.Lost, track.Died, track.Missing, track.Ignored, track.Seen}

func (c *chronicle) reportFrame(r *account) {
	slices.SortStableFunc(c.scene, func(a, b happening) int {
		return cmp.Or(
			cmp.Compare(slices.Index(frameOrder[:], a.kind), slices.Index(frameOrder[:], b.kind)),
			cmp.Compare(a.Track, b.Track), cmp.Compare(a.Detection, b.Detection))
	})
	r.place, r.Events = &c.at, c.scene
	r.lines = func() []string {
		kinds := map[track.Kind]int{}
		for _, h := range r.Events {
			kinds[h.kind]++
		}
		seen := kinds[track.Born] + kinds[track.Seen] + kinds[track.Found]
		lines := []string{fmt.Sprintf("%v: %s, %d of them ignored; %s seen, %d not", c.at,
			progress.Count(seen+kinds[track.Ignored], "detection"), kinds[track.Ignored],
			progress.Count(seen, "track"), kinds[track.Lost]+kinds[track.Missing])}
		for _, h := range r.Events {
			lines = append(lines, "  "+h.Words)
		}
		return lines
	}
}

func (c *chronicle) reportSituation(r *account) {
	l := c.lives[c.id]
	r.place, r.Track, r.State, r.Events, r.Around = &c.at, l.report(), c.state, c.scene, c.around
	for i := range c.story {
		switch h := &c.story[i]; {
		case h.Frame < c.frame:
			r.Before = h
		case h.Frame > c.frame && r.Next == nil:
			r.Next = h
		}
	}
	r.lines = func() []string {
		var lines []string
		switch r.State {
		case notBorn, dead:
			lines = append(lines, fmt.Sprintf("%v: track %d is %s", c.at, c.id, r.State))
		}
		for _, h := range r.Events {
			lines = append(lines, h.String())
		}
		lines = append(lines, c.notes...)
		for _, n := range r.Around {
			lines = append(lines, "  around: "+n.Words)
		}
		if r.Before != nil {
			lines = append(lines, "  before: "+r.Before.String())
		}
		switch {
		case r.Next != nil:
			lines = append(lines, "  next: "+r.Next.String())
		case r.State != dead && c.alive(c.id):
			lines = append(lines, fmt.Sprintf("  next: nothing until the recording ends in %v", c.last))
		}
		return lines
	}
}

func (c *chronicle) reportSummary(r *account, below int) {
	s := &summary{Frames: c.frames, Detections: c.detections, BelowConf: below, Tracks: len(c.lives), Events: map[string]map[string]int{}}
	for _, l := range c.lives {
		if l.reported > 0 {
			s.Reported++
		}
	}
	for what, n := range c.counts {
		kind := what.kind.String()
		if s.Events[kind] == nil {
			s.Events[kind] = map[string]int{}
		}
		s.Events[kind][what.reason.String()] = n
	}
	r.All = s
	r.lines = func() []string {
		head := fmt.Sprintf("%s, %s, %s (%d reported) by %s", progress.Count(s.Frames, "frame"), progress.Count(s.Detections, "detection"),
			progress.Count(s.Tracks, "track"), s.Reported, r.Tracker)
		if below > 0 {
			head += fmt.Sprintf("; %s more below --conf", progress.Count(below, "detection"))
		}
		return append([]string{head}, c.table()...)
	}
}

// table lists how often everything happened, by reason.
func (c *chronicle) table() []string {
	var lines []string
	for _, row := range summaryRows {
		total := 0
		var why []string
		for _, reason := range row.reasons {
			if n := c.counts[cause{row.kind, reason.reason}]; n > 0 {
				total += n
				why = append(why, fmt.Sprintf("%10d  %s", n, reason.words))
			}
		}
		if total > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d", row.title, total))
			if len(row.reasons) > 1 {
				lines = append(lines, why...)
			}
		}
	}
	return lines
}
