//go:build gocv_specific_modules && linux

package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A named pipe is read as it comes, and neither Open nor Next waits longer than
// the caller.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, filepath.Join(dir, "a.avi"), "MJPG", 30)
	fifo := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, mustParse(t, fifo)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Open without a writer: %v, want the deadline", err)
	}

	hold, written := make(chan struct{}), make(chan error)
	go func() {
		written <- func() error {
			in, err := os.Open(video)
			if err != nil {
				return err
			}
			defer in.Close()
			// The Open that was given up still holds the other end: let it go.
			out, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			out.Close()
			time.Sleep(200 * time.Millisecond)
			if out, err = os.OpenFile(fifo, os.O_WRONLY, 0); err != nil {
				return err
			}
			defer out.Close()
			_, err = io.Copy(out, in)
			<-hold // the pipe stays open: no end yet
			return err
		}()
	}()
	time.Sleep(100 * time.Millisecond)
	s := mustOpen(t, mustParse(t, fifo))
	var got []seen
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for {
		f, err := s.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Next: %v, want the deadline", err)
			}
			break
		}
		got = append(got, seen{f.Index, int(f.Time.Milliseconds()), barIndex(t, f.Mat)})
		f.Close()
	}
	close(hold)
	if err := <-written; err != nil {
		t.Error(err)
	}
	got = append(got, readWhole(t, s, true)...)
	if !slices.Equal(got, evenly(30, 1)) {
		t.Errorf("%v", got)
	}
}
