//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"image"
	"sync"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/overlay"
)

// wallSize is the size of a Wall's picture, which the window may scale, and
// wallEvery how often it is redrawn.
var wallSize = image.Pt(1280, 720)

const wallEvery = time.Second / 30

// Wall shows several streams in one Display, each in a tile of its own. Its pace is
// the window's: of a stream that is faster, the pictures between are not shown, and
// cost nothing. While the user pauses, who writes, waits.
type Wall struct {
	display *Display
	state   func(i int) string
	quit    func(error)
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	grid  *overlay.Grid
	fresh []bool // tiles with a picture that was not shown yet
	err   error  // why nothing is shown any more
}

// NewWall opens a window with a tile for each name. state says what has become of a
// stream, empty while it delivers; it is called from a goroutine of the Wall's.
// quit is told once where the window can show nothing more, with ErrQuit where the
// user closed it.
func NewWall(ctx context.Context, title string, names []string, state func(i int) string, quit func(error)) (*Wall, error) {
	display, err := NewDisplay(ctx, DisplayOptions{Title: title})
	if err != nil {
		return nil, err
	}
	grid, err := overlay.NewGrid(names, wallSize)
	if err != nil {
		return nil, errors.Join(err, display.Commit())
	}
	w := &Wall{display: display, grid: grid, state: state, quit: quit, fresh: make([]bool, len(names)), done: make(chan struct{})}
	ctx, w.stop = context.WithCancel(ctx)
	go w.run(ctx)
	return w, nil
}

// run redraws the window when there is something new.
func (w *Wall) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(wallEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		if err := w.redraw(ctx, first); err != nil {
			if ctx.Err() == nil {
				w.quit(err)
			}
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-w.display.done:
			w.fail(ErrQuit)
			w.quit(ErrQuit)
			return
		}
	}
}

// redraw holds back the tiles for as long as showing takes, which may be a pause.
func (w *Wall) redraw(ctx context.Context, changed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.fresh {
		changed = w.grid.State(i, w.state(i)) || w.fresh[i] || changed
		w.fresh[i] = false
	}
	if !changed {
		return nil
	}
	err := w.display.Show(ctx, w.grid.Picture())
	if ctx.Err() == nil { // else the streams end by themselves
		w.err = err
	}
	return err
}

func (w *Wall) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// put shows a picture unless the one before it was not shown yet.
func (w *Wall) put(i int, r Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.fresh[i] {
		return w.err
	}
	w.fresh[i] = true
	return w.grid.Put(i, &r.Frame.Mat)
}

// Close closes the window.
func (w *Wall) Close() error {
	w.stop()
	<-w.done
	return errors.Join(w.display.Commit(), w.grid.Close())
}

// Tile is one stream's part of a Wall.
type Tile struct {
	wall *Wall
	i    int
}

// Tile is the i-th name's.
func (w *Wall) Tile(i int) *Tile { return &Tile{w, i} }

// Write shows a picture, while the window shows any.
func (t *Tile) Write(_ context.Context, r Result) error { return t.wall.put(t.i, r) }

// Commit does nothing: the window is the Wall's.
func (t *Tile) Commit() error { return nil }

// Keep does nothing.
func (t *Tile) Keep() (string, error) { return "", nil }
