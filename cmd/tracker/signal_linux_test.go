//go:build gocv_specific_modules

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
