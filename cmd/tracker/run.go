//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
	"github.com/tracker-go/tracker/config"
)

// session is one run: its streams, and what they share.
type session struct {
	config         config.Config
	layers         layers           // where config came from; without a file it stays as it is
	hangups        <-chan os.Signal // ask for the file to be read again
	manifest       *backbones.Manifest
	streams        []*stream // all that were asked for
	stdout, stderr io.Writer
	log            *slog.Logger
	news           lateLog        // log, for who has things to say before it is there
	site           *web.Server    // nil where nobody may look
	level          slog.LevelVar  // of log
	leaving        sync.WaitGroup // who frees what is used no more
	governor       atomic.Pointer[governor]
	network        atomic.Pointer[web.Network] // in use
	places         []string                    // where the network has run
	bar            *progress.Bar
}

func newSession(c config.Config, stdout, stderr io.Writer) *session {
	s := &session{config: c, stdout: stdout, stderr: stderr}
	s.level.Set(levelOf(c.LogLevel))
	s.log = newLogger(stderr, &s.level)
	return s
}

// run tracks every input from its first frame to its last, side by side.
func run(ctx context.Context, c config.Config, stdout, stderr io.Writer) error {
	return newSession(c, stdout, stderr).run(ctx)
}

func (s *session) run(ctx context.Context) (err error) {
	asked := s.config
	s.hangups = hangupsOf(watchable(s.layers.file))
	if s.manifest, err = chooseModel(&s.config); err != nil {
		return err
	}
	c := s.config
	for i, in := range inputsOf(c) {
		stream, err := newStream(in)
		if err != nil {
			return err
		}
		stream.index, stream.leaving, stream.governor, stream.network = i, &s.leaving, &s.governor, &s.network
		s.streams = append(s.streams, stream)
	}
	if !s.alone() {
		s.stdout = &wholeWrites{w: s.stdout}
	}
	if err := s.openSite(); err != nil {
		return err
	}
	each(s.streams, func(stream *stream) {
		if err := stream.open(ctx); err != nil {
			s.end(stream, err)
		}
	})
	err = errors.Join(s.track(ctx, asked), s.closeSite())
	return errors.Join(err, s.outcome())
}

// alone says that there is one input: nothing needs to be told apart.
func (s *session) alone() bool { return len(s.streams) == 1 }

// each calls do for every stream at the same time, and waits.
func each(streams []*stream, do func(*stream)) {
	var all sync.WaitGroup
	for _, stream := range streams {
		all.Go(func() { do(stream) })
	}
	all.Wait()
}

// track runs the streams that could be opened. Its error is one of what they share;
// each has its own. asked are the settings as the user gave them.
func (s *session) track(ctx context.Context, asked config.Config) (err error) {
	var opened []*stream
	var live []bool
	for _, stream := range s.streams {
		if stream.source != nil {
			stream.place = len(opened)
			opened, live = append(opened, stream), append(live, stream.source.Info().Live)
			defer func() { err = errors.Join(err, stream.source.Close()) }()
		}
	}
	if len(opened) == 0 {
		return nil
	}
	eng, err := openEngine(s.config, s.manifest, opened[0].needs, s.warn, live...)
	if err != nil {
		return &codedError{exitFailed, err} // nothing was done, also where an input has failed, too
	}
	first := newSetup(s.config, eng)
	s.places = []string{ranOn(eng.model, s.config.Device)}
	s.network.Store(networkOf(s.config, eng))
	for _, stream := range opened {
		stream.timings = timing.New(eng.workers)
	}
	s.announce(eng)
	ctx, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	wall, err := s.openWall(ctx, opened, quit)
	if err != nil {
		return &codedError{exitFailed, errors.Join(err, first.release())}
	}
	s.show()
	for _, stream := range opened {
		stream.to = s.destinationOf(ctx, stream, wall, quit)
		first.outputs = append(first.outputs, stream.openFirst(eng))
		first.use()
	}
	settled := s.reloading(ctx, &reloader{session: s, streams: opened, live: live, running: asked, inUse: asked, current: first})
	start := time.Now()
	each(opened, func(stream *stream) {
		s.end(stream, errors.Join(stream.run(ctx, first), stream.close()))
	})
	settled()
	s.leaving.Wait()
	took := time.Since(start)
	s.bar.Done()
	if wall != nil {
		err = errors.Join(err, wall.Close())
	}
	// Results first: a summary that cannot be printed must not undo them.
	if !s.config.Quiet {
		err = errors.Join(err, summarise(s.summaryTo(), s.streams, took, networkLine(s.places)))
	}
	return err
}

// reloading has the settings follow their file and the frame budget, where there are
// such, until the function that it returns is called.
func (s *session) reloading(ctx context.Context, r *reloader) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	s.governor.Store(newGovernor(s.config, r.current.engine.manifest))
	if s.layers.file != "" || s.config.Budget > 0 {
		ended.Go(func() { r.run(ctx) })
	}
	return func() {
		cancel()
		ended.Wait()
		r.streams[0].leave(r.current)
	}
}

// warn tells the user what matters of the model.
func (s *session) warn(message string) { s.log.Warn(message) }

// announce says what runs, now that there is something to.
func (s *session) announce(eng *engine) {
	names := make([]string, len(s.streams))
	if !s.alone() {
		for i, stream := range s.streams {
			names[i] = stream.name
		}
	}
	s.bar = progress.NewLines(s.stderr, s.config.Quiet, names...)
	s.log = newLogger(s.bar, &s.level)
	s.news.Store(s.log)
	for i, stream := range s.streams {
		stream.line = s.bar.Line(i)
		if stream.source == nil {
			stream.line.End(stream.state())
			continue
		}
		info := stream.source.Info()
		stream.line.Expect(expectedFrames(stream.config, info))
		stream.log.Store(s.log)
		s.log.Debug("source opened", "name", info.Name, "width", info.Width, "height", info.Height, "fps", info.FPS,
			"frames", info.Frames, "backend", info.Backend, "codec", info.FourCC)
		if stream.renamed {
			s.log.Warn("an input before has the same name", "input", info.Name, "name", stream.name)
		}
		if info.Backend != "images" {
			continue
		}
		if n := batch.VideosIn(info.Name); n > 0 {
			s.log.Warn("of this folder the pictures are tracked; 'tracker batch' tracks its videos, too", "input", info.Name, "videos", n)
		}
	}
	s.log.Debug("model opened", "name", s.manifest.Name, "file", s.manifest.Path(), "workers", eng.workers, "together", eng.together, "device", eng.model.Device())
}

// openWall opens the window of several streams, where one of them wants to be seen.
func (s *session) openWall(ctx context.Context, opened []*stream, quit context.CancelCauseFunc) (*sink.Wall, error) {
	wanted := false
	for _, stream := range opened {
		var err error
		if stream.shown, err = wantsDisplay(stream.config, stream.source.Info()); err != nil {
			return nil, err
		}
		wanted = wanted || stream.shown
	}
	if !wanted && !s.config.Quiet && !hasOutput(s.config) {
		s.log.Info("nothing keeps or shows the tracks: give --jsonl, --mot, --save or --serve")
	}
	if !wanted || s.alone() {
		return nil, nil
	}
	names := make([]string, len(s.streams))
	for i, stream := range s.streams {
		names[i] = stream.name
	}
	return sink.NewWall(ctx, fmt.Sprintf("tracker: %d inputs", len(names)), names, func(i int) string { return s.streams[i].state() }, quit)
}

// destinationOf is where a stream's results go besides its files.
func (s *session) destinationOf(ctx context.Context, stream *stream, wall *sink.Wall, quit context.CancelCauseFunc) destination {
	to := destination{stdout: s.stdout}
	switch {
	case wall != nil:
		to.show = func() (showing, error) { return wall.Tile(slices.Index(s.streams, stream)), nil }
	case s.alone() && stream.shown:
		to.show = func() (showing, error) { return sink.NewDisplay(ctx, watchWindow(stream.source, quit)) }
	}
	if !s.alone() {
		to.source = stream.name
	}
	return to
}

// end notes how a stream ended. One of several says it at once: the others may run
// for long.
func (s *session) end(stream *stream, err error) {
	stream.err = err
	how, level := endOf(err)
	stream.ended.Store(&how)
	if stream.line != nil {
		stream.line.End(how)
	}
	if stream.feed != nil {
		stream.feed.End()
	}
	if err != nil && !s.alone() {
		s.log.Log(context.Background(), level, oneLine(err), "input", stream.name)
	}
}

// endedWell is how a stream ends that has come to its end.
const endedWell = "done"

// endOf is the way a stream ended in a word, and how bad that is.
func endOf(err error) (how string, level slog.Level) {
	switch code := exitCode(err); code {
	case exitOK:
		return endedWell, slog.LevelInfo
	case exitInterrupted:
		return "interrupted", slog.LevelWarn
	case exitPartial:
		return "cut short", slog.LevelError
	default:
		return "failed", slog.LevelError
	}
}

// outcome is how the run ends: as its only stream did, else by how many did not come
// to their end.
func (s *session) outcome() error {
	if s.alone() {
		return s.streams[0].err
	}
	var names []string
	codes := make(map[int]int)
	for _, stream := range s.streams {
		if stream.err != nil {
			names = append(names, stream.name)
			codes[exitCode(stream.err)]++
		}
	}
	failed := len(names)
	if failed == 0 {
		return nil
	}
	err := fmt.Errorf("%d of %d inputs failed: %s", failed, len(s.streams), strings.Join(names, ", "))
	switch {
	case codes[exitInterrupted] > 0:
		return &codedError{exitInterrupted, fmt.Errorf("interrupted; %d of %d inputs did not come to their end: %s", failed, len(s.streams), strings.Join(names, ", "))}
	case failed == len(s.streams) && len(codes) == 1:
		return &codedError{exitCode(s.streams[0].err), err}
	case failed == len(s.streams) && codes[exitPartial] == 0:
		return err
	}
	return partialError(err)
}

// summaryTo leaves standard output alone where results go there.
func (s *session) summaryTo() io.Writer {
	for _, stream := range s.streams {
		if stream.out != nil && slices.Contains(stream.out.past, "-") {
			return s.stderr
		}
	}
	return s.stdout
}

// newLogger writes above the progress line.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func levelOf(name string) (l slog.Level) {
	_ = l.UnmarshalText([]byte(name)) // checked with the settings
	return l
}

// wholeWrites lets streams share an output that each writes a line at a time.
type wholeWrites struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *wholeWrites) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
