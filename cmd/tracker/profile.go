//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"runtime/trace"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// startProfiles begins what is asked for: a CPU profile for 'go tool pprof' and an
// execution trace for 'go tool trace', "" for none. stop completes the files.
func startProfiles(cpu, execution string) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, s := range stops {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}
	for _, p := range []struct {
		path  string
		start func(io.Writer) error
		stop  func()
	}{{cpu, pprof.StartCPUProfile, pprof.StopCPUProfile}, {execution, trace.Start, trace.Stop}} {
		if p.path == "" {
			continue
		}
		file, err := atomicfile.Create(p.path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write profile: %w", err), stop())
		}
		if err := p.start(file); err != nil {
			return nil, errors.Join(fmt.Errorf("write profile %s: %w", p.path, err), file.Abort(), stop())
		}
		stops = append(stops, func() error { p.stop(); return file.Commit() })
	}
	return stop, nil
}
