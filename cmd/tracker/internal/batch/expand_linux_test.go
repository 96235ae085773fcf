package batch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asNobody runs do without the rights over files that root has.
func asNobody(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with its rights
		_, _, _ = syscall.RawSyscall(unix.SYS_SETFSUID, 65534, 0, 0)
		do()
	}()
	<-done
}

// Reading an input ends when it is told to, and does not begin with what has no end.
func TestDigestEnds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Digest(ctx, path); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	pictures := filepath.Join(dir, "pictures")
	if err := errors.Join(os.Mkdir(pictures, 0o700), unix.Mkfifo(filepath.Join(pictures, "a.jpg"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{os.DevNull, pictures, filepath.Join(pictures, "a.jpg")} {
		if _, err := Digest(t.Context(), path); err == nil || !strings.Contains(err.Error(), "a batch takes files and folders") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A folder that cannot be read is an input that will fail, and the others are there.
func TestExpandUnreadableFolder(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"closed", "open"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"a.mp4", "open/b.mp4", "closed/c.mp4"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	asNobody(func() {
		inputs, err := Expand([]string{dir}, nil, "")
		if err != nil {
			t.Error(err)
		}
		var names []string
		for _, in := range inputs {
			names = append(names, in.Below)
		}
		if want := []string{"a.mp4", "closed", "open/b.mp4"}; !slices.Equal(names, want) {
			t.Errorf("inputs %v, want %v", names, want)
		}
		if _, err := Digest(t.Context(), filepath.Join(dir, "closed")); !os.IsPermission(err) {
			t.Errorf("the folder's digest: %v", err)
		}
	})
}
