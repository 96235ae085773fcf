package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// bindTracker makes the flags of association, which every command that tracks
// has; what t holds already is their default.
func bindTracker(f *pflag.FlagSet, t *config.Tracker) {
	f.StringVar(&t.Name, "tracker", t.Name, "association algorithm by `NAME`: "+strings.Join(track.Names(), ", ")+"; "+track.Default+" if not given")
	f.IntVar(&t.MaxAge, "max-age", t.MaxAge, "`N` frames that a track survives without a detection; the tracker's own if neither this nor max-gap is given")
	f.DurationVar(&t.MaxGap, "max-gap", t.MaxGap, "media `TIME` that a track survives without a detection, as in 1.5s; the tracker's own if neither this nor max-age is given")
	f.IntVar(&t.MinHits, "min-hits", t.MinHits, "`N` detections that confirm a track; the tracker's own if not given")
	f.Float64Var(&t.IoU, "track-iou", t.IoU, "least overlap (`IOU`) of a track and its detection; the tracker's own if not given")
	notGiven(f, "max-age", "min-hits", "track-iou")
	f.Lookup("max-gap").DefValue = "0s"
}

// notGiven keeps the help from showing what stands for "not given".
func notGiven(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f.Lookup(name).DefValue = "0"
	}
}

// trackerConfig is the tracker's name and its settings, with its own where none
// are given.
func trackerConfig(t config.Tracker) (name string, cfg track.Config, err error) {
	if name = t.Name; name == "" {
		name = track.Default
	}
	cfg = track.DefaultConfig(name)
	if t.MaxAge != config.Unset || t.MaxGap != config.Unset {
		cfg.MaxAge, cfg.MaxGap = max(t.MaxAge, -1), max(t.MaxGap, 0) // these are "no bound" to a tracker
	}
	if t.MinHits != config.Unset {
		cfg.MinHits = t.MinHits
	}
	if t.IoU != config.Unset {
		cfg.IoU = t.IoU
	}
	if _, err := track.New(name, cfg); err != nil {
		return name, cfg, &codedError{exitUsage, config.Faulty(err, "tracker")}
	}
	return name, cfg, nil
}

// timeExample is the one that a flag's help gives.
func timeExample(f *pflag.Flag) string {
	_, after, _ := strings.Cut(f.Usage, "as in ")
	if given := regexp.MustCompile(`^[0-9.]+[a-z]+`).FindString(after); given != "" {
		return given
	}
	return config.TimeExample
}

// wantedValue says what a flag takes, in place of the error of who parsed its value; other errors
// stay as they are.
func wantedValue(err error) error {
	var refused *pflag.InvalidValueError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.GetFlag().Value.Type() {
	case "duration":
		return fmt.Errorf("want %s", config.WantedTime(refused.GetValue(), timeExample(refused.GetFlag())))
	case "int":
		return errors.New("want a whole number")
	case "uint64":
		return errors.New("want a whole number that is not negative")
	case "float64":
		return errors.New("want a number")
	case "bool":
		return errors.New("want true or false")
	case "intSlice":
		return errors.New("want a whole number, or several with commas between them, as in 0,2")
	}
	return refused.Unwrap()
}
