//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Media times are those of the container, also where the frame rate varies, and
// pass every stage: 50 frames a second at first, then 10.
func TestVariableFrameRate(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH to make such a video")
	}
	const fast, all, every = 20, 100, 5
	var want []float64 // seconds
	for n := range all {
		if n < fast || n%every == 0 {
			want = append(want, float64(n)/50)
		}
	}
	for _, name := range []string{"a.mkv", "a.mp4", "a.mov"} {
		dir := t.TempDir()
		make := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=50", "-frames:v", "36",
			"-vf", "trim=end_frame=100,select='lt(n,20)+not(mod(n,5))'", "-vsync", "vfr", "-c:v", "mpeg4", filepath.Join(dir, name))
		if text, err := make.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, stride := range []string{"1", "3"} {
			got := runIn(t, dir, "-i", name, "--stride", stride, "--jsonl", "out.jsonl", "--timings", "out.csv", "-q")
			if got.code != exitOK {
				t.Fatalf("%s: exit code %d: %s", name, got.code, got.stderr)
			}
			rows := lines(t, filepath.Join(dir, "out.jsonl"))
			step := int(stride[0] - '0')
			if n := (len(want) + step - 1) / step; len(rows) != n {
				t.Fatalf("%s: %d rows, want %d", name, len(rows), n)
			}
			for i, row := range rows {
				var line struct {
					Frame int
					Time  float64
				}
				if err := json.Unmarshal([]byte(row), &line); err != nil {
					t.Fatal(err)
				}
				if line.Frame != i*step || math.Abs(line.Time-want[i*step]) > 0.0011 {
					t.Errorf("%s, stride %d: frame %d at %g s, want frame %d at %g", name, step, line.Frame, line.Time, i*step, want[i*step])
				}
			}
			if strings.Contains(rows[0], "utc") {
				t.Errorf("%s: a file has no wall clock: %s", name, rows[0])
			}
		}
	}
}
