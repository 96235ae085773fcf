//go:build gocv_specific_modules

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
)

// listen is the scheme of a queue that the batch keeps itself.
const listen = "listen://"

// runQueue leaves the work to workers and waits for their results.
func (b *batchFlags) runQueue(cmd *cobra.Command, w *workshop, items []item) error {
	ctx := cmd.Context()
	url := b.queue
	if address, ok := strings.CutPrefix(b.queue, listen); ok {
		client, stop, err := batch.Serve(address, filepath.Join(w.folder, ".queue"))
		if err != nil {
			return err
		}
		defer stop()
		url = client
	}
	queue, err := batch.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer queue.Close()
	r := newBatchReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), items, 0, b.json, w.config.Quiet)
	log := newLogger(r.bar, levelOf(w.config.LogLevel))
	queue.Notify = func(message string) { log.Warn(message, "queue", batch.Redacted(url)) }
	id := batch.NewBatch()
	if err := w.publish(ctx, queue, id, items); err != nil {
		return r.close(err)
	}
	log.Info("waiting for workers", "queue", batch.Redacted(url), "inputs", len(items))

	left := make(map[string]int, len(items))
	for i, it := range items {
		left[it.name] = i
	}
	err = queue.Results(ctx, id, func(result batch.Result) bool {
		if i, ok := left[result.Name]; ok { // else it was told twice
			delete(left, result.Name)
			r.result(i, result, log)
		}
		return len(left) == 0
	})
	return r.close(err)
}

// publish puts all items into the queue.
func (w *workshop) publish(ctx context.Context, queue *batch.Queue, id string, items []item) error {
	c := w.config
	c.Record = "" // follows from the task
	out, err := w.everywhere()
	if err == nil && c.Model != "" {
		c.Model, err = filepath.Abs(c.Model)
	}
	if err != nil {
		return err
	}
	settings, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("settings of the batch: %w", err)
	}
	for _, it := range items {
		t := batch.Task{
			Batch: id, Name: it.name, Path: it.Path, Bytes: it.Bytes, Out: out, Video: w.video, Record: w.record, Force: w.force,
			Model: w.model.SHA256, Config: settings,
		}
		if err := queue.Publish(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// errOfWorker is what a worker said of an input.
type errOfWorker struct{ batch.Result }

func (e errOfWorker) Error() string { return e.Result.Error }

// result takes what a worker has told.
func (r *batchReport) result(i int, result batch.Result, log *slog.Logger) {
	var err error
	switch {
	case result.Skipped:
		err = errSkipped
	case result.Status == batch.CutShort:
		err = partialError(errOfWorker{result})
	case result.Status != batch.Done:
		err = errOfWorker{result}
	}
	r.ended(i, &batch.Manifest{Status: result.Status, Frames: result.Frames}, err, log)
}
