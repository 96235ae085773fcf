//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/pipeline"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track/mot"
)

// counting counts the inferences that several pictures shared.
type counting struct {
	mu     sync.Mutex
	joined int
}

func (c *counting) join(next func([]pipeline.Detector) error) func([]pipeline.Detector) error {
	return func(ds []pipeline.Detector) error {
		c.mu.Lock()
		c.joined++
		c.mu.Unlock()
		return next(ds)
	}
}

// Live streams that wait at the same moment run through the network together, and
// get the boxes that they get alone. The streams are files that are treated as
// live, so that the frames are the same each time.
func TestLiveStreamsRunTogether(t *testing.T) {
	dir, list := t.TempDir(), videos(t)
	c := config.Default()
	c.Input, c.MaxFrames, c.Threads = append(config.List[string]{}, list[0], list[1], list[0]), 40, 2
	together := trackAsLive(t, c, filepath.Join(dir, "{name}.txt"))
	if together == 0 {
		t.Error("no inference was shared")
	}
	t.Logf("%d inferences were shared", together)
	rows := 0
	for _, in := range inputsOf(c) {
		alone := in.config
		trackAsLive(t, alone, filepath.Join(dir, "alone.txt"))
		want, err := mot.ReadFile(filepath.Join(dir, "alone.txt"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := mot.ReadFile(filepath.Join(dir, in.name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		rows += len(got)
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, alone %d", in.name, len(got), len(want))
		}
		for i, w := range want {
			if g := got[i]; g.Frame != w.Frame || g.ID != w.ID || math.Abs(g.Box().X1-w.Box().X1) > 0.02 || math.Abs(g.Box().Y2-w.Box().Y2) > 0.02 {
				t.Errorf("%s: row %d is %v, alone %v", in.name, i, g, w)
			}
		}
	}
	if rows == 0 {
		t.Error("nothing was found to compare")
	}
}

func installedModel(t *testing.T, c *config.Config) *backbones.Manifest {
	t.Helper()
	m, err := chooseModel(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// trackAsLive runs inputs as if they were live, and says how many inferences were
// shared.
func trackAsLive(t *testing.T, c config.Config, results string) int {
	t.Helper()
	c.MOT = results
	manifest := installedModel(t, &c)
	var streams []*stream
	var live []bool
	for _, in := range inputsOf(c) {
		s, err := newStream(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.open(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer s.source.Close()
		s.place = len(streams)
		streams, live = append(streams, s), append(live, true)
	}
	eng, err := openEngine(c, manifest, streams[0].needs, nil, live...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	}()
	var count counting
	if len(live) > 1 {
		if eng.together != len(live) {
			t.Fatalf("%d pictures in one inference, want %d", eng.together, len(live))
		}
		eng.turns = pipeline.NewTurns(eng.workers, eng.together, count.join(eng.runTogether))
	}
	var errs [8]error
	each(streams, func(s *stream) {
		out, err := openOutputs(s.config, s.source.Info(), destination{stdout: io.Discard}, slog.New(slog.DiscardHandler))
		if err != nil {
			errs[s.place] = err
			return
		}
		s.timings = timing.New(eng.workers)
		p := s.newPipeline(eng)
		p.Live, p.Writers = true, out.writers
		_, err = p.Run(context.Background())
		errs[s.place] = errors.Join(err, out.commit(nil))
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return count.joined
}

// Files never share an inference, whatever runs beside them, nor do streams where
// nothing is gained.
func TestWhoSharesInferences(t *testing.T) {
	for name, c := range map[string]struct {
		live     []bool
		threads  int
		together int
	}{
		"files": {[]bool{false, false, false}, 2, 1}, "a stream and files": {[]bool{true, false, false}, 2, 1},
		"streams": {[]bool{true, false, true}, 2, 2}, "streams on one thread": {[]bool{true, true}, 1, 1},
		"many streams": {[]bool{true, true, true, true, true, true, true, true, true}, 2, mostTogether},
	} {
		cfg := config.Default()
		cfg.Input, cfg.Threads = config.List[string]{"x"}, c.threads
		manifest := installedModel(t, &cfg)
		s, err := newStream(inputsOf(cfg)[0])
		if err != nil {
			t.Fatal(err)
		}
		eng, err := openEngine(cfg, manifest, s.needs, nil, c.live...)
		if err != nil {
			t.Fatal(err)
		}
		if eng.together != c.together || eng.turns == nil || len(eng.pools) != len(c.live) {
			t.Errorf("%s: %d pictures in one inference, want %d; %d pools", name, eng.together, c.together, len(eng.pools))
		}
		if strings.HasPrefix(name, "files") && eng.pools[0] != eng.pools[2] || strings.HasPrefix(name, "many") && eng.pools[0] == eng.pools[1] {
			t.Errorf("%s: files share a pool, streams do not", name)
		}
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	}
}
