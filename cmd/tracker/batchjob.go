//go:build gocv_specific_modules

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
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

// statusOf is the status of an item that was not done.
func statusOf(err error) batch.Status {
	var place *placeError
	switch {
	case stopped(err), errors.As(err, &place):
		return batch.Interrupted
	case exitCode(err) == exitPartial:
		return batch.CutShort
	}
	return batch.Failed
}

// stopped says that the user has stopped the work on an item, or the delivery of what came
// of it.
func stopped(err error) bool {
	return errors.Is(err, context.Canceled) || exitCode(err) == exitInterrupted
}

// placeError is of no single item: what is wrong is where the batch runs. The same
// command goes on once that is put right.
type placeError struct{ error }

func (e *placeError) Unwrap() error { return e.error }

// blame makes err, with which an item has ended, a placeError where the place is to blame.
func (w *workshop) blame(err error) error {
	if diskFull(err) {
		return &placeError{fmt.Errorf("the disk is full: free some space, and the same command goes on: %w", err)}
	}
	if wrong := w.writable(); wrong != nil {
		return &placeError{wrong}
	}
	return err
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writable is an error where the folder of the results takes none.
func (w *workshop) writable() error {
	f, err := os.CreateTemp(w.folder, ".writable-*")
	if err != nil {
		return fmt.Errorf("%s: %w; make it writable, and the same command goes on", w.role(), err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// path is that of one of the item's files.
func (j *job) path(ext string) string {
	return filepath.Join(j.folder, filepath.FromSlash(j.name)+"."+ext)
}

// Extensions of the files of an item.
const (
	motExt    = "txt"
	jsonlExt  = "jsonl"
	videoExt  = "mp4"
	piecesExt = "pieces" // of a video, on their way
	recordExt = "rec"
)

// growing are those of files that grow frame by frame, with some settings.
var growing = []string{motExt, jsonlExt, piecesExt, recordExt}

// outputs are the names of the results, below the folder.
func (j *job) outputs() []string {
	return j.names([]wanted{{motExt, true}, {jsonlExt, true}, {videoExt, j.video}, {recordExt, j.record}})
}

// written are the names of the files that grow frame by frame. Texts that are made offline
// do not: they are made of a record, at the end.
func (j *job) written() []string {
	online := !j.config.Offline
	return j.names([]wanted{{motExt, online}, {jsonlExt, online}, {piecesExt, j.video}, {recordExt, j.record || !online}})
}

// wanted is a kind of file, and whether the job has one.
type wanted struct {
	ext string
	yes bool
}

func (j *job) names(list []wanted) (names []string) {
	for _, w := range list {
		if w.yes {
			names = append(names, j.name+"."+w.ext)
		}
	}
	return names
}

// extOf is the extension of one of these names.
func (j *job) extOf(name string) string { return strings.TrimPrefix(name, j.name+".") }

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

// resultsFormat is raised when the lines of a result change, or what is counted for them:
// development builds all have the same version, and none may go on with what another has
// begun.
const resultsFormat = 3

// program is that whose checkpoints the job can take up.
func (j *job) program() string {
	return fmt.Sprintf("%s %s, format %d", j.versions.Tracker, j.versions.ONNX, resultsFormat)
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

// strays are what a run before has left that this one does not go on with: its checkpoint,
// and files that these settings do not have.
func (j *job) strays() []string {
	list := []string{j.path("checkpoint")}
	for _, ext := range growing {
		if j.files[ext] == nil {
			list = append(list, atomicfile.PartialName(j.path(ext)))
		}
	}
	return list
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

// resume takes up the state of a checkpoint.
func (j *job) resume(c config.Config, from *batch.Checkpoint) (err error) {
	if err := j.assemble(c); err != nil {
		return err
	}
	if file := j.files[recordExt]; file != nil {
		if j.kept, err = sink.ResumeRecordIn(file, from.Record); err != nil {
			return err
		}
	}
	if err := j.keeper.restore(from); err != nil {
		return err
	}
	if j.zones != nil {
		if err := j.zones.Restore(from.Zones); err != nil {
			return err
		}
	}
	if j.video {
		var pieces sink.Pieces
		if err := json.Unmarshal(from.Video, &pieces); err != nil {
			return err
		}
		if err := j.overlay.Restore(from.Overlay); err != nil {
			return err
		}
		j.film.GoOn(pieces)
	}
	for _, name := range j.written() {
		if err := j.files[j.extOf(name)].Rewind(from.Sizes[name]); err != nil {
			return err
		}
	}
	j.frames, j.saved = from.Frames, true
	return nil
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

// remember ends a piece of the video, and saves a checkpoint where the tracker's lane
// has left what goes into one.
func (j *job) remember() (err error) {
	var pieces sink.Pieces
	if j.video && j.frames%pieceFrames == 0 {
		if pieces, err = j.film.Cut(); err != nil {
			return err
		}
	}
	if j.pending == nil {
		j.pending = j.keeper.taken()
	}
	if j.pending == nil || j.pending.frames != j.frames {
		return nil
	}
	now := j.pending
	j.pending = nil
	return j.save(now, pieces)
}

func (j *job) save(now *moment, pieces sink.Pieces) (err error) {
	c := batch.Checkpoint{
		Key: j.manifest.Key, Program: j.program(), Device: j.device, Frames: j.frames,
		Tracker: now.tracker, Motion: now.motion, Moving: now.moving,
	}
	if j.video {
		if c.Overlay, err = j.overlay.Snapshot(); err != nil {
			return err
		}
		if c.Video, err = json.Marshal(pieces); err != nil {
			return err
		}
	}
	if j.zones != nil {
		if c.Zones, err = j.zones.Snapshot(); err != nil {
			return err
		}
	}
	if j.kept != nil {
		c.Record = j.kept.Snapshot()
	}
	if c.Sizes, err = j.sync(); err != nil {
		return err
	}
	j.saved = true
	return c.Save(j.path("checkpoint"))
}

// sync brings all that was written to the disk and says how much it is.
func (j *job) sync() (map[string]int64, error) {
	if j.mot != nil {
		if err := j.mot.Flush(); err != nil {
			return nil, err
		}
	}
	sizes := make(map[string]int64)
	for ext, file := range j.files {
		size, err := file.Sync()
		if err != nil {
			return nil, err
		}
		sizes[j.name+"."+ext] = size
	}
	return sizes, nil
}

// finish completes the results.
func (j *job) finish(ctx context.Context) error {
	j.ended = true
	if j.kept != nil {
		if err := j.kept.End(); err != nil {
			return err
		}
	}
	if err := j.complete(ctx); err != nil {
		return j.spoilt(err)
	}
	outputs, err := batch.Ready(j.folder, j.outputs())
	if err != nil {
		return err
	}
	j.manifest.Status, j.manifest.Outputs = batch.Done, outputs
	if j.zones != nil {
		j.manifest.Zones = j.zones.Counts()
		zone.Name(j.manifest.Zones, j.labels)
	}
	if j.saved { // else, after a crash, it starts anew, and is soon done
		ready := batch.Checkpoint{Key: j.manifest.Key, Program: j.program(), Frames: j.frames, Ready: &j.manifest}
		if err := ready.Save(j.path("checkpoint")); err != nil {
			return err
		}
	}
	if err := batch.Publish(j.folder, outputs); err != nil {
		return err
	}
	return j.conclude()
}

// complete brings the results to where the frames are.
func (j *job) complete(ctx context.Context) error {
	if j.config.Offline {
		if err := pipeline.Guard(func() error { return j.revise(ctx) }); err != nil {
			return err
		}
	}
	if _, err := j.sync(); err != nil {
		return err
	}
	if j.record && j.ended && !j.config.Offline {
		if err := j.readThrough(); err != nil {
			return err
		}
	}
	return j.joinVideo()
}

// readThrough sees whether the record is whole: a part of it may be of a run before.
func (j *job) readThrough() error {
	r, err := record.Open(j.files[recordExt].PartialPath())
	if err != nil {
		return damaged(err)
	}
	defer r.Close()
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return damaged(err)
		}
	}
}

// revise makes the texts of the record, now that it is known what comes later.
func (j *job) revise(ctx context.Context) error {
	for _, ext := range [...]string{motExt, jsonlExt} {
		if err := j.create(ext); err != nil {
			return err
		}
		if err := j.files[ext].Rewind(0); err != nil {
			return err
		}
	}
	j.assembleTexts()
	from, err := record.Open(j.files[recordExt].PartialPath())
	if err != nil {
		return damaged(err)
	}
	defer from.Close()
	j.zones = zonesOf(j.config, nil)
	frames, err := reviseInto(ctx, j.config, from, j.zones, j.mot, j.jsonl)
	switch {
	case errors.Is(err, context.Canceled):
		return j.interrupted()
	case cutShort(err) != nil && frames == j.frames && !j.ended:
		return nil // it has no end mark, as its input broke off
	case cutShort(err) != nil:
		return damaged(err)
	}
	return err
}

// damaged makes an error of reading what was kept a damage, unless it could not be read.
func damaged(err error) error {
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return err
	}
	return &damage{err}
}

// damage is of what the job itself has kept.
type damage struct{ error }

func (d *damage) Unwrap() error { return d.error }

// interrupted says that the user has stopped the work, and when.
func (j *job) interrupted() error {
	return &codedError{exitInterrupted, fmt.Errorf("interrupted after %s; the same command goes on from there", progressText(j.frames, j.source.Info()))}
}

// spoilt has an input begin anew of which what was kept turns out to be damaged, so that it
// does not fail for ever.
func (j *job) spoilt(err error) error {
	var broken *damage
	if !errors.As(err, &broken) {
		return err
	}
	return errors.Join(fmt.Errorf("%w; the same command begins anew", err), removeAll([]string{j.path("checkpoint")}))
}

// conclude says that the results are complete, and removes what led to them.
func (j *job) conclude() error {
	j.noteStale()
	if err := j.manifest.Write(j.path("manifest.json")); err != nil {
		return err
	}
	return removeAll(j.scaffold())
}

// noteStale tells which results of a run before, with other settings, this one has none of:
// they stay, and do not fit the others.
func (j *job) noteStale() {
	there, err := batch.ReadManifest(j.path("manifest.json"))
	if err != nil || there.Status != batch.Done {
		return
	}
	for _, old := range there.Outputs {
		again := slices.ContainsFunc(j.manifest.Outputs, func(o batch.Output) bool { return o.Path == old.Path })
		if _, err := os.Stat(filepath.Join(j.folder, old.Path)); !again && err == nil {
			j.log.Warn(old.Path+" is of a run before, with other settings", "input", j.Path)
		}
	}
}

// scaffold are the files that lead to the results.
func (j *job) scaffold() []string {
	return []string{j.path("checkpoint"), atomicfile.PartialName(j.path(piecesExt)), atomicfile.PartialName(j.path(recordExt))}
}

// leaves are the files that work on the item makes or takes away.
func (j *job) leaves() []string {
	list := append(j.scaffold(), atomicfile.PartialName(j.path("lock")), atomicfile.PartialName(j.path("manifest.json")))
	return append(list, j.results()...)
}

func removeAll(paths []string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// tidyLate tidies up after a process that died before it could, or was to make anew what
// is done, if one did.
func (j *job) tidyLate() error {
	left := append(j.scaffold(), j.copies()...)
	for _, name := range j.outputs() {
		left = append(left, atomicfile.PartialName(filepath.Join(j.folder, filepath.FromSlash(name))))
	}
	cluttered := slices.ContainsFunc(append(left, atomicfile.PartialName(j.path("lock"))), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
	if !cluttered {
		return nil
	}
	lock, err := atomicfile.Create(j.path("lock"))
	if errors.Is(err, atomicfile.ErrBusy) {
		return nil // it lives
	}
	if err != nil {
		return err
	}
	return errors.Join(removeAll(left), lock.Abort())
}

// joinVideo makes the video of its pieces, under its partial name.
func (j *job) joinVideo() error {
	if !j.video {
		return nil
	}
	if _, err := j.film.Cut(); err != nil {
		return err
	}
	if _, err := j.files[piecesExt].Sync(); err != nil {
		return err
	}
	pieces, err := os.Open(j.files[piecesExt].PartialPath())
	if err != nil {
		return err
	}
	defer pieces.Close()
	f, err := j.film.Join(pieces)
	if err != nil {
		return err
	}
	_, err = f.Sync()
	return errors.Join(err, f.Close())
}

// salvage makes the partial results of an input that broke good to look at. What
// was interrupted will be taken up, and needs none of that.
func (j *job) salvage(ctx context.Context, cause error) error {
	if j.frames == 0 || statusOf(cause) == batch.Interrupted {
		return nil
	}
	if j.kept != nil {
		if err := j.kept.Flush(); err != nil {
			return err
		}
	}
	return j.spoilt(j.complete(ctx))
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
