//go:build gocv_specific_modules && !linux

package capture

import "image"

// What ffmpeg_linux.go does rests on the dynamic linker of Linux.

func tuned(_ decoding, open func()) { open() }

func watch(_ image.Point, read func() bool) (ok bool, saw sighting) { return read(), sighting{} }
