//go:build gocv_specific_modules

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The first SIGINT finishes what has begun; where that hangs, as on a reader that
// reads no more, the second ends the program.
func TestSecondInterruptForces(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "long.avi"), 2000)
	cmd := command(dir, "-i", "long.avi", "--jsonl", "-", "-q")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	waitForFull(t, r)
	interrupt := func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	select {
	case err := <-ended:
		t.Fatalf("the program ended (%v) with a line half written", err)
	case <-time.After(time.Second):
	}
	interrupt()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !errors.As(err, &exit) || !ok || status.Signal() != syscall.SIGINT {
			t.Errorf("ended with %v, want it killed by SIGINT", err)
		}
	case <-time.After(30 * time.Second):
		cmd.Process.Kill()
		t.Fatal("the second SIGINT did not end the program")
	}
}

// Signals that nohup, or the script whose background job the run is, has ignored do not end
// it; with --config, a hangup asks for the file all the same.
func TestIgnoredSignals(t *testing.T) {
	for _, more := range []string{"", "--config run.yaml"} {
		dir := t.TempDir()
		makeVideo(t, filepath.Join(dir, "long.avi"), 2000)
		if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte("stride: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := command(dir, append([]string{"-i", "long.avi", "--jsonl", "out.jsonl"}, strings.Fields(more)...)...)
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP INT; exec "$0" "$@"`}, cmd.Args...)
		got := finishAfter(t, cmd, func() {
			partial := filepath.Join(dir, "out.partial.jsonl")
			waitForSize(t, partial)
			for _, ignored := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
				_ = cmd.Process.Signal(ignored) // may have ended
			}
			time.Sleep(time.Second) // in which it would have ended
			before := read(t, partial)
			waitFor(t, func() bool { return len(read(t, partial)) > len(before) })
			_ = cmd.Process.Signal(syscall.SIGTERM)
		})
		reloaded := strings.Contains(got.stderr, "SIGHUP: reading the configuration again")
		if got.code != exitInterrupted || reloaded != (more != "") {
			t.Errorf("%q: exit code %d: %s", more, got.code, got.stderr)
		}
	}
}

// A limit on the size of files is told with what to do about it, whoever writes the file.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "long.avi"), 100)
	for flag, file := range map[string]string{"--save": "out.mp4", "--jsonl": "out.jsonl"} {
		run := command(dir, "-i", "long.avi", flag, file, "-q")
		cmd := exec.Command("sh", append([]string{"-c", `ulimit -f 4; exec "$0" "$@"`}, run.Args...)...)
		cmd.Dir, cmd.Env = run.Dir, run.Env
		if got := finish(t, cmd); got.code != exitFailed || !strings.Contains(got.stderr, "file too large; raise the limit on the size of files (ulimit -f)") {
			t.Errorf("%s: exit code %d: %s", flag, got.code, got.stderr)
		}
	}
}

// waitForFull waits until a pipe takes no more.
func waitForFull(t *testing.T, r *os.File) {
	t.Helper()
	last, since := 0, time.Now()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if n != last {
			last, since = n, time.Now()
		}
		if n > 3500 && time.Since(since) > time.Second {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes in the pipe", n)
		}
	}
}
