//go:build gocv_specific_modules

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/config"
)

const configLong = `Settings come from flags, which win over the environment (TRACKER_MAX_FRAMES=100),
which wins over a YAML file (--config FILE or TRACKER_CONFIG=FILE, keys named as the
flags), which wins over the defaults.

A run watches its file, and takes over what changes: thresholds, classes, the tracker's
limits, camera motion, zones, stride, budget, panel, outputs and log level between two
frames; backbone, model, size, device, workers and serial once the new network is loaded
beside the old; the log names what needs a restart. A file with an error changes nothing.
SIGHUP has the file read again.

Exit codes: 0 ok, 1 failed, 2 usage.`

const configShowLong = `show prints every setting of a run that would have these flags, and where it comes
from: a flag, a variable of the environment, a line of the --config file, or the
default. What it prints is a configuration file. A setting that is not given is a
comment: it means nothing, or is left to the model or tracker, whose value it shows. A
model, class, device, size or tracker that a run would refuse gets a warning.

  tracker config show --config tracker.yaml --backbone mnasnet

Exit codes: 0 ok, 1 failed, 2 usage; settings that contradict each other are usage.`

const configCheckLong = `check says what is wrong with a configuration file, with line and column: one fault
a line on standard error, FILE:LINE:COLUMN: before it, as editors and CI read it. Where
keys and types are right, it reports all faults of values, zones, outputs and their folders;
where those of values are mended, of models, classes, devices, sizes and trackers, too.
Inputs are not opened. Paths are seen from the current folder. The environment and the
command line are not looked at. config/tracker.yaml in the source explains every key.

  tracker config check tracker.yaml

Exit codes: 0 the file is good, 1 it is not, 2 usage.`

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
			if err := showConfig(cmd.OutOrStdout(), &settled, origins); err != nil {
				return err
			}
			if err := origins.Locate(checkChoices(settled)); err != nil {
				for fault := range strings.SplitSeq(err.Error(), "\n") {
					slog.Warn("a run refuses these settings", "error", fault)
				}
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	bind(cmd.Flags(), &c)
	cmd.Flags().StringVar(&file, "config", "", "settings from a YAML `FILE`; "+configVariable+" if not given")
	completeNames(cmd)
	return cmd
}

// originColumn is where the origins begin, unless a value is longer.
const originColumn = 32

func showConfig(w io.Writer, c *config.Config, origins config.Origins) error {
	var b bytes.Buffer
	own := ownValues(*c)
	for _, key := range config.Keys() {
		line, origin := key+": "+c.Text(key), origins[key]
		if c.Text(key) == "" {
			line = strings.TrimSpace("# " + key + ": " + own[key].text)
			origin = cmp.Or(origin, own[key].whose)
		}
		fmt.Fprintf(&b, "%-*s # %s\n", originColumn, line, cmp.Or(origin, "default"))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return nil
}

// ownValue is what a setting that is not given comes to, and why.
type ownValue struct{ text, whose string }

// ownValues are those of the tracker and of the model, where they can be found.
func ownValues(c config.Config) map[string]ownValue {
	own := make(map[string]ownValue)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	if name, cfg, err := trackerConfig(c.Tracker); err == nil {
		whose := "default of " + name
		own["tracker"] = ownValue{name, "default"}
		own["track-iou"] = ownValue{number(cfg.IoU), whose}
		own["min-hits"] = ownValue{strconv.Itoa(cfg.MinHits), whose}
		if cfg.MinHits == 0 {
			own["min-hits"] = ownValue{"", name + " has no such setting"}
		}
		own["max-age"], own["max-gap"] = ownValue{strconv.Itoa(cfg.MaxAge), whose}, ownValue{cfg.MaxGap.String(), whose}
		if c.Tracker.MaxAge != config.Unset || c.Tracker.MaxGap != config.Unset {
			whose = "the other one is given"
		}
		if cfg.MaxAge < 0 {
			own["max-age"] = ownValue{"", "no bound: " + whose}
		}
		if cfg.MaxGap == 0 {
			own["max-gap"] = ownValue{"", "no bound: " + whose}
		}
	}
	if m, err := findModel(c); err == nil {
		whose := "default of " + m.Name
		conf, nmsIoU := m.Thresholds()
		own["conf"], own["nms-iou"] = ownValue{number(conf), whose}, ownValue{number(nmsIoU), whose}
		own["size"] = ownValue{fmt.Sprintf("%dx%d", m.Input.Width, m.Input.Height), whose}
		if c.Model == "" {
			own["backbone"] = ownValue{config.DefaultBackbone, "default"}
		}
	}
	return own
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
				return &codedError{exitFailed, &faultList{err}}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is good\n", args[0])
			return err
		},
	}
}

// faultList is an error of which each line is a fault of its own, as editors and CI read them.
type faultList struct{ error }

// checkConfig checks a file as a run would before it opens anything.
func checkConfig(file string) error {
	c, origins, err := layers{file: file}.settle()
	if origins == nil { // not even a list of settings
		return err
	}
	errs := []error{err, origins.Locate(checkFolders(c))}
	if c.Validate() == nil { // faulty numbers make choices fail for reasons of no use
		errs = append(errs, origins.Locate(checkChoices(c)))
	}
	return errors.Join(errs...)
}

// checkFolders refuses outputs whose folders are not there, which opening them would find. A
// folder that is named after the input is known only where there are inputs.
func checkFolders(c config.Config) error {
	all := []config.Config{c}
	if inputs := inputsOf(c); len(inputs) > 0 {
		all = all[:0]
		for _, in := range inputs {
			all = append(all, in.config)
		}
	}
	var errs []error
	seen := make(map[string]bool) // inputs may share a folder
	for _, one := range all {
		for _, out := range outputPaths(&one) {
			dir := filepath.Dir(*out.path)
			if *out.path == "" || *out.path == "-" || strings.Contains(dir, config.NamePlace) || seen[out.flag+" "+dir] {
				continue
			}
			seen[out.flag+" "+dir] = true
			var err error
			switch info, statErr := os.Stat(dir); {
			case errors.Is(statErr, os.ErrNotExist):
				err = fmt.Errorf("%s %s: folder %s does not exist; make it first", out.flag, *out.path, dir)
			case statErr != nil:
				err = fmt.Errorf("%s %s: %w", out.flag, *out.path, statErr)
			case !info.IsDir():
				err = fmt.Errorf("%s %s: %s is a file, not a folder; choose another path", out.flag, *out.path, dir)
			case isFolder(*out.path):
				err = fmt.Errorf("%s %s is a folder; add a file name", out.flag, *out.path)
			}
			errs = append(errs, config.Faulty(err, out.flag))
		}
	}
	return errors.Join(errs...)
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
