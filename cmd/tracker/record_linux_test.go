//go:build gocv_specific_modules

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The record of a stream can be tracked while it is written; the whole of it gives
// the run's lines again, with their wall clock.
func TestRecordOfStream(t *testing.T) {
	stage := startStage(t)
	run := startLiveRun(t, stage.URL(), "--record", "out.rec")
	dir := filepath.Dir(run.jsonl)
	run.wait(5 * sceneFPS)
	early := runIn(t, dir, "track", "out.partial.rec", "--jsonl", "early.jsonl", "-q")
	if early.code != exitPartial || !strings.Contains(early.stderr, "or is still going on; what there is: early.partial.jsonl") {
		t.Errorf("while it is written: exit code %d: %s", early.code, early.stderr)
	}
	if code := run.interrupt(); code != exitInterrupted {
		t.Fatalf("exit code %d: %s", code, &run.stderr)
	}
	late := runIn(t, dir, "track", "out.rec", "--jsonl", "late.jsonl", "-q")
	whole := read(t, dir, "out.jsonl")
	if late.code != exitOK || read(t, dir, "late.jsonl") != whole || !strings.Contains(whole, `"utc":"`) {
		t.Errorf("exit code %d, and other lines than those of the run: %s", late.code, late.stderr)
	}
	if part := read(t, dir, "early.partial.jsonl"); strings.Count(part, "\n") < 3*sceneFPS || !strings.HasPrefix(whole, part) {
		t.Errorf("%d bytes of %d while it was written", len(part), len(whole))
	}
	if _, err := os.Stat(filepath.Join(dir, "out.partial.rec")); err == nil {
		t.Error("the partial record is still there")
	}
}
