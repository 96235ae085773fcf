//go:build gocv_specific_modules

package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
)

// resultsFormat is raised when the lines of a result change, or what is counted for them:
// development builds all have the same version, and none may go on with what another has
// begun.
const resultsFormat = 3

// program is that whose checkpoints the job can take up.
func (j *job) program() string {
	return fmt.Sprintf("%s %s, format %d", j.versions.Tracker, j.versions.ONNX, resultsFormat)
}

// checkpoint is where the item goes on, nil for its begin. It may be of another machine.
func (j *job) checkpoint(ctx context.Context) (*batch.Checkpoint, error) {
	if j.force {
		return nil, nil
	}
	here := batch.LoadCheckpoint(j.path("checkpoint"), j.manifest.Key, j.program())
	if here != nil || j.store == nil {
		return here, nil
	}
	fits := func(checkpoint []byte) bool {
		return batch.ReadCheckpoint(checkpoint, j.manifest.Key, j.program()) != nil
	}
	if err := j.store.Fetch(ctx, j.folder, j.parked(), fits); err != nil {
		return nil, ofStore(err)
	}
	here = batch.LoadCheckpoint(j.path("checkpoint"), j.manifest.Key, j.program())
	j.fetched = here != nil
	return here, nil
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
