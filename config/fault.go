package config

import (
	"errors"
	"fmt"
)

// Fault is a setting that cannot be: its text says key, value and what is allowed.
type Fault struct {
	// Keys are the settings that are at fault together, the most telling first.
	Keys []string
	Err  error
}

func (f *Fault) Error() string { return f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// Faulty makes the error of another package one of a setting; nil stays nil.
func Faulty(err error, keys ...string) error {
	if err == nil {
		return nil
	}
	return &Fault{keys, err}
}

// Origins says for each key where its value came from: "FILE:LINE:COLUMN", the name
// of a variable of the environment, or a flag. A key without one has its default.
type Origins map[string]string

// Locate puts where the value came from before each fault in err. What a flag says
// stands on the command line anyway.
func (o Origins) Locate(err error) error {
	var fault *Fault
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range several.Unwrap() {
			all = append(all, o.Locate(one))
		}
		return errors.Join(all...)
	}
	if !errors.As(err, &fault) {
		return err
	}
	for _, key := range fault.Keys {
		if from := o[key]; from != "" && from[0] != '-' {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	return err
}

// faults collects what is wrong with settings.
type faults []error

func (f *faults) check(ok bool, keys []string, format string, args ...any) {
	if !ok {
		*f = append(*f, &Fault{keys, fmt.Errorf(format, args...)})
	}
}

func (f *faults) join() error { return errors.Join(*f...) }
