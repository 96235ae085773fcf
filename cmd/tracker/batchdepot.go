//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store"
)

// deliverIn is how long what was made is still brought to a store after the user has
// stopped the work: else it would be made again, perhaps on another machine. It leaves a
// worker some time to tell the queue.
const deliverIn = 20 * time.Second

// depot is where the results of a batch go.
type depot struct {
	folder  string        // where they are made; without a store, they stay there
	address store.Address // of the store, if they go to one
	store   *store.Bucket // nil without one, and until it is open
	parks   bool          // what is broken off may go on elsewhere
}

// depotOf is what --out and --scratch mean.
func depotOf(out, scratch string) (d depot, err error) {
	if !store.IsAddress(out) {
		return depot{folder: out}, nil
	}
	if d.address, err = store.Parse(out); err != nil {
		return d, err
	}
	d.folder, err = d.address.Scratch(scratch)
	return d, err
}

// remote says whether results go to a store.
func (d depot) remote() bool { return d.address != store.Address{} }

// everywhere is its name on every machine.
func (d depot) everywhere() (string, error) {
	if d.remote() {
		return d.address.String(), nil
	}
	return filepath.Abs(d.folder)
}

// role says what the folder is for.
func (d depot) role() string {
	if d.remote() {
		return "scratch folder (--scratch)"
	}
	return "folder of the results"
}

// openStore reaches the store, if results go to one, and waits that long for its server.
func (w *workshop) openStore(ctx context.Context, patience time.Duration) (err error) {
	if w.remote() {
		w.store, err = w.address.Open(ctx, patience, func(message string) { w.log.Warn(message) })
	}
	return err
}

// finished says whether the results are where they are to go.
func (j *job) finished(ctx context.Context) (bool, error) {
	if j.store == nil {
		return batch.Finished(j.folder, j.path("manifest.json"), j.manifest.Key), nil
	}
	done, err := j.store.Finished(ctx, j.stored(), j.manifest.Key)
	return done, ofStore(err)
}

// replaces is an error where complete results of another input have the item's name: names
// depend on what else is asked for.
func (j *job) replaces(ctx context.Context) error {
	var there *batch.Manifest
	var err error
	if j.store == nil {
		there, err = batch.ReadManifest(j.path("manifest.json"))
	} else if there, err = j.store.Manifest(ctx, j.stored()); err != nil {
		return ofStore(err)
	}
	if err != nil || there.Status != batch.Done || there.Input.Is(j.manifest.Input) {
		return nil
	}
	return fmt.Errorf("write the results of %s: name %s has those of %s; give another --out, or --force to replace them",
		j.Path, j.name, there.Input.Path)
}

// stored is the manifest's name in the store.
func (j *job) stored() string { return j.name + ".manifest.json" }

// made says that a run before has made all results, but not brought them to the store.
func (j *job) made() bool {
	if j.store == nil || j.force || !batch.Finished(j.folder, j.path("manifest.json"), j.manifest.Key) {
		return false
	}
	m, err := batch.ReadManifest(j.path("manifest.json"))
	if err == nil {
		j.manifest = *m
	}
	return err == nil
}

// deliver brings what came of the item to the store, if there is one, and leaves nothing
// of it here.
func (j *job) deliver(ctx context.Context) (err error) {
	if j.store == nil {
		return nil
	}
	ctx, end := batch.Outlasting(ctx, deliverIn)
	defer end()
	if j.manifest.Status == batch.Interrupted {
		return j.park(ctx)
	}
	left := append(j.scaffold(), j.copies()...)
	switch manifest := j.stored(); {
	case j.manifest.Status == batch.Done:
		if err = j.store.Deliver(ctx, j.folder, manifest, &j.manifest, j.force); err == nil {
			err = j.store.Discard(ctx, j.everParked())
		}
	case j.advanced() || !j.parks:
		if err = j.store.Discard(ctx, j.everParked()); err == nil { // first, as some have names of what is reported
			err = j.store.Report(ctx, j.folder, manifest, &j.manifest, j.outputs())
		}
	default: // other workers may be able to read it: what they or runs before have left for them stays
		err = j.store.Report(ctx, j.folder, manifest, &j.manifest, nil)
		if !j.fetched {
			left = []string{j.path("manifest.json")}
		}
	}
	if err != nil {
		return ofStore(err)
	}
	return removeAll(left)
}

// advanced says that frames of the item are done and that this run could read them.
func (j *job) advanced() bool { return j.manifest.Run != nil && j.manifest.Frames > 0 }

// park leaves an item that is broken off to others, where there are any. Where that fails
// they start anew.
func (j *job) park(ctx context.Context) error {
	if !j.parks || !j.saved {
		return nil
	}
	if err := j.store.Park(ctx, j.folder, j.stored(), j.manifest.Key, j.parked()); err != nil {
		j.log.Warn(oneLine(err), "input", j.Path)
		return nil
	}
	return removeAll(append(j.scaffold(), j.copies()...))
}

// ofStore makes an error of the store one of the place, unless it is the user who stops.
func ofStore(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &placeError{fmt.Errorf("%w; then the same command goes on", err)}
}
