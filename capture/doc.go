// Package capture turns a camera, a video file, a stream or a folder of images
// into frames with real times.
//
//	spec, err := capture.ParseInput("rtsp://camera/stream")
//	src, err := capture.Open(ctx, spec)
//	defer src.Close()
//	for {
//		frame, err := src.Next(ctx) // io.EOF at the end
//		…
//		frame.Close()
//	}
//
// A [Frame] has one owner: who receives it closes it, once it is done with the
// pixels. Its Time is media time, what the recording says, so that a tracker's
// motion model sees real seconds whatever the frame rate, the stride or the
// speed of the machine.
//
// Files and image folders lose nothing: Next waits for the reader. Live sources
// (cameras, RTSP and other endless streams) never fall behind: a goroutine reads
// them without pause into a mailbox that holds the newest frame, and counts what
// it threw away ([Stream.Dropped]); [Spec.Policy] can keep a few more.
//
// A live source that is lost is opened again until it is back ([Reconnect]). Next
// just waits meanwhile; Index and Time go on, Time by as much as has passed.
// [Stream.State] and [Spec.Notify] tell what happens.
//
// Pictures are 8-bit, 3 channels, BGR. Decoding is OpenCV's: FFmpeg for files
// and streams, V4L2 for cameras on Linux. Both print to stderr on their own;
// [Quiet] stops that, unless OPENCV_LOG_LEVEL or OPENCV_FFMPEG_LOGLEVEL is set.
//
// The package needs OpenCV and, like every package here that imports gocv, these
// build tags: gocv_specific_modules, gocv_videoio, gocv_highgui.
package capture
