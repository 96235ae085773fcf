//go:build gocv_specific_modules

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// identicalRuns makes TestConcurrentEqualsSerial run so often with each number of
// threads.
const identicalRuns = "TRACKER_IDENTICAL_RUNS"

// realVideos are Debian's pedestrians and, where the benchmark data is, a video of
// cars.
func realVideos(t *testing.T) []string {
	t.Helper()
	video, truth := pedestrians(t)
	videos := []string{video}
	cars := filepath.Join(filepath.Dir(truth), "..", "..", "..", "..", "video", "car-detection.mp4")
	if _, err := os.Stat(cars); err == nil {
		videos = append(videos, cars)
	}
	return videos
}

// The concurrent run gives what the serial one gives, byte for byte.
func TestConcurrentEqualsSerial(t *testing.T) {
	runs, frames := 1, "80"
	if text := os.Getenv(identicalRuns); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		frames = "200"
	}
	for _, video := range realVideos(t) {
		video, err := filepath.Abs(video)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(video), func(t *testing.T) {
			dir := t.TempDir()
			results := func(more ...string) []byte {
				args := append([]string{"-i", video, "--max-frames", frames, "--jsonl", "out.jsonl", "-q"}, more...)
				if got := runIn(t, dir, args...); got.code != exitOK {
					t.Fatalf("exit code %d: %s", got.code, got.stderr)
				}
				text, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			want := results("--serial")
			if !bytes.Contains(want, []byte(`"state":"observed"`)) {
				t.Fatal("nothing is tracked: the runs cannot differ")
			}
			for _, threads := range []string{"1", "2", "4"} {
				same := 0
				for range runs {
					if bytes.Equal(results("--threads", threads), want) {
						same++
					}
				}
				t.Logf("%s threads: %d of %d runs equal the serial one", threads, same, runs)
				if same < runs {
					t.Errorf("%s threads gave other results than the serial run", threads)
				}
			}
		})
	}
}
