//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"unsafe"
)

// The numbers and layouts are those of the system's videodev2.h.
func TestCameraLayouts(t *testing.T) {
	program := compile(t, `
		#include <linux/videodev2.h>
		#include <stddef.h>
		#include <stdio.h>
		int main(void) {
			printf("%lx %lx %lx %lx\n", (long)VIDIOC_QUERYCAP & 0xffffffff, (long)VIDIOC_ENUM_FMT & 0xffffffff,
				(long)VIDIOC_ENUM_FRAMESIZES & 0xffffffff, (long)VIDIOC_ENUM_FRAMEINTERVALS & 0xffffffff);
			printf("%zu %zu %zu %zu\n", sizeof(struct v4l2_capability), sizeof(struct v4l2_fmtdesc),
				sizeof(struct v4l2_frmsizeenum), sizeof(struct v4l2_frmivalenum));
			printf("%zu %zu %zu %zu\n", offsetof(struct v4l2_capability, device_caps), offsetof(struct v4l2_fmtdesc, pixelformat),
				offsetof(struct v4l2_frmsizeenum, discrete), offsetof(struct v4l2_frmivalenum, discrete));
			printf("%d %x %x %d\n", V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_DEVICE_CAPS, V4L2_PIX_FMT_MJPEG, V4L2_FRMSIZE_TYPE_DISCRETE);
		}`)
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var c v4l2Capability
	var f v4l2Format
	var s v4l2Size
	var i v4l2Interval
	mjpg := uint32('M') | 'J'<<8 | 'P'<<16 | 'G'<<24
	want := fmt.Sprintf("%x %x %x %x\n%d %d %d %d\n%d %d %d %d\n%d %x %x %d\n",
		vidiocQueryCap, vidiocEnumFormat, vidiocEnumSizes, vidiocEnumIntervals,
		unsafe.Sizeof(c), unsafe.Sizeof(f), unsafe.Sizeof(s), unsafe.Sizeof(i),
		unsafe.Offsetof(c.caps), unsafe.Offsetof(f.pixels), unsafe.Offsetof(s.values), unsafe.Offsetof(i.values),
		v4l2Capture, uint32(v4l2DeviceCaps), mjpg, v4l2Discrete)
	if string(out) != want {
		t.Errorf("the header says\n%s, the program\n%s", out, want)
	}
	if fourCC(mjpg) != "MJPG" {
		t.Error(fourCC(mjpg))
	}
}

func TestNoCamera(t *testing.T) {
	if text, err := queryCamera("/dev/null"); !errors.Is(err, errNoCamera) {
		t.Errorf("%q, %v", text, err)
	}
}
