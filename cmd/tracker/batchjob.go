//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track/zone"
)

// pieceFrames is how many frames a piece of an annotated video has. Pieces can only
// be taken up where one ends, so more repeat more after a crash, and fewer make
// larger videos.
const pieceFrames = 50

// workshop is what the inputs of a batch have in common.
type workshop struct {
	config   config.Config // of every input, but for the input itself
	model    *backbones.Manifest
	settings json.RawMessage // those that the results depend on
	versions batch.Versions
	depot
	products
	force bool
	// engine opens the network when it is first needed.
	engine func() (*engine, error)
	log    *slog.Logger
}

// products are what a batch makes of an input besides its texts.
type products struct{ video, record bool }

// item is one input of a batch.
type item struct {
	batch.Input
	name string // of its results, below the folder; with slashes
}

// job is an item being worked on, by one process at a time.
type job struct {
	*workshop
	item
	told     func(frame, of int, fps float64, tracks int) // of each frame
	manifest batch.Manifest
	saved    bool // there is a checkpoint
	fetched  bool // it is a copy of one in the store
	device   string

	files   map[string]*atomicfile.File // what is written, by extension
	mot     *sink.MOT                   // both nil where texts are written offline, before the end
	jsonl   *sink.JSONL
	film    *sink.Video // nil without a video
	overlay *overlay.Overlay
	kept    *sink.Record // nil without a record
	keeper  *stateKeeper
	zones   *zone.Counter // nil where nobody counts
	labels  []string      // of the classes
	source  *capture.Stream
	pending *moment // the next to be saved
	frames  int     // that are done, those of a run before included
	ended   bool    // the input came to its end
}

// errSkipped says that the results are there already.
var errSkipped = errors.New("already done")

// process works on one item and writes its results and its manifest. The error is
// the item's: others may go well.
func (w *workshop) process(ctx context.Context, it item, told func(frame, of int, fps float64, tracks int)) (*batch.Manifest, error) {
	j := &job{workshop: w, item: it, told: told}
	j.manifest = batch.Manifest{
		Input: batch.Source{Path: it.Path}, Settings: w.settings, Versions: w.versions,
		Model: batch.Model{Name: w.model.Name, SHA256: w.model.SHA256},
	}
	err := j.prepare(ctx)
	if err == nil && !w.force {
		if done, storeErr := j.finished(ctx); storeErr != nil {
			return &j.manifest, storeErr
		} else if done {
			return &j.manifest, cmp.Or(j.tidyLate(), errSkipped)
		}
	}
	if dirErr := os.MkdirAll(filepath.Dir(j.path("x")), 0o777); dirErr != nil {
		return &j.manifest, w.blame(fmt.Errorf("make the %s: %w", w.role(), dirErr))
	}
	lock, lockErr := atomicfile.Create(j.path("lock"))
	if lockErr != nil {
		return &j.manifest, w.blame(lockErr) // somebody else works on it: no manifest of ours
	}
	if err == nil && !w.force {
		if others := j.replaces(ctx); others != nil { // which stay, with their manifest
			return &j.manifest, errors.Join(others, lock.Abort())
		}
	}
	if err == nil {
		err = j.work(ctx)
	}
	if err != nil {
		err = w.blame(err)
		j.manifest.Status, j.manifest.Error = statusOf(err), oneLine(err)
		if !j.stands() {
			err = errors.Join(err, j.manifest.Write(j.path("manifest.json")))
		}
	}
	err = errors.Join(err, j.deliver(ctx))
	return &j.manifest, errors.Join(err, lock.Abort())
}

// stands says that complete results of a run before are there, of this input or, where it
// could not be read, of any: that this run came to no end takes nothing from them. A store
// sees to its own.
func (j *job) stands() bool {
	if j.store != nil || j.manifest.Outputs != nil { // some may have their names by now
		return false
	}
	path := j.path("manifest.json")
	there, err := batch.ReadManifest(path)
	return err == nil && batch.Finished(j.folder, path, cmp.Or(j.manifest.Key, there.Key))
}

// prepare finds out what the input is.
func (j *job) prepare(ctx context.Context) (err error) {
	if j.manifest.Input, err = batch.Digest(ctx, j.Path); err != nil {
		j.manifest.Input.Path = j.Path
		return unreadable(err)
	}
	j.manifest.Key, err = batch.Key(j.manifest.Input, j.model.SHA256, j.settings)
	return err
}

// unreadable says of an input that cannot be read which file it is, and why.
func unreadable(err error) error {
	var at *fs.PathError
	switch {
	case !errors.As(err, &at):
		return fmt.Errorf("read %w", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w; check the spelling", at.Path, at.Err)
	}
	return fmt.Errorf("read %s: %w", at.Path, at.Err)
}

// work brings the item to its end, from where a run before has left it.
func (j *job) work(ctx context.Context) (err error) {
	if j.made() {
		return nil
	}
	from, err := j.checkpoint(ctx)
	if err != nil {
		return err
	}
	if from != nil && from.Ready != nil && batch.Publish(j.folder, from.Ready.Outputs) == nil {
		j.manifest = *from.Ready
		return j.conclude()
	}
	eng, err := j.engine()
	if err != nil {
		return &placeError{err}
	}
	device := eng.model.Device().String()
	if from != nil && from.Device != device {
		from = nil // another computes other last digits
	}
	if err := j.open(ctx, eng, from); err != nil {
		return errors.Join(err, j.close())
	}
	run := batch.Run{Started: time.Now().UTC().Format(time.RFC3339), From: j.frames, Device: device}
	run.Host, _ = os.Hostname() // a manifest without one is as good
	timings := timing.New(eng.workers)
	j.device, j.labels = device, eng.model.Labels()
	err = j.track(ctx, eng, timings)
	run.Timings = timings.Summary()
	j.manifest.Frames, j.manifest.Run = j.frames, &run
	if err == nil {
		err = j.manifest.Input.Unchanged()
	}
	if err == nil {
		err = j.finish(ctx)
	} else if !diskFull(err) {
		if failed := j.salvage(ctx, err); stopped(failed) {
			err = failed // to be taken up, which a part of it that is made again needs
		} else {
			err = errors.Join(err, failed)
		}
	}
	return errors.Join(err, j.close())
}

// open opens the input and the files, and takes up from's state where there is one
// that fits.
func (j *job) open(ctx context.Context, eng *engine, from *batch.Checkpoint) (err error) {
	c := j.config
	c.Input = config.List[string]{j.Path}
	if c.ImageFPS, err = j.imageFPS(c); err != nil {
		return err
	}
	if j.source, err = openSource(ctx, c, j.tell); err != nil {
		return err
	}
	if j.source.Info().Live {
		return fmt.Errorf("%s is live, which has no end; a batch takes files and folders", j.Path)
	}
	for _, name := range j.written() {
		if err := j.create(j.extOf(name)); err != nil {
			return err
		}
	}
	if from == nil || j.resume(c, from) != nil { // what cannot be taken up is made again
		if err := j.begin(c, eng); err != nil {
			return err
		}
	}
	return j.skip(ctx)
}

// create opens a file for writing. It may have something in it, of a run before.
func (j *job) create(ext string) error {
	f, err := atomicfile.Continue(j.path(ext))
	if err != nil {
		return err
	}
	if j.files == nil {
		j.files = make(map[string]*atomicfile.File)
	}
	j.files[ext] = f
	return nil
}

// imageFPS is the setting where it applies.
func (j *job) imageFPS(c config.Config) (float64, error) {
	spec, err := specOf(c)
	switch {
	case err != nil:
		return 0, err
	case spec.Kind == capture.Images:
		return c.ImageFPS, nil
	case spec.Kind == capture.File:
		return 0, nil
	}
	return 0, fmt.Errorf("%s is a %v; a batch takes files and folders", j.Path, spec.Kind)
}

func (j *job) tell(e capture.Event) { j.log.Warn(e.String(), "input", j.name) }

// begin starts with the first frame.
func (j *job) begin(c config.Config, eng *engine) (err error) {
	j.frames, j.saved = 0, false
	for _, f := range j.files {
		if err := f.Rewind(0); err != nil {
			return err
		}
	}
	if err := removeAll(j.strays()); err != nil {
		return err
	}
	if file := j.files[recordExt]; file != nil {
		if j.kept, err = sink.NewRecordIn(file, recordHeader(c, j.source.Info(), eng)); err != nil {
			return err
		}
	}
	return j.assemble(c)
}

// assemble makes what the results go through.
func (j *job) assemble(c config.Config) (err error) {
	if !c.Offline {
		j.assembleTexts()
	}
	every := 1
	if j.video {
		every = pieceFrames
		c.Save = j.path(videoExt)
		opt := videoOptions(c, j.source.Info(), j.log)
		opt.Pieces = j.files[piecesExt]
		if j.film, err = sink.NewVideo(opt); err != nil {
			return err
		}
		// Without the panel: its times are never the same.
		j.overlay = overlay.New(overlay.Options{HidePanel: true})
	}
	if !c.Offline {
		j.zones = zonesOf(c, nil)
	}
	j.keeper, err = newStateKeeper(c, every)
	return err
}

func (j *job) assembleTexts() {
	j.mot, j.jsonl = sink.NewMOTIn(j.files[motExt]), sink.NewJSONLIn(j.files[jsonlExt], sink.JSONLOptions{})
}

// skip reads past the frames that are done: decoding finds the exact place in any
// file, which seeking does not.
func (j *job) skip(ctx context.Context) error {
	for range j.frames {
		f, err := j.source.Next(ctx)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// track runs the pipeline over the frames that are left.
func (j *job) track(ctx context.Context, eng *engine, timings *timing.Recorder) error {
	total := expectedFrames(j.config, j.source.Info())
	p := &pipeline.Pipeline{
		Source: j.source, Detectors: eng.pools[0], Turns: eng.turns, Workers: eng.workers, Tracker: j.keeper,
		Least: leastOf(j.config), Labels: eng.model.Labels(), Timings: timings, Serial: j.config.Serial, Zones: j.zones,
	}
	if j.mot != nil {
		p.Writers = append(p.Writers, j.mot, j.jsonl)
	}
	if j.kept != nil {
		p.Writers = append(p.Writers, j.kept)
	}
	p.Looks = looked(j.config, j.keeper.needs)
	if j.keeper.estimator != nil {
		p.Motion = j.keeper.motion
	}
	if j.video {
		p.Writers = append(p.Writers, j.film)
		p.Draw = func(r sink.Result) error {
			return j.overlay.Draw(&r.Frame.Mat, r.Tracks, r.Labels, overlay.Panel{Time: r.Frame.Time, Zones: r.Zones})
		}
	}
	p.Finished = func(r sink.Result, _ *timing.Trace) error {
		j.frames++
		j.told(j.frames, total, timings.FPS(), len(r.Tracks))
		return j.remember()
	}
	_, err := p.Run(ctx)
	var broke *pipeline.SourceError
	switch {
	case errors.Is(err, context.Canceled):
		return j.interrupted()
	case errors.As(err, &broke) && j.frames > 0:
		return partialError(err)
	}
	return err
}

// close ends all that open opened; files without content go.
func (j *job) close() error {
	var errs []error
	for ext, f := range j.files {
		switch {
		case j.manifest.Status == batch.Done:
			errs = append(errs, f.Close())
		case ext == recordExt && j.kept != nil && j.frames == 0: // it has a header alone
			errs = append(errs, f.Abort())
		default:
			_, err := f.Keep()
			errs = append(errs, err)
		}
	}
	if j.film != nil {
		j.film.Release()
	}
	if j.source != nil {
		errs = append(errs, j.source.Close())
	}
	return errors.Join(errs...)
}
