//go:build gocv_specific_modules

package encode

// #cgo pkg-config: libavcodec libavformat libavutil
// #cgo LDFLAGS: -lyuv
// #include <errno.h>
// #include <stdlib.h>
// #include <libavcodec/avcodec.h>
// #include <libavformat/avformat.h>
// #include <libavutil/opt.h>
// #include <libyuv/convert.h>
import "C"

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// Options says what an Encoder writes.
type Options struct {
	Path   string // an existing file is replaced
	Format string // FFmpeg's name of the container: mp4, mov, matroska, avi
	Codec  string // H264, MPEG4 or MJPEG
	// Width and Height in pixels: even, as 4:2:0 wants them.
	Width, Height int
	// PixelWidth and PixelHeight are how wide a pixel is to be shown for how high; 0 is
	// unknown, which players take for square.
	PixelWidth, PixelHeight int
	// FPS is about how many pictures a second come, 0.001 to 60000. How long the last
	// one is shown and how far apart key frames are follow from it.
	FPS float64
	// Constant is for containers without times (AVI): the unit of time is then the
	// picture, 1/FPS, and a gap is filled with pictures of no bytes, which repeat the
	// last. Otherwise it is 1/[Ticks] s.
	Constant bool
	// Threads that may encode at the same time, 1 or more. More of them take more
	// processor time for the same pictures.
	Threads int
	// Packets, where not nil, gets what the codec makes instead of the file, for
	// Join; nothing is written to Path.
	Packets io.Writer
}

// Ticks is how many units of time a second has. The usual frame rates are whole
// numbers of them, and MPEG-4 has no finer ones (its limit is 65535).
const Ticks = 60000

// keyInterval is how many seconds may lie between pictures that need no other: what
// a player waits when it seeks, and what a power cut takes from an MP4. Fewer make
// larger files.
const keyInterval = 5

// maxPixelSide bounds a pixel's width and height, for which MPEG-4 has a byte each;
// finer ratios are rounded.
const maxPixelSide = 255

// Encoder writes one video. End it with Close. Not safe for concurrent use.
type Encoder struct {
	file     *C.AVFormatContext
	codec    *C.AVCodecContext
	stream   *C.AVStream
	frame    *C.AVFrame // the picture in YUV
	packet   *C.AVPacket
	packets  io.Writer // in place of the file; may be nil
	full     bool
	duration C.int64_t // of a picture at FPS, in the codec's units of time
}

// Open starts a video. The error is an [ErrCodec] where another codec may do.
func Open(opt Options) (*Encoder, error) {
	quiet()
	e := &Encoder{}
	if err := e.open(opt); err != nil {
		e.free()
		return nil, err
	}
	return e, nil
}

func (e *Encoder) open(opt Options) error {
	c := codecs[opt.Codec]
	encoder := c.find()
	if encoder == nil {
		return fmt.Errorf("%w %s: FFmpeg's libavcodec here is built without %s", ErrCodec, opt.Codec, c.name)
	}
	if err := e.openFormat(opt); err != nil {
		return err
	}
	if err := e.openCodec(encoder, c, opt); err != nil {
		return err
	}
	if err := e.openStream(); err != nil {
		return err
	}
	if e.packets = opt.Packets; e.packets != nil {
		return nil
	}
	return e.openFile(opt.Path)
}

// openFormat makes the container, without a file as yet.
func (e *Encoder) openFormat(opt Options) error {
	format := C.CString(opt.Format)
	defer C.free(unsafe.Pointer(format))
	if rc := C.avformat_alloc_output_context2(&e.file, nil, format, nil); rc < 0 {
		return fmt.Errorf("format %s: %w", opt.Format, failure(rc))
	}
	return nil
}

func (e *Encoder) openCodec(encoder *C.AVCodec, c codec, opt Options) error {
	fps := C.av_d2q(C.double(opt.FPS), math.MaxUint16)
	tick := C.AVRational{num: 1, den: Ticks}
	if opt.Constant {
		tick = C.av_inv_q(fps)
	}
	if e.codec = C.avcodec_alloc_context3(encoder); e.codec == nil {
		return failure(-C.ENOMEM)
	}
	a := e.codec
	a.width, a.height = C.int(opt.Width), C.int(opt.Height)
	if pixel := &a.sample_aspect_ratio; opt.PixelWidth != opt.PixelHeight {
		C.av_reduce(&pixel.num, &pixel.den, C.int64_t(opt.PixelWidth), C.int64_t(opt.PixelHeight), maxPixelSide)
	}
	a.time_base, a.framerate = tick, fps
	a.gop_size = C.int(min(max(keyInterval*opt.FPS, 1), 300))
	a.thread_count = C.int(opt.Threads)
	a.pix_fmt, a.color_range = C.AV_PIX_FMT_YUV420P, C.AVCOL_RANGE_MPEG
	if c.full {
		a.pix_fmt, a.color_range = C.AV_PIX_FMT_YUVJ420P, C.AVCOL_RANGE_JPEG
	}
	// libyuv's matrix; primaries and curve are what players take BGR for.
	a.colorspace = C.AVCOL_SPC_SMPTE170M
	a.color_primaries, a.color_trc = C.AVCOL_PRI_BT709, C.AVCOL_TRC_BT709
	if c.quantizer > 0 {
		a.flags |= C.AV_CODEC_FLAG_QSCALE
		a.global_quality = C.int(c.quantizer * C.FF_QP2LAMBDA)
	}
	if e.file.oformat.flags&C.AVFMT_GLOBALHEADER != 0 {
		a.flags |= C.AV_CODEC_FLAG_GLOBAL_HEADER
	}
	options, err := dictionary(c.options)
	defer C.av_dict_free(&options)
	if err != nil {
		return err
	}
	if rc := C.avcodec_open2(a, encoder, &options); rc < 0 {
		return fmt.Errorf("%w %s at %dx%d pixels: %w", ErrCodec, opt.Codec, opt.Width, opt.Height, failure(rc))
	}
	e.full = c.full
	e.duration = C.av_rescale_q(1, C.av_inv_q(fps), tick)
	return nil
}

// openStream makes the container's one stream, and what carries pictures to it.
func (e *Encoder) openStream() error {
	e.stream = C.avformat_new_stream(e.file, nil)
	e.frame, e.packet = C.av_frame_alloc(), C.av_packet_alloc()
	if e.stream == nil || e.frame == nil || e.packet == nil {
		return failure(-C.ENOMEM)
	}
	e.stream.time_base, e.stream.avg_frame_rate = e.codec.time_base, e.codec.framerate
	e.stream.sample_aspect_ratio = e.codec.sample_aspect_ratio
	if rc := C.avcodec_parameters_from_context(e.stream.codecpar, e.codec); rc < 0 {
		return failure(rc)
	}
	return nil
}

// openFile writes the container's head.
func (e *Encoder) openFile(path string) error {
	url := C.CString("file:" + path) // also for names that look like another protocol's
	defer C.free(unsafe.Pointer(url))
	if rc := C.avio_open(&e.file.pb, url, C.AVIO_FLAG_WRITE); rc < 0 {
		return failure(rc)
	}
	options, err := dictionary(fmt.Sprintf("movflags=frag_keyframe+empty_moov+default_base_moof:frag_duration=%d", keyInterval*1_000_000))
	defer C.av_dict_free(&options) // for other formats it still holds the flags
	if err != nil {
		return err
	}
	e.file.flush_packets = 1 // each picture, or fragment, to the disk at once
	if rc := C.avformat_write_header(e.file, &options); rc < 0 {
		return failure(rc)
	}
	C.avio_flush(e.file.pb)
	if rc := e.file.pb.error; rc < 0 {
		return failure(rc)
	}
	return nil
}

// Write adds a picture: 8-bit BGR of the video's size or larger, of which the upper
// left part is taken, with rows that begin stride bytes apart. at is when it is
// shown, in units of time, later than the one before. The pixels are not kept.
func (e *Encoder) Write(pixels []uint8, stride int, at int64) error {
	if rows, row := int(e.codec.height), 3*int(e.codec.width); len(pixels) < (rows-1)*stride+row {
		return fmt.Errorf("%d bytes of pixels with rows of %d, want %d rows of %d", len(pixels), stride, rows, row)
	}
	if err := e.makeWritable(); err != nil {
		return err
	}
	f := e.frame
	bgr := (*C.uint8_t)(unsafe.SliceData(pixels))
	if e.full {
		C.RGB24ToJ420(bgr, C.int(stride), f.data[0], f.linesize[0], f.data[1], f.linesize[1],
			f.data[2], f.linesize[2], f.width, f.height)
	} else {
		C.RGB24ToI420(bgr, C.int(stride), f.data[0], f.linesize[0], f.data[1], f.linesize[1],
			f.data[2], f.linesize[2], f.width, f.height)
	}
	f.pts, f.quality = C.int64_t(at), e.codec.global_quality
	return e.send(f)
}

// makeWritable sees to it that the frame has memory that the codec no longer reads.
func (e *Encoder) makeWritable() error {
	f := e.frame
	if f.data[0] != nil && C.av_frame_is_writable(f) != 0 {
		return nil
	}
	C.av_frame_unref(f)
	f.width, f.height, f.format = e.codec.width, e.codec.height, C.int(e.codec.pix_fmt)
	f.color_range, f.colorspace = e.codec.color_range, e.codec.colorspace
	if rc := C.av_frame_get_buffer(f, 0); rc < 0 {
		return failure(rc)
	}
	return nil
}

// send gives the codec a picture, or nil at the end, and the file what the codec
// has finished.
func (e *Encoder) send(f *C.AVFrame) error {
	rc := C.avcodec_send_frame(e.codec, f)
	for rc >= 0 {
		if rc = C.avcodec_receive_packet(e.codec, e.packet); rc == -C.EAGAIN || rc == C.AVERROR_EOF {
			return nil
		} else if rc >= 0 {
			if e.packets != nil {
				err := e.log()
				C.av_packet_unref(e.packet)
				if err != nil {
					return err
				}
				continue
			}
			rc = e.mux()
		}
	}
	return failure(rc)
}

// mux gives the file the packet, whose times are the codec's.
func (e *Encoder) mux() C.int {
	e.packet.duration = e.duration
	C.av_packet_rescale_ts(e.packet, e.codec.time_base, e.stream.time_base)
	return C.av_write_frame(e.file, e.packet)
}

// Close writes what the codec holds back and the file's index, and releases all
// memory. The video is complete where neither it nor a Write gave an error.
func (e *Encoder) Close() error {
	defer e.free()
	err := e.send(nil)
	if e.packets != nil {
		return err
	}
	if rc := C.av_write_trailer(e.file); rc < 0 && err == nil {
		err = failure(rc)
	}
	if rc := C.avio_closep(&e.file.pb); rc < 0 && err == nil {
		err = failure(rc)
	}
	return err
}

// free takes an Encoder that is open only in part, too.
func (e *Encoder) free() {
	C.av_packet_free(&e.packet)
	C.av_frame_free(&e.frame)
	C.avcodec_free_context(&e.codec)
	if e.file != nil {
		C.avio_closep(&e.file.pb)
	}
	C.avformat_free_context(e.file)
	e.file = nil
}

// dictionary parses key=value:key=value. The caller frees it, also after an error.
func dictionary(options string) (d *C.AVDictionary, err error) {
	text, equals, colon := C.CString(options), C.CString("="), C.CString(":")
	defer C.free(unsafe.Pointer(text))
	defer C.free(unsafe.Pointer(equals))
	defer C.free(unsafe.Pointer(colon))
	if rc := C.av_dict_parse_string(&d, text, equals, colon, 0); rc < 0 {
		err = fmt.Errorf("options %s: %w", options, failure(rc))
	}
	return d, err
}

// failure is FFmpeg's error as one of the system's, where it is one.
func failure(rc C.int) error {
	if number := syscall.Errno(-rc); rc > -4096 {
		return number
	}
	var text [C.AV_ERROR_MAX_STRING_SIZE]C.char
	C.av_strerror(rc, &text[0], C.AV_ERROR_MAX_STRING_SIZE)
	return errors.New(C.GoString(&text[0]))
}

// quiet keeps FFmpeg from printing, unless the user asked OpenCV for that.
var quiet = sync.OnceFunc(func() {
	level, err := strconv.Atoi(os.Getenv("OPENCV_FFMPEG_LOGLEVEL"))
	if err != nil {
		level = C.AV_LOG_QUIET
	}
	C.av_log_set_level(C.int(level))
})
