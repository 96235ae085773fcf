//go:build gocv_specific_modules

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// videos are the real videos there are, the demo's among them.
func videos(t *testing.T) []string {
	t.Helper()
	first, _ := pedestrians(t)
	data := os.Getenv("TRACKER_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	second := filepath.Join(data, "video", "one-by-one-person-detection.mp4")
	if _, err := os.Stat(second); err != nil {
		t.Skipf("real data is absent: %v", err)
	}
	var list []string
	for _, path := range []string{first, second} {
		whole, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, whole)
	}
	return list
}

// read is the whole of a result.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Two real videos at once give, byte for byte, what each gives alone, at any number
// of threads.
func TestSeveralInputsEqualEachAlone(t *testing.T) {
	dir, list := t.TempDir(), videos(t)
	outputs := []string{"--mot", "{name}.txt", "--jsonl", "{name}.jsonl", "--max-frames", "90", "--display", "off"}
	var names []string
	want := make(map[string]string)
	for _, video := range list {
		if got := runIn(t, dir, append([]string{"-i", video}, outputs...)...); got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		name := strings.TrimSuffix(filepath.Base(video), filepath.Ext(video))
		names = append(names, name)
		for _, ext := range []string{".txt", ".jsonl"} {
			want[name+ext] = read(t, dir, name+ext)
		}
	}
	for _, more := range [][]string{{"--threads", "1"}, {"--threads", "4"}, {"--serial"}} {
		got := runIn(t, dir, append(append([]string{"-i", list[0], "-i", list[1]}, outputs...), more...)...)
		if got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		for name, text := range want {
			if read(t, dir, name) != text {
				t.Errorf("%v: %s differs from the run alone", more, name)
			}
		}
		for _, part := range append(names, "180 frames of 2 inputs") {
			if !strings.Contains(got.stdout, part) {
				t.Errorf("%v: the summary lacks %q:\n%s", more, part, got.stdout)
			}
		}
	}
}

// An input that fails, at once or midway, ends alone; what the others write is
// complete. Names that are the same are told apart.
func TestOneBadInput(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	makeVideo(t, filepath.Join(dir, "good.avi"), 30)
	makeVideo(t, filepath.Join(dir, "other", "good.avi"), 40)
	makeVideo(t, filepath.Join(dir, "whole.avi"), 60)
	data := read(t, dir, "whole.avi")
	if err := os.WriteFile(filepath.Join(dir, "cut.avi"), []byte(data[:len(data)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	inputs := []string{"-i", "good.avi", "-i", "none.avi", "-i", "cut.avi", "-i", "other/good.avi"}
	got := runIn(t, dir, append(inputs, "--save", "{name}.mp4", "--jsonl", "{name}.jsonl", "--timings", "{name}.csv", "--display", "off")...)
	if got.code != exitPartial {
		t.Errorf("exit code %d, want %d", got.code, exitPartial)
	}
	for _, want := range []string{"input=none", "no such file", "input=cut", "cut off", "cut.partial.mp4",
		"name=good-2", "tracker: 2 of 4 inputs failed: none, cut\n"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("stderr lacks %q", want)
		}
	}
	for name, frames := range map[string]int{"good": 30, "good-2": 40} {
		if n := len(lines(t, filepath.Join(dir, name+".jsonl"))); n != frames {
			t.Errorf("%s: %d lines, want %d", name, n, frames)
		}
		if n := countFrames(t, filepath.Join(dir, name+".mp4")); n != frames {
			t.Errorf("%s: %d video frames, want %d", name, n, frames)
		}
		if n := len(lines(t, filepath.Join(dir, name+".csv"))); n != frames+1 {
			t.Errorf("%s: %d lines of timings, want %d", name, n, frames+1)
		}
	}
	if after := files(t, dir); slices.Contains(after, "cut.mp4") || !slices.Contains(after, "cut.partial.mp4") {
		t.Errorf("files %v", after)
	}
	if t.Failed() {
		t.Log(got.stderr)
	}
}

// Where all fail, the code is theirs.
func TestAllInputsBad(t *testing.T) {
	dir := t.TempDir()
	got := runIn(t, dir, "-i", "none.mp4", "-i", "nowhere.mp4", "--mot", "{name}.txt")
	if got.code != exitFailed || !strings.Contains(got.stderr, "2 of 2 inputs failed: none, nowhere") || len(files(t, dir)) != 0 {
		t.Errorf("exit code %d, files %v: %s", got.code, files(t, dir), got.stderr)
	}
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "unicorn", []string{"-i", "good.avi", "-i", "good.avi", "--classes", "unicorn"}},
		{exitUsage, "mot out.txt is one output for 2 inputs", []string{"-i", "good.avi", "-i", "good.avi", "--mot", "out.txt"}},
		{exitUsage, "jsonl good.avi would replace input good.avi", []string{"-i", "good.avi", "-i", "x.avi", "--jsonl", "{name}.avi"}},
		{exitUsage, "jsonl x.txt would replace mot x.txt", []string{"-i", "good.avi", "-i", "x.avi", "--jsonl", "{name}.txt", "--mot", "{name}.txt"}},
		{exitUsage, "jsonl x.txt would replace mot x.partial.txt", []string{"-i", "good.avi", "--jsonl", "x.txt", "--mot", "x.partial.txt"}},
		{exitUsage, "mot x.partial.txt would replace mot x.txt", []string{"-i", "x.avi", "-i", "x.partial.avi", "--mot", "{name}.txt"}},
		{exitFailed, "no screen", []string{"-i", "good.avi", "-i", "good.avi", "--display", "on"}},
		{exitFailed, "no screen", []string{"-i", "good.avi", "-i", "none.avi", "--display", "on"}},
		{exitUsage, "save good.avi would replace input good.avi", []string{"bench", "pipeline", "-i", "good.avi", "--save", "good.avi"}},
		{exitUsage, "measures one input, not 2", []string{"bench", "pipeline", "-i", "good.avi", "-i", "good.avi"}},
		{exitUsage, "reads its input twice", []string{"bench", "pipeline", "-i", "-"}},
	} {
		cmd := command(dir, c.args...)
		cmd.Env = append(cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=")
		if got := finish(t, cmd); got.code != c.code || !strings.Contains(got.stderr, c.want) || !slices.Equal(files(t, dir), []string{"good.avi"}) {
			t.Errorf("%v: exit code %d, want %d, files %v: %s", c.args, got.code, c.code, files(t, dir), got.stderr)
		}
	}
}

// JSON lines of several inputs on standard output say whose they are, and come
// whole and in order for each.
func TestSeveralOnStandardOutput(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"a.avi", "b.avi", "c.avi"} {
		makeVideo(t, filepath.Join(dir, name), 20+10*i)
	}
	yaml := "input: [a.avi, b.avi]\njsonl: '-'\n"
	if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want map[string]int
	}{
		{[]string{"--config", "run.yaml"}, map[string]int{"a": 20, "b": 30}},
		{[]string{"--config", "run.yaml", "-i", "c.avi", "-i", "a.avi"}, map[string]int{"c": 40, "a": 20}}, // flags win
	} {
		got := runIn(t, dir, c.args...)
		if got.code != exitOK || !strings.Contains(got.stderr, "inputs in") {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		next := make(map[string]int)
		for line := range strings.Lines(got.stdout) {
			var row struct {
				Source string
				Frame  int
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil || row.Frame != next[row.Source] {
				t.Fatalf("line %q after %v: %v", line, next, err)
			}
			next[row.Source]++
		}
		if fmt.Sprint(next) != fmt.Sprint(c.want) {
			t.Errorf("%v: lines of each source %v, want %v", c.args, next, c.want)
		}
	}
}

// One signal ends all inputs, each with what it has.
func TestInterruptSeveral(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c"}
	args := []string{"--save", "{name}.mp4", "--jsonl", "{name}.jsonl", "--display", "off", "--threads", "2"}
	for _, name := range names {
		makeVideo(t, filepath.Join(dir, name+".avi"), 3000)
		args = append(args, "-i", name+".avi")
	}
	cmd := command(dir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		waitForSize(t, filepath.Join(dir, name+".partial.jsonl"))
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(stderr.String(), "3 of 3 inputs did not come to their end") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	for _, name := range names {
		written := lines(t, filepath.Join(dir, name+".partial.jsonl"))
		if n := countFrames(t, filepath.Join(dir, name+".partial.mp4")); n != len(written) || n == 0 || n >= 3000 {
			t.Errorf("%s: %d video frames and %d lines", name, n, len(written))
		}
		if _, err := os.Stat(filepath.Join(dir, name+".mp4")); err == nil {
			t.Errorf("%s looks complete", name)
		}
	}
}

// So does one that comes while an input is being opened, of which browsers are told.
func TestInterruptWhileOpening(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 20)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := "127.0.0.1:" + freePort(t)
	cmd := command(dir, "-i", "a.avi", "-i", "rtsp://"+silent.Addr().String()+"/live", "--jsonl", "{name}.jsonl", "--serve", at)
	got := finishAfter(t, cmd, func() {
		if _, err := silent.Accept(); err != nil {
			t.Error(err)
		}
		if body, err := fetch("http://"+at+"/", "healthz"); err != nil || !strings.HasPrefix(string(body), "the run begins: ") {
			t.Errorf("%s, %v", body, err)
		}
		_ = cmd.Process.Signal(syscall.SIGINT)
	})
	if got.code != exitInterrupted || !strings.Contains(got.stderr, "msg=interrupted input=127.0.0.1-") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}
