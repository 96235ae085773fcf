package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
)

// deliveries is how often results are put in the place of others that come while they are
// put.
const deliveries = 5

// Finished says whether the results of that key are complete: a manifest says so, and
// all that it names is there, with the bytes that it says.
func (b *Bucket) Finished(ctx context.Context, manifest, key string) (bool, error) {
	m, err := b.Manifest(ctx, manifest)
	if err != nil || m.Status != batch.Done || m.Key != key {
		return false, err
	}
	for _, o := range m.Outputs {
		if there, err := b.stat(ctx, o.Path); err != nil || there != o {
			return false, err
		}
	}
	return true, nil
}

// Manifest reads one; it is empty where there is none that can be read.
func (b *Bucket) Manifest(ctx context.Context, name string) (*batch.Manifest, error) {
	data, err := b.get(ctx, name)
	if err != nil || data == nil {
		return &batch.Manifest{}, err
	}
	if m, err := batch.ParseManifest(data); err == nil {
		return m, nil
	}
	return &batch.Manifest{}, nil
}

// Deliver brings complete results and their manifest, which describes them, from folder
// to the store, unless others of that key are complete there and force does not ask for
// these.
//
// A store has no locks, and a worker that the queue took for dead may bring its results
// while another does. On like machines they are the same bytes. On others they may differ
// in last digits, and must not be mixed: so each looks, after all that it has put, whether
// what is there is complete, and else puts all of its own again. Whoever puts last has
// looked after that, so what remains is the whole of one. That needs no conditions on
// writing, which not every server knows.
func (b *Bucket) Deliver(ctx context.Context, folder, manifest string, m *batch.Manifest, force bool) error {
	for n := range deliveries {
		if n > 0 || !force {
			if done, err := b.Finished(ctx, manifest, m.Key); done || err != nil {
				return err
			}
		}
		began := time.Now()
		if err := b.putAll(ctx, folder, manifest, m); err != nil {
			return err
		}
		took := time.Since(began)
		if done, err := b.Finished(ctx, manifest, m.Key); done || err != nil {
			return err
		}
		// A while that differs from the other's lets one come to its end.
		if err := batch.Pause(ctx, rand.N(time.Duration(n+1)*(took+shortest))); err != nil {
			return err
		}
	}
	return fmt.Errorf("store: %s%s is not what was put there, %d times: somebody else writes there, or the server keeps no metadata",
		scheme, b.address.key(manifest), deliveries)
}

// putAll puts complete results, and removes incomplete ones of a run before.
func (b *Bucket) putAll(ctx context.Context, folder, manifest string, m *batch.Manifest) error {
	for _, o := range m.Outputs {
		if err := b.put(ctx, folder, o.Path, o.SHA256); err != nil {
			return err
		}
		if err := b.remove(ctx, atomicfile.PartialName(o.Path)); err != nil {
			return err
		}
	}
	return b.put(ctx, folder, manifest, "")
}

// Report brings the manifest of an input that was not done to the store, and what there
// is of its results. Complete ones of another worker stay.
func (b *Bucket) Report(ctx context.Context, folder, manifest string, m *batch.Manifest, results []string) error {
	there, err := b.Manifest(ctx, manifest)
	if err != nil || there.Status == batch.Done && (m.Key == "" || m.Key == there.Key) {
		return err
	}
	for _, name := range results {
		if err := b.putIfThere(ctx, folder, atomicfile.PartialName(name)); err != nil {
			return err
		}
	}
	return b.put(ctx, folder, manifest, "")
}

// putIfThere is put where there is such a file: one without content is not kept.
func (b *Bucket) putIfThere(ctx context.Context, folder, name string) error {
	if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return b.put(ctx, folder, name, "")
}
