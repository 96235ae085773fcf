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
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

func main() { os.Exit(runMain()) }

// runMain is the program but for its exit.
func runMain() int {
	// What is said before the settings are known looks as what is said later.
	slog.SetDefault(newLogger(os.Stderr, slog.LevelInfo))
	// A reader that closes its end of a pipe must not kill the run before its files
	// are closed: the write fails instead.
	signal.Ignore(syscall.SIGPIPE)
	// What the parent has ignored stays so: nohup does it, and scripts for their background
	// jobs. SIGTERM always ends the run.
	ends := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGHUP}, signal.Ignored)
	ctx, stop := signal.NotifyContext(context.Background(), append(ends, syscall.SIGTERM)...)
	// After the first signal the handler goes, so that a second one ends at once.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], standardOutput{os.Stdout}, os.Stderr)
}

// standardOutput says what to do where it cannot be written, as after 'head' has ended.
type standardOutput struct{ io.Writer }

func (o standardOutput) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = fmt.Errorf("write standard output: %w", atomicfile.Cause(err))
	}
	return n, err
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		report(stderr, err, strings.TrimSuffix(cmd.CommandPath(), " help")) // help has no help
	}
	return exitCode(err)
}

// report says on one line what went wrong.
func report(w io.Writer, err error, command string) {
	if list := new(faultList); errors.As(err, &list) {
		fmt.Fprintln(w, list)
		return
	}
	text := oneLine(err)
	var coded *codedError
	if errors.As(err, &coded) && coded.code == exitUsage {
		text += fmt.Sprintf("; see '%s --help'", command)
	}
	fmt.Fprintf(w, "tracker: %s\n", text)
}
