//go:build gocv_specific_modules

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What videodev2.h says: the layouts of its structures, and the requests that fill
// them.
type (
	v4l2Capability struct {
		driver             [16]byte
		card, bus          [32]byte
		version            uint32
		capabilities, caps uint32
		_                  [3]uint32
	}
	v4l2Format struct {
		index, kind, flags uint32
		description        [32]byte
		pixels             uint32
		_                  [4]uint32
	}
	v4l2Size struct {
		index, pixels, kind uint32
		values              [6]uint32 // width, height; or least, most and step of each
		_                   [2]uint32
	}
	v4l2Interval struct {
		index, pixels, width, height, kind uint32
		values                             [6]uint32 // fractions of a second; the first is the shortest
		_                                  [2]uint32
	}
)

const (
	vidiocQueryCap      = 0x80685600
	vidiocEnumFormat    = 0xc0405602
	vidiocEnumSizes     = 0xc02c564a
	vidiocEnumIntervals = 0xc034564b

	v4l2Capture    = 1       // a buffer type and a capability
	v4l2DeviceCaps = 1 << 31 // caps are those of this node, not of the whole device
	v4l2Discrete   = 1
	mostListed     = 256 // of formats, sizes and rates: a driver must not keep us here
)

var errNoCamera = errors.New("delivers no pictures")

// queryCamera describes a camera: its name, then its formats with sizes and the
// highest rate of each.
func queryCamera(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var c v4l2Capability
	if err := ioctl(f, vidiocQueryCap, unsafe.Pointer(&c)); err != nil {
		return "", fmt.Errorf("%s: %w (%w)", path, errNoCamera, err)
	}
	caps := c.capabilities
	if caps&v4l2DeviceCaps != 0 {
		caps = c.caps
	}
	if caps&v4l2Capture == 0 {
		return "", fmt.Errorf("%s: %w", path, errNoCamera)
	}
	text := cText(c.card[:])
	for i := range uint32(mostListed) {
		format := v4l2Format{index: i, kind: v4l2Capture}
		if ioctl(f, vidiocEnumFormat, unsafe.Pointer(&format)) != nil {
			break
		}
		text += fmt.Sprintf("; %s: %s", fourCC(format.pixels), strings.Join(cameraSizes(f, format.pixels), ", "))
	}
	return text, nil
}

// cameraSizes lists the sizes of a format, as in 1280x720@30.
func cameraSizes(f *os.File, pixels uint32) (list []string) {
	for i := range uint32(mostListed) {
		size := v4l2Size{index: i, pixels: pixels}
		if ioctl(f, vidiocEnumSizes, unsafe.Pointer(&size)) != nil {
			break
		}
		v := size.values
		if size.kind != v4l2Discrete {
			return append(list, fmt.Sprintf("%dx%d to %dx%d%s", v[0], v[3], v[1], v[4], cameraRate(f, pixels, v[1], v[4])))
		}
		list = append(list, fmt.Sprintf("%dx%d%s", v[0], v[1], cameraRate(f, pixels, v[0], v[1])))
	}
	return list
}

// cameraRate is the highest rate of a size, as in @30; empty where the driver does
// not tell.
func cameraRate(f *os.File, pixels, width, height uint32) string {
	best := 0.0
	for i := range uint32(mostListed) {
		interval := v4l2Interval{index: i, pixels: pixels, width: width, height: height}
		if ioctl(f, vidiocEnumIntervals, unsafe.Pointer(&interval)) != nil {
			break
		}
		if n, d := interval.values[0], interval.values[1]; n > 0 {
			best = max(best, float64(d)/float64(n))
		}
		if interval.kind != v4l2Discrete {
			break
		}
	}
	if best == 0 {
		return ""
	}
	return fmt.Sprintf("@%.4g", best)
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func cText(b []byte) string {
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text)
}

// fourCC is a pixel format's name, as in MJPG.
func fourCC(code uint32) string {
	return strings.TrimRight(string([]byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24 & 0x7f)}), " ")
}
