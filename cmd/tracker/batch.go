//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

const batchLong = `batch tracks any number of recordings, each with a tracker of its own, and can be
killed at any moment: the same command goes on where it stopped, and its results
equal, byte for byte, those of an uninterrupted run.

  tracker batch videos/ --out results --classes person
  tracker batch yard.mp4 'gate/*.mp4' --out results --video
  tracker batch videos/ --out s3://bucket/results
  find /archive -name '*.mp4' | tracker batch - --out results --json

An input is a file; a folder, which stands for every video in it and below and for
every folder of pictures there; a pattern; @FILE, a list in a file, one a line; or -,
a list on standard input. For each, --out gets NAME.txt (MOTChallenge), NAME.jsonl,
with --video NAME.mp4, with --record NAME.rec, which 'tracker track' tracks again in a
moment, and NAME.manifest.json, which says what came of it. NAME is the input's, below
the folder that was given, without its extension.

An input whose results are complete, of the same bytes, model and settings, is not
done again. One that fails is reported at the end, and leaves the others alone; a
full disk ends the batch.

With --out s3://BUCKET/PREFIX results go to an S3-compatible store. AWS_ENDPOINT_URL
names its server, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY the keys, AWS_REGION the
region. They are made in a folder of this machine (--scratch) and brought there when an
input is over, the manifest last.

With --queue, workers on any number of machines do the work ('tracker worker'), and
batch waits for them.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partly done, 130 interrupted.`

// batchFlags are those that only a batch has.
type batchFlags struct {
	out, scratch string
	file, list   string
	queue        string
	jobs         int
	force, json  bool
	products
}

func newBatchCommand() *cobra.Command {
	cfg := config.Default()
	var own batchFlags
	cmd := &cobra.Command{
		Use:   "batch INPUT... --out DIR",
		Short: "Track many recordings, safe against crashes",
		Long:  batchLong,
		RunE: func(cmd *cobra.Command, args []string) error {
			if own.list != "" {
				args = append(args, "@"+own.list)
			}
			w, items, err := own.settle(cmd.Flags(), args, cmd.InOrStdin())
			if coded := new(codedError); errors.As(err, &coded) {
				return err
			} else if err != nil {
				return &codedError{exitUsage, err}
			}
			if err := w.openStore(cmd.Context(), store.OpenPatience); err != nil {
				return err
			}
			if own.queue != "" {
				return own.runQueue(cmd, w, items)
			}
			return own.run(cmd, w, items)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&own.out, "out", "o", "", "folder `DIR` for the results, made if it is not there; or s3://BUCKET/PREFIX in a store")
	bindScratch(flags, &own.scratch)
	flags.StringVar(&own.list, "list", "", "take inputs from `FILE`, one a line, too")
	flags.IntVarP(&own.jobs, "jobs", "j", 2, "`N` inputs at the same time, on one network")
	flags.BoolVar(&own.video, "video", false, "write annotated videos, too")
	flags.BoolVar(&own.record, "record", false, "keep what the detector found, too, for 'tracker track'")
	flags.BoolVar(&own.force, "force", false, "do again what is done, from the start")
	flags.BoolVar(&own.json, "json", false, "say on standard output what happens, a JSON object a line")
	flags.StringVar(&own.queue, "queue", "", "leave the work to 'tracker worker's of the NATS server at `URL`; listen://HOST:PORT is a server in this process")
	bindBatch(flags, &cfg, &own.file)
	completeNames(cmd)
	return cmd
}

// bindScratch makes the flag of what batches and workers whose results go to a store need.
func bindScratch(flags *pflag.FlagSet, scratch *string) {
	flags.StringVar(scratch, "scratch", "", "make results that go to a store in folder `DIR`, where an input that is broken off goes on; below the user's cache if not given")
}

// bindBatch makes the flags of the settings that a batch has in common with a run.
func bindBatch(flags *pflag.FlagSet, c *config.Config, file *string) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SortFlags = false
	bind(all, c)
	all.VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case "cam", "cam-width", "cam-height", "cam-fps", "live-policy", "read-timeout", "reconnect",
			"input", "save", "codec", "mot", "jsonl", "timings", "record", "serve", "display", "panel", "budget":
			return
		}
		flags.AddFlag(f)
	})
	flags.StringVar(file, "config", "", "settings from a YAML `FILE`, keys named as these flags; flags win; TRACKER_CONFIG if not given")
}

// settle makes of the command line what the inputs have in common, and their list.
func (b *batchFlags) settle(flags *pflag.FlagSet, args []string, stdin io.Reader) (*workshop, []item, error) {
	switch {
	case b.out == "":
		return nil, nil, fmt.Errorf("nowhere to write the results: give --out DIR")
	case b.scratch != "" && !store.IsAddress(b.out):
		return nil, nil, fmt.Errorf("scratch is for results that go to a store: give --out s3://BUCKET/PREFIX, or no --scratch")
	case b.jobs < 1:
		return nil, nil, fmt.Errorf("jobs is %d, want 1 or more", b.jobs)
	case !strings.HasPrefix(b.queue, listen) && strayScheme(b.queue) != "":
		return nil, nil, fmt.Errorf("queue %s: %s is not the scheme of a NATS server; give --queue nats://HOST:PORT, or listen://HOST:PORT", batch.Redacted(b.queue), strayScheme(b.queue))
	case len(args) == 0:
		return nil, nil, fmt.Errorf("no inputs: give files, folders, @LIST, or - for a list on standard input")
	}
	to, err := depotOf(b.out, b.scratch)
	if err != nil {
		return nil, nil, err
	}
	inputs, err := batch.Expand(args, stdin, to.folder)
	if err != nil {
		return nil, nil, err
	}
	items, err := nameItems(inputs)
	if err != nil {
		return nil, nil, err
	}
	var offline bool
	l := newLayers(flags, b.file)
	c, origins, err := l.settle(func(c *config.Config) {
		offline = c.Offline
		setAside(c)
	})
	if err == nil && offline && b.video {
		err = origins.Locate(config.Faulty(errors.New("offline knows the tracks when an input is over, and a video takes them as they come: leave out one or the other"), "offline"))
	}
	if err != nil {
		return nil, nil, err
	}
	c.Offline = offline
	w, err := newWorkshop(c, to, b.products, b.force)
	if err != nil {
		return nil, nil, err
	}
	others := append(listFiles(args), outputPath{"config", &l.file})
	return w, items, w.checkReplaced(items, append(others, modelFiles(c)...))
}

// setAside takes away the settings that are for runs, and offline, of which a batch knows
// what it goes with.
func setAside(c *config.Config) {
	c.Input, c.Cam, c.Save, c.Codec, c.MOT, c.JSONL, c.Timings, c.Record, c.Serve, c.Display = nil, nil, "", "auto", "", "", "", "", "", "off"
	c.CamWidth, c.CamHeight, c.CamFPS = 0, 0, 0
	c.Budget = 0 // what it changes would depend on how busy the machine is
	c.Offline = false
}

// newWorkshop finds the model, and settles what depends on it.
func newWorkshop(c config.Config, to depot, made products, force bool) (*workshop, error) {
	if c.Record = ""; made.record {
		c.Record = recordExt // the network finds what goes into one
	}
	m, err := chooseModel(&c)
	if err != nil {
		return nil, err
	}
	name, cfg, err := trackerConfig(c.Tracker)
	if err != nil {
		return nil, err
	}
	// What else may differ from run to run changes no result.
	settings, err := json.Marshal(struct {
		Size, Device    string
		Conf, NMSIoU    float64
		Classes         []string
		Tracker         string
		TrackerSettings track.Config
		CameraMotion    string
		NoLooks         bool `json:",omitempty"` // as what is done had none before there were any
		Stride          int
		MaxFrames       int
		ImageFPS        float64
		Video           bool
		Zones           []string `json:",omitempty"`
		Record          bool     `json:",omitempty"`
		Offline         bool     `json:",omitempty"`
	}{c.Size, c.Device, c.Conf, c.NMSIoU, c.Classes, name, cfg, c.CameraMotion, c.Looks == "off", c.Stride, c.MaxFrames, c.ImageFPS,
		made.video, c.Zones, made.record, c.Offline})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(to.folder, 0o777); err != nil {
		return nil, &codedError{exitFailed, fmt.Errorf("make the %s: %w", to.role(), err)}
	}
	onnx, _, err := backbones.RuntimeInUse()
	if err != nil {
		return nil, err
	}
	return &workshop{
		config: c, model: m, settings: settings, depot: to, products: made, force: force, log: slog.Default(),
		versions: batch.Versions{Tracker: version, Go: runtime.Version(), OpenCV: gocv.OpenCVVersion(), ONNX: onnx},
	}, nil
}

// share gives the inputs one network, opened when the first needs it, for so many at
// a time. The function closes it.
func (w *workshop) share(jobs int) (closeEngine func() error) {
	var opened *engine
	w.engine = sync.OnceValues(func() (*engine, error) {
		_, needs, err := newTracker(w.config)
		if err == nil {
			opened, err = openEngine(w.config, w.model, needs, w.warn, make([]bool, jobs)...)
		}
		return opened, err
	})
	return func() error {
		if opened == nil {
			return nil
		}
		return opened.Close()
	}
}

// nameItems gives every input's results a name: its path below the folder that was
// asked for, without the extension. Names that are the same get -2, -3, … in the
// order of the inputs.
func nameItems(inputs []batch.Input) ([]item, error) {
	names := make([]string, len(inputs))
	for i, in := range inputs {
		parts := strings.Split(in.Below, "/")
		if info, err := os.Stat(in.Path); err != nil || !info.IsDir() {
			last := &parts[len(parts)-1]
			*last = strings.TrimSuffix(*last, path.Ext(*last))
		}
		for k := range parts {
			parts[k] = fileName(parts[k])
		}
		names[i] = strings.Join(parts, "/")
		if strings.HasSuffix(names[i], ".partial") {
			return nil, fmt.Errorf("input %s: results of that name would look like another's incomplete ones; rename it", in.Path)
		}
	}
	items := make([]item, len(inputs))
	for i, name := range distinct(names) {
		items[i] = item{inputs[i], name}
		items[i].Path = batch.Absolute(inputs[i].Path)
	}
	return items, nil
}

// warn tells the user what matters of the model.
func (w *workshop) warn(message string) { w.log.Warn(message) }
