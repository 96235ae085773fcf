//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lock makes the open file this run's own until it is closed; the kernel lets go
// of it when the process dies. A file system that knows no locks is no error.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return nil
}

// publish renames before it closes: between closing and renaming, the name
// would be another run's to take. A file that cannot be renamed stays open.
func publish(f *os.File, from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return f.Close()
}

// discard removes before it closes, for the same reason. A video library that
// failed may have removed the file already.
func discard(f *os.File, name string) error {
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
