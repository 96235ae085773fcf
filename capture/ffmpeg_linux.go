//go:build gocv_specific_modules

package capture

// #cgo LDFLAGS: -ldl
// #include <stdint.h>
// void tracker_ffmpeg_tune(int be_quick, int only_slices, int max_threads);
// void tracker_ffmpeg_expect(int w, int h);
// int64_t tracker_ffmpeg_size(void);
import "C"

import (
	"image"
	"runtime"
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
//   - A header of a few bytes can ask for gigabytes: pictures are bounded to 2^27
//     pixels.

// tuned opens a video to be decoded in that way.
func tuned(d decoding, open func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.tracker_ffmpeg_tune(cInt(d.quick), cInt(d.slices), C.int(d.threads))
	defer C.tracker_ffmpeg_tune(0, 0, 0)
	open()
}

func cInt(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// readSize reads a picture of the expected size, or of any if that is zero. A
// picture of another size is not read, whatever OpenCV says, but its size is
// returned. Zero is unknown.
func readSize(expected image.Point, read func() bool) (ok bool, size image.Point) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.tracker_ffmpeg_expect(C.int(expected.X), C.int(expected.Y))
	ok = read()
	both := C.tracker_ffmpeg_size()
	return ok, image.Pt(int(both>>32), int(both&0xffffffff))
}
