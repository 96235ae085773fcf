// Package encode turns BGR pictures into a video file, with FFmpeg's libraries:
// the ones that OpenCV reads videos with.
//
// OpenCV's own VideoWriter cannot be told how much time to spend on a picture,
// which for H.264 is eight times what it takes here, nor when a picture is shown,
// nor does it say what it could not write. An [Encoder] can, is, and does: each
// picture has its time, so a video of variable rate stays one, and errors of the
// disk are returned.
//
// Pictures become YUV 4:2:0 with BT.601's matrix, which the file says, in one pass
// of libyuv: a sixth of swscale's time. MP4 is written in fragments, so that what is on
// the disk plays even after a power cut; Matroska and AVI are made that way.
package encode
