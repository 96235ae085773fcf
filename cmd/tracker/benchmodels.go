//go:build gocv_specific_modules

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/bench"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/mot"
)

// modelBench is one run of bench.
type modelBench struct {
	backbones, sizes, precisions []string
	input, gt                    string
	classes                      []string
	device                       string
	threads                      int
	budget, time                 time.Duration
	asJSON                       bool
	plot                         string

	progress io.Writer
	truth    scored // what gt is
	report   bench.Report
	failed   []error // models that could not be measured
}

// candidate is a model at one input size, and what was measured of it.
type candidate struct {
	result bench.Result
	rounds []bench.Round
	err    error // why it could not be measured
}

func (m *candidate) measured() bool { return m.err == nil && len(m.rounds) > 0 }

var benchPrecisions = []string{"fp32", "fp16", "int8"}

func (b *modelBench) run(ctx context.Context, stdout io.Writer) (err error) {
	if err := b.check(ctx); err != nil {
		return err
	}
	list, err := b.candidates()
	if err != nil {
		return err
	}
	picture, err := b.openPlot(list)
	if err != nil {
		return err
	}
	if picture != nil {
		defer func() { err = errors.Join(err, picture.Abort()) }()
	}
	stopped := b.measure(ctx, list)
	if stopped == nil {
		stopped = b.track(ctx, list)
	}
	if stopped != nil && !slices.ContainsFunc(list, (*candidate).measured) {
		return stopped
	}
	if stopped != nil {
		b.report.Notes = append(b.report.Notes, "interrupted: not all rounds were run, or not all models tracked")
	}
	if err := b.judge(list); err != nil {
		return err
	}
	if err := b.print(stdout); err != nil {
		return err
	}
	return b.outcome(stopped, b.savePlot(picture))
}

// outcome is the error of a run that has shown what it measured, in a plot or not.
func (b *modelBench) outcome(stopped, plot error) error {
	failed := errors.Join(b.failed...)
	switch {
	case stopped != nil:
		return &codedError{exitInterrupted, errors.Join(errors.New("interrupted; what is above was measured before"), failed, plot)}
	case failed != nil:
		return partialError(errors.Join(failed, plot))
	}
	return plot
}

// check refuses what cannot be measured before anything is.
func (b *modelBench) check(ctx context.Context) error {
	device, err := backbones.ParseDevice(b.device)
	if err != nil {
		return usageErrorf("%w", err)
	}
	for _, size := range b.sizes {
		if _, _, err := config.ParseSize(size); err != nil {
			return usageErrorf("%w", err)
		}
	}
	for _, p := range b.precisions {
		if !slices.Contains(benchPrecisions, p) {
			return usageErrorf("precision %q: want %s", p, strings.Join(benchPrecisions, ", "))
		}
	}
	switch {
	case b.threads < 0:
		return usageErrorf("threads is %d, want 0 (every core) or more", b.threads)
	case b.time <= 0:
		return usageErrorf("time is %v, want more than 0s", b.time)
	case b.budget < 0:
		return usageErrorf("budget is %v, want a time such as 33ms", b.budget)
	case b.classes != nil && nothingIn(b.classes): // nil where not given
		return &codedError{exitUsage, emptyClasses("--classes")}
	case b.gt != "" && b.input == "":
		return usageErrorf("--gt %s is the truth of no video: give that as --input", b.gt)
	case b.input == "-":
		return usageErrorf("bench reads its input many times: give a file, not standard input")
	case b.plot != "" && !strings.EqualFold(filepath.Ext(b.plot), ".png"):
		return usageErrorf("plot %s: want a name that ends in .png", b.plot)
	}
	if err := errors.Join(b.checkInput(ctx), b.checkTruth()); err != nil {
		return err
	}
	return device.Usable()
}

func (b *modelBench) checkInput(ctx context.Context) error {
	if b.input == "" {
		return nil
	}
	source, err := openSource(ctx, b.settings(nil), nil)
	if err != nil {
		return err
	}
	defer source.Close()
	if source.Info().Live {
		return usageErrorf("bench: %s is live, and never the same twice; give a file", source.Info().Name)
	}
	return nil
}

func (b *modelBench) checkTruth() error {
	if b.gt == "" {
		return nil
	}
	sequences, err := findSequences(b.gt)
	if err != nil {
		return err
	}
	if len(sequences) != 1 {
		return usageErrorf("--gt %s holds %d sequences; give that of --input alone", b.gt, len(sequences))
	}
	rows, err := mot.ReadFile(sequences[0].gt)
	if err != nil {
		return fmt.Errorf("read ground truth: %w", err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("read ground truth: %s is empty; give the truth of --input", sequences[0].gt)
	}
	b.truth = sequences[0]
	b.truth.options.Benchmark = mot.GuessBenchmark(b.truth.name)
	return nil
}

// settings are those of a run of the program with a candidate, or of none yet.
func (b *modelBench) settings(m *candidate) config.Config {
	c := config.Default()
	c.Input, c.Classes, c.Device, c.Threads = config.List[string]{b.input}, b.classes, b.device, b.threads
	c.Display, c.Quiet = "off", true
	if m != nil {
		c.Backbone, c.Size = m.result.Model, m.result.Size()
	}
	return c
}

// candidates are the models that the flags leave, at every size asked for.
func (b *modelBench) candidates() (list []*candidate, err error) {
	all, err := backbones.Installed()
	if err != nil {
		b.failed = append(b.failed, err)
	}
	wanted, err := b.wanted(all)
	if err != nil {
		return nil, err
	}
	if wanted, err = b.knowing(wanted); err != nil {
		return nil, err
	}
	for _, m := range wanted {
		sized, err := b.sized(m)
		if err != nil {
			return nil, err
		}
		list = append(list, sized...)
	}
	if len(list) == 0 && len(wanted) > 0 && len(b.report.Notes) == 0 {
		return nil, errors.Join(b.failed...)
	}
	if len(list) == 0 {
		why := append([]string{fmt.Sprintf("nothing to measure: %d models are there, and none is of that backbone, precision and size; see 'tracker models'", len(all))},
			b.report.Notes...)
		return nil, errors.Join(errors.New(strings.Join(why, "; ")), errors.Join(b.failed...))
	}
	return list, nil
}

// wanted are the models of the asked backbones and precisions.
func (b *modelBench) wanted(all []*backbones.Manifest) (list []*backbones.Manifest, err error) {
	for _, name := range b.backbones {
		if _, err := backbones.Find(name); errors.Is(err, backbones.ErrUnknown) {
			return nil, &codedError{exitUsage, err}
		} else if err != nil {
			return nil, err
		}
	}
	for _, m := range all {
		asked := len(b.backbones) == 0 || slices.ContainsFunc(b.backbones, func(name string) bool {
			return strings.EqualFold(name, m.Backbone) || strings.EqualFold(name, callName(m))
		})
		if asked && (len(b.precisions) == 0 || slices.Contains(b.precisions, m.Precision)) {
			list = append(list, m)
		}
	}
	return list, nil
}

// knowing are the models that know the classes. Classes that none knows are a slip.
func (b *modelBench) knowing(all []*backbones.Manifest) (list []*backbones.Manifest, err error) {
	var unknown []error
	for _, m := range all {
		if _, err := detect.SelectClasses(m.Labels, b.classes); err != nil {
			unknown = append(unknown, fmt.Errorf("measure %s: %w", callName(m), err))
			continue
		}
		list = append(list, m)
	}
	if len(list) == 0 && len(unknown) > 0 {
		return nil, &codedError{exitUsage, unknown[0]}
	}
	b.failed = append(b.failed, unknown...)
	return list, nil
}

// callName is what --backbone calls a model: its name, but with the precision
// where the name alone is that of its family, or of another model.
func callName(m *backbones.Manifest) string {
	if found, err := backbones.Find(m.Name); err == nil && found.Path() == m.Path() {
		return m.Name
	}
	return m.Name + "-" + m.Precision
}

// sized is a model at each of the asked sizes that it allows. Its accuracy is only
// known for its own.
func (b *modelBench) sized(m *backbones.Manifest) (list []*candidate, err error) {
	file, err := m.Size()
	if err != nil {
		b.failed = append(b.failed, fmt.Errorf("measure %s: %w; 'tracker doctor' says how to mend it", callName(m), err))
		return nil, nil
	}
	own := fmt.Sprintf("%dx%d", m.Input.Width, m.Input.Height)
	sizes := b.sizes
	if len(sizes) == 0 {
		sizes = []string{own}
	}
	for _, size := range sizes {
		w, h, err := config.ParseSize(size)
		if err != nil {
			return nil, usageErrorf("%w", err)
		}
		if slices.ContainsFunc(list, func(c *candidate) bool { return c.result.Width == w && c.result.Height == h }) {
			continue // 416 and 416x416
		}
		if _, err := m.WithSize(w, h); err != nil {
			b.report.Notes = append(b.report.Notes, fmt.Sprintf("not measured: %v", err))
			continue
		}
		r := bench.Result{Model: callName(m), Backbone: m.Backbone, Precision: m.Precision, Width: w, Height: h, File: file}
		if a := m.Accuracy; a != nil && w == m.Input.Width && h == m.Input.Height {
			r.AP50, r.PersonAP50, r.AP50Data = a.AP50, a.PersonAP50, a.Data
		}
		list = append(list, &candidate{result: r})
	}
	return list, nil
}

// measure fills in the rounds. The models take turns; every other round backwards,
// so that none always follows the same one. It is an error to be interrupted.
func (b *modelBench) measure(ctx context.Context, list []*candidate) error {
	order := slices.Clone(list)
	for round := range benchRounds {
		order = slices.DeleteFunc(order, func(m *candidate) bool { return m.err != nil })
		if len(order) == 0 {
			return nil
		}
		fmt.Fprintf(b.progress, "tracker: round %d of %d, models: %d\n", round+1, benchRounds, len(order))
		for _, m := range order {
			if err := b.measureOnce(ctx, m); err != nil {
				return err
			}
		}
		slices.Reverse(order)
	}
	return nil
}

// track fills in the accuracy of tracking, where there is a truth. What fails there
// leaves what was measured before. It is an error to be interrupted.
func (b *modelBench) track(ctx context.Context, list []*candidate) error {
	if b.gt == "" {
		return nil
	}
	for _, m := range list {
		if m.err != nil {
			continue
		}
		fmt.Fprintf(b.progress, "tracker: tracking with %s\n", m.result.Name())
		err := b.score(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			b.failed = append(b.failed, err)
		}
	}
	return nil
}

// measureOnce is one round of one model, in a process of its own. What goes wrong
// there ends that model only.
func (b *modelBench) measureOnce(ctx context.Context, m *candidate) error {
	program, err := os.Executable()
	if err != nil {
		m.err = fmt.Errorf("measure %s: start a round: %w", m.result.Name(), err)
		return nil
	}
	args := []string{"bench", "round", "--backbone", m.result.Model, "--size", m.result.Size(), "--time", (b.time / benchRounds).String(),
		"--classes", strings.Join(b.classes, ","), "--device", b.device, "--threads", strconv.Itoa(b.threads)}
	if b.input != "" {
		args = append(args, "--input", b.input)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cmd.ProcessState.ExitCode() == exitInterrupted { // Ctrl-C reaches the round, too, and may end it first
		return context.Canceled
	}
	var r bench.Round
	if err == nil {
		err = json.Unmarshal(stdout.Bytes(), &r)
	} else if said := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "tracker: "); said != "" {
		err = errors.New(said)
	}
	if err != nil {
		m.err = fmt.Errorf("measure %s: %w", m.result.Name(), err)
		return nil
	}
	m.rounds = append(m.rounds, r)
	return nil
}

// score tracks the whole input as the program does, and compares with the truth.
func (b *modelBench) score(ctx context.Context, m *candidate) (err error) {
	dir, err := os.MkdirTemp("", "tracker-bench-")
	if err != nil {
		return fmt.Errorf("score %s: %w", m.result.Name(), err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := b.settings(m)
	c.MOT = filepath.Join(dir, "tracks.txt")
	s := b.truth
	s.results = c.MOT
	if err = run(ctx, c, io.Discard, io.Discard); err == nil {
		if _, err = s.evaluate(nil, 1); err != nil {
			err = fmt.Errorf("%w; is --gt the truth of --input?", err)
		}
	}
	if err != nil {
		return fmt.Errorf("score %s: %w", m.result.Name(), err)
	}
	t := s.result.Summary()
	m.result.Tracking = &bench.Tracking{HOTA: t.HOTA, MOTA: t.MOTA, IDF1: t.IDF1, IDSW: t.IDSW}
	return nil
}

// judge makes the report of the models that could be measured.
func (b *modelBench) judge(list []*candidate) error {
	r := &b.report
	for _, m := range list {
		switch {
		case m.err != nil:
			b.failed = append(b.failed, m.err)
		case len(m.rounds) == 0:
			r.Notes = append(r.Notes, "not measured: "+m.result.Name()+": interrupted before")
		default:
			m.result.Settle(m.rounds)
			r.Models = append(r.Models, m.result)
			r.Rounds = max(r.Rounds, len(m.rounds))
		}
	}
	if len(r.Models) == 0 {
		return errors.Join(b.failed...)
	}
	c := b.settings(nil)
	_, r.Threads = shareThreads(c, true)
	r.Workers, r.WorkerThreads = shareThreads(c, false)
	r.Machine, r.Device, r.Pictures, r.Truth, r.Classes = machineName(), b.device, b.pictures(), b.truth.name, b.classes
	r.Seconds, r.Budget = b.time.Seconds()*float64(r.Rounds)/benchRounds, b.budget.Seconds()*1000
	r.Judge()
	return nil
}

// pictures says what is measured with, of a URL without what may be secret in it.
func (b *modelBench) pictures() string {
	if b.input == "" {
		return "the program's own picture"
	}
	return shownInput(b.input)
}

func (b *modelBench) print(w io.Writer) error {
	if b.asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(b.report)
	}
	return b.report.WriteTable(w)
}

// openPlot opens the picture, if one is wanted: what cannot be drawn or written is
// not worth measuring.
func (b *modelBench) openPlot(list []*candidate) (*atomicfile.File, error) {
	if b.plot == "" {
		return nil, nil
	}
	known := func(m *candidate) bool { return m.result.AP50 > 0 }
	if b.gt == "" && !slices.ContainsFunc(list, known) {
		return nil, usageErrorf("--plot %s: the accuracy of none of these models is known; give --input VIDEO and --gt TRUTH", b.plot)
	}
	return atomicfile.Create(b.plot)
}

func (b *modelBench) savePlot(picture *atomicfile.File) error {
	if picture == nil {
		return nil
	}
	if err := b.report.Plot(picture); err != nil {
		return err
	}
	return picture.Commit()
}
