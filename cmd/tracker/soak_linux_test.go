//go:build gocv_specific_modules

package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/capture/rtsptest"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

const (
	// soakTime makes TestSoak run for that long: 30m.
	soakTime = "TRACKER_SOAK"
	// soakPatience bounds every wait for the stream in the soak.
	soakPatience = 90 * time.Second
	// troubleAgain is how long trouble may take to show.
	troubleAgain = 20 * time.Second
	// maxSlope is the growth of memory that counts as none, in bytes an hour; it is
	// told from noise only in a run of at least slopeTime.
	maxSlope  = 1 << 20
	slopeTime = 20 * time.Minute
)

// troubles are what happens to the stream, one after the other. Besides, its
// pictures are damaged all the time.
var troubles = []struct {
	name string
	make func(*rtsptest.Server)
}{
	{"server killed", func(s *rtsptest.Server) { s.Kill(); s.Restart() }},
	{"silent", func(s *rtsptest.Server) {
		s.Signal(syscall.SIGSTOP)
		time.Sleep(2500 * time.Millisecond)
		s.Signal(syscall.SIGCONT)
	}},
	{"other size", func(s *rtsptest.Server) { s.Signal(syscall.SIGUSR1) }},
}

// usage is what the process holds between two runs of the pipeline.
type usage struct {
	at                        time.Duration
	mats, tensors, goroutines int
	rss                       int64 // bytes
}

// TestSoak reloads model and tracker again and again in one process while the
// stream they run on is lost, damaged and resized: nothing may grow.
func TestSoak(t *testing.T) {
	duration := 20 * time.Second
	if text := os.Getenv(soakTime); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	video, _ := pedestrians(t)
	large, small := t.TempDir(), t.TempDir()
	makeScene(t, large, video, 200, image.Pt(480, 360))
	makeScene(t, small, video, 200, image.Pt(320, 240))
	goroutines := runtime.NumGoroutine()
	server := rtsptest.Start(t, "--scene", large, "--scene", small, "--fps", "10", "--corrupt", "0.0005")
	s := newSoak(t, server, duration/20)
	for time.Since(s.start) < duration {
		s.cycle()
	}
	if err := s.source.Close(); err != nil {
		t.Error(err)
	}
	server.Kill()
	s.judge()
	if n := liveMats(); n > 0 {
		t.Errorf("%d Mats left open", n)
	}
	if n := backbones.LiveTensors(); n > 0 {
		t.Errorf("%d tensors left open", n)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

// makeScene writes the first frames of a video as pictures of that size.
func makeScene(t *testing.T, dir, video string, frames int, size image.Point) {
	t.Helper()
	v, err := gocv.VideoCaptureFile(video)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	img := gocv.NewMat()
	defer img.Close()
	for i := range frames {
		if !v.Read(&img) {
			t.Fatalf("%s ends after %d frames", video, i)
		}
		if err := gocv.Resize(img, &img, size, 0, 0, gocv.InterpolationArea); err != nil {
			t.Fatal(err)
		}
		if !gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("%06d.jpg", i)), img) {
			t.Fatal("cannot write a picture")
		}
	}
}

// soak is a stream that goes on while what analyses it is replaced.
type soak struct {
	t        *testing.T
	server   *rtsptest.Server
	settings config.Config
	source   *capture.Stream
	start    time.Time
	cycles   int
	frames   atomic.Int64
	resized  atomic.Int64
	samples  []usage
	every    time.Duration // between the samples that are told
	told     time.Duration // when the last one was
}

func newSoak(t *testing.T, server *rtsptest.Server, every time.Duration) *soak {
	s := &soak{t: t, server: server, settings: config.Default(), start: time.Now(), every: every}
	s.settings.Input, s.settings.JSONL, s.settings.Display = config.List[string]{server.URL()}, "-", "off"
	s.settings.ReadTimeout = time.Second
	var err error
	s.source, err = openSource(t.Context(), s.settings, func(e capture.Event) {
		if e.Kind == capture.Resized {
			s.resized.Add(int64(1 + e.Missed))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cycle loads a model and a tracker, makes trouble, waits until the stream is
// there again, and lets go of both.
func (s *soak) cycle() {
	c := s.settings
	names := track.Names()
	c.Tracker.Name = names[s.cycles%len(names)]
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.analyse(ctx, c) }()
	s.wait("frames", s.more(5))
	s.trouble()
	s.wait("frames after reconnection", s.more(5))
	stop()
	if err := <-ended; err != nil && ctx.Err() == nil {
		s.t.Fatalf("cycle %d: %v", s.cycles, err)
	}
	s.cycles++
	s.sample()
}

// trouble makes the cycle's trouble, and makes it again where the stream got over
// it: a busy machine may hold up the server and its reader alike.
func (s *soak) trouble() {
	before, made := s.source.State().Reconnects, time.Time{}
	s.wait("reconnection", func() bool {
		if time.Since(made) > troubleAgain {
			troubles[s.cycles%len(troubles)].make(s.server)
			made = time.Now()
		}
		return s.source.State().Reconnects > before
	})
}

// analyse is the program's run but for its source.
func (s *soak) analyse(ctx context.Context, c config.Config) error {
	manifest, err := chooseModel(&c)
	if err != nil {
		return err
	}
	stream, err := newStream(input{config: c})
	if err != nil {
		return err
	}
	eng, err := openEngine(c, manifest, stream.needs, nil, true)
	if err != nil {
		return err
	}
	defer eng.Close()
	out, err := openOutputs(c, s.source.Info(), destination{stdout: io.Discard}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer out.commit(nil)
	stream.source, stream.timings = s.source, timing.New(eng.workers)
	p := stream.newPipeline(eng)
	p.Writers, p.Draw = out.writers, newPainter(c, eng.model, s.source, stream.timings).draw
	p.Finished = func(sink.Result, *timing.Trace) error { s.frames.Add(1); return nil }
	_, err = p.Run(ctx)
	return err
}

// more is true once n more frames are finished.
func (s *soak) more(n int64) func() bool {
	want := s.frames.Load() + n
	return func() bool { return s.frames.Load() >= want }
}

func (s *soak) wait(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(soakPatience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("cycle %d: no %s in %v; %+v", s.cycles, what, soakPatience, s.source.State())
		}
	}
}

func (s *soak) sample() {
	debug.FreeOSMemory() // garbage that waits for its collection is no growth
	u := usage{time.Since(s.start), countMats(), backbones.LiveTensors(), runtime.NumGoroutine(), residentBytes("VmRSS")}
	s.samples = append(s.samples, u)
	if s.cycles == 1 || u.at-s.told >= s.every {
		s.told = u.at
		s.t.Logf("%6v: %3d cycles, %d Mats, %d tensors, %d goroutines, %.2f MB",
			u.at.Round(time.Second), s.cycles, u.mats, u.tensors, u.goroutines, float64(u.rss)/(1<<20))
	}
}

// judge compares the second half of the samples with the first, after a warm-up.
func (s *soak) judge() {
	state := s.source.State()
	s.t.Logf("%d cycles, %d frames, %d reconnections, %d sizes changed, %d damaged, %d dropped, %d hung",
		s.cycles, s.frames.Load(), state.Reconnects, s.resized.Load(), s.source.Damaged(), state.Dropped, state.Hung)
	warm := s.samples[len(s.samples)/5:]
	if len(warm) < 4 {
		s.t.Log("too short to judge growth")
		return
	}
	first, second := warm[:len(warm)/2], warm[len(warm)/2:]
	for _, counter := range []struct {
		what string
		of   func(usage) int
	}{
		{"Mats", func(u usage) int { return u.mats }},
		{"tensors", func(u usage) int { return u.tensors }},
		{"goroutines", func(u usage) int { return u.goroutines }},
	} {
		if a, b := most(first, counter.of), most(second, counter.of); b > a {
			s.t.Errorf("%s grow: at most %d in the first half after the warm-up, %d in the second", counter.what, a, b)
		}
	}
	slope := slopeOf(warm)
	s.t.Logf("memory grows by %.2f MB an hour after the warm-up", slope/(1<<20))
	if s.samples[len(s.samples)-1].at >= slopeTime && slope > maxSlope {
		s.t.Errorf("memory grows by more than %.2f MB an hour", float64(maxSlope)/(1<<20))
	}
}

func most(samples []usage, of func(usage) int) int {
	n := 0
	for _, u := range samples {
		n = max(n, of(u))
	}
	return n
}

// slopeOf is the growth of memory in bytes an hour, by least squares.
func slopeOf(samples []usage) float64 {
	var n, x, y, xx, xy float64
	for _, u := range samples {
		h, b := u.at.Hours(), float64(u.rss)
		n, x, y, xx, xy = n+1, x+h, y+b, xx+h*h, xy+h*b
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
