//go:build gocv_specific_modules

package capture

// #cgo pkg-config: libavcodec libavformat libavutil
// #cgo LDFLAGS: -ldl
// #include <libavutil/avutil.h>
// #include <libavutil/error.h>
// #include "ffmpeg_linux.h"
import "C"

import (
	"errors"
	"image"
	"runtime"
	"strings"
)

// OpenCV 4.6 keeps things from its users that matter here; the functions in
// ffmpeg_linux.c get at them.
//
//   - FFmpeg decodes on all cores, whatever the program is allowed, by giving each a
//     frame of its own, so pictures come late by one frame less than there are
//     cores. Threads for slices do not.
//   - Before it opens a stream, FFmpeg watches 25 frames to find out their rate:
//     2.5 s at 10 frames a second, again at each reconnection.
//   - Where the size of the pictures changes midway, OpenCV goes on with the old
//     one: it reads past the end of smaller pictures, and of larger ones returns
//     the last that fitted, again and again.
//   - It tells no times of the last pictures, which the decoder holds back until the
//     end.
//   - To it, a connection or disk that fails is the end of the video.
//   - It does not say that a decoder made up what is damaged of a picture.
//   - A header of a few bytes can ask for gigabytes: pictures are bounded to 2^27
//     pixels.

// tuned opens a video to be decoded in that way.
func tuned(d decoding, open func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.tracker_ffmpeg_tune(cInt(d.quick), cInt(d.slices), C.int(d.threads))
	defer C.tracker_ffmpeg_tune(0, 0, 0)
	open()
	if d.medium != nil {
		m := C.tracker_ffmpeg_opened()
		*d.medium = medium{length: int64(m.length), sequential: m.sequential != 0, onlySound: m.only_sound != 0}
	}
}

func cInt(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// watch reads a picture of the expected size, or of any if that is zero. A picture
// of another size is not read, whatever OpenCV says, but its size is returned.
func watch(expected image.Point, read func() bool) (ok bool, saw sighting) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.tracker_ffmpeg_expect(C.int(expected.X), C.int(expected.Y))
	ok = read()
	s := C.tracker_ffmpeg_saw()
	saw.size = image.Pt(int(s.width), int(s.height))
	if s.timestamp != C.AV_NOPTS_VALUE {
		saw.timestamp, saw.timed = int64(s.timestamp), true
	}
	saw.damaged, saw.ended = s.damaged != 0, s.ended != 0
	saw.broken = ioError(s.io_error)
	return ok, saw
}

// ioError is FFmpeg's error, nil for none.
func ioError(rc C.int) error {
	switch rc {
	case 0:
		return nil
	case C.AVERROR_EXIT: // OpenCV's timeout interrupts FFmpeg
		return errors.New("nothing came for too long")
	}
	var text [C.AV_ERROR_MAX_STRING_SIZE]C.char
	C.av_strerror(rc, &text[0], C.AV_ERROR_MAX_STRING_SIZE)
	return errors.New(strings.ToLower(C.GoString(&text[0])))
}
