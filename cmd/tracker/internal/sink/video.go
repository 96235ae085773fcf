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
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/encode"
)

// ErrNoFrames says that nothing came of a video, as nothing was written to it.
var ErrNoFrames = errors.New("no frames came, so there is no video")

// Codecs that a user can ask for. Auto is H.264 where the container is made for
// it and FFmpeg can encode it, else MPEG-4; Motion JPEG in AVI.
const (
	Auto  = "auto"
	H264  = encode.H264
	MPEG4 = encode.MPEG4
	MJPEG = encode.MJPEG
)

// Codecs lists what VideoOptions.Codec may be.
func Codecs() []string { return []string{Auto, H264, MPEG4, MJPEG} }

// WritableCodecs lists those that FFmpeg can encode here, without Auto.
func WritableCodecs() []string { return encode.Available() }

// container is a kind of file.
type container struct {
	format string   // FFmpeg's name
	codecs []string // what it holds
	auto   []string // what Auto tries, in order
	// constant says that it has no times: pictures are shown at one rate.
	constant bool
}

var containers = map[string]container{
	".mp4": {format: "mp4", codecs: isoCodecs, auto: isoCodecs},
	".m4v": {format: "mp4", codecs: isoCodecs, auto: isoCodecs},
	".mov": {format: "mov", codecs: isoCodecs, auto: isoCodecs},
	".mkv": {format: "matroska", codecs: allCodecs, auto: allCodecs},
	".avi": {format: "avi", codecs: allCodecs, auto: []string{MJPEG, MPEG4}, constant: true},
}

var (
	isoCodecs = []string{H264, MPEG4}
	allCodecs = []string{H264, MPEG4, MJPEG}
)

func containerOf(path string) (_ container, known bool) {
	c, known := containers[strings.ToLower(filepath.Ext(path))]
	return c, known
}

// maxHold is the longest gap in the source that the video plays as a gap. Longer
// ones (a camera that was off) are cut out.
const maxHold = 10 * time.Second

// VideoOptions says what a Video writes.
type VideoOptions struct {
	Path string // the extension chooses the container: .mp4, .m4v, .mov, .mkv, .avi
	// FPS is the rate of the source, divided by the stride. Where it varies, only AVI
	// is bound to it.
	FPS     float64
	Codec   string // one of Codecs; empty is Auto
	Threads int    // that there are for everything, 0 for every core; a video takes half
	// PixelWidth and PixelHeight are how wide a pixel is to be shown for how high; 0 is
	// unknown.
	PixelWidth, PixelHeight int
	// Pieces, where not nil, takes the video in pieces instead of Path; see Cut.
	Pieces *atomicfile.File
	// Warn is told once of each thing that is not as asked; may be nil.
	Warn func(message string)
}

// slowest and fastest are the rates that every codec here can be asked for.
const (
	slowest = 0.01
	fastest = 1000
)

// Video writes the pictures as a video that plays in media time: each picture once,
// at its own time. AVI has no times, only a rate; there it is right to a frame: gaps
// are filled, and of a source that is faster for a while, pictures that would put
// the video more than one frame ahead are left out, counted, and told of at the end.
//
// The size is that of the first picture, less the last column or row where it is
// odd, which the codecs cannot encode. Pictures of another size are scaled to it.
type Video struct {
	opt     VideoOptions
	file    *atomicfile.File // nil where the video is made in pieces
	encoder *encode.Encoder
	codec   string  // the encoder's
	rate    float64 // the video's units of time in a second
	size    image.Point
	scaled  gocv.Mat      // of pictures that had another size; made when needed
	shown   int           // pictures that came
	left    int           // of these, left out
	origin  time.Duration // media time where the video starts, later by what was cut out
	last    time.Duration // media time of the last picture that came
	written int64         // when the last picture written is shown, in units of time
	failure error         // the first
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
	if opt.Pieces != nil {
		return &Video{opt: opt}, nil
	}
	file, err := atomicfile.Create(opt.Path)
	if err != nil {
		return nil, err
	}
	return &Video{opt: opt, file: file}, nil
}

// CheckVideo says whether a video can have this name and codec (one of Codecs;
// empty is Auto), without looking at the disk or trying the encoder.
func CheckVideo(path, codec string) error {
	c, known := containerOf(path)
	ext := strings.ToLower(filepath.Ext(path))
	switch {
	case !known:
		return fmt.Errorf("write %s: no video format has the extension %q; use %s", path, ext, listed(maps.Keys(containers)))
	case codec == "" || codec == Auto:
		return nil
	case !slices.Contains(Codecs(), codec):
		return fmt.Errorf("write %s: no codec %q; use %s", path, codec, strings.Join(Codecs(), ", "))
	case !slices.Contains(c.codecs, codec):
		return fmt.Errorf("write %s: %s cannot hold %s; use %s", path, ext, codec, strings.Join(c.codecs, ", "))
	}
	return nil
}

func listed(names iter.Seq[string]) string { return strings.Join(slices.Sorted(names), ", ") }

// Write adds the frame's picture, where its time comes after the last one's.
func (v *Video) Write(_ context.Context, r Result) error {
	return v.fail(v.write(r.Frame))
}

func (v *Video) write(f *capture.Frame) error {
	if err := v.start(&f.Mat); err != nil {
		return err
	}
	at, ok := v.schedule(f.Time)
	v.shown++
	if !ok {
		v.left++
		return nil
	}
	picture, err := v.fit(&f.Mat)
	if err != nil {
		return err
	}
	pixels, err := picture.DataPtrUint8()
	if err != nil {
		return err
	}
	if err := v.encoder.Write(pixels, picture.Step(), at); err != nil {
		return err
	}
	v.written = at
	return nil
}

// schedule says when the picture of that media time is shown, in the video's units
// of time: then, or one unit after the last picture where times are rounded or
// shake, so that a source of an AVI's own rate keeps its pictures. It is left out
// where the video is further ahead already.
func (v *Video) schedule(media time.Duration) (at int64, ok bool) {
	switch gap := media - v.last; {
	case v.shown == 0:
		v.origin, v.written = media, -1
	case gap > maxHold:
		v.origin += gap - time.Duration(float64(time.Second)/v.opt.FPS)
	}
	v.last = media
	at = int64(math.Round((media - v.origin).Seconds() * v.rate))
	return max(at, v.written+1), at >= v.written
}

// start opens the encoder for pictures like this one.
func (v *Video) start(picture *gocv.Mat) error {
	if picture.Empty() || picture.Type() != gocv.MatTypeCV8UC3 {
		return fmt.Errorf("picture of type %v, not 8-bit BGR", picture.Type())
	}
	if v.encoder != nil {
		return nil
	}
	if v.codec == "" { // else there are pieces already
		v.size = image.Pt(picture.Cols(), picture.Rows())
	}
	if v.size.X < 2 || v.size.Y < 2 {
		return fmt.Errorf("picture of %dx%d pixels; a video needs 2x2", v.size.X, v.size.Y)
	}
	c, _ := containerOf(v.opt.Path)
	v.rate = encode.Ticks
	if c.constant {
		v.rate = v.opt.FPS
	}
	candidates := []string{v.opt.Codec}
	switch {
	case v.codec != "":
		candidates = []string{v.codec}
	case v.opt.Codec == Auto:
		candidates = c.auto
	}
	return v.open(c, candidates)
}

// open takes the first codec that there is and that takes such pictures.
func (v *Video) open(c container, candidates []string) error {
	var failed []error
	for _, codec := range candidates {
		encoder, err := encode.Open(v.encoding(c, codec))
		switch {
		case err == nil:
			v.encoder, v.codec = encoder, codec
			if len(failed) > 0 {
				v.opt.Warn(fmt.Sprintf("%s: %v; writing %s", v.opt.Path, failed[0], codec))
			}
			return nil
		case !errors.Is(err, encode.ErrCodec):
			return err
		}
		failed = append(failed, err)
	}
	return fmt.Errorf("%w; try another --codec (%s)", failed[0], strings.Join(Codecs(), ", "))
}

// encoding is what to ask the encoder for.
func (v *Video) encoding(c container, codec string) encode.Options {
	opt := encode.Options{
		Format: c.format, Codec: codec, Width: v.size.X &^ 1, Height: v.size.Y &^ 1,
		PixelWidth: v.opt.PixelWidth, PixelHeight: v.opt.PixelHeight,
		FPS: v.opt.FPS, Constant: c.constant, Threads: encoderThreads(v.opt.Threads),
	}
	if v.opt.Pieces != nil {
		opt.Packets, opt.Threads = v.opt.Pieces, 1 // the same pieces on any machine
	} else {
		opt.Path = v.file.PartialPath()
	}
	return opt
}

// encoderThreads is a video's share of the threads there are: the rest infer.
func encoderThreads(total int) int {
	if total == 0 {
		total = runtime.NumCPU()
	}
	return max(total/2, 1)
}

// fit scales a picture that has not the video's size.
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

// Commit completes the video and gives it its name.
func (v *Video) Commit() error {
	if v.ended {
		return nil
	}
	v.close()
	switch {
	case v.encoder == nil:
		if err := v.file.Abort(); err != nil {
			return err
		}
		return fmt.Errorf("write %s: %w", v.opt.Path, ErrNoFrames)
	case v.failure == nil:
		return v.file.Commit()
	}
	path, err := v.file.Keep()
	if path != "" {
		v.failure = fmt.Errorf("%w (what was written is in %s)", v.failure, path)
	}
	return errors.Join(v.failure, err)
}

// Keep finishes the video under its partial name, which it returns.
func (v *Video) Keep() (string, error) {
	if v.ended {
		return "", nil
	}
	told := v.failure != nil
	v.close()
	if v.encoder == nil {
		return "", v.file.Abort()
	}
	path, err := v.file.Keep()
	if told {
		return path, err
	}
	return path, errors.Join(v.failure, err)
}

// close ends the encoder, which writes what it holds back and the file's index.
func (v *Video) close() {
	v.ended = true
	if v.left > 0 {
		v.opt.Warn(fmt.Sprintf("%s: left out %d of %d pictures, which came faster than the video's %.4g a second",
			v.opt.Path, v.left, v.shown, v.rate))
	}
	if v.scaled.Ptr() != nil {
		v.scaled.Close()
	}
	if v.encoder != nil {
		v.fail(v.encoder.Close())
	}
}

// fail remembers the first failure, and says which file and what to do about it.
func (v *Video) fail(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w", v.opt.Path, atomicfile.Cause(err))
	if v.failure == nil {
		v.failure = err
	}
	return err
}
