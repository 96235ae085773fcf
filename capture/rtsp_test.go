//go:build gocv_specific_modules && linux

package capture

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tracker-go/tracker/capture/rtsptest"
)

const (
	rtspFPS    = 25
	rtspPeriod = time.Second / rtspFPS
)

// longRun makes the slow consumer's test run for that long, such as 3m, and holds
// every test here to the figures of an idle machine.
const longRun = "CAPTURE_TEST_LONG"

// within is limit on an idle machine, and several times that on one that may be
// busy with other tests: there only what falls behind for good fails.
func within[T float64 | time.Duration](limit T) T {
	if os.Getenv(longRun) == "" {
		limit *= 10
	}
	return limit
}

// made reads out of a picture when it was made.
func made(t *testing.T, f *Frame) time.Time {
	t.Helper()
	const bits = 24
	stamp := int64(0)
	for i := range bits {
		x := (2*i + 1) * f.Mat.Cols() / (2 * bits)
		stamp <<= 1
		if f.Mat.GetUCharAt(f.Mat.Rows()/4, 3*x+1) > 128 {
			stamp |= 1
		}
	}
	now := time.Now()
	age := (now.UnixMilli() - stamp) & (1<<bits - 1)
	if age > 60_000 {
		t.Fatalf("frame %d at %v shows no time of the last minute: it is not from the camera", f.Index, f.Time)
	}
	return now.Add(-time.Duration(age) * time.Millisecond)
}

// watcher checks, of a stream of such pictures, what always holds: no picture
// comes twice, and Index and Time only grow.
type watcher struct {
	t      *testing.T
	stream *Stream
	last   *Frame // closed
	made   time.Time
}

// next waits up to limit for a frame, and closes it.
func (w *watcher) next(limit time.Duration) *Frame {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	f, err := w.stream.Next(ctx)
	if err != nil {
		w.t.Fatalf("after %v: %v; %+v", limit, err, w.stream.State())
	}
	at := made(w.t, f)
	if w.last != nil && (f.Index <= w.last.Index || f.Time < w.last.Time || !at.After(w.made.Add(5*time.Millisecond))) {
		w.t.Errorf("frame %d at %v, made at %v, after frame %d at %v, made at %v",
			f.Index, f.Time, at, w.last.Index, w.last.Time, w.made)
	}
	w.last, w.made = f, at
	f.Close()
	return f
}

func (w *watcher) run(frames int) {
	w.t.Helper()
	for range frames {
		w.next(10 * time.Second)
	}
}

// events collects what a source tells.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) add(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *events) kinds() (kinds []EventKind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		if event.Kind != Dropping {
			kinds = append(kinds, event.Kind)
		}
	}
	return kinds
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A server that dies and comes back: frames go on, and the gap is in their times.
func TestServerRestarts(t *testing.T) {
	server := rtsptest.Start(t)
	before := runtime.NumGoroutine()
	var told events
	spec := mustParse(t, server.URL())
	spec.Notify = told.add
	s := mustOpen(t, spec)
	w := watcher{t: t, stream: s}
	w.run(2 * rtspFPS)
	const restarts = 2
	for restart := 1; restart <= restarts; restart++ {
		last, lastMade := w.last, w.made
		server.Kill()
		time.Sleep(time.Second)
		server.Restart()
		ready := time.Now()
		// What was on its way when the server died comes first.
		for s.State().Reconnects < restart || !w.made.After(ready) {
			if w.made.Before(ready) {
				last, lastMade = w.last, w.made
			}
			w.next(20 * time.Second)
		}
		took := time.Since(ready)
		if limit := within(5 * time.Second); took > limit {
			t.Errorf("%v from the server's start to the first frame, want less than %v", took, limit)
		}
		gap, want := w.last.Time-last.Time, w.made.Sub(lastMade)
		// How long a picture was on its way through the connection that is being made
		// cannot be known.
		const slack = time.Second
		if gap > want+slack || gap < want-max(took, slack) {
			t.Errorf("a gap of %v in media time, of %v in truth", gap, want)
		}
		t.Logf("reconnected %v after the server's start; a gap of %v, in truth %v", took, gap, want)
		w.run(rtspFPS)
	}
	if state := s.State(); state.Status != Connected || state.Reconnects != restarts || state.Err != nil || state.Hung != 0 {
		t.Errorf("%+v", state)
	}
	if kinds := told.kinds(); !slices.Contains(kinds, Lost) || !slices.Contains(kinds, Reconnected) || len(kinds) > 6 {
		t.Errorf("told %v", told.all)
	}
	for _, event := range told.all {
		t.Log(event)
	}
	s.Close()
	server.Kill()
	settled(t, before)
}

// A server that says nothing more, and keeps its connections.
func TestServerFallsSilent(t *testing.T) {
	server := rtsptest.Start(t)
	var told events
	spec := mustParse(t, server.URL())
	spec.Notify = told.add
	spec.ReadTimeout, spec.OpenTimeout = time.Second, 4*time.Second
	s := mustOpen(t, spec)
	w := watcher{t: t, stream: s}
	w.run(rtspFPS)
	before := s.State().Reconnects
	server.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	for s.State().Status == Connected {
		if time.Since(stopped) > 10*time.Second {
			t.Fatal("not noticed in 10 s with a timeout of 1 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("noticed after %v: %v", time.Since(stopped), s.State().Err)
	time.Sleep(2 * time.Second) // somebody is at the door, and nobody opens
	goesOn := time.Now()
	last, lastMade := w.last, w.made
	server.Signal(syscall.SIGCONT)
	for s.State().Reconnects == before {
		last, lastMade = w.last, w.made
		w.next(time.Minute)
	}
	if took, limit := time.Since(goesOn), within(5*time.Second); took > limit {
		t.Errorf("%v from when it spoke again to the first frame, want less than %v", took, limit)
	} else {
		t.Logf("reconnected %v after it spoke again", took)
	}
	w.run(rtspFPS)
	// What was in the decoder when the server fell silent came when that was noticed.
	gap, want := w.last.Time-last.Time, w.made.Sub(lastMade)
	if slack := spec.ReadTimeout + maxLate/2; gap > want+slack || gap < want-slack {
		t.Errorf("%v passed in media time, %v in truth", gap, want)
	}
	t.Logf("%v passed in media time, %v in truth", gap, want)
	if event := told.all[len(told.all)-1]; event.Kind != Reconnected || event.Gap < 2*time.Second {
		t.Errorf("told %v", event)
	}
}

// Pictures that change their size come in their new size, and no false ones
// between.
func TestServerChangesSize(t *testing.T) {
	for _, c := range []struct{ codec, size string }{
		{"h264", "640x480"}, {"h264", "192x144"}, {"h264", "384x144"}, {"jpeg", "192x144"},
	} {
		t.Run(c.codec+" "+c.size, func(t *testing.T) {
			t.Parallel()
			server := rtsptest.Start(t, "--codec", c.codec, "--resize", c.size)
			var told events
			spec := mustParse(t, server.URL())
			spec.Notify = told.add
			s := mustOpen(t, spec)
			w := watcher{t: t, stream: s}
			start := time.Now()
			for s.State().Reconnects == 0 {
				if time.Since(start) > 20*time.Second {
					t.Fatal("the new size was not noticed in 20 s")
				}
				w.next(10 * time.Second)
			}
			w.run(rtspFPS)
			if kinds := told.kinds(); !slices.Equal(kinds, []EventKind{Resized}) || !strings.Contains(told.all[0].String(), c.size) {
				t.Errorf("told %v", told.all)
			}
			t.Logf("%v; a gap of %v", told.all[0], told.all[0].Gap)
		})
	}
}

// A consumer slower than the stream never falls behind it.
func TestSlowConsumer(t *testing.T) {
	duration := 10 * time.Second
	if text := os.Getenv(longRun); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, codec := range []string{"jpeg", "h264"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			server := rtsptest.Start(t, "--codec", codec)
			s := mustOpen(t, mustParse(t, server.URL()))
			w := watcher{t: t, stream: s}
			w.next(10 * time.Second)
			machine := watchMachine(t)
			var waited, ages []time.Duration
			disturbed := 0
			for start := time.Now(); time.Since(start) < duration; {
				time.Sleep(3 * rtspPeriod)
				f := w.next(time.Minute)
				now := time.Now()
				if machine.stoodStill(w.made, now) {
					disturbed++
					continue
				}
				waited = append(waited, now.Sub(f.Captured))
				ages = append(ages, now.Sub(w.made))
			}
			if s.Dropped() == 0 {
				t.Error("nothing was dropped")
			}
			late := slices.Clone(ages[3*len(ages)/4:])
			for _, lag := range []struct {
				what  string
				times []time.Duration
			}{{"since captured", waited}, {"since made", ages}, {"since made, at the end", late}} {
				slices.Sort(lag.times)
				n := len(lag.times)
				t.Logf("%s: median %.2f, p95 %.2f, max %.2f frames of %d", lag.what,
					frames(lag.times[n/2]), frames(lag.times[n*95/100]), frames(lag.times[n-1]), n)
			}
			if disturbed > 0 {
				t.Logf("%d frames not counted: this machine stood still meanwhile", disturbed)
			}
			if lag := frames(waited[len(waited)*95/100]); lag >= within(2.0) {
				t.Errorf("%.2f frames behind the newest", lag)
			}
			// FFmpeg tells the end of an H.264 picture by the start of the next: one
			// frame, whatever the reader does.
			limit := 2.0
			if codec == "h264" {
				limit++
			}
			if lag := frames(late[len(late)*95/100]); lag >= within(limit) {
				t.Errorf("%.2f frames behind the camera at the end", lag)
			}
		})
	}
}

// machine notes when this process did not get to run: no reader is on time then.
type machine struct {
	mu     sync.Mutex
	stalls [][2]time.Time
}

func watchMachine(t *testing.T) *machine {
	m := &machine{}
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		const beat = 5 * time.Millisecond
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			now := time.Now()
			if now.Sub(last) > rtspPeriod/2 {
				m.mu.Lock()
				m.stalls = append(m.stalls, [2]time.Time{last, now})
				m.mu.Unlock()
			}
			last = now
		}
	}()
	return m
}

// stoodStill says whether it did between from and to, or shortly before: what was
// held up then comes late.
func (m *machine) stoodStill(from, to time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, stall := range m.stalls {
		if stall[0].Before(to) && stall[1].After(from.Add(-5*rtspPeriod)) {
			return true
		}
	}
	return false
}

func frames(d time.Duration) float64 { return float64(d) / float64(rtspPeriod) }

// A source that is given up says so, in one line that tells why.
func TestGiveUp(t *testing.T) {
	server := rtsptest.Start(t, "--codec", "jpeg")
	before := runtime.NumGoroutine()
	var told events
	spec := mustParse(t, server.URL())
	spec.Notify = told.add
	spec.Reconnect = Reconnect{MaxAttempts: 3, FirstDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, Seed: 1}
	s := mustOpen(t, spec)
	w := watcher{t: t, stream: s}
	w.next(10 * time.Second)
	server.Kill()
	_, err := readAll(t, s, false)
	if !errors.Is(err, ErrLost) {
		t.Errorf("%v, want ErrLost", err)
	}
	wantError(t, err, "read "+server.URL()+": no more frames; gave up after 3 attempts to reconnect: ", "connection refused")
	if kinds := told.kinds(); !slices.Equal(kinds, []EventKind{Lost, Retried, GivenUp}) {
		t.Errorf("told %v", told.all)
	}
	if state := s.State(); state.Status != Ended || state.Attempts != 3 || state.Err == nil {
		t.Errorf("%+v", state)
	}
	s.Close()
	settled(t, before)
}
