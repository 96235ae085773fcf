//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// hangingPipe is a named pipe that plays a video and then says nothing. FFmpeg
// reads it with a read that no timeout ends: a real hang. release ends it.
func hangingPipe(t *testing.T, video string) (path string, release func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	out, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		in, err := os.Open(video)
		if err == nil {
			defer in.Close()
			io.Copy(out, in)
		}
	}()
	return path, func() { out.Close() }
}

// openAsLive opens a file as if it were a live source.
func openAsLive(ctx context.Context, path string) (*video, error) {
	v, err := openFile(ctx, Spec{Path: path})
	if err == nil {
		v.facts.Live, v.byArrival, v.patience = true, true, time.Millisecond
		v.atEnd = lostAfter(path, "")
	}
	return v, err
}

// A read that hangs is left behind, and costs only what it holds until it returns.
func TestHungRead(t *testing.T) {
	film := writeVideo(t, filepath.Join(t.TempDir(), "a.avi"), "MJPG", 20)
	before := runtime.NumGoroutine()
	first, release := hangingPipe(t, film)
	second, releaseSecond := hangingPipe(t, film)
	v, err := openAsLive(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec{
		Kind: URL, Path: first, Policy: All, Queue: 100, ReadTimeout: 100 * time.Millisecond,
		Reconnect: Reconnect{FirstDelay: time.Millisecond, Seed: 1},
	}
	var frames pool
	l := startLive(spec, &frames, new(atomic.Int64), v, func(ctx context.Context) (*video, error) { return openAsLive(ctx, second) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var last *Frame
	for state := l.report(); state.Reconnects == 0 || last.Index < 30; state = l.report() {
		f, err := l.queue.take(ctx)
		if err != nil {
			t.Fatalf("%v; %+v", err, l.report())
		}
		if last != nil && (f.Index != last.Index+1 || f.Time < last.Time) {
			t.Errorf("frame %d at %v after frame %d at %v", f.Index, f.Time, last.Index, last.Time)
		}
		if last != nil && f.Time-last.Time > time.Second {
			t.Logf("a gap of %v, in truth %v", f.Time-last.Time, f.Captured.Sub(last.Captured))
		}
		f.Close()
		last = f
	}
	if n := l.report().Hung; n != 1 {
		t.Errorf("%d hung, want 1", n)
	}
	start := time.Now()
	l.close() // the second pipe may hang by now
	frames.close()
	if d := time.Since(start); d > closeGrace+2*time.Second {
		t.Errorf("close took %v", d)
	}
	release()
	releaseSecond()
	settled(t, before)
	if n := l.report().Hung; n != 0 {
		t.Errorf("%d hung after all returned", n)
	}
}

// What hangs every time takes no more and more memory.
func TestHungOpensAreBounded(t *testing.T) {
	before := runtime.NumGoroutine()
	release := make(chan struct{})
	l := &live{name: "rtsp://x", open: func(context.Context) (*video, error) {
		<-release
		return nil, errors.New("too late")
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range maxHung {
		if _, err := l.connect(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want canceled", err)
		}
	}
	if _, err := l.connect(t.Context()); err == nil || !strings.Contains(err.Error(), "4 reads and opens hang") {
		t.Errorf("%v", err)
	}
	close(release)
	settled(t, before)
	if _, err := l.connect(t.Context()); err == nil || err.Error() != "too late" {
		t.Errorf("%v", err)
	}
}

// A camera is found again by what it is, not by its number.
func TestCameraByID(t *testing.T) {
	dir := t.TempDir()
	devices, links := filepath.Join(dir, "dev"), filepath.Join(dir, "by-id")
	for _, folder := range []string{devices, links} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(links, "usb-Maker_Camera_1234-video-index0")
	plug := func(name string) string {
		device := filepath.Join(devices, name)
		if err := os.WriteFile(device, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		os.Remove(link)
		if err := os.Symlink(filepath.Join("..", "dev", name), link); err != nil {
			t.Fatal(err)
		}
		return device
	}
	video0 := plug("video0")
	if got := linkTo(links, video0); got != link {
		t.Errorf("%q, want %q", got, link)
	}
	if got := linkTo(links, link); got != link {
		t.Errorf("%q, want %q", got, link)
	}
	video2 := plug("video2")
	if got := linkTo(links, video0); got != "" {
		t.Errorf("%q leads to another device", got)
	}
	if target, _ := filepath.EvalSymlinks(link); target != video2 {
		t.Errorf("%q, want %q", target, video2)
	}
	if got := linkTo(links, filepath.Join(devices, "video9")); got != "" {
		t.Errorf("%q for no device", got)
	}
	// Whatever it is opened by, it is called what the user called it.
	_, err := cameraReopener(CameraSpec(97))(t.Context())
	wantError(t, err, "open camera 97: ", "/dev/video97 does not exist")
}
