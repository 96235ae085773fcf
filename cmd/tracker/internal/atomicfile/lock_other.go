//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// lock does nothing where the standard library has no file locks.
func lock(*os.File) error { return nil }

// publish closes first: an open file cannot be renamed everywhere.
func publish(f *os.File, from, to string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func discard(f *os.File, name string) error {
	err := errors.Join(f.Close(), os.Remove(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
