//go:build gocv_specific_modules

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/config"
)

const configLong = `Settings come from flags, which win over the environment (TRACKER_MAX_FRAMES=100),
which wins over a YAML file (--config FILE, keys named as the flags), which wins over
the defaults.

A run watches its file, and takes over what changes: thresholds, classes, the tracker's
limits, camera motion, zones, stride, budget, outputs and log level between two frames;
backbone, model, size, device and workers once the new network is loaded beside the
old; the log names what needs a restart. A file with an
error changes nothing. SIGHUP has the file read again.`

const configShowLong = `show prints every setting of a run that would have these flags, and where it comes
from: a flag, a variable of the environment, a line of the --config file, or the
default. What it prints is a configuration file. A setting that is not given is a
comment: it is left to the model or tracker, or means nothing.

  tracker config show --config tracker.yaml --backbone mnasnet`

const configCheckLong = `check says everything that is wrong with a configuration file, with line and column:
keys, types, ranges, contradictions, and models, classes and outputs that are not
there. The environment and the command line are not looked at. config/tracker.yaml
in the source explains every key.

  tracker config check tracker.yaml`

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show where settings come from, check a configuration file",
		Long:  configLong,
		Args:  flagsOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigShowCommand(), newConfigCheckCommand())
	return cmd
}

func newConfigShowCommand() *cobra.Command {
	c := config.Default()
	var file string
	cmd := &cobra.Command{
		Use:   "show [flags]",
		Short: "Print every setting and where it comes from",
		Long:  configShowLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settled, origins, err := newLayers(cmd.Flags(), file).settle()
			if err != nil {
				return &codedError{exitUsage, err}
			}
			return showConfig(cmd.OutOrStdout(), &settled, origins)
		},
	}
	cmd.Flags().SortFlags = false
	bind(cmd.Flags(), &c)
	cmd.Flags().StringVar(&file, "config", "", "settings from a YAML `FILE`")
	completeNames(cmd)
	return cmd
}

// originColumn is where the origins begin, unless a value is longer.
const originColumn = 32

func showConfig(w io.Writer, c *config.Config, origins config.Origins) error {
	var b bytes.Buffer
	for _, key := range config.Keys() {
		line := key + ": " + c.Text(key)
		if c.Text(key) == "" {
			line = "# " + key + ":"
		}
		origin := origins[key]
		if origin == "" {
			origin = "default"
		}
		fmt.Fprintf(&b, "%-*s # %s\n", originColumn, line, origin)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return nil
}

func newConfigCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a configuration file",
		Long:  configCheckLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageErrorf("%d files to check; give one, as in 'tracker config check tracker.yaml'", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkConfig(args[0]); err != nil {
				return &codedError{exitFailed, err}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is good\n", args[0])
			return err
		},
	}
}

// checkConfig checks a file as a run would before it opens anything.
func checkConfig(file string) error {
	c, origins, err := layers{file: file}.settle()
	if err != nil {
		return err
	}
	return origins.Locate(checkChoices(c))
}

// checkChoices checks what is chosen by name: model, classes, device, size, tracker.
func checkChoices(c config.Config) error {
	_, modelErr := chooseModel(&c)
	if modelErr != nil {
		c.Conf = max(c.Conf, 0) // is the model's, which there is none of
	}
	_, _, trackerErr := newTracker(c)
	return errors.Join(modelErr, trackerErr)
}
