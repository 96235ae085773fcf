package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tracker-go/tracker/track/mot"
)

const evalLong = `eval scores tracking results against ground truth, both MOTChallenge text, with
the HOTA, CLEAR and Identity metrics as TrackEval computes them.

  tracker eval --gt MOT17/train/MOT17-02/gt/gt.txt --results out.txt
  tracker eval --gt MOT17/train --results results/

--gt is a truth file, a sequence's folder (with gt/gt.txt in it) or a folder of
such folders; --results is a file, or a folder with <sequence>.txt for each
sequence. A seqinfo.ini beside the truth says how long the sequence is.

The benchmark decides which boxes count. Where --benchmark is not given it is taken
from the sequence's name (MOT17-02, dancetrack0001); other names are scored
as 'generic': truth rows marked 0 in the confidence column are left out and
classes are not looked at, which is how MOT15 is scored.

The table is in percent, its last three columns count true tracks that are mostly
tracked, partly tracked and mostly lost. --json prints an object keyed by sequence
name and COMBINED, with shares from 0 to 1. COMBINED weighs every box alike: it
is not the mean of the rows above it.

Exit codes: 0 ok, 1 failed, 2 usage, 130 interrupted.`

func newEvalCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "eval --gt PATH --results PATH",
		Short: "Score tracking results: HOTA, MOTA, IDF1",
		Long:  evalLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e.in, e.out, e.notes = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return e.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&e.gt, "gt", "", "`PATH` of the ground truth: a file, a sequence's folder or a folder of those")
	flags.StringVar(&e.results, "results", "", "`PATH` of what to score: a file, a folder of <sequence>.txt, or - for standard input")
	flags.StringVar(&e.benchmark, "benchmark", "", "`NAME` of the rules to apply: mot15, mot17, mot20, dancetrack or generic; from the sequence's name if not given")
	flags.IntVar(&e.stride, "stride", 1, "score every `N`th frame only, as 'tracker track --stride N' tracks them")
	flags.BoolVar(&e.asJSON, "json", false, "print JSON")
	return cmd
}

// flagsOnly refuses words that belong to no flag.
func flagsOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := strayChoice(cmd, args[0]); err != nil {
		return err
	}
	if flag := bareFlag(cmd, args[0]); flag != nil {
		return usageErrorf("unexpected argument %q; did you mean %s?", args[0], flag[0])
	}
	return usageErrorf("unexpected argument %q", args[0])
}

// evaluation is one run of the command.
type evaluation struct {
	gt, results, benchmark string
	asJSON                 bool
	stride                 int

	rules mot.Benchmark // where benchmark names one

	in         io.Reader
	out, notes io.Writer
}

// scored is a sequence to score, and then its score.
type scored struct {
	name        string
	gt, results string // files
	options     mot.Options
	result      mot.Result
}

func (e *evaluation) run(ctx context.Context) error {
	if err := e.check(); err != nil {
		return err
	}
	sequences, err := findSequences(e.gt)
	if err != nil {
		return err
	}
	if err := e.findResults(sequences); err != nil {
		return err
	}
	e.chooseRules(sequences)
	if err := e.score(ctx, sequences); err != nil {
		return err
	}
	return e.print(sequences)
}

// check looks at the flags alone.
func (e *evaluation) check() (err error) {
	switch {
	case e.gt == "":
		return usageErrorf("no ground truth: give --gt FILE or --gt FOLDER")
	case e.results == "":
		return usageErrorf("no results to score: give --results FILE or --results FOLDER")
	case e.stride < 1 || e.stride > maxStride:
		return usageErrorf("--stride %d: want 1 to %d", e.stride, maxStride)
	case e.benchmark != "":
		if e.rules, err = mot.ParseBenchmark(e.benchmark); err != nil {
			return usageErrorf("--benchmark: %w", err)
		}
	}
	return nil
}

// findSequences lists the truth that path holds, in the order of the names.
func findSequences(path string) ([]scored, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read ground truth: %w", checkSpelling(err))
	}
	if !info.IsDir() {
		return []scored{{name: sequenceName(path), gt: path}}, nil
	}
	if single := filepath.Join(path, "gt", "gt.txt"); isFile(single) {
		return []scored{{name: sequenceName(single), gt: single}}, nil
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(path), "*", "gt", "gt.txt"))
	if err != nil {
		return nil, fmt.Errorf("read ground truth in %s: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read ground truth in %s: there is neither gt/gt.txt nor any <sequence>/gt/gt.txt", path)
	}
	slices.Sort(files)
	sequences := make([]scored, len(files))
	for i, file := range files {
		sequences[i] = scored{name: sequenceName(file), gt: file}
	}
	return sequences, nil
}

// sequenceName is the folder's name for <name>/gt/gt.txt, the file's for others.
func sequenceName(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	if dir := filepath.Dir(file); filepath.Base(dir) == "gt" && filepath.Base(file) == "gt.txt" {
		return filepath.Base(filepath.Dir(dir))
	}
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}

// chooseRules gives every sequence the benchmark that --benchmark names or, where
// it names none, that of the sequence's name; it tells the user of the latter.
func (e *evaluation) chooseRules(sequences []scored) {
	named := make(map[mot.Benchmark][]string)
	var order []mot.Benchmark
	for i := range sequences {
		s := &sequences[i]
		if e.benchmark != "" {
			s.options.Benchmark = e.rules
			continue
		}
		b := mot.GuessBenchmark(s.name)
		if s.options.Benchmark = b; named[b] == nil {
			order = append(order, b)
		}
		named[b] = append(named[b], s.name)
	}
	for _, b := range order {
		which := named[b][0]
		if n := len(named[b]); n > 1 {
			which = fmt.Sprintf("%s and %d more", which, n-1)
		}
		how := "told from the name"
		if b == mot.Generic {
			how = "the name tells no benchmark; truth rows marked 0 are left out"
		}
		fmt.Fprintf(e.notes, "tracker: %s scored as %v (%s; --benchmark overrules)\n", which, b, how)
	}
}

// findResults gives every sequence its results file, and says which files in the
// folder are nobody's.
func (e *evaluation) findResults(sequences []scored) error {
	folder := false
	if e.results != "-" {
		info, err := os.Stat(e.results)
		if err != nil {
			return fmt.Errorf("read results: %w", checkSpelling(err))
		}
		folder = info.IsDir()
	}
	if !folder {
		if len(sequences) > 1 {
			return usageErrorf("--gt %s holds %d sequences and --results %s is one file; give a folder with <sequence>.txt for each",
				e.gt, len(sequences), e.results)
		}
		sequences[0].results = e.results
		return nil
	}
	var missing []string
	expected := make(map[string]bool)
	for i := range sequences {
		s := &sequences[i]
		s.results = filepath.Join(e.results, s.name+".txt")
		expected[s.results] = true
		if !isFile(s.results) {
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("read results: no <sequence>.txt in %s for %s", e.results, strings.Join(missing, ", "))
	}
	files, _ := filepath.Glob(filepath.Join(escapeGlob(e.results), "*.txt"))
	for _, file := range files {
		if !expected[file] {
			fmt.Fprintf(e.notes, "tracker: %s is not scored: %s has no such sequence\n", file, e.gt)
		}
	}
	return nil
}

// score evaluates the sequences side by side.
func (e *evaluation) score(ctx context.Context, sequences []scored) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	empty := make([]bool, len(sequences))
	for i := range sequences {
		group.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			empty[i], err = sequences[i].evaluate(e.in, e.stride)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, s := range sequences {
		if empty[i] {
			fmt.Fprintf(e.notes, "tracker: the results of %s are empty\n", s.name)
		}
	}
	return nil
}

// evaluate reads and scores one sequence; in is read where its results are "-".
func (s *scored) evaluate(in io.Reader, stride int) (empty bool, err error) {
	info, _, err := findSeqInfo(s.gt)
	if err != nil {
		return false, err
	}
	s.options.Frames = info.Length
	gt, err := mot.ReadFile(s.gt)
	if err != nil {
		return false, fmt.Errorf("read ground truth: %w", err)
	}
	results, err := readRows(s.results, in)
	if err != nil {
		return false, fmt.Errorf("read results: %w", err)
	}
	if stride > 1 {
		gt, results = everyNth(gt, stride), everyNth(results, stride)
		s.options.Frames = (s.options.Frames + stride - 1) / stride
	}
	s.result, err = mot.Evaluate(gt, results, s.options)
	if err != nil {
		return false, fmt.Errorf("score %s: %w", s.name, err)
	}
	return len(results) == 0, nil
}

// everyNth keeps the rows of frames 1, 1+n, 1+2n and so on, numbered anew from 1.
func everyNth(rows []mot.Row, n int) []mot.Row {
	kept := rows[:0]
	for _, r := range rows {
		if (r.Frame-1)%n == 0 {
			r.Frame = (r.Frame-1)/n + 1
			kept = append(kept, r)
		}
	}
	return kept
}

// readRows reads a MOTChallenge file; "-" is standard input.
func readRows(path string, stdin io.Reader) ([]mot.Row, error) {
	if path != "-" {
		rows, err := mot.ReadFile(path)
		return rows, checkSpelling(err)
	}
	rows, err := mot.Read(stdin)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return rows, nil
}

// findSeqInfo looks for the seqinfo.ini of a sequence beside one of its files
// and one folder up: <sequence>/gt/gt.txt belongs to <sequence>/seqinfo.ini. It
// returns where it was found; nothing where there is none.
func findSeqInfo(file string) (info mot.SeqInfo, path string, err error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return info, "", err
	}
	dir := filepath.Dir(abs)
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		path = filepath.Join(dir, "seqinfo.ini")
		info, err = mot.ReadSeqInfo(path)
		if !errors.Is(err, os.ErrNotExist) {
			return info, path, err
		}
	}
	return mot.SeqInfo{}, "", nil
}

// combinedName is the row of all sequences together.
const combinedName = "COMBINED"

// print adds the sequences up and prints all of it.
func (e *evaluation) print(sequences []scored) error {
	results := make([]mot.Result, len(sequences))
	for i, s := range sequences {
		results[i] = s.result
	}
	combined := mot.Combine(results)
	if combined.Count.GTDets == 0 {
		return fmt.Errorf("score %s: the ground truth has no box that counts; check the file and --benchmark", e.gt)
	}
	if e.asJSON {
		return printScoresJSON(e.out, sequences, &combined)
	}
	return printScores(e.out, sequences, &combined)
}

func printScoresJSON(w io.Writer, sequences []scored, combined *mot.Result) error {
	table := map[string]mot.Summary{combinedName: combined.Summary()}
	for _, s := range sequences {
		table[s.name] = s.result.Summary()
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(table)
}

// printScores prints a table: names to the left, percents and counts to the right.
func printScores(w io.Writer, sequences []scored, combined *mot.Result) error {
	width := len(combinedName)
	for _, s := range sequences {
		width = max(width, len([]rune(s.name)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", width, "")
	for _, head := range []string{"HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1"} {
		fmt.Fprintf(&b, " %8s", head)
	}
	for _, head := range []string{"IDSW", "FP", "FN", "Frag", "MT", "PT", "ML"} {
		fmt.Fprintf(&b, " %6s", head)
	}
	b.WriteByte('\n')
	row := func(name string, s mot.Summary) {
		fmt.Fprintf(&b, "%-*s", width, name)
		for _, share := range []float64{s.HOTA, s.DetA, s.AssA, s.LocA, s.MOTA, s.MOTP, s.IDF1} {
			fmt.Fprintf(&b, " %8.3f", 100*share)
		}
		for _, count := range []int{s.IDSW, s.FP, s.FN, s.Frag, s.MT, s.PT, s.ML} {
			fmt.Fprintf(&b, " %6d", count)
		}
		b.WriteByte('\n')
	}
	for _, s := range sequences {
		row(s.name, s.result.Summary())
	}
	row(combinedName, combined.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// escapeGlob takes a folder's name literally.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
