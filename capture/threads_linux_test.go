//go:build gocv_specific_modules

package capture

import (
	"os"
	"path/filepath"
	"testing"
)

func processThreads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// The decoder has the threads it is allowed, and no others. Go adds a few of its
// own.
func TestDecoderThreads(t *testing.T) {
	path := writeNoise(t, filepath.Join(t.TempDir(), "a.ts"), "H264", 10)
	const few = 6
	for _, c := range []struct{ threads, started int }{{1, 0}, {15, 15}} {
		before := processThreads(t)
		s := mustOpen(t, Spec{Path: path, Threads: c.threads})
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if n := processThreads(t) - before; n < c.started || n > c.started+few {
			t.Errorf("%d threads allowed: %d started, want %d", c.threads, n, c.started)
		}
		s.Close()
	}
}
