//go:build gocv_specific_modules

package capture

/*
#cgo pkg-config: opencv4
void tracker_quiet(void);
*/
import "C"

import (
	"os"
	"sync"
)

// Quiet stops OpenCV and FFmpeg from writing to stderr by themselves: what goes
// wrong is in the errors. It leaves each alone whose level the user has set:
// OPENCV_LOG_LEVEL=DEBUG and OPENCV_FFMPEG_LOGLEVEL=48 show everything.
// Open calls it; call it before other uses of OpenCV.
func Quiet() { quietOnce() }

var quietOnce = sync.OnceFunc(func() {
	// OpenCV reads its level when the program is loaded, before any Go code could
	// change the environment; FFmpeg's level is read at its first use.
	if os.Getenv("OPENCV_LOG_LEVEL") == "" {
		C.tracker_quiet()
	}
	if os.Getenv("OPENCV_FFMPEG_LOGLEVEL") == "" {
		os.Setenv("OPENCV_FFMPEG_LOGLEVEL", "-8") // AV_LOG_QUIET
	}
})
