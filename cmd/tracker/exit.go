package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Exit codes of every command, listed in --help; scripts rely on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartial     = 3
	exitInterrupted = 130
)

// codedError is an error with the exit code it should end the program with.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// usageErrorf makes an error of the command line: exit code 2.
func usageErrorf(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

// partialError marks work that was only partly done: exit code 3.
func partialError(err error) error { return &codedError{exitPartial, err} }

// exitCode is the code that the program ends with for err.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	default:
		return exitFailed
	}
}

// oneLine is an error's text without line ends, which errors.Join makes. Who was interrupted
// before there was anything to say of it is told just that.
func oneLine(err error) string {
	var coded *codedError
	if errors.Is(err, context.Canceled) && !errors.As(err, &coded) {
		return "interrupted"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// checkSpelling is the error of a file that is not there without the name of the system call, and
// with what to do; others stay as they are.
func checkSpelling(err error) error {
	var at *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &at) {
		return err
	}
	return fmt.Errorf("%s: %w; check the spelling", at.Path, at.Err)
}
