//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

func TestDisplayAvailable(t *testing.T) {
	for _, c := range []struct{ x, wayland, want string }{
		{"", "", "no screen here"},
		{":987", "", "DISPLAY=:987 does not answer"},
		{"localhost:987.0", "", "does not answer"},
		{"", "wayland-987", "is not there"},
	} {
		t.Setenv("DISPLAY", c.x)
		t.Setenv("WAYLAND_DISPLAY", c.wayland)
		if _, err := NewDisplay(t.Context(), DisplayOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("DISPLAY=%q, WAYLAND_DISPLAY=%q: %v, want %q", c.x, c.wayland, err, c.want)
		}
	}
}

// The test program run again with this variable set shows pictures until the
// user quits: a program can have one window in its life.
const displayHelper = "SINK_TEST_DISPLAY"

func TestDisplayHelper(t *testing.T) {
	if os.Getenv(displayHelper) == "" {
		t.Skip("helper of TestDisplay")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var notices, quits atomic.Int32
	d, err := NewDisplay(ctx, DisplayOptions{
		Title:  "sink test",
		Notice: func(*gocv.Mat) bool { notices.Add(1); return true },
		Quit:   func() { quits.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Keep()
	var longest time.Duration // a pause shows as one long Write
	for i := 0; ; i++ {
		start := time.Now()
		err := d.Write(ctx, Result{Frame: picture(t, i%20, 0, 320, 240)})
		longest = max(longest, time.Since(start))
		if errors.Is(err, ErrQuit) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for longest > time.Second && quits.Load() == 0 && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond) // no pictures come any more
		}
		time.Sleep(5 * time.Millisecond)
	}
	if quits.Load() != 1 || notices.Load() < 2 {
		t.Errorf("the user quit %d times, after %d notices", quits.Load(), notices.Load())
	}
	if longest < time.Second {
		t.Errorf("the longest Write took %v: space did not pause", longest)
	}
	if err := d.Write(ctx, Result{Frame: picture(t, 0, 0, 320, 240)}); !errors.Is(err, ErrQuit) {
		t.Errorf("Write after quitting: %v", err)
	}
	if err := d.Commit(); err != nil {
		t.Error(err)
	}
}

// TestDisplay presses keys in a real window on a screen without a monitor.
func TestDisplay(t *testing.T) { onScreen(t, "TestDisplayHelper") }

// onScreen runs a helper of this test program whose window is called "sink test",
// and pauses, goes on and quits there.
func onScreen(t *testing.T, name string) {
	t.Helper()
	xvfb, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Skip("no Xvfb in PATH")
	}
	xdotool, err := exec.LookPath("xdotool")
	if err != nil {
		t.Skip("no xdotool in PATH")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	server := exec.Command(xvfb, "-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp")
	server.ExtraFiles = []*os.File{w}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait() }()
	w.Close()
	number := make([]byte, 16)
	n, err := r.Read(number) // when it is ready
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	env := append(os.Environ(), "DISPLAY=:"+strings.TrimSpace(string(number[:n])), displayHelper+"=1")

	helper := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+name+"$", "-test.v")
	helper.Env = env
	var out strings.Builder
	helper.Stdout, helper.Stderr = &out, &out
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"search", "--sync", "--onlyvisible", "--name", "sink test", "windowfocus", "--sync"},
		{"sleep", "0.5", "key", "space", "sleep", "1.5", "key", "space", "sleep", "1", "key", "q"},
	} {
		do := exec.CommandContext(ctx, xdotool, args...)
		do.Env = env
		if msg, err := do.CombinedOutput(); err != nil {
			t.Errorf("xdotool %v: %v: %s", args, err, msg)
		}
	}
	err = helper.Wait()
	t.Logf("%s", &out)
	if err != nil {
		t.Error(err)
	}
}
