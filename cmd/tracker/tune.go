//go:build gocv_specific_modules

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

const tuneLong = `tune looks for the tracker and the settings that score best on sequences whose
truth is known. It tracks records, which 'tracker --record' makes, or MOTChallenge
detections again and again, without video and network.

  tracker --input yard.mp4 --record yard.rec
  tracker tune yard.rec --gt yard/gt/gt.txt --out best.yaml
  tracker --input tomorrow.mp4 --config best.yaml --mot out.txt

  tracker tune MOT17-val --det-name yolox_x.txt --gt MOT17-val --budget 5m

Several sequences are matched with their truth by name: street.rec with
street/gt/gt.txt. What is sought is the highest --metric, as the mean over the
sequences. Tried are the trackers' own settings, then by turns settings at random and
the neighbours of the best so far, until --trials or --budget is used up. Equal --seed
and --trials give equal results on any number of cores. Ctrl-C ends the search and
keeps the best so far.

What is best here need not be best elsewhere. With several sequences, tune also
searches without each of them in turn and scores the winner on the one left out: that
mean, "held out", is what to expect on other video. With one sequence nobody can say.

Exit codes: 0 ok, 1 failed, 2 usage, 130 interrupted, with the best so far.`

func newTuneCommand() *cobra.Command {
	var t tuning
	cmd := &cobra.Command{
		Use:   "tune (RECORD | FOLDER)... --gt PATH",
		Short: "Search tracker settings against ground truth",
		Long:  tuneLong,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.in, t.stdout, t.notes = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return t.run(cmd.Context(), cmd.Flags(), args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&t.gt, "gt", "", "`PATH` of the ground truth: a file, a sequence's folder or a folder of those")
	flags.StringVar(&t.metric, "metric", "HOTA", "what to raise: `HOTA|MOTA|IDF1`")
	flags.StringVar(&t.path, "out", "", "write the best settings to a YAML `FILE` for --config")
	flags.StringSliceVar(&t.trackers, "tracker", track.Names(), "trackers to search, by `NAME`")
	flags.IntVar(&t.trials, "trials", defaultTrials, "try `N` settings; without bound if only --budget is given")
	flags.DurationVar(&t.budget, "budget", 0, "search for this `TIME`, as in 5m")
	flags.Uint64Var(&t.seed, "seed", 1, "`N` that the random settings come from")
	flags.StringVar(&t.benchmark, "benchmark", "", "`NAME` of the rules to score by, as in 'tracker eval'")
	bindMaterial(flags, &t.material)
	flags.BoolVarP(&t.quiet, "quiet", "q", false, "no notes and no progress")
	flags.Lookup("tracker").DefValue = "[]"
	_ = cmd.RegisterFlagCompletionFunc("tracker", cobra.FixedCompletions(track.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// defaultTrials come close to the best on most material.
const defaultTrials = 200

// usualConf is where detections as text are taken to be sure before the search has
// found anything out.
const usualConf = 0.5

// tuning is one run of the command.
type tuning struct {
	material
	gt, metric, path, benchmark string
	trackers                    []string
	trials                      int
	budget                      time.Duration
	seed                        uint64

	of      func(*mot.Summary) float64
	lessons []*lesson
	stdout  io.Writer
}

func (t *tuning) run(ctx context.Context, flags *pflag.FlagSet, args []string) error {
	if err := t.settle(flags, args); err != nil {
		return err
	}
	if err := t.loadAll(); err != nil {
		return err
	}
	out, err := t.create()
	if err != nil {
		return err
	}
	if out != nil {
		defer func() { _ = out.Abort() }() // nothing after Commit
	}
	within, cancel := ctx, context.CancelFunc(func() {})
	if t.budget > 0 {
		within, cancel = context.WithTimeout(ctx, t.budget)
	}
	defer cancel()
	start := time.Now()
	s, err := t.search(within)
	if err != nil {
		return err
	}
	if len(s.scores[s.start]) == 0 {
		return fmt.Errorf("tune: the time was over before the first settings were scored: %w", within.Err())
	}
	if err := t.report(s, time.Since(start)); err != nil {
		return err
	}
	if err := t.write(out, s); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &codedError{exitInterrupted, fmt.Errorf("interrupted after %d trials; what is above is the best of them", len(s.scores))}
	}
	return nil
}

// settle checks the flags.
func (t *tuning) settle(flags *pflag.FlagSet, args []string) (err error) {
	if len(args) == 0 {
		return usageErrorf("nothing to tune on: give a record, or a folder of sequences")
	}
	if err := t.choose(args, ""); err != nil {
		return err
	}
	if t.metric, t.of, err = metricNamed(t.metric); err != nil {
		return err
	}
	switch {
	case t.gt == "":
		return usageErrorf("no ground truth: give --gt FILE or --gt FOLDER")
	case t.trials < 1:
		return usageErrorf("--trials %d: want 1 or more", t.trials)
	case flags.Changed("budget") && t.budget <= 0:
		return usageErrorf("--budget %v: want more than 0s, such as 5m", t.budget)
	case len(t.trackers) == 0:
		return usageErrorf("--tracker: want one of %s", strings.Join(track.Names(), ", "))
	}
	for _, name := range t.trackers {
		if !slices.Contains(track.Names(), name) {
			return usageErrorf("--tracker %s: want one of %s", name, strings.Join(track.Names(), ", "))
		}
	}
	if flags.Changed("budget") && !flags.Changed("trials") {
		t.trials = 0
	}
	return t.check(flags)
}

// loadAll reads every sequence with its truth.
func (t *tuning) loadAll() error {
	sequences, _, err := t.sequences()
	if err != nil {
		return err
	}
	truths, err := findSequences(t.gt)
	if err != nil {
		return err
	}
	e := evaluation{gt: t.gt, benchmark: t.benchmark, notes: t.notes}
	if t.quiet {
		e.notes = io.Discard
	}
	if t.benchmark != "" {
		if e.rules, err = mot.ParseBenchmark(t.benchmark); err != nil {
			return usageErrorf("--benchmark: %w", err)
		}
	}
	var chosen []scored
	for _, s := range sequences {
		at := slices.IndexFunc(truths, func(truth scored) bool { return truth.name == s.name })
		if len(sequences) == 1 && len(truths) == 1 {
			at = 0
		}
		if at < 0 {
			return fmt.Errorf("read ground truth: %s has none for %s; its name must be that of %s", t.gt, s.name, s.path)
		}
		chosen = append(chosen, truths[at])
	}
	if err := t.checkReplaced(sequences, chosen); err != nil {
		return err
	}
	e.chooseRules(chosen)
	for i, s := range sequences {
		l, err := t.load(s, chosen[i])
		if err != nil {
			return err
		}
		t.lessons = append(t.lessons, l)
	}
	if len(t.lessons) == 1 {
		t.note("one sequence: settings that fit it best may fit no other; tune on several, or score the result on one that was not in it")
	}
	return nil
}

// checkReplaced refuses settings that would replace what is read.
func (t *tuning) checkReplaced(sequences []sequence, truths []scored) error {
	files := filesOf(sequences)
	for i := range truths {
		files = append(files, outputPath{"gt", &truths[i].gt})
	}
	if err := checkNames(append(files, outputPath{"out", &t.path}), len(files)); err != nil {
		return &codedError{exitUsage, err}
	}
	return nil
}

// create starts the file that the best goes to, before the work rather than after it.
func (t *tuning) create() (*atomicfile.File, error) {
	if t.path == "" {
		return nil, nil
	}
	return atomicfile.Create(t.path)
}

func (t *tuning) search(ctx context.Context) (*search, error) {
	usual := usualConf
	if h := t.lessons[0].header; h != nil {
		usual = h.Conf
	}
	s := &search{
		trackers: t.trackers, trials: t.trials, usual: usual, rng: rand.New(rand.NewPCG(t.seed, 0)),
		admits: func(c contender) bool {
			return !slices.ContainsFunc(t.lessons, func(l *lesson) bool { return !l.admits(c) })
		},
		evaluate: func(ctx context.Context, list []contender) ([][]float64, error) {
			return evaluate(ctx, t.lessons, list, t.of)
		},
		improved: func(trials int, c contender, score float64) {
			t.note("%d trials: %s %.2f with %s", trials, t.metric, 100*score, c.flags())
		},
	}
	start := track.Default
	if !slices.Contains(t.trackers, start) {
		start = t.trackers[0]
	}
	return s, s.run(ctx, defaultsOf(start), len(t.lessons))
}

// report prints the best beside the default, by tracker and by sequence.
func (t *tuning) report(s *search, took time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, mean over %s, %d trials in %v\n\n", t.metric, progress.Count(len(t.lessons), "sequence"), len(s.scores), took.Round(time.Second/10))
	best, base := s.climbs[0], s.scores[s.start]
	width := len("held out")
	for _, name := range t.trackers {
		width = max(width, len(name))
	}
	for _, l := range t.lessons {
		width = max(width, len([]rune(l.name)))
	}
	row := func(name string, from, to float64, more string) {
		line := fmt.Sprintf("%-*s %8.2f %8.2f %+7.2f  %s", width, name, 100*from, 100*to, 100*(to-from), more)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "%-*s %8s %8s %7s  %s\n", width, "tracker", "default", "best", "gain", "settings")
	for _, name := range t.trackers {
		own, tried := s.scores[defaultsOf(name)]
		c, score, _ := s.bestOf(name)
		if name == best.best.Name { // of equals the one that is written
			c = best.best
		}
		if tried {
			row(name, mean(own, all), score, c.flags())
		}
	}
	fmt.Fprintf(&b, "\n%-*s %8s %8s %7s  from %s to the best of all\n", width, "sequence", "default", "best", "gain", s.start.Name)
	for i, l := range t.lessons {
		row(l.name, base[i], s.scores[best.best][i], "")
	}
	row("mean", mean(base, all), best.score, "")
	if score, ok := s.heldOut(); ok {
		hint := "each sequence with settings chosen on the others"
		if score <= mean(base, all) {
			hint += ": no gain, keep the default"
		}
		row("held out", mean(base, all), score, hint)
	}
	_, err := io.WriteString(t.stdout, b.String())
	return err
}

// write completes the file of the best settings, if one is wanted.
func (t *tuning) write(out *atomicfile.File, s *search) error {
	if out == nil {
		return nil
	}
	best, usual := &s.climbs[0], mean(s.scores[s.start], all)
	text := fmt.Sprintf("# By 'tracker tune': %s %.2f, default %.2f (mean over %s, %d trials, seed %d).\n",
		t.metric, 100*best.score, 100*usual, progress.Count(len(t.lessons), "sequence"), len(s.scores), t.seed)
	if held, ok := s.heldOut(); ok {
		text += fmt.Sprintf("# Of each sequence with settings chosen on the others: %.2f", 100*held)
		if held <= usual {
			text += ", no gain: the default will do better elsewhere"
		}
		text += ".\n"
	}
	text += best.best.yaml()
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	return out.Commit()
}
