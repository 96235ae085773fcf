//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
)

// reloader takes over what changes in the configuration file while a run goes on.
type reloader struct {
	*session
	streams []*stream // that are open
	live    []bool
	running config.Config // what the run goes by, as the user gave it
	inUse   config.Config // the same, with what holds the frame budget
	current *setup
}

// run waits for changes until ctx ends.
func (r *reloader) run(ctx context.Context) {
	var changed <-chan struct{}
	if watchable(r.layers.file) != "" {
		changed = r.watch(ctx)
		r.reload(ctx) // it may have changed since it was read
	}
	for {
		select {
		case _, ok := <-changed:
			if !ok {
				return
			}
			r.reload(ctx)
		case <-r.hangups:
			r.log.Info("SIGHUP: reading the configuration again")
			r.reload(ctx)
		case to := <-r.governor.Load().wants():
			r.move(ctx, to)
		case <-ctx.Done():
			return
		}
	}
}

// watchable is the configuration file if it can be read more than once; a pipe cannot.
func watchable(file string) string {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return ""
	}
	return file
}

// hangupsOf has hangups ask for the file to be read again, where there is one: then
// they are no end, from before the inputs are opened until all files are closed.
func hangupsOf(file string) <-chan os.Signal {
	if file == "" {
		return nil
	}
	hangups := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGHUP)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// watch tells of changes of the file.
func (r *reloader) watch(ctx context.Context) <-chan struct{} {
	changed, err := config.Watch(ctx, r.layers.file)
	if err != nil {
		r.log.Warn("the configuration file cannot be watched; send SIGHUP after a change", "error", err)
	}
	return changed
}

// reload reads the settings again. Where anything is wrong with them, nothing changes.
func (r *reloader) reload(ctx context.Context) {
	asked, origins, err := r.layers.settle()
	if err == nil {
		err = asked.HasInput()
	}
	if err == nil {
		err = origins.Locate(r.take(ctx, asked))
	}
	if err != nil && ctx.Err() == nil {
		r.log.Error("configuration not taken over, all stays as it was", "error", oneLine(err))
	}
}

// take takes over what a run can of settings.
func (r *reloader) take(ctx context.Context, asked config.Config) error {
	next := config.Adopt(&r.running, &asked)
	if err := errors.Join(next.Validate(), checkOutputs(next, r.layers.file)); err != nil {
		return fmt.Errorf("with what needs a restart left as it is: %w", err)
	}
	changes := config.Diff(&r.running, &next)
	if len(changes) > 0 {
		made, err := r.prepare(ctx, next, config.Diff(&r.inUse, &next))
		if err != nil {
			return err
		}
		r.hand(made)
		r.running, r.inUse = next, next
		r.places = append(r.places, ranOn(made.engine.model, next.Device))
		r.governor.Store(newGovernor(next, made.engine.manifest))
		r.level.Set(levelOf(next.LogLevel))
	}
	for _, change := range changes {
		r.log.Info("configuration changed", "key", change.Key, "from", change.From, "to", change.To)
	}
	for _, change := range config.Diff(&next, &asked) {
		if change.Key == "input" {
			change.From, change.To = shownChange(next, asked)
		}
		r.log.Warn("this change needs a restart", "key", change.Key, "from", change.From, "to", change.To)
	}
	return nil
}

// prepare makes a setup beside the one in use.
func (r *reloader) prepare(ctx context.Context, c config.Config, changes []config.Change) (*setup, error) {
	manifest, err := chooseModel(&c)
	if err != nil {
		return nil, err
	}
	_, needs, err := trackerOf(c)
	if err != nil {
		return nil, err
	}
	labels := allLabels(r.current.engine.model.Labels(), manifest.Labels)
	open := r.current.engine.model.With
	swapped := slices.ContainsFunc(changes, func(c config.Change) bool { return c.Effect == config.Swapped })
	if swapped {
		open = func(o backbones.Options) (*backbones.Model, error) { return backbones.Open(manifest, o) }
	}
	eng, err := newEngine(c, needs, labels, func(m string) { r.log.Warn(m) }, r.live, open)
	if err != nil {
		return nil, err
	}
	if swapped {
		if err := r.compare(ctx, eng, c); err != nil {
			return nil, errors.Join(err, eng.Close())
		}
	}
	made := newSetup(c, eng)
	if err := r.openOutputs(made); err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	return made, nil
}

// openOutputs opens what a setup has of outputs that the one in use has not, for every
// stream or for none.
func (r *reloader) openOutputs(made *setup) error {
	for i, stream := range r.streams {
		if stream.ended.Load() != nil { // and opens nothing any more
			made.outputs = append(made.outputs, &outputs{past: r.current.outputs[i].past})
			continue
		}
		out, err := stream.outputsAfter(r.current.outputs[i], made.inputs[stream.index].config, made.engine)
		if err != nil {
			for _, opened := range made.outputs {
				err = errors.Join(err, opened.drop())
			}
			return err
		}
		made.outputs = append(made.outputs, out)
	}
	return nil
}

// hand offers a setup to every stream, and lets go of the one before.
func (r *reloader) hand(next *setup) {
	for i, stream := range r.streams {
		stream.refuse(stream.offer(next.use(), func(waiting *setup) { waiting.outputs[i].leaveTo(next.outputs[i]) }))
	}
	r.streams[0].leave(r.current)
	r.current = next
}
