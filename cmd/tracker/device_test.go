//go:build gocv_specific_modules

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A device that is not there ends the run with what is missing; allowed to fall
// back, the run says everywhere that it was on the CPU.
func TestDeviceFallback(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	args := []string{"-i", "good.avi", "--device", "tensorrt:1", "--jsonl", "out.jsonl"}
	got := bare(t, t.TempDir(), dir, args...)
	if got.code != exitFailed || !strings.Contains(got.stderr, "libonnxruntime_providers_tensorrt.so") || len(files(t, dir)) != 1 {
		t.Errorf("exit code %d, files %v: %s", got.code, files(t, dir), got.stderr)
	}
	got = bare(t, t.TempDir(), dir, append(args, "--device-fallback")...)
	if got.code != exitOK || !strings.Contains(got.stderr, "the network runs on the CPU, not on tensorrt:1") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if !strings.Contains(got.stdout, "network on cpu, not on tensorrt:1\n") {
		t.Errorf("the summary is silent: %s", got.stdout)
	}
	for _, line := range lines(t, filepath.Join(dir, "out.jsonl")) {
		if !strings.HasSuffix(line, `,"device":"cpu"}`) {
			t.Errorf("line %s", line)
		}
	}
}
