//go:build gocv_specific_modules

// Command tracker follows objects through video: it reads a camera, a file, a
// folder of pictures or a stream, finds objects with a swappable backbone, gives
// them identities, and times every stage. See 'tracker --help'.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() { os.Exit(runMain()) }

// runMain is the program but for its exit.
func runMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the handler goes, so that a second one ends at once.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		report(stderr, err)
	}
	return exitCode(err)
}

// report prints each cause on a line of its own.
func report(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "tracker: %s\n", strings.TrimRight(line, "\n"))
	}
	var coded *codedError
	if errors.As(err, &coded) && coded.code == exitUsage {
		fmt.Fprintln(w, "See 'tracker --help'.")
	}
}
