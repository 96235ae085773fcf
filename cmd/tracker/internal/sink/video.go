//go:build gocv_specific_modules

package sink

import (
	"context"
	"errors"
	"fmt"
	"image"
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

// Video writes the pictures as a video of constant rate. It plays in media time:
// where the source has a gap (dropped frames, variable rate), the next picture is
// repeated to fill it. No picture is left out.
//
// The size is that of the first picture, less the last column or row where it is
// odd, which the codecs cannot encode. Pictures of another size are scaled to it.
type Video struct {
	opt     VideoOptions
	file    *atomicfile.File
	writer  *gocv.VideoWriter
	size    image.Point
	scaled  gocv.Mat      // of pictures that had another size; made when needed
	written int           // pictures in the file
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
	if err := checkVideo(opt); err != nil {
		return nil, fmt.Errorf("write %s: %w", opt.Path, err)
	}
	capture.Quiet()
	file, err := atomicfile.Create(opt.Path)
	if err != nil {
		return nil, err
	}
	return &Video{opt: opt, file: file}, nil
}

func checkVideo(opt VideoOptions) error {
	ext := strings.ToLower(filepath.Ext(opt.Path))
	container, known := containers[ext]
	switch {
	case !known:
		return fmt.Errorf("no video format has the extension %q; use %s", ext, strings.Join(slices.Sorted(maps.Keys(containers)), ", "))
	case !slices.Contains(Codecs(), opt.Codec):
		return fmt.Errorf("no codec %q; use %s", opt.Codec, strings.Join(Codecs(), ", "))
	case opt.Codec != Auto && container.fourCC[opt.Codec] == "":
		return fmt.Errorf("%s cannot hold %s; use %s", ext, opt.Codec, strings.Join(slices.Sorted(maps.Keys(container.fourCC)), ", "))
	case !(opt.FPS > 0 && opt.FPS <= 1000):
		return fmt.Errorf("%g frames a second; want a rate above 0, such as 25", opt.FPS)
	}
	return nil
}

// Write adds the frame's picture, as often as its time asks for.
func (v *Video) Write(_ context.Context, r Result) error {
	picture := &r.Frame.Mat
	if err := v.start(picture); err != nil {
		return fmt.Errorf("write %s: frame %d: %w", v.opt.Path, r.Frame.Index, err)
	}
	picture, err := v.fit(picture)
	if err != nil {
		return fmt.Errorf("write %s: frame %d: %w", v.opt.Path, r.Frame.Index, err)
	}
	for range v.times(r.Frame.Time) {
		if err := v.writer.Write(*picture); err != nil {
			return fmt.Errorf("write %s: frame %d: %w", v.opt.Path, r.Frame.Index, err)
		}
		v.written++
	}
	return nil
}

// times is how often the picture shown at that media time is written: at least
// once, and until the video is as long as the media.
func (v *Video) times(at time.Duration) int {
	switch gap := at - v.last; {
	case v.written == 0:
		v.origin = at
	case gap > maxHold:
		v.origin += gap - time.Duration(float64(time.Second)/v.opt.FPS)
	}
	v.last = at
	due := int(math.Round((at-v.origin).Seconds()*v.opt.FPS)) + 1
	return max(1, due-v.written)
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
		return errors.Join(fmt.Errorf("write %s: %w (what was written is in %s)", v.opt.Path, err, path), keepErr)
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
	if v.writer != nil {
		v.writer.Close()
	}
	if v.scaled.Ptr() != nil {
		v.scaled.Close()
	}
}

// verify reads the finished file's header back.
func (v *Video) verify() error {
	path := v.file.PartialPath()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return errors.New("the file is empty; is the disk full?")
	}
	c, err := gocv.VideoCaptureFileWithAPI(path, gocv.VideoCaptureFFmpeg)
	if err != nil {
		c.Close() // holds memory all the same
		return errors.New("the finished file does not open; is the disk full?")
	}
	defer c.Close()
	// Matroska states a duration, which rounds to a frame more or less.
	if n := int(c.Get(gocv.VideoCaptureFrameCount)); n < v.written-1 || n > v.written+1 {
		return fmt.Errorf("%d of %d frames are in the file; is the disk full?", n, v.written)
	}
	return nil
}
