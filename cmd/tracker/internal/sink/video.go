//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"fmt"
	"image"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// Codecs that a user can ask for. Auto is H.264 where the container is made for
// it and OpenCV can encode it, else MPEG-4; Motion JPEG in AVI.
const (
	Auto  = "auto"
	H264  = "h264"
	MPEG4 = "mpeg4"
	MJPEG = "mjpeg"
)

// Codecs lists what VideoOptions.Codec may be.
func Codecs() []string { return []string{Auto, H264, MPEG4, MJPEG} }

// containers says which four letters ask OpenCV for a codec, by the extension of
// the file, and what Auto tries, in order.
var containers = map[string]struct {
	fourCC map[string]string
	auto   []string
}{
	".mp4": {isoCodecs, []string{H264, MPEG4}},
	".m4v": {isoCodecs, []string{H264, MPEG4}},
	".mov": {isoCodecs, []string{H264, MPEG4}},
	".mkv": {map[string]string{H264: "avc1", MPEG4: "XVID", MJPEG: "MJPG"}, []string{H264, MPEG4, MJPEG}},
	".avi": {map[string]string{H264: "H264", MPEG4: "XVID", MJPEG: "MJPG"}, []string{MJPEG, MPEG4}},
}

var isoCodecs = map[string]string{H264: "avc1", MPEG4: "mp4v"}

// maxHold is the longest gap in the source that the video plays as a gap. Longer
// ones (a camera that was off) are cut out.
const maxHold = 10 * time.Second

// VideoOptions says what a Video writes.
type VideoOptions struct {
	Path string // the extension chooses the container: .mp4, .m4v, .mov, .mkv, .avi
	// FPS is the rate of the video: the source's, divided by the stride.
	FPS   float64
	Codec string // one of Codecs; empty is Auto
	// Warn is told once of each thing that is not as asked; may be nil.
	Warn func(message string)
}

// slowest and fastest are the rates that every codec here can be asked for.
const (
	slowest = 0.01
	fastest = 1000
)

// Video writes the pictures as a video of constant rate that plays in media time,
// right to a frame. Where the source is slower (dropped frames, variable rate),
// the next picture is repeated to fill the gap. Where it is faster, pictures that
// would put the video more than one frame ahead are left out, counted, and told
// of at the end. A source of the video's own rate keeps every picture, once.
//
// The size is that of the first picture, less the last column or row where it is
// odd, which the codecs cannot encode. Pictures of another size are scaled to it.
type Video struct {
	opt     VideoOptions
	file    *atomicfile.File
	writer  *gocv.VideoWriter
	size    image.Point
	scaled  gocv.Mat      // of pictures that had another size; made when needed
	written int           // pictures in the file, repeated ones too
	shown   int           // pictures that came
	left    int           // of these, left out
	origin  time.Duration // media time where the video starts, later by what was cut out
	last    time.Duration // media time of the last picture
	ended   bool
}

// NewVideo checks the options and that the file can be written. The encoder
// starts with the first picture.
func NewVideo(opt VideoOptions) (*Video, error) {
	if opt.Codec == "" {
		opt.Codec = Auto
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if err := CheckVideo(opt.Path, opt.Codec); err != nil {
		return nil, err
	}
	if !(opt.FPS >= slowest && opt.FPS <= fastest) {
		return nil, fmt.Errorf("write %s: a video of %g frames a second; want %g to %g: choose another stride",
			opt.Path, opt.FPS, slowest, float64(fastest))
	}
	capture.Quiet()
	file, err := atomicfile.Create(opt.Path)
	if err != nil {
		return nil, err
	}
	return &Video{opt: opt, file: file}, nil
}

// CheckVideo says whether a video can have this name and codec (one of Codecs;
// empty is Auto), without looking at the disk or trying the encoder.
func CheckVideo(path, codec string) error {
	ext := strings.ToLower(filepath.Ext(path))
	container, known := containers[ext]
	switch {
	case !known:
		return fmt.Errorf("write %s: no video format has the extension %q; use %s", path, ext, listed(maps.Keys(containers)))
	case codec == "" || codec == Auto:
		return nil
	case !slices.Contains(Codecs(), codec):
		return fmt.Errorf("write %s: no codec %q; use %s", path, codec, strings.Join(Codecs(), ", "))
	case container.fourCC[codec] == "":
		return fmt.Errorf("write %s: %s cannot hold %s; use %s", path, ext, codec, listed(maps.Keys(container.fourCC)))
	}
	return nil
}

func listed(names iter.Seq[string]) string { return strings.Join(slices.Sorted(names), ", ") }

// Write adds the frame's picture, as often as its time asks for.
func (v *Video) Write(_ context.Context, r Result) error {
	picture := &r.Frame.Mat
	if err := v.start(picture); err != nil {
		return fmt.Errorf("write %s: %w", v.opt.Path, err)
	}
	times := v.times(r.Frame.Time)
	v.shown++
	if times == 0 {
		v.left++
		return nil
	}
	picture, err := v.fit(picture)
	if err != nil {
		return fmt.Errorf("write %s: %w", v.opt.Path, err)
	}
	for range times {
		if err := v.writer.Write(*picture); err != nil {
			return fmt.Errorf("write %s: %w", v.opt.Path, err)
		}
		v.written++
	}
	return nil
}

// times is how often the picture shown at that media time is written: until the
// video is as long as the media; once where it is up to a frame longer already, so
// that a source whose times are rounded or shake keeps its pictures; else never.
func (v *Video) times(at time.Duration) int {
	switch gap := at - v.last; {
	case v.written == 0:
		v.origin = at
	case gap > maxHold:
		v.origin += gap - time.Duration(float64(time.Second)/v.opt.FPS)
	}
	v.last = at
	due := int(math.Round((at-v.origin).Seconds()*v.opt.FPS)) + 1 - v.written
	if due < 0 {
		return 0
	}
	return max(due, 1)
}

// start opens the encoder for pictures like this one.
func (v *Video) start(picture *gocv.Mat) error {
	if picture.Empty() || picture.Type() != gocv.MatTypeCV8UC3 {
		return fmt.Errorf("picture of type %v, not 8-bit BGR", picture.Type())
	}
	if v.writer != nil {
		return nil
	}
	v.size = image.Pt(picture.Cols(), picture.Rows())
	if v.size.X < 2 || v.size.Y < 2 {
		return fmt.Errorf("picture of %dx%d pixels; a video needs 2x2", v.size.X, v.size.Y)
	}
	container := containers[strings.ToLower(filepath.Ext(v.opt.Path))]
	candidates := []string{v.opt.Codec}
	if v.opt.Codec == Auto {
		candidates = container.auto
	}
	for i, codec := range candidates {
		if v.writer = openWriter(v.file.PartialPath(), container.fourCC[codec], v.opt.FPS, v.size); v.writer == nil {
			continue
		}
		if i > 0 {
			v.opt.Warn(fmt.Sprintf("%s: this OpenCV cannot encode %s; writing %s", v.opt.Path, candidates[0], codec))
		}
		return nil
	}
	if _, err := v.file.Write([]byte{0}); err != nil {
		return errors.Unwrap(err) // not the codec's fault; Write says which file
	}
	return fmt.Errorf("this OpenCV cannot encode %s at %dx%d; try another --codec (%s)",
		strings.Join(candidates, " or "), v.size.X, v.size.Y, strings.Join(Codecs(), ", "))
}

// openWriter is nil where OpenCV cannot: it has no better way of saying so.
func openWriter(path, fourCC string, fps float64, size image.Point) *gocv.VideoWriter {
	w, err := gocv.VideoWriterFileWithAPI(path, gocv.VideoCaptureFFmpeg, fourCC, fps, size.X, size.Y, true)
	if err == nil && w.IsOpened() {
		return w
	}
	if w != nil {
		w.Close()
	}
	return nil
}

// fit scales a picture that has not the video's size, which OpenCV would leave
// out without a word.
func (v *Video) fit(picture *gocv.Mat) (*gocv.Mat, error) {
	if picture.Cols() == v.size.X && picture.Rows() == v.size.Y {
		return picture, nil
	}
	if v.scaled.Ptr() == nil {
		v.scaled = gocv.NewMat()
		v.opt.Warn(fmt.Sprintf("%s: pictures change size from %dx%d to %dx%d; the video keeps the first",
			v.opt.Path, v.size.X, v.size.Y, picture.Cols(), picture.Rows()))
	}
	return &v.scaled, gocv.Resize(*picture, &v.scaled, v.size, 0, 0, gocv.InterpolationLinear)
}

// Commit completes the video, checks that every picture is in it, and gives it
// its name. OpenCV does not report what it could not write, to a full disk for
// one; the finished file does.
func (v *Video) Commit() error {
	if v.ended {
		return nil
	}
	v.close()
	if v.written == 0 {
		return errors.Join(fmt.Errorf("write %s: no frames came, so there is no video", v.opt.Path), v.file.Abort())
	}
	if err := v.verify(); err != nil {
		path, keepErr := v.file.Keep()
		err = fmt.Errorf("write %s: %w", v.opt.Path, err)
		if path != "" {
			err = fmt.Errorf("%w (what was written is in %s)", err, path)
		}
		return errors.Join(err, keepErr)
	}
	return v.file.Commit()
}

// Keep finishes the video under its partial name, which it returns.
func (v *Video) Keep() (string, error) {
	if v.ended {
		return "", nil
	}
	v.close()
	if v.written == 0 {
		return "", v.file.Abort()
	}
	return v.file.Keep()
}

// close ends the encoder, which writes what it holds back and the file's index.
func (v *Video) close() {
	v.ended = true
	if v.left > 0 {
		v.opt.Warn(fmt.Sprintf("%s: left out %d of %d pictures, which came faster than the video's %.4g frames a second",
			v.opt.Path, v.left, v.shown, v.opt.FPS))
	}
	if v.writer != nil {
		v.writer.Close()
	}
	if v.scaled.Ptr() != nil {
		v.scaled.Close()
	}
}

// diskHint is the most frequent cause, which OpenCV keeps to itself.
const diskHint = "is the disk full? free some space or write to another"

// verify reads the finished file's header back.
func (v *Video) verify() error {
	path := v.file.PartialPath()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return errors.New("the file is empty; " + diskHint)
	}
	c, err := gocv.VideoCaptureFileWithAPI(path, gocv.VideoCaptureFFmpeg)
	if err != nil {
		c.Close() // holds memory all the same
		return errors.New("the finished file does not open; " + diskHint)
	}
	defer c.Close()
	// Matroska states a duration, which rounds to a frame more or less.
	if n := int(c.Get(gocv.VideoCaptureFrameCount)); n < v.written-1 || n > v.written+1 {
		return fmt.Errorf("%d of %d frames are in the file; %s", n, v.written, diskHint)
	}
	return nil
}
