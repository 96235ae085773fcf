// Package atomicfile writes a result under a name that says "not complete" and
// gives it its own name only when it is: whoever finds out.mp4 finds all of it.
//
// While it is written, out.mp4 is out.partial.mp4 in the same folder: the same
// file system, so that the last step is one rename, and the same extension, so
// that writers which guess a container from the name still can.
//
// Two runs cannot write one output at a time: the second Create fails with
// [ErrBusy]. The partial file is locked (flock) for as long as it is open, so
// the leftover of a killed run stands in nobody's way and is written over. On a
// file system or operating system without such locks the check is left out.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var (
	// ErrBusy says that another run is writing the same output.
	ErrBusy = errors.New("another run is writing it")
	// ErrClosed answers a Write, Commit or Keep after the file was given up.
	ErrClosed = errors.New("already closed")
)

// File is an output on its way. End it with exactly one of Commit, Keep, Close and
// Abort; an Abort after one of the others does nothing, so it can be
// deferred. Not safe for concurrent use.
type File struct {
	f       *os.File
	path    string // the name it gets when complete
	partial string // the name it has until then
	broken  bool   // a Write failed
	done    bool
}

// PartialName is the name that path has until it is complete: out.partial.mp4
// for out.mp4, log.partial for log.
func PartialName(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".partial" + ext
}

// Create starts an output that will be called path, replacing what has that
// name only on Commit. It fails at once where path cannot become a file: its
// folder is missing or not writable, or path is a folder or a device.
// A symbolic link is followed, also one to a file that is not there yet: the file
// that it points to is made or replaced.
func Create(path string) (*File, error) {
	f, err := Continue(path)
	if err != nil {
		return nil, err
	}
	if err := f.Rewind(0); err != nil {
		f.f.Close()
		return nil, err
	}
	return f, nil
}

// SetAside gives what a run before has left of path under its partial name, if that is
// anything, a name of its own, which it returns: out.partial-2.mp4, or with the next number
// that is free. It stands in nobody's way then, and no Create writes over it.
func SetAside(path string) (kept string, err error) {
	target, err := resolve(path)
	if err != nil {
		return "", nil // Create will say so
	}
	partial := PartialName(target)
	if _, err := os.Stat(partial); err != nil {
		return "", nil
	}
	f, err := openLocked(partial)
	if err != nil {
		return "", nil // as above
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return "", err
	}
	ext := filepath.Ext(partial)
	for n := 2; ; n++ {
		kept = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(partial, ext), n, ext)
		if _, err := os.Lstat(kept); err != nil { // free, or renaming says why not
			break
		}
	}
	if err := os.Rename(partial, kept); err != nil {
		return "", fmt.Errorf("keep %s: %w", partial, Cause(err))
	}
	return kept, nil
}

// Continue is Create, but for what an interrupted run has left under the partial
// name: that stays until Rewind says how much of it is good, which must come before
// the first Write.
func Continue(path string) (*File, error) {
	target, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	partial := PartialName(target)
	f, err := openLocked(partial)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, explain(err, target))
	}
	return &File{f: f, path: target, partial: partial}, nil
}

// Rewind keeps the first size bytes, behind which the next Write goes. Fewer than
// those are an error, and change nothing.
func (f *File) Rewind(size int64) error {
	info, err := f.f.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("it has %d bytes, not %d", info.Size(), size)
	}
	if err == nil {
		err = f.f.Truncate(size)
	}
	if err == nil {
		_, err = f.f.Seek(size, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("go on with %s: %w", f.partial, Cause(err))
	}
	return nil
}

// Sync brings what was written to the disk, and says how much that is.
func (f *File) Sync() (size int64, err error) {
	if err := f.f.Sync(); err != nil {
		f.broken = true
		return 0, fmt.Errorf("write %s: %w", f.partial, Cause(err))
	}
	if size, err = f.f.Seek(0, io.SeekEnd); err != nil {
		return 0, fmt.Errorf("write %s: %w", f.partial, Cause(err))
	}
	return size, nil
}

// Path is the name that the file gets on Commit.
func (f *File) Path() string { return f.path }

// PartialPath is the name that the file has now. A library that opens its
// output itself may open, truncate and write that name, and must have closed it
// before Commit, Keep or Abort.
func (f *File) PartialPath() string { return f.partial }

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	if f.done {
		return 0, fmt.Errorf("write %s: %w", f.path, ErrClosed)
	}
	n, err := f.f.Write(p)
	if err != nil {
		f.broken = true
		err = fmt.Errorf("write %s: %w", f.partial, Cause(err))
	}
	return n, err
}

// Commit brings the contents to the disk and gives the file its name. Where
// that fails, or a Write did, the partial file stays, unless there is nothing in it.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("complete %s: %w", f.path, ErrClosed)
	}
	f.done = true
	err := f.f.Sync()
	if f.broken {
		err = errors.New("not everything could be written")
	}
	if err == nil {
		err = publish(f.f, f.partial, f.path)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("complete %s: %w", f.path, Cause(err))
	if kept, _ := f.leave(); kept != "" { // the first error is the one that matters
		return fmt.Errorf("%w (what was written is in %s)", err, kept)
	}
	return err
}

// Close closes the file under its partial name, an empty one too: for who will
// complete it later.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.partial, Cause(err))
	}
	return nil
}

// Keep closes the file under its partial name, which it returns: what there is
// of a result that was not completed. An empty file is removed instead, and the
// name is empty.
func (f *File) Keep() (string, error) {
	if f.done {
		return "", fmt.Errorf("keep %s: %w", f.partial, ErrClosed)
	}
	f.done = true
	kept, err := f.leave()
	if err != nil {
		return kept, fmt.Errorf("keep %s: %w", f.partial, Cause(err))
	}
	return kept, nil
}

// leave closes the partial file and returns its name, or removes it where it is
// empty. The size is asked by name: another library may be the writer.
func (f *File) leave() (string, error) {
	if info, err := os.Stat(f.partial); err != nil || info.Size() == 0 {
		return "", discard(f.f, f.partial)
	}
	return f.partial, f.f.Close()
}

// Abort closes the file and removes it. It does nothing after Commit or Keep.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	if err := discard(f.f, f.partial); err != nil {
		return fmt.Errorf("remove %s: %w", f.partial, Cause(err))
	}
	return nil
}

// resolve follows links and refuses what a rename must not replace.
func resolve(path string) (string, error) {
	if path == "" {
		return "", errors.New("no file name given")
	}
	if strings.HasSuffix(path, string(filepath.Separator)) {
		return "", errors.New("the name ends like a folder's; add a file name")
	}
	target, err := follow(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return target, nil
	case err != nil:
		return "", explain(err, target)
	case info.IsDir():
		return "", errors.New("it is a folder; add a file name")
	case !info.Mode().IsRegular():
		return "", errors.New("it is a device or pipe, not a file; write to a file")
	}
	return target, nil
}

// maxLinks is how many links lead from one to the next before it is a circle.
const maxLinks = 40

// follow gives the name that path leads to if it is a symbolic link, whether or
// not something is there. Names are not cleaned, for a/../b is not b where a is a
// link, or missing.
func follow(path string) (string, error) {
	for range maxLinks {
		next, err := os.Readlink(path)
		if err != nil { // no link
			return path, nil
		}
		if !filepath.IsAbs(next) {
			dir, _ := filepath.Split(path)
			next = dir + next
		}
		path = next
	}
	return "", errors.New("symbolic links lead in a circle; remove them or choose another name")
}

// folder is the folder that path is in, spelt as it is there.
func folder(path string) string {
	dir, _ := filepath.Split(path)
	if dir == "" {
		return "."
	}
	if bare := strings.TrimRight(dir, string(filepath.Separator)); len(bare) > len(filepath.VolumeName(dir)) {
		return bare
	}
	return dir
}

// Same says whether two names lead to one file: by different spellings, symbolic
// links or hard links. The file need not be there yet.
func Same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil || errB == nil {
		return errA == nil && errB == nil && os.SameFile(infoA, infoB)
	}
	return sameName(a, b)
}

// sameName compares names of which no file is there.
func sameName(a, b string) bool {
	a, errA := follow(a)
	b, errB := follow(b)
	if errA != nil || errB != nil || a == "" || b == "" {
		return false
	}
	dirA, errA := os.Stat(folder(a))
	dirB, errB := os.Stat(folder(b))
	if errA == nil && errB == nil {
		return filepath.Base(a) == filepath.Base(b) && os.SameFile(dirA, dirB)
	}
	a, errA = filepath.Abs(a)
	b, errB = filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}

// openLocked opens the partial file, as it is, and owned by this run. The name is
// looked at again once the lock is held: the run that held it before may just
// have renamed or removed the file.
func openLocked(partial string) (*os.File, error) {
	for {
		f, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			f.Close()
			return nil, err
		}
		if !named(f, partial) {
			f.Close()
			continue
		}
		return f, nil
	}
}

// named says whether the open file still has that name.
func named(f *os.File, name string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(name)
	return err == nil && os.SameFile(open, now)
}

// explain turns an error of opening a file for target into a cause with a hint.
func explain(err error, target string) error {
	dir := folder(target)
	info, statErr := os.Stat(dir)
	switch {
	case errors.Is(err, ErrBusy):
		return fmt.Errorf("%w; wait for it or choose another name", err)
	case errors.Is(statErr, fs.ErrNotExist):
		return fmt.Errorf("folder %s does not exist; make it first", dir)
	case statErr == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, not a folder; choose another path", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to write %s; choose another folder or change the permissions", PartialName(target))
	case errors.Is(err, fs.ErrNotExist): // as /proc says
		return fmt.Errorf("folder %s takes no new files; choose another", dir)
	}
	return Cause(err)
}

// hints is what to do about errors of writing.
var hints = map[syscall.Errno]string{
	syscall.ENOSPC: "free some space or write to another disk",
	syscall.EDQUOT: "free some space or write to another disk",
	syscall.EROFS:  "write to another folder",
	syscall.EFBIG:  "raise the limit on the size of files (ulimit -f) or write to another disk",
	syscall.EPIPE:  "the program that reads it has ended: have it read to the end, or write to a file",
}

// Cause drops the operation and path that an *fs.PathError or *os.LinkError
// repeats, and adds a hint where it knows one.
func Cause(err error) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &linkErr):
		err = linkErr.Err
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && hints[errno] != "" {
		return fmt.Errorf("%w; %s", err, hints[errno])
	}
	return err
}
