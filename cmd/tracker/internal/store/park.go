package store

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/minio/minio-go/v7"
)

// Park leaves in the store what an input that is broken off needs to go on elsewhere: the
// files of those names in folder. The last is the one without which the others are of no
// use. Where another has finished the input meanwhile, nobody needs them.
func (b *Bucket) Park(ctx context.Context, folder, manifest, key string, names []string) error {
	if done, err := b.Finished(ctx, manifest, key); done || err != nil {
		return err
	}
	for _, name := range names {
		if err := b.putIfThere(ctx, folder, name); err != nil {
			return err
		}
	}
	return nil
}

// Fetch brings what was parked to folder, if there is something and its last file fits.
func (b *Bucket) Fetch(ctx context.Context, folder string, names []string, fits func(last []byte) bool) error {
	if last, err := b.get(ctx, names[len(names)-1]); err != nil || last == nil || !fits(last) {
		return err
	}
	for _, name := range names {
		if err := b.fetch(ctx, folder, name); err != nil {
			return err
		}
	}
	return nil
}

// fetch copies an object to the file of that name in folder. One that is not there is an
// empty file.
func (b *Bucket) fetch(ctx context.Context, folder, name string) error {
	return b.patiently(ctx, "get", name, func() error {
		o, err := b.client.GetObject(ctx, b.address.bucket, b.address.object(name), minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer o.Close()
		f, err := os.Create(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(f, o); err != nil && !absent(err) {
			return err
		}
		return f.Close()
	})
}

// Discard removes what was parked, whole or in part: the last first, so that nobody takes
// up the others.
func (b *Bucket) Discard(ctx context.Context, names []string) error {
	for _, name := range slices.Backward(names) {
		if err := b.remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
