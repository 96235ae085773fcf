//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
)

// ErrQuit is what Display's Write returns when the user closes the window or
// presses q or Esc: the normal end of watching.
var ErrQuit = errors.New("the user closed the window")

// Display shows the pictures in a window: q or Esc quits, space pauses.
//
// The window system insists on one thread for everything, so a Display has a
// goroutine of its own, locked to a thread, which also answers keys while no
// pictures come. A program can have one Display in its life.
type Display struct {
	options DisplayOptions
	last    gocv.Mat // of the window's thread: a copy of the picture shown last, for Notice
	noted   gocv.Mat // the same, with the notice

	show  chan *gocv.Mat // a picture to show, whose owner waits for shown
	shown chan error
	stop  chan struct{}
	done  chan struct{}
}

// DisplayOptions say what a Display does beyond showing pictures.
type DisplayOptions struct {
	Title string
	// Notice is asked, while no pictures come, what to write on the last one: it
	// draws on the copy it is given, and is false where there is nothing to say. Nil
	// leaves the last picture as it is.
	Notice func(picture *gocv.Mat) bool
	// Quit is told, once, that the user wants no more, also while no pictures come;
	// may be nil.
	Quit func()
}

// noticeEvery is how often a notice is drawn, and how long after the last picture
// the first one is.
const noticeEvery = 200 * time.Millisecond

// idlePoll is how often the window looks for keys when no pictures come.
const idlePoll = 20 * time.Millisecond

// NewDisplay opens a window, where there is a screen. When ctx ends, so does a
// pause.
func NewDisplay(ctx context.Context, options DisplayOptions) (*Display, error) {
	if err := DisplayAvailable(); err != nil {
		return nil, fmt.Errorf("open window: %w", err)
	}
	capture.Quiet()
	d := &Display{
		options: options, last: gocv.NewMat(), noted: gocv.NewMat(),
		show: make(chan *gocv.Mat), shown: make(chan error),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go d.run(ctx)
	return d, nil
}

// DisplayAvailable says why no window can be opened; nil where one can. OpenCV's
// window library ends the whole program where there is no screen, so ask first.
func DisplayAvailable() error {
	if runtime.GOOS != "linux" {
		return nil
	}
	x, wayland := os.Getenv("DISPLAY"), os.Getenv("WAYLAND_DISPLAY")
	switch {
	case x != "":
		network, address := xAddress(x)
		conn, err := net.DialTimeout(network, address, time.Second)
		if err != nil {
			return fmt.Errorf("DISPLAY=%s does not answer; run on the desktop, or leave --display out", x)
		}
		return conn.Close()
	case wayland != "":
		if !filepath.IsAbs(wayland) {
			wayland = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), wayland)
		}
		if _, err := os.Stat(wayland); err != nil {
			return fmt.Errorf("WAYLAND_DISPLAY leads to %s, which is not there; run on the desktop, or leave --display out", wayland)
		}
		return nil
	}
	return errors.New("no screen here (DISPLAY and WAYLAND_DISPLAY are not set); run on the desktop, or leave --display out")
}

// xAddress is where an X server of that name, host:number.screen, listens.
func xAddress(display string) (network, address string) {
	host, number, _ := strings.Cut(display, ":")
	number, _, _ = strings.Cut(number, ".")
	if host == "" || host == "unix" {
		return "unix", "/tmp/.X11-unix/X" + number
	}
	n, _ := strconv.Atoi(number)
	return "tcp", net.JoinHostPort(host, strconv.Itoa(6000+n))
}

// run is the window's thread.
func (d *Display) run(ctx context.Context) {
	defer close(d.done)
	defer d.noted.Close()
	defer d.last.Close()
	runtime.LockOSThread() // until the end: the thread dies with the window
	w := gocv.NewWindow(d.options.Title)
	defer w.Close()
	if !d.serve(ctx, w) && d.options.Quit != nil {
		d.options.Quit()
	}
}

// serve shows pictures and answers keys until it is stopped, or, which is false,
// the user quits.
func (d *Display) serve(ctx context.Context, w *gocv.Window) (stopped bool) {
	tick := time.NewTicker(idlePoll)
	defer tick.Stop()
	interrupted := ctx.Done()
	var shown time.Time // the last picture or notice
	paused := false
	for {
		show := d.show
		if paused {
			show = nil // who writes, waits
		}
		select {
		case picture := <-show:
			if shown.IsZero() {
				_ = w.ResizeWindow(picture.Cols(), picture.Rows())
			}
			shown = time.Now()
			err := d.present(w, picture)
			key := w.WaitKey(1) // draws, too
			d.shown <- err
			if quits(key) {
				return false
			}
			paused = key == ' '
		case <-tick.C:
			if !paused && !shown.IsZero() && time.Since(shown) >= noticeEvery {
				shown = time.Now()
				d.notice(w)
			}
			key := w.WaitKey(1)
			if quits(key) {
				return false
			}
			paused = paused != (key == ' ')
		case <-interrupted:
			interrupted, paused = nil, false
		case <-d.stop:
			return true
		}
		if !shown.IsZero() && w.GetWindowProperty(gocv.WindowPropertyVisible) < 1 {
			return false // closed with the mouse
		}
	}
}

func (d *Display) present(w *gocv.Window, picture *gocv.Mat) error {
	if d.options.Notice != nil {
		if err := picture.CopyTo(&d.last); err != nil {
			return err
		}
	}
	return w.IMShow(*picture)
}

// notice shows the last picture again, with what there is to say.
func (d *Display) notice(w *gocv.Window) {
	if d.options.Notice == nil || d.last.CopyTo(&d.noted) != nil {
		return
	}
	if d.options.Notice(&d.noted) {
		_ = w.IMShow(d.noted)
	}
}

func quits(key int) bool { return key == 'q' || key == 'Q' || key == escape }

const escape = 27

// Write shows the picture and returns when it is on the screen, or, while the
// user pauses, when they go on or ctx ends.
func (d *Display) Write(ctx context.Context, r Result) error { return d.Show(ctx, &r.Frame.Mat) }

// Show is Write of a picture that is no frame.
func (d *Display) Show(ctx context.Context, picture *gocv.Mat) error {
	select {
	case d.show <- picture:
	case <-d.done:
		return ErrQuit
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-d.shown:
		return err
	case <-d.done:
		return ErrQuit
	}
}

// Commit closes the window.
func (d *Display) Commit() error {
	select {
	case <-d.stop:
	default:
		close(d.stop)
	}
	<-d.done
	return nil
}

// Keep closes the window; there is nothing to keep.
func (d *Display) Keep() (string, error) { return "", d.Commit() }
