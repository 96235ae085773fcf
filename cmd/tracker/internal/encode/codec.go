//go:build gocv_specific_modules

package encode

// #include <stdlib.h>
// #include <libavcodec/avcodec.h>
// #include <libavutil/avutil.h>
import "C"

import (
	"errors"
	"slices"
	"unsafe"
)

// The codecs.
const (
	H264  = "h264"
	MPEG4 = "mpeg4" // part 2, as in DivX and Xvid
	MJPEG = "mjpeg"
)

// ErrCodec says that the codec is missing or does not take such pictures; another
// may.
var ErrCodec = errors.New("cannot encode")

// codec is how one is asked for: for little time, since the processor's other work
// is to find what the pictures show, at 39 to 40 dB on Debian's vtest.avi.
type codec struct {
	name    string // FFmpeg's, of the encoder
	options string // the encoder's, as key=value:key=value
	// quantizer is MPEG's, 1 to 31, for each picture; 0 where options say the
	// quality. Raising it makes files smaller and pictures worse.
	quantizer int
	full      bool // luma is 0..255, as in JPEG, not 16..235
}

var codecs = map[string]codec{
	// Of x264's presets only the fastest leaves the time to others; the three
	// features that cost it least for what they save are switched on again (−28 % of
	// the file, +20 % of the time). preset=veryfast halves the file, for twice the time.
	H264:  {name: "libx264", options: "preset=ultrafast:crf=25:x264-params=partitions=i8x8\\:8x8dct=1\\:mbtree=1\\:rc-lookahead=10"},
	MPEG4: {name: "mpeg4", quantizer: 4},
	MJPEG: {name: "mjpeg", quantizer: 4, full: true},
}

// Version is FFmpeg's own, as in 5.1.6-0+deb12u1, and that of its libavcodec.
func Version() (ffmpeg string, libavcodec int) {
	return C.GoString(C.av_version_info()), int(C.avcodec_version() >> 16)
}

// BuiltWith is the libavcodec that the program was compiled for.
const BuiltWith = C.LIBAVCODEC_VERSION_MAJOR

// Available lists the codecs that this FFmpeg can encode, sorted.
func Available() []string {
	var names []string
	for name, c := range codecs {
		if c.find() != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// find is nil where FFmpeg was built without it.
func (c codec) find() *C.AVCodec {
	name := C.CString(c.name)
	defer C.free(unsafe.Pointer(name))
	return C.avcodec_find_encoder_by_name(name)
}
