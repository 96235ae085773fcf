//go:build gocv_specific_modules

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store"
	"github.com/tracker-go/tracker/config"
)

const workerLong = `worker takes inputs from a queue that 'tracker batch --queue' fills, on any number of
machines, until it is stopped.

  tracker worker --queue nats://queue:4222

Inputs are files that every worker finds under the same names: a shared folder. So are
results, unless they go to a store, as 'tracker batch --help' says. What to do with an
input comes with it; the model must be installed, and be the very same. An input whose
worker dies goes to another, which takes it up where the first has left it; with
results in a store, only one that is stopped leaves it so, and after a death the input
begins anew.

Exit codes: 0 ok, 1 failed, 2 usage, 130 interrupted.`

// workerFlags are the settings of a worker.
type workerFlags struct {
	queue, logLevel string
	scratch         string
	jobs, threads   int
	tries           int
	lease           time.Duration
	untilEmpty      bool
}

func newWorkerCommand() *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "worker --queue URL",
		Short: "Track inputs from a work queue",
		Long:  workerLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return &codedError{exitUsage, err}
			}
			return f.run(cmd.Context(), newLogger(cmd.ErrOrStderr(), levelOf(f.logLevel)))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.queue, "queue", "", "take inputs from the NATS server at `URL`")
	flags.IntVarP(&f.jobs, "jobs", "j", 2, "`N` inputs at the same time, on one network")
	flags.IntVar(&f.threads, "threads", 0, "`N` threads for the network, OpenCV and decoding, 0 for every core")
	flags.DurationVar(&f.lease, "lease", batch.DefaultLease, "an input goes to another worker when nothing was heard of its own for this `TIME`; the same for all workers")
	flags.IntVar(&f.tries, "tries", 5, "put an input aside after `N` tries")
	bindScratch(flags, &f.scratch)
	flags.BoolVar(&f.untilEmpty, "until-empty", false, "end when the queue is empty")
	flags.StringVar(&f.logLevel, "log-level", "info", "`debug|info|warn|error`")
	return cmd
}

func (f *workerFlags) validate() error {
	c := config.Default()
	c.LogLevel, c.Threads, c.Input = f.logLevel, f.threads, config.List[string]{"-"}
	switch {
	case f.queue == "":
		return errors.New("no queue to take inputs from: give --queue nats://HOST:PORT")
	case strayScheme(f.queue) != "":
		return fmt.Errorf("queue %s: %s is not the scheme of a NATS server; give --queue nats://HOST:PORT", batch.Redacted(f.queue), strayScheme(f.queue))
	case f.jobs < 1 || f.tries < 1:
		return fmt.Errorf("jobs is %d and tries %d, want 1 or more", f.jobs, f.tries)
	case f.lease < time.Second:
		return fmt.Errorf("lease is %v, want 1s or more", f.lease)
	}
	return c.Validate()
}

// strayScheme is the scheme of a queue's address, of which there may be several with commas
// between them, that no NATS server has; empty where all is well.
func strayScheme(queue string) string {
	for one := range strings.SplitSeq(queue, ",") {
		scheme, _, found := strings.Cut(strings.TrimSpace(one), "://")
		if found && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, strings.ToLower(scheme)) {
			return scheme
		}
	}
	return ""
}

// run works until ctx ends, some inputs at a time.
func (f *workerFlags) run(ctx context.Context, log *slog.Logger) (err error) {
	queue, err := batch.Connect(ctx, f.queue)
	if err != nil {
		return err
	}
	defer queue.Close()
	queue.Notify = func(message string) { log.Warn(message, "queue", batch.Redacted(f.queue)) }
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	w := batch.Worker{Queue: queue, Lease: f.lease, Tries: f.tries, Name: fmt.Sprintf("%s %d", host, os.Getpid()), UntilEmpty: f.untilEmpty}
	shops := &workshops{flags: f, log: log}
	defer func() { err = errors.Join(err, shops.close()) }()
	working, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, f.jobs)
	var all sync.WaitGroup
	for slot := range f.jobs {
		all.Go(func() {
			if errs[slot] = w.Work(working, shops.do); errs[slot] != nil {
				stop() // the other jobs go back to the queue
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// workshops holds the workshop of the batch that tasks belong to: one at a time, as
// each has a network in memory.
type workshops struct {
	flags *workerFlags
	log   *slog.Logger
	mu    sync.Mutex
	list  []*sharedWorkshop
}

type sharedWorkshop struct {
	*workshop
	key         string
	users       int
	closeEngine func() error
}

// take finds or opens the workshop for a task, and closes those that nobody uses.
func (s *workshops) take(ctx context.Context, t batch.Task) (*sharedWorkshop, error) {
	key := fmt.Sprintf("%s %s %t %t %t %s", t.Out, t.Model, t.Video, t.Record, t.Force, t.Config)
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []*sharedWorkshop
	var found *sharedWorkshop
	var errs []error
	for _, w := range s.list {
		switch {
		case w.key == key:
			found = w
			kept = append(kept, w)
		case w.users > 0:
			kept = append(kept, w)
		default:
			errs = append(errs, w.closeEngine())
		}
	}
	s.list = kept
	if found == nil {
		w, err := s.open(ctx, t)
		if err != nil {
			return nil, errors.Join(append(errs, err)...)
		}
		found = &sharedWorkshop{workshop: w, key: key, closeEngine: w.share(s.flags.jobs)}
		s.list = append(s.list, found)
	}
	found.users++
	return found, errors.Join(errs...)
}

func (s *workshops) open(ctx context.Context, t batch.Task) (*workshop, error) {
	var c config.Config
	if err := json.Unmarshal(t.Config, &c); err != nil {
		return nil, fmt.Errorf("settings of the batch: %w", err)
	}
	c.Threads = s.flags.threads
	to, err := depotOf(t.Out, s.flags.scratch)
	if err != nil {
		return nil, err
	}
	w, err := newWorkshop(c, to, products{t.Video, t.Record}, t.Force)
	if err != nil {
		return nil, err
	}
	if w.model.SHA256 != t.Model {
		return nil, fmt.Errorf("model %s here has sha256 %s…, the batch's has %s…: install the same", w.model.Name, w.model.SHA256[:12], t.Model[:min(12, len(t.Model))])
	}
	w.log, w.parks = s.log, true
	return w, w.openStore(ctx, store.WorkPatience)
}

func (s *workshops) leave(w *sharedWorkshop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.users--
}

func (s *workshops) close() error {
	var errs []error
	for _, w := range s.list {
		errs = append(errs, w.closeEngine())
	}
	return errors.Join(errs...)
}

// do works on one task.
func (s *workshops) do(ctx context.Context, t batch.Task) (batch.Result, batch.Verdict, error) {
	if _, err := os.Stat(t.Out); errors.Is(err, fs.ErrNotExist) && !store.IsAddress(t.Out) {
		return batch.Result{}, batch.GivenUp, fmt.Errorf("folder %s of the results is not there: mount it", t.Out)
	}
	w, err := s.take(ctx, t)
	switch {
	case errors.Is(err, context.Canceled):
		return batch.Result{}, batch.Again, nil
	case err != nil:
		return batch.Result{}, batch.GivenUp, err
	}
	defer s.leave(w)
	it := item{batch.Input{Path: t.Path, Bytes: t.Bytes}, t.Name}
	m, err := w.process(ctx, it, func(int, int, float64, int) {})
	var place *placeError
	r := batch.Result{Name: t.Name, Status: batch.Done, Frames: m.Frames}
	switch {
	case err == nil:
		s.log.Info("done", "input", t.Path, "frames", m.Frames, "from", m.Run.From)
	case errors.Is(err, errSkipped):
		r.Skipped = true
	case errors.Is(err, atomicfile.ErrBusy):
		return r, batch.Later, nil
	case stopped(err):
		return r, batch.Again, nil
	case errors.As(err, &place):
		return r, batch.GivenUp, place
	case t.Bytes > 0 && errors.Is(err, fs.ErrNotExist):
		s.log.Warn("left to another worker", "input", t.Path, "why", oneLine(err))
		return r, batch.Elsewhere, nil
	default:
		r.Status, r.Error = statusOf(err), oneLine(err)
		s.log.Error(r.Error, "input", t.Path)
	}
	return r, batch.Told, nil
}
