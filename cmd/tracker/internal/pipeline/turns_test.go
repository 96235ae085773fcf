//go:build gocv_specific_modules

package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// sleeper is an inference that takes a while, and notes its turn.
type sleeper struct {
	name string
	took time.Duration
	log  *turnLog
}

type turnLog struct {
	mu      sync.Mutex
	order   []string
	running int
	most    int // at a time
}

func (l *turnLog) note(names string, running int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if names != "" {
		l.order = append(l.order, names)
	}
	l.running += running
	l.most = max(l.most, l.running)
}

func (s *sleeper) Load(*gocv.Mat) error { return nil }

func (s *sleeper) Run(ctx context.Context) error {
	s.log.note(s.name, 1)
	defer s.log.note("", -1)
	time.Sleep(s.took)
	return ctx.Err()
}

func (s *sleeper) Detections(dst []detect.Detection) ([]detect.Detection, error) { return dst, nil }

// joined runs sleepers together and notes them as one.
func joined(l *turnLog, err error) func([]Detector) error {
	return func(ds []Detector) error {
		var names []string
		for _, d := range ds {
			names = append(names, d.(*sleeper).name)
		}
		l.note(strings.Join(names, "+"), 0)
		time.Sleep(10 * time.Millisecond)
		return err
	}
}

// queueUp has sleepers arrive one after the other, in this order, and waits for
// all; a capital letter is a live source. No two take equally long, or those that
// end at the same instant would note their followers in any order.
func queueUp(t *testing.T, turns *Turns, log *turnLog, names ...string) map[string]error {
	t.Helper()
	errs := make(map[string]error)
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, name := range names {
		took := time.Duration(100+i) * time.Millisecond / 10
		all.Go(func() {
			own := newTurn(name == strings.ToUpper(name))
			_, err := turns.run(context.Background(), &own, &sleeper{name: name, took: took, log: log})
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
		synctest.Wait() // it runs or stands in the queue
	}
	all.Wait()
	if turns.free == 0 || len(turns.waiting) != 0 {
		t.Errorf("%d places are free and %d wait after all has run", turns.free, len(turns.waiting))
	}
	return errs
}

// Inferences run in the order of their arrival, no more at a time than there are
// places.
func TestTurnsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(turnLog)
		names := []string{"a", "b", "c", "d", "e", "f", "g"}
		queueUp(t, NewTurns(2, 1, nil), log, names...)
		if !slices.Equal(log.order, names) || log.most != 2 {
			t.Errorf("order %v, %d at a time, want 2", log.order, log.most)
		}
	})
}

// What waits at the same moment runs together, where it is live, up to the bound;
// the one that comes alone waits for nobody.
func TestTurnsJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(turnLog)
		turns := NewTurns(1, 3, joined(log, nil))
		start := time.Now()
		queueUp(t, turns, log, "A")
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("alone it took %v, want 10ms", took)
		}
		queueUp(t, turns, log, "A", "B", "c", "D", "e", "F", "G")
		if want := []string{"A", "A", "B+D+F", "c", "e", "G"}; !slices.Equal(log.order, want) {
			t.Errorf("order %v, want %v", log.order, want)
		}
	})
}

// A failure of what runs together is everybody's, and the place is passed on.
func TestTurnsJoinFails(t *testing.T) {
	broken := errors.New("out of memory")
	synctest.Test(t, func(t *testing.T) {
		log := new(turnLog)
		errs := queueUp(t, NewTurns(1, 3, joined(log, broken)), log, "A", "B", "C", "d")
		if errs["A"] != nil || !errors.Is(errs["B"], broken) || !errors.Is(errs["C"], broken) || errs["d"] != nil {
			t.Errorf("errors %v", errs)
		}
	})
}

func TestTurnsJoinPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1, 2, func([]Detector) error { panic("broken") })
		log := new(turnLog)
		var errs [3]error
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				errs[i] = Guard(func() error {
					own := newTurn(true)
					_, err := turns.run(context.Background(), &own, &sleeper{took: 10 * time.Millisecond, log: log})
					return err
				})
			})
			synctest.Wait()
		}
		all.Wait()
		if errs[0] != nil || !strings.Contains(errs[1].Error(), "broken") || !errors.Is(errs[2], errJoined) || turns.free != 1 {
			t.Errorf("errors %v, %d places free", errs, turns.free)
		}
	})
}

// A turn that is given up leaves the queue in order; one whose inference has
// begun with others is waited for.
func TestTurnsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(turnLog)
		turns := NewTurns(1, 2, joined(log, nil))
		ctx, cancel := context.WithCancel(context.Background())
		var errs [4]error
		var all sync.WaitGroup
		for i, name := range []string{"a", "b", "C", "D"} {
			all.Go(func() {
				own, ctx := newTurn(i > 1), ctx
				if i != 1 && i != 3 {
					ctx = context.Background()
				}
				_, errs[i] = turns.run(ctx, &own, &sleeper{name: name, took: 10 * time.Millisecond, log: log})
			})
			synctest.Wait()
		}
		time.Sleep(15 * time.Millisecond) // a is done, b runs
		cancel()
		all.Wait()
		if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || errs[2] != nil || !errors.Is(errs[3], context.Canceled) ||
			!slices.Equal(log.order, []string{"a", "b", "C"}) || turns.free != 1 {
			t.Errorf("errors %v, order %v, %d places free", errs, log.order, turns.free)
		}
	})
}

func TestTurnsAllocateNothing(t *testing.T) {
	turns, own, d := NewTurns(1, 1, nil), newTurn(false), &reader{fail: -1, runs: new(atomic.Int32)}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { _, _ = turns.run(ctx, &own, d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Pipelines that share detectors and turns give what each gives alone; one that
// breaks leaves the others and the detectors alone.
func TestPipelinesShare(t *testing.T) {
	const workers, sources = 2, 3
	pool := poolOf(workers+sources, reader{fail: -1, slow: true, runs: new(atomic.Int32)})
	turns := NewTurns(workers, 1, nil)
	var outs [sources]numbers
	var errs [sources]error
	outs[1] = numbers{at: 9, do: func() error { return errors.New("disk full") }}
	var all sync.WaitGroup
	var pipelines [sources]*Pipeline
	for i := range sources {
		pipelines[i] = assemble(t, workers, reader{fail: -1}, &outs[i])
		pipelines[i].Detectors, pipelines[i].Turns = pool, turns
	}
	for i, p := range pipelines {
		all.Go(func() { _, errs[i] = p.Run(context.Background()) })
	}
	all.Wait()
	for i := range sources {
		want := frames
		if i == 1 {
			want = 10
		}
		if got := len(outs[i].got); got != want || (errs[i] == nil) != (i != 1) {
			t.Errorf("source %d: %d frames, want %d; error %v", i, got, want, errs[i])
		}
	}
	idle(t, pipelines[0])
	if turns.free != workers {
		t.Errorf("%d places free, want %d", turns.free, workers)
	}
}
