//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/track/zone"
)

// finish completes the results.
func (j *job) finish(ctx context.Context) error {
	j.ended = true
	if j.kept != nil {
		if err := j.kept.End(); err != nil {
			return err
		}
	}
	if err := j.complete(ctx); err != nil {
		return j.spoilt(err)
	}
	outputs, err := batch.Ready(j.folder, j.outputs())
	if err != nil {
		return err
	}
	j.manifest.Status, j.manifest.Outputs = batch.Done, outputs
	if j.zones != nil {
		j.manifest.Zones = j.zones.Counts()
		zone.Name(j.manifest.Zones, j.labels)
	}
	if j.saved { // else, after a crash, it starts anew, and is soon done
		ready := batch.Checkpoint{Key: j.manifest.Key, Program: j.program(), Frames: j.frames, Ready: &j.manifest}
		if err := ready.Save(j.path("checkpoint")); err != nil {
			return err
		}
	}
	if err := batch.Publish(j.folder, outputs); err != nil {
		return err
	}
	return j.conclude()
}

// complete brings the results to where the frames are.
func (j *job) complete(ctx context.Context) error {
	if j.config.Offline {
		if err := pipeline.Guard(func() error { return j.revise(ctx) }); err != nil {
			return err
		}
	}
	if _, err := j.sync(); err != nil {
		return err
	}
	if j.record && j.ended && !j.config.Offline {
		if err := j.readThrough(); err != nil {
			return err
		}
	}
	return j.joinVideo()
}

// readThrough sees whether the record is whole: a part of it may be of a run before.
func (j *job) readThrough() error {
	r, err := record.Open(j.files[recordExt].PartialPath())
	if err != nil {
		return damaged(err)
	}
	defer r.Close()
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return damaged(err)
		}
	}
}

// revise makes the texts of the record, now that it is known what comes later.
func (j *job) revise(ctx context.Context) error {
	for _, ext := range [...]string{motExt, jsonlExt} {
		if err := j.create(ext); err != nil {
			return err
		}
		if err := j.files[ext].Rewind(0); err != nil {
			return err
		}
	}
	j.assembleTexts()
	from, err := record.Open(j.files[recordExt].PartialPath())
	if err != nil {
		return damaged(err)
	}
	defer from.Close()
	j.zones = zonesOf(j.config, nil)
	frames, err := reviseInto(ctx, j.config, from, j.zones, j.mot, j.jsonl)
	switch {
	case errors.Is(err, context.Canceled):
		return j.interrupted()
	case cutShort(err) != nil && frames == j.frames && !j.ended:
		return nil // it has no end mark, as its input broke off
	case cutShort(err) != nil:
		return damaged(err)
	}
	return err
}

// conclude says that the results are complete, and removes what led to them.
func (j *job) conclude() error {
	j.noteStale()
	if err := j.manifest.Write(j.path("manifest.json")); err != nil {
		return err
	}
	return removeAll(j.scaffold())
}

// noteStale tells which results of a run before, with other settings, this one has none of:
// they stay, and do not fit the others.
func (j *job) noteStale() {
	there, err := batch.ReadManifest(j.path("manifest.json"))
	if err != nil || there.Status != batch.Done {
		return
	}
	for _, old := range there.Outputs {
		again := slices.ContainsFunc(j.manifest.Outputs, func(o batch.Output) bool { return o.Path == old.Path })
		if _, err := os.Stat(filepath.Join(j.folder, old.Path)); !again && err == nil {
			j.log.Warn(old.Path+" is of a run before, with other settings", "input", j.Path)
		}
	}
}

// joinVideo makes the video of its pieces, under its partial name.
func (j *job) joinVideo() error {
	if !j.video {
		return nil
	}
	if _, err := j.film.Cut(); err != nil {
		return err
	}
	if _, err := j.files[piecesExt].Sync(); err != nil {
		return err
	}
	pieces, err := os.Open(j.files[piecesExt].PartialPath())
	if err != nil {
		return err
	}
	defer pieces.Close()
	f, err := j.film.Join(pieces)
	if err != nil {
		return err
	}
	_, err = f.Sync()
	return errors.Join(err, f.Close())
}

// salvage makes the partial results of an input that broke good to look at. What
// was interrupted will be taken up, and needs none of that.
func (j *job) salvage(ctx context.Context, cause error) error {
	if j.frames == 0 || statusOf(cause) == batch.Interrupted {
		return nil
	}
	if j.kept != nil {
		if err := j.kept.Flush(); err != nil {
			return err
		}
	}
	return j.spoilt(j.complete(ctx))
}
