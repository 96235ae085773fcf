//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWallHelper(t *testing.T) {
	if os.Getenv(displayHelper) == "" {
		t.Skip("helper of TestWall")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var quits atomic.Int32
	var ended atomic.Bool
	state := func(i int) string {
		if i == 1 && ended.Load() {
			return "ended"
		}
		return ""
	}
	w, err := NewWall(ctx, "sink test", []string{"left", "right"}, state, func(err error) {
		if errors.Is(err, ErrQuit) {
			quits.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	frames := []Result{{Frame: picture(t, 5, 0, 320, 240)}, {Frame: picture(t, 9, 0, 240, 320)}}
	var written [2]int
	var longest time.Duration
	var all sync.WaitGroup
	all.Go(func() { // the right one comes to its end
		for ; written[1] < 50; written[1]++ {
			if err := w.Tile(1).Write(ctx, frames[1]); err != nil {
				t.Error(err)
			}
		}
		ended.Store(true)
	})
	all.Go(func() {
		for ; ctx.Err() == nil; written[0]++ {
			start := time.Now()
			if err := w.Tile(0).Write(ctx, frames[0]); errors.Is(err, ErrQuit) {
				return
			} else if err != nil {
				t.Error(err)
			}
			longest = max(longest, time.Since(start))
			time.Sleep(time.Millisecond)
		}
	})
	all.Wait()
	if longest < time.Second {
		t.Errorf("the longest Write took %v: space did not pause", longest)
	}
	if written[0] < 20 || written[1] != 50 || quits.Load() != 1 {
		t.Errorf("%v pictures written, %d times told of the end", written, quits.Load())
	}
	if shown := w.grid.State(1, "ended"); shown {
		t.Error("the end of a stream was not shown")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestWall presses keys in a window with two streams.
func TestWall(t *testing.T) { onScreen(t, "TestWallHelper") }
