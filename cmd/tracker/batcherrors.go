//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
)

// statusOf is the status of an item that was not done.
func statusOf(err error) batch.Status {
	var place *placeError
	switch {
	case stopped(err), errors.As(err, &place):
		return batch.Interrupted
	case exitCode(err) == exitPartial:
		return batch.CutShort
	}
	return batch.Failed
}

// stopped says that the user has stopped the work on an item, or the delivery of what came
// of it.
func stopped(err error) bool {
	return errors.Is(err, context.Canceled) || exitCode(err) == exitInterrupted
}

// placeError is of no single item: what is wrong is where the batch runs. The same
// command goes on once that is put right.
type placeError struct{ error }

func (e *placeError) Unwrap() error { return e.error }

// blame makes err, with which an item has ended, a placeError where the place is to blame.
func (w *workshop) blame(err error) error {
	if diskFull(err) {
		return &placeError{fmt.Errorf("the disk is full: free some space, and the same command goes on: %w", err)}
	}
	if wrong := w.writable(); wrong != nil {
		return &placeError{wrong}
	}
	return err
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writable is an error where the folder of the results takes none.
func (w *workshop) writable() error {
	f, err := os.CreateTemp(w.folder, ".writable-*")
	if err != nil {
		return fmt.Errorf("%s: %w; make it writable, and the same command goes on", w.role(), err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// damaged makes an error of reading what was kept a damage, unless it could not be read.
func damaged(err error) error {
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return err
	}
	return &damage{err}
}

// damage is of what the job itself has kept.
type damage struct{ error }

func (d *damage) Unwrap() error { return d.error }

// interrupted says that the user has stopped the work, and when.
func (j *job) interrupted() error {
	return &codedError{exitInterrupted, fmt.Errorf("interrupted after %s; the same command goes on from there", progressText(j.frames, j.source.Info()))}
}

// spoilt has an input begin anew of which what was kept turns out to be damaged, so that it
// does not fail for ever.
func (j *job) spoilt(err error) error {
	var broken *damage
	if !errors.As(err, &broken) {
		return err
	}
	return errors.Join(fmt.Errorf("%w; the same command begins anew", err), removeAll([]string{j.path("checkpoint")}))
}
