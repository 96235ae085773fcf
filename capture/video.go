//go:build gocv_specific_modules

package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"
)

// Properties of OpenCV that gocv has no names for.
const (
	propPixelWidth  gocv.VideoCaptureProperties = 40 // CAP_PROP_SAR_NUM
	propPixelHeight gocv.VideoCaptureProperties = 41 // CAP_PROP_SAR_DEN
	propRotation    gocv.VideoCaptureProperties = 48 // CAP_PROP_ORIENTATION_META, in degrees
	propOpenTimeout gocv.VideoCaptureProperties = 53 // CAP_PROP_OPEN_TIMEOUT_MSEC
	propReadTimeout gocv.VideoCaptureProperties = 54 // CAP_PROP_READ_TIMEOUT_MSEC
)

// propTimeBase is, of FFmpeg's videos, the unit of their timestamps in seconds,
// whatever its name says.
const propTimeBase = gocv.VideoCapturePosAVIRatio

// maxDamaged is how many pieces in a row may fail to decode before a video
// counts as ended: OpenCV does not tell a damaged piece from the end. Raising it
// survives longer damage; a failed read at the end of a file costs microseconds.
const maxDamaged = 1000

// video decodes what an OpenCV capture reads: a file, standard input, a stream
// or a camera.
type video struct {
	vc     *gocv.VideoCapture
	facts  Info
	next   int // index of the next frame
	clock  mediaClock
	period time.Duration // nominal time from frame to frame
	// byArrival: the source has no timestamps worth the name; a frame's time is
	// when it came.
	byArrival bool
	arrival   time.Time // of the last frame

	start time.Duration // timestamp of the first frame, counted from the first packet
	beats atomic.Uint32 // changes with each frame read or passed over

	// FFmpeg's pictures have this size from the first on; see watch.
	size, misfit image.Point
	misfits      int // pictures in a row of another size: misfit

	saw    sighting // of the last read
	broken error    // of the disk or network, since it failed; nothing more comes then
	timed  struct { // the last picture of which OpenCV told the time
		timestamp int64
		pos       float64 // milliseconds
	}
	spoilt   int // the first picture with damage, counted from 1; 0 none
	heldBack int // pictures that the decoder gave after the end of the file

	// free, where not nil, frees what FFmpeg reads from.
	free func() error
	// atEnd is the error that ends the video after so many frames.
	atEnd func(read int) error
	// patience is how long a live source may deliver nothing.
	patience time.Duration

	damaged *atomic.Int64
}

func newVideo(vc *gocv.VideoCapture, name string, live bool) *video {
	v := &video{vc: vc, damaged: new(atomic.Int64), atEnd: func(int) error { return io.EOF }}
	v.facts = Info{
		Name:    name,
		Width:   int(vc.Get(gocv.VideoCaptureFrameWidth)),
		Height:  int(vc.Get(gocv.VideoCaptureFrameHeight)),
		FPS:     saneFPS(vc.Get(gocv.VideoCaptureFPS)),
		Live:    live,
		Backend: gocv.VideoRegistry.GetBackendName(gocv.VideoCaptureAPI(vc.Get(gocv.VideoCaptureBackend))),
		FourCC:  fourCC(vc.Get(gocv.VideoCaptureFOURCC)),
	}
	if n := vc.Get(gocv.VideoCaptureFrameCount); n > 0 && n < maxFrames && !live {
		v.facts.Frames = int(n)
	}
	v.facts.PixelWidth, v.facts.PixelHeight = pixelShape(vc)
	v.period = framePeriod(v.facts.FPS)
	return v
}

// maxFrames is more than a year of video: a header that says so was never finished.
const maxFrames = 1 << 30

// pixelShape is how wide a pixel of the pictures, which OpenCV turns upright, is
// shown for how high.
func pixelShape(vc *gocv.VideoCapture) (width, height int) {
	width, height = int(vc.Get(propPixelWidth)), int(vc.Get(propPixelHeight))
	switch {
	case width <= 0 || height <= 0: // -1: the backend does not know the property
		return 0, 0
	case int(vc.Get(propRotation))%180 != 0:
		return height, width
	}
	return width, height
}

func (v *video) info() Info { return v.facts }

func (v *video) decode(f *Frame) error {
	if !v.retry(func() bool { return v.read(f) }) {
		if v.resized() {
			return &ResizedError{Name: v.facts.Name, Read: v.next, From: v.size, To: v.misfit}
		}
		return v.atEnd(v.next)
	}
	f.Index = v.next
	f.Captured = time.Now()
	f.Time = v.time(f.Captured)
	v.next++
	return nil
}

// read reads a picture, unless it has another size than the first.
func (v *video) read(f *Frame) bool {
	if v.facts.Backend != "FFMPEG" {
		return v.vc.Read(&f.Mat) && !f.Mat.Empty()
	}
	ok := v.watch(v.size, func() bool { return v.vc.Read(&f.Mat) && !f.Mat.Empty() })
	switch size := v.saw.size; {
	case v.size != image.Point{} && size != image.Point{} && size != v.size:
		v.misfit = size
		v.misfits++
		return false // the pixels are those of the last picture
	case ok:
		v.size, v.misfits = size, 0
	}
	return ok
}

// watch reads, and keeps what is seen of it. OpenCV asks a source that was silent for
// too long no more, so an error is not seen again.
func (v *video) watch(expected image.Point, read func() bool) (ok bool) {
	ok, v.saw = watch(expected, read)
	if v.saw.broken != nil {
		v.broken = v.saw.broken
	}
	return ok
}

// maxMisfits is how many pictures of another size in a row mean that the size has
// changed, in a recording, where one or two come from damage.
const maxMisfits = 5

func (v *video) resized() bool {
	return v.misfits >= maxMisfits || v.facts.Live && v.misfits > 0
}

// maxJump is how much further than the wall clock a live stream's timestamps may
// move from one frame to the next: what was buffered comes at once, hours do not.
const maxJump = 10 * time.Second

// time is the media time of the frame just read or passed over.
func (v *video) time(now time.Time) time.Duration {
	step, limit := v.period, time.Duration(math.MaxInt64)
	if v.facts.Live {
		step = now.Sub(v.arrival)
		limit = step + maxJump
	}
	v.arrival = now
	v.beats.Add(1)
	var pos time.Duration
	if !v.byArrival {
		pos = time.Duration(v.position() * float64(time.Millisecond))
	}
	if !v.clock.started {
		v.start = max(pos, 0)
	}
	return v.clock.at(pos, step, limit)
}

// position is what the container says of that frame, in milliseconds; 0 or less
// for nothing. What OpenCV does not tell follows from FFmpeg's timestamps.
func (v *video) position() float64 {
	pos := v.vc.Get(gocv.VideoCapturePosMsec)
	switch {
	case !v.saw.timed:
		return pos
	case pos <= 0 && v.clock.started:
		return v.timed.pos + float64(v.saw.timestamp-v.timed.timestamp)*v.vc.Get(propTimeBase)*1000
	}
	v.timed.timestamp, v.timed.pos = v.saw.timestamp, pos
	return pos
}

// skip grabs: the frame is decoded, since later ones need it, but not converted.
// gocv does not say whether a grab succeeded; the position does, except for a
// camera, whose next read finds out.
func (v *video) skip() error {
	grab := func() bool {
		before := v.vc.Get(gocv.VideoCapturePosFrames)
		ok := v.watch(image.Point{}, func() bool { return v.vc.Grab(1) == nil })
		return ok && (v.facts.Live || v.vc.Get(gocv.VideoCapturePosFrames) != before)
	}
	if !v.retry(grab) {
		return v.atEnd(v.next)
	}
	v.time(time.Now()) // the clock sees every frame
	v.next++
	return nil
}

// retry reads until it succeeds, and is false at the end.
func (v *video) retry(read func() bool) bool {
	start := time.Now()
	for failed := 0; ; failed++ {
		if read() {
			if v.saw.damaged {
				failed++
				v.spoilt = cmp.Or(v.spoilt, v.next+1)
			}
			if v.saw.ended || v.heldBack > 0 {
				v.heldBack++
			}
			if v.clock.started { // before, a recording that starts between key frames
				v.damaged.Add(int64(failed))
			}
			return true
		}
		switch {
		case v.resized():
			return false
		case !v.facts.Live && v.broken != nil && failed > 0: // before, the decoder gives what it held back
			return false
		case !v.facts.Live && failed >= maxDamaged:
			return false
		case v.facts.Live && time.Since(start) > v.patience:
			return false
		case v.facts.Live:
			time.Sleep(10 * time.Millisecond) // a dead device fails at once, forever
		}
	}
}

func (v *video) close() error {
	err := v.vc.Close()
	if v.free != nil {
		err = errors.Join(err, v.free())
	}
	return err
}

// lostAfter ends a live source that delivers nothing any more.
func lostAfter(name, hint string) func(int) error {
	return func(read int) error {
		return fmt.Errorf("read %s: %w after frame %d; %s", name, ErrLost, read, hint)
	}
}

// fourCC spells a codec's four letters; empty where they are not letters.
func fourCC(code float64) string {
	n := uint32(int64(code))
	letters := []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
	for _, c := range letters {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return string(letters)
}

// openCapture runs open. Opening cannot be interrupted: when ctx ends first, the
// capture is closed as soon as it is open.
func openCapture(ctx context.Context, open func() (*gocv.VideoCapture, error)) (*gocv.VideoCapture, error) {
	type result struct {
		vc  *gocv.VideoCapture
		err error
	}
	opened := make(chan result, 1)
	go func() {
		vc, err := open()
		opened <- result{vc, err}
	}()
	select {
	case r := <-opened:
		return r.vc, r.err
	case <-ctx.Done():
		go func() {
			if r := <-opened; r.err == nil {
				r.vc.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// decoding is how FFmpeg decodes.
type decoding struct {
	quick   bool // open without finding out the frame rate
	slices  bool // threads share a picture, rather than having one each: no delay
	threads int  // at most; 0 for one a core

	medium *medium // where not nil, told what FFmpeg reads from
}

// medium is what a video is read from, where that can be found out.
type medium struct {
	length     int64 // in bytes; 0 unknown, or none
	sequential bool  // it can only be read from the start to the end
	onlySound  bool  // it has streams, none of pictures
}

// sighting is what passed from FFmpeg to OpenCV during a read, where that can be
// seen; see watch.
type sighting struct {
	size      image.Point // of the picture; zero unknown
	timestamp int64       // when it is shown, in units of propTimeBase, where timed
	timed     bool
	damaged   bool  // the decoder made up pieces of it, or of one soon after it
	ended     bool  // nothing more is read: the decoder had held it back
	broken    error // of the disk or network, after which nothing more comes
}

// withFFmpeg opens with FFmpeg only: OpenCV's other readers would have to guess.
func withFFmpeg(uri string, d decoding, params ...gocv.VideoCaptureProperties) (vc *gocv.VideoCapture, err error) {
	tuned(d, func() {
		if len(params) > 0 {
			vc, err = gocv.VideoCaptureFileWithAPIParams(uri, gocv.VideoCaptureFFmpeg, params)
		} else {
			vc, err = gocv.VideoCaptureFileWithAPI(uri, gocv.VideoCaptureFFmpeg)
		}
	})
	if err != nil {
		vc.Close()
		return nil, err
	}
	return vc, nil
}
