//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
)

const rootLong = `tracker follows objects through video. It reads a camera, a file, a folder of
pictures or a network stream, finds objects with the detector of a chosen
backbone, gives each an identity, and times every stage.

  tracker --input street.mp4 --save out.mp4 --mot out.txt
  tracker --cam 0 --backbone mobilenetv2 --size 640x384
  tracker --input 'frames/*.jpg' --classes person,car --jsonl -
  tracker --input yard.mp4 --input gate.mp4 --save 'out/{name}.mp4'
  tracker models
  tracker doctor

Several inputs run side by side on one network, each with its own tracker, and
share the threads. {name} in an output stands for the input's name, which is its
file's without the extension; with several inputs every output needs it, but for
--jsonl -, whose lines then say their source. An input that fails leaves the
others alone.

With --offline, for files, tracks are written when an input is over, which makes them
more accurate: 'tracker track --help' says how. Until then they are in memory, which
takes about 1 KB a box at the end, and the files are empty. --save, --zones and a
window, which show tracks as they come, do not go with it.

A run takes over what changes in the --config file: 'tracker config --help'. Settings can
also be variables of the environment, such as TRACKER_MAX_FRAMES=100; flags win.

Results are written under a .partial name and get their own name when they are
complete.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partly done, 130 interrupted. A camera or stream
that Ctrl-C stops has complete results and exits with 130; q in its window exits with 0.`

func newRootCommand() *cobra.Command {
	cfg := config.Default()
	var file, cpuProfile, trace string
	var version bool
	cmd := &cobra.Command{
		Use:                        "tracker (--input PATH | --cam N) [flags]",
		Short:                      "Follow objects through video, with every stage timed",
		Long:                       rootLong,
		Args:                       noArguments,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(cmd.OutOrStdout())
			}
			l := newLayers(cmd.Flags(), file)
			settled, origins, err := l.settle()
			if err == nil {
				err = settled.HasInput()
			}
			if err != nil {
				return &codedError{exitUsage, err}
			}
			files, read := runFiles(settled, l.file)
			profiles := []outputPath{{"cpu-profile", &cpuProfile}, {"trace", &trace}}
			if err := checkNames(append(files, profiles...), read); err != nil {
				return &codedError{exitUsage, err}
			}
			stop, err := startProfiles(cpuProfile, trace)
			if err != nil {
				return err
			}
			s := newSession(settled, cmd.OutOrStdout(), cmd.ErrOrStderr())
			s.layers = l
			return errors.Join(origins.Locate(s.run(cmd.Context())), stop())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	bind(flags, &cfg)
	flags.StringVar(&file, "config", "", "settings from a YAML `FILE`, keys named as these flags; flags win; a run takes over what changes in it; "+configVariable+" if not given")
	flags.StringVar(&cpuProfile, "cpu-profile", "", "write a CPU profile for 'go tool pprof' to `FILE`")
	flags.StringVar(&trace, "trace", "", "write an execution trace for 'go tool trace' to `FILE`")
	flags.BoolVar(&version, "version", false, "print the versions of the program, its libraries and models")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if refused := new(pflag.InvalidValueError); errors.As(err, &refused) {
			err = fmt.Errorf("--%s %s: %w", refused.GetFlag().Name, refused.GetValue(), wantedValue(err))
		}
		return &codedError{exitUsage, err}
	})
	cmd.AddCommand(newTrackCommand(), newBatchCommand(), newWorkerCommand(), newTuneCommand(), newEvalCommand(), newExplainCommand(),
		newModelsCommand(), newBenchCommand(), newDoctorCommand(), newConfigCommand())
	cmd.InitDefaultHelpCmd()
	help, _, _ := cmd.Find([]string{"help"})
	help.Args, help.Long = commandsOnly, help.Long+"\n\nExit codes: 0 ok, 2 usage."
	completeNames(cmd)
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpColumns)))
	return cmd
}

// helpColumns is the width of the lists of flags: narrow enough for most terminals,
// wide enough for what a flag does beside its name.
const helpColumns = 110

// bind makes the flags that set c; what c holds already is their default.
func bind(f *pflag.FlagSet, c *config.Config) {
	bindInput(f, c)
	bindModel(f, c)
	bindTracker(f, &c.Tracker)
	f.StringSliceVar((*[]string)(&c.Zones), "zones", c.Zones, "count tracks at a line or in an area, `'NAME=X Y X Y ...'` in fractions of the picture; may be given many times")
	bindVideo(f, c)
	bindResults(f, c)
	f.DurationVar(&c.Budget, "budget", c.Budget, "`TIME` that a frame of the source may take, as in 33ms: over it, frames are left out, the network's input or the model gets smaller, and larger again when there is room; 0s for no bound")
}

func bindInput(f *pflag.FlagSet, c *config.Config) {
	f.StringArrayVarP((*[]string)(&c.Input), "input", "i", c.Input, "video `PATH`: a file, a folder or glob of pictures, a URL, or - for standard input; may be given many times")
	f.IntSliceVar((*[]int)(&c.Cam), "cam", c.Cam, "camera number `N`; may be given many times")
	f.IntVar(&c.CamWidth, "cam-width", c.CamWidth, "ask the camera for pictures `PIXELS` wide")
	f.IntVar(&c.CamHeight, "cam-height", c.CamHeight, "ask the camera for pictures `PIXELS` high")
	f.Float64Var(&c.CamFPS, "cam-fps", c.CamFPS, "ask the camera for `N` pictures a second")
	f.StringVar(&c.LivePolicy, "live-policy", c.LivePolicy, "frames of a live source that come too fast: keep the `newest|all`, the latter up to a bound")
	f.DurationVar(&c.ReadTimeout, "read-timeout", c.ReadTimeout, "a stream silent for this `TIME` is lost")
	f.BoolVar(&c.Reconnect, "reconnect", c.Reconnect, "open a lost live source again, for as long as it takes; --reconnect=false ends instead")
	f.Float64Var(&c.ImageFPS, "image-fps", c.ImageFPS, "take pictures of a folder as `N` a second, 0 for 30")
	f.IntVar(&c.Stride, "stride", c.Stride, "analyse every `N`th frame")
	f.IntVar(&c.MaxFrames, "max-frames", c.MaxFrames, "stop after `N` analysed frames, 0 for no limit")
}

func bindModel(f *pflag.FlagSet, c *config.Config) {
	f.StringVarP(&c.Backbone, "backbone", "b", c.Backbone, "backbone family or installed model by `NAME` ('tracker models' lists them); "+config.DefaultBackbone+" if not given")
	f.StringVar(&c.Model, "model", c.Model, "use the model in this ONNX `FILE`: with a manifest beside it, or of a kind that is recognised")
	f.StringVar(&c.Size, "size", c.Size, "network input of `N` or WxH pixels, where the model allows it; the model's own if not given")
	f.StringVar(&c.Device, "device", c.Device, "run the network on a `DEVICE`: "+backbones.Devices())
	f.BoolVar(&c.DeviceFallback, "device-fallback", c.DeviceFallback, "run it on the CPU, and warn, where the device cannot be had")
	f.IntVar(&c.Threads, "threads", c.Threads, "`N` threads for the network, OpenCV and decoding, 0 for every core")
	f.IntVar(&c.Workers, "workers", c.Workers, "`N` inferences at once, 0 for what suits the threads")
	f.BoolVar(&c.Serial, "serial", c.Serial, "one frame at a time through all stages; same results, slower")
	f.Float64Var(&c.Conf, "conf", c.Conf, "`SCORE` from which a detection counts as sure; trackers tempo and bytetrack continue tracks with weaker ones, too, and start them somewhat above it; higher finds fewer false objects; the model's own if not given")
	f.Float64Var(&c.NMSIoU, "nms-iou", c.NMSIoU, "overlap (`IOU`) above which two boxes of a class are one object; the model's own if not given")
	notGiven(f, "conf", "nms-iou")
	f.StringSliceVar((*[]string)(&c.Classes), "classes", c.Classes, "classes to keep, as in `person,car`; 'tracker models --json' lists each model's labels; all if not given")
	f.StringVar(&c.CameraMotion, "camera-motion", c.CameraMotion, "follow the camera's own motion: `auto|on|off`")
	f.StringVar(&c.Looks, "looks", c.Looks, "let tracker tempo tell objects apart by their colours: `on|off`")
}

func bindVideo(f *pflag.FlagSet, c *config.Config) {
	f.StringVar(&c.Save, "save", c.Save, "write the annotated video to `FILE` (.mp4, .m4v, .mkv, .mov or .avi)")
	f.StringVar(&c.Codec, "codec", c.Codec, "video codec: `auto|h264|mpeg4|mjpeg`")
}

func bindResults(f *pflag.FlagSet, c *config.Config) {
	f.StringVar(&c.MOT, "mot", c.MOT, "write tracks as MOTChallenge text to `FILE`, - for standard output")
	f.StringVar(&c.JSONL, "jsonl", c.JSONL, "write one JSON object a frame to `FILE`, - for standard output")
	f.BoolVar(&c.Offline, "offline", c.Offline, "write mot and jsonl when the input is over, with tracks joined, smoothed and filled")
	f.StringVar(&c.Timings, "timings", c.Timings, "write the times of every frame to a CSV `FILE`, - for standard output")
	f.StringVar(&c.Record, "record", c.Record, "keep detections, times and camera motion in `FILE`, for 'tracker track', 'explain' and 'tune'")
	f.StringVar(&c.Serve, "serve", c.Serve, "show pictures and figures to web browsers, and figures to Prometheus, at `HOST:PORT`, such as :8080 or localhost:8080")
	f.StringVar(&c.Display, "display", c.Display, "show the pictures in a window: `auto|on|off`")
	f.StringVar(&c.Panel, "panel", c.Panel, "draw the timing panel on the pictures: `on|off`")

	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "`debug|info|warn|error`")
	f.BoolVarP(&c.Quiet, "quiet", "q", c.Quiet, "no progress and no summary")
}

// noArguments refuses words that are no command; a file name among them was
// meant for --input.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if close := append(cmd.SuggestionsFor(args[0]), bareFlag(cmd, args[0])...); len(close) > 0 {
		return usageErrorf("unknown command %q; did you mean %s?", args[0], strings.Join(close, " or "))
	}
	if err := strayChoice(cmd, args[0]); err != nil {
		return err
	}
	return usageErrorf("unexpected argument %q; a video is given as --input %s", args[0], args[0])
}

// bareFlag is the flag that a word names which lacks its dashes, nothing for other words and
// for files.
func bareFlag(cmd *cobra.Command, word string) []string {
	if _, err := os.Stat(word); err == nil || cmd.Flags().Lookup(word) == nil {
		return nil
	}
	return []string{"--" + word}
}

// commandsOnly refuses to help with words that are no command.
func commandsOnly(help *cobra.Command, words []string) error {
	cmd, rest, _ := help.Root().Find(words)
	if len(rest) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(names) == 0 {
		return usageErrorf("unknown command %q; %s has none", rest[0], cmd.CommandPath())
	}
	return usageErrorf("unknown command %q; those of %s are %s", rest[0], cmd.CommandPath(), strings.Join(names, ", "))
}

// strayChoice is the error of a yes or no that stands behind its flag instead of being joined
// to it, nil for other words.
func strayChoice(cmd *cobra.Command, word string) error {
	if word != "true" && word != "false" {
		return nil
	}
	flag := "FLAG"
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			flag = f.Name
		}
	})
	return usageErrorf("unexpected argument %q; a choice of true or false is joined to its flag, as in --%s=%s", word, flag, word)
}
