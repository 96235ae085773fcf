//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
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

Several inputs run side by side on one network, each with its own tracker, and
share the threads. {name} in an output stands for the input's name, which is its
file's without the extension; with several inputs every output needs it, but for
--jsonl -, whose lines then say their source. An input that fails leaves the
others alone.

Results are written under a .partial name and get their own name when they are
complete.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partly done, 130 interrupted.`

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
			settled, err := settle(cmd.Flags(), file)
			if err != nil {
				return &codedError{exitUsage, err}
			}
			stop, err := startProfiles(cpuProfile, trace)
			if err != nil {
				return err
			}
			err = run(cmd.Context(), settled, cmd.OutOrStdout(), cmd.ErrOrStderr())
			return errors.Join(err, stop())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	bind(flags, &cfg)
	flags.StringVar(&file, "config", "", "settings from a YAML `FILE`, keys named as these flags; flags win")
	flags.StringVar(&cpuProfile, "cpu-profile", "", "write a CPU profile for 'go tool pprof' to `FILE`")
	flags.StringVar(&trace, "trace", "", "write an execution trace for 'go tool trace' to `FILE`")
	flags.BoolVar(&version, "version", false, "print the versions of the program, its libraries and models")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &codedError{exitUsage, err} })
	cmd.AddCommand(newTrackCommand(), newEvalCommand(), newExplainCommand(), newModelsCommand(), newBenchCommand())
	completeNames(cmd)
	return cmd
}

// bind makes the flags that set c; what c holds already is their default.
func bind(f *pflag.FlagSet, c *config.Config) {
	bindInput(f, c)
	bindModel(f, c)
	bindTracker(f, &c.Tracker)
	bindVideo(f, c)
	bindResults(f, c)
}

func bindInput(f *pflag.FlagSet, c *config.Config) {
	f.StringArrayVarP((*[]string)(&c.Input), "input", "i", c.Input, "video `PATH`: a file, a folder or glob of pictures, a URL, or - for standard input; may be given many times")
	f.IntSliceVar((*[]int)(&c.Cam), "cam", c.Cam, "camera number `N`; may be given many times")
	f.IntVar(&c.CamWidth, "cam-width", c.CamWidth, "ask the camera for pictures `PIXELS` wide")
	f.IntVar(&c.CamHeight, "cam-height", c.CamHeight, "ask the camera for pictures `PIXELS` high")
	f.Float64Var(&c.CamFPS, "cam-fps", c.CamFPS, "ask the camera for `N` pictures a second")
	f.StringVar(&c.LivePolicy, "live-policy", c.LivePolicy, "frames of a live source that come too fast: keep the `newest|all`, the latter up to a bound")
	f.DurationVar(&c.ReadTimeout, "read-timeout", c.ReadTimeout, "a stream silent for this `TIME` is lost")
	f.BoolVar(&c.Reconnect, "reconnect", c.Reconnect, "open a lost live source again, for as long as it takes")
	f.Float64Var(&c.ImageFPS, "image-fps", c.ImageFPS, "take pictures of a folder as `N` a second, 0 for 30")
	f.IntVar(&c.Stride, "stride", c.Stride, "analyse every `N`th frame")
	f.IntVar(&c.MaxFrames, "max-frames", c.MaxFrames, "stop after `N` analysed frames, 0 for no limit")
}

func bindModel(f *pflag.FlagSet, c *config.Config) {
	f.StringVarP(&c.Backbone, "backbone", "b", c.Backbone, "backbone family or installed model by `NAME` ('tracker models' lists them); "+config.DefaultBackbone+" if not given")
	f.StringVar(&c.Model, "model", c.Model, "use the model in this ONNX `FILE`: with a manifest beside it, or of a kind that is recognised")
	f.StringVar(&c.Size, "size", c.Size, "network input of `N` or WxH pixels, where the model allows it; the model's own if not given")
	f.StringVar(&c.Device, "device", c.Device, "run the network on `cpu|cuda[:N]`")
	f.IntVar(&c.Threads, "threads", c.Threads, "`N` threads for the network, OpenCV and decoding, 0 for every core")
	f.IntVar(&c.Workers, "workers", c.Workers, "`N` inferences at once, 0 for what suits the threads")
	f.BoolVar(&c.Serial, "serial", c.Serial, "one frame at a time through all stages; same results, slower")
	f.Float64Var(&c.Conf, "conf", c.Conf, "lowest `SCORE` of a detection; higher finds fewer false ones; the model's own if not given")
	f.Float64Var(&c.NMSIoU, "nms-iou", c.NMSIoU, "overlap (`IOU`) above which two boxes of a class are one object; the model's own if not given")
	notGiven(f, "conf", "nms-iou")
	f.StringSliceVar(&c.Classes, "classes", c.Classes, "classes to keep, as in `person,car`; all if not given")
	f.StringVar(&c.CameraMotion, "camera-motion", c.CameraMotion, "follow the camera's own motion: `auto|on|off`")
}

func bindVideo(f *pflag.FlagSet, c *config.Config) {
	f.StringVar(&c.Save, "save", c.Save, "write the annotated video to `FILE` (.mp4, .mkv, .mov or .avi)")
	f.StringVar(&c.Codec, "codec", c.Codec, "video codec: `auto|h264|mpeg4|mjpeg`")
}

func bindResults(f *pflag.FlagSet, c *config.Config) {
	f.StringVar(&c.MOT, "mot", c.MOT, "write tracks as MOTChallenge text to `FILE`, - for standard output")
	f.StringVar(&c.JSONL, "jsonl", c.JSONL, "write one JSON object a frame to `FILE`, - for standard output")
	f.StringVar(&c.Timings, "timings", c.Timings, "write the times of every frame to a CSV `FILE`, - for standard output")
	f.StringVar(&c.Display, "display", c.Display, "show the pictures in a window: `auto|on|off`")

	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "`debug|info|warn|error`")
	f.BoolVarP(&c.Quiet, "quiet", "q", c.Quiet, "no progress and no summary")
}

// rivals are settings of which a later layer's one replaces an earlier layer's
// other.
var rivals = map[string]string{"cam": "input", "input": "cam", "model": "backbone", "backbone": "model"}

// settle puts the layers together: flags over the environment over the file over
// the defaults.
func settle(flags *pflag.FlagSet, file string) (config.Config, error) {
	c := config.Default()
	if file != "" {
		if err := config.Load(file, &c); err != nil {
			return c, err
		}
	}
	layered := pflag.NewFlagSet("", pflag.ContinueOnError)
	bind(layered, &c)
	environment, line := map[string][]string{}, map[string][]string{}
	layered.VisitAll(func(f *pflag.Flag) {
		if v, ok := os.LookupEnv(environmentName(f.Name)); ok {
			environment[f.Name] = []string{v}
		}
	})
	flags.Visit(func(f *pflag.Flag) {
		if layered.Lookup(f.Name) != nil {
			line[f.Name] = flagTexts(f.Value)
		}
	})
	if err := overlayFlags(layered, environment, environmentName); err != nil {
		return c, err
	}
	if err := overlayFlags(layered, line, func(name string) string { return "--" + name }); err != nil {
		return c, err
	}
	return c, errors.Join(c.Validate(), checkOutputs(c))
}

// checkOutputs refuses outputs that cannot be written or would replace an input
// or each other, under their own names or those they have while they are written.
func checkOutputs(c config.Config) error {
	var errs []error
	if c.Save != "" {
		errs = append(errs, sink.CheckVideo(c.Save, c.Codec))
	}
	var files []outputPath
	for i := range c.Input {
		files = append(files, outputPath{"input", &c.Input[i]})
	}
	inputs := len(files)
	for _, in := range inputsOf(c) {
		files = append(files, outputPaths(&in.config)...)
	}
	for i, a := range files {
		for _, b := range files[max(i+1, inputs):] {
			x, y := *a.path, *b.path
			if x == "" || y == "" || x == "-" || y == "-" {
				continue
			}
			same := a.flag != b.flag && atomicfile.Same(x, y) // names differ within a flag
			if same || atomicfile.Same(x, atomicfile.PartialName(y)) || i >= inputs && atomicfile.Same(atomicfile.PartialName(x), y) {
				errs = append(errs, fmt.Errorf("%s %s would replace %s %s; give it another name", b.flag, y, a.flag, x))
			}
		}
	}
	return errors.Join(errs...)
}

// environmentName is the variable that sets a flag: TRACKER_MAX_FRAMES.
func environmentName(flag string) string {
	return "TRACKER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// overlayFlags sets one layer's values over those of the layers below. A value
// takes the place of a rival from below, not of one beside it.
func overlayFlags(f *pflag.FlagSet, values map[string][]string, called func(string) string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		rival := rivals[name]
		if _, beside := values[rival]; rival != "" && !beside {
			if err := unset(f.Lookup(rival).Value); err != nil {
				return err
			}
		}
		if err := unset(f.Lookup(name).Value); err != nil {
			return err
		}
		for _, v := range values[name] {
			if err := f.Set(name, v); err != nil {
				return fmt.Errorf("%s %s: %w", called(name), v, err)
			}
		}
	}
	return nil
}

// unset takes away what layers below have put into a list or a text.
func unset(v pflag.Value) error {
	if list, ok := v.(pflag.SliceValue); ok {
		return list.Replace(nil)
	}
	if v.Type() == "string" {
		return v.Set("")
	}
	return nil
}

// flagTexts is a flag's value as the command line would give it, once for each time.
func flagTexts(v pflag.Value) []string {
	if list, ok := v.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{v.String()}
}

// noArguments refuses words that are no command; a file name among them was
// meant for --input.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
		return usageErrorf("unknown command %q; did you mean %s?", args[0], strings.Join(close, " or "))
	}
	return usageErrorf("unexpected argument %q; a video is given as --input %s", args[0], args[0])
}
