package atomicfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestPartialName(t *testing.T) {
	for path, want := range map[string]string{
		"out.mp4":         "out.partial.mp4",
		"dir.d/out":       "dir.d/out.partial",
		"a/tracks.txt":    "a/tracks.partial.txt",
		"a.b/c.d/e.f.mkv": "a.b/c.d/e.f.partial.mkv",
	} {
		if got := PartialName(path); got != want {
			t.Errorf("PartialName(%q) = %q, want %q", path, got, want)
		}
	}
}

func create(t *testing.T, path, contents string) *File {
	t.Helper()
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(contents)); err != nil {
		t.Fatal(err)
	}
	return f
}

func wantFile(t *testing.T, path, contents string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != contents {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, contents)
	}
}

func wantMissing(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there (%v), want it gone", path, err)
	}
}

func TestCommitReplacesOnlyWhenComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := create(t, path, "new")
	wantFile(t, path, "old")
	wantFile(t, f.PartialPath(), "new")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "new")
	wantMissing(t, f.PartialPath())

	if err := f.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v, want nothing", err)
	}
	wantFile(t, path, "new")
	if err := f.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Commit: %v, want ErrClosed", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Commit: %v, want ErrClosed", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	f := create(t, path, "half")
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, path)
	wantMissing(t, f.PartialPath())

	f = create(t, path, "removed by somebody else")
	if err := os.Remove(f.PartialPath()); err != nil {
		t.Skip("an open file cannot be removed here:", err)
	}
	if err := f.Abort(); err != nil {
		t.Errorf("Abort of a removed file: %v", err)
	}
}

func TestKeepLeavesThePartialFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	f := create(t, path, "half")
	kept, err := f.Keep()
	if err != nil || kept != PartialName(path) {
		t.Fatalf("Keep() = %q, %v", kept, err)
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, kept, "half")
	wantMissing(t, path)

	// The leftover is in nobody's way.
	if err := create(t, path, "whole").Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "whole")
	wantMissing(t, kept)
}

func TestSecondWriterIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file locks in the standard library")
	}
	path := filepath.Join(t.TempDir(), "out.txt")
	first := create(t, path, "first")
	if _, err := Create(path); !errors.Is(err, ErrBusy) {
		t.Fatalf("Create while another writes: %v, want ErrBusy", err)
	}
	wantFile(t, first.PartialPath(), "first") // not truncated by the loser
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := create(t, path, "second").Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "second")
}

// Runs that take turns at a name, each as soon as the one before lets go of it, all complete
// what they wrote and nothing else.
func TestWritersTakeTurns(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file locks in the standard library")
	}
	path := filepath.Join(t.TempDir(), "out.txt")
	var writers sync.WaitGroup
	for _, half := range []string{"aaaa", "bb"} {
		writers.Go(func() {
			for turns := 0; turns < 200 && !t.Failed(); {
				err := writeTwice(path, half)
				if errors.Is(err, ErrBusy) {
					continue
				}
				got, readErr := os.ReadFile(path) // perhaps the other's
				if text := string(got); errors.Join(err, readErr) != nil || text != "aaaaaaaa" && text != "bbbb" {
					t.Errorf("it holds %q; %v, %v", text, err, readErr)
				}
				turns++
			}
		})
	}
	writers.Wait()
}

func writeTwice(path, text string) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := f.Write([]byte(text)); err != nil {
			return err
		}
	}
	return f.Commit()
}

// A video library opens the partial name itself while File holds it.
func TestAnotherHandleMayWriteThePartialName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.bin")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.PartialPath(), []byte("by path"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "by path")
}

func TestLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	target, link := filepath.Join(dir, "real", "out.txt"), filepath.Join(dir, "latest.txt")
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := create(t, link, "new").Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, target, "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced (%v)", err)
	}
}

func TestCreateExplains(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	circle := filepath.Join(dir, "circle")
	if err := os.Symlink("circle", circle); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	for _, c := range []struct{ path, want string }{
		{"", "no file name"},
		{dir, "it is a folder"},
		{filepath.Join(dir, "new") + "/", "add a file name"},
		{filepath.Join(dir, "missing", "out.mp4"), "missing does not exist; make it first"},
		{filepath.Join(file, "out.mp4"), "is a file, not a folder"},
		{dir + "/no such/../out.mp4", "folder " + dir + "/no such/.. does not exist"},
		{"no such/../out.mp4", "folder no such/.. does not exist"},
		{circle, "in a circle"},
		{os.DevNull, "device or pipe"},
	} {
		f, err := Create(c.path)
		if err == nil {
			f.Abort()
			t.Errorf("Create(%q) succeeded, want %q", c.path, c.want)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "create "+c.path) {
			t.Errorf("Create(%q): %v, want %q", c.path, err, c.want)
		}
	}
}

// A folder that is there is not said to be missing.
func TestCreateInProc(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("no /proc here")
	}
	f, err := Create("/proc/x.txt")
	if err == nil {
		f.Abort()
		t.Fatal("made a file in /proc")
	}
	if !strings.Contains(err.Error(), "/proc takes no new files") {
		t.Error(err)
	}
}

func TestDanglingLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(dir, "first.txt"), filepath.Join(dir, "real", "second.txt")
	if err := errors.Join(os.Symlink("real/second.txt", first), os.Symlink("out.txt", second)); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := create(t, first, "new").Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "real", "out.txt"), "new")
	for _, link := range []string{first, second} {
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link %s was replaced (%v)", link, err)
		}
	}
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("sub", 0o755), os.WriteFile("file", nil, 0o644), os.WriteFile("other", nil, 0o644),
		os.Link("file", "hard"), os.Symlink("file", "soft"), os.Symlink("sub/new", "dangling"), os.Symlink("sub", "subs")); err != nil {
		t.Skip("no links here:", err)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"file", "file", true}, {"file", "./sub/../file", true}, {"file", filepath.Join(dir, "file"), true},
		{"file", "hard", true}, {"file", "soft", true}, {"file", "other", false},
		{"file", "new", false}, {"new", "new", true}, {"new", "sub/../new", true}, {"new", filepath.Join(dir, "new"), true},
		{"dangling", "sub/new", true}, {"dangling", "subs/new", true}, {"dangling", "new", false}, {"new", "sub/new", false},
		{"no/new", "no/./new", true}, {"no/new", "no/other", false}, {"", "", false},
	} {
		if Same(c.a, c.b) != c.want || Same(c.b, c.a) != c.want {
			t.Errorf("Same(%q, %q) = %v", c.a, c.b, !c.want)
		}
	}
}

// fullDisk is a folder on a disk of a few pages.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot make a small disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := fullDisk(t)
	f, err := Create(filepath.Join(dir, "out.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<16)); !errors.Is(err, syscall.ENOSPC) || !strings.HasSuffix(err.Error(), "; free some space or write to another disk") {
		t.Errorf("Write: %v", err)
	}
	if err := f.Commit(); err == nil || !strings.HasSuffix(err.Error(), ": not everything could be written (what was written is in "+f.PartialPath()+")") {
		t.Errorf("Commit after a failed Write: %v", err)
	}
	wantMissing(t, f.Path())

	empty, err := Create(filepath.Join(dir, "empty.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write: %v", err)
	}
	if kept, err := empty.Keep(); err != nil || kept != "" {
		t.Errorf("Keep = %q, %v, want nothing", kept, err)
	}
	wantMissing(t, empty.PartialPath())
}

// A Commit that fails leaves what there is, but no empty file.
func TestFailedCommit(t *testing.T) {
	for _, contents := range []string{"", "something"} {
		path := filepath.Join(t.TempDir(), "out.txt")
		f := create(t, path, contents)
		if err := os.Mkdir(path, 0o755); err != nil { // the name is taken meanwhile
			t.Fatal(err)
		}
		err := f.Commit()
		if err == nil || strings.Contains(err.Error(), "(what was written is in "+f.PartialPath()+")") != (contents != "") {
			t.Errorf("Commit: %v", err)
		}
		if contents == "" {
			wantMissing(t, f.PartialPath())
		} else {
			wantFile(t, f.PartialPath(), contents)
		}
	}
}

func TestCreateInReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	_, err := Create(filepath.Join(dir, "out.mp4"))
	if err == nil || !strings.Contains(err.Error(), "no permission to write "+PartialName(filepath.Join(dir, "out.mp4"))) {
		t.Errorf("Create in a read-only folder: %v", err)
	}
}

func TestCommitIntoRemovedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := create(t, filepath.Join(dir, "out.txt"), "x")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	err := f.Commit()
	if err == nil || !strings.HasPrefix(err.Error(), "complete ") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Commit into a removed folder: %v", err)
	}
}

// What a killed run has left is taken up where its last checkpoint says, and an empty
// file is a result, too.
func TestContinue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	f := create(t, path, "good, and then some")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Continue(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Continue(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	if err := f.Rewind(100); err == nil {
		t.Error("went on behind the end")
	}
	wantFile(t, PartialName(path), "good, and then some")
	if err := f.Rewind(4); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(" again")); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Sync(); size != 10 || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "good again")
	empty := create(t, path, "")
	if err := errors.Join(empty.Close(), empty.Close(), empty.Abort()); err != nil {
		t.Error(err)
	}
	wantFile(t, PartialName(path), "")
}
