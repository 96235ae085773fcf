//go:build gocv_specific_modules

package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocv.io/x/gocv"
)

// cameraPatience is how long a camera may deliver nothing before it is lost. V4L2
// itself waits 10 s for a frame.
const cameraPatience = time.Second

// openCamera opens a camera by number or, on Linux, by device.
func openCamera(ctx context.Context, spec Spec, path string) (*video, error) {
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) {
		vc, err := captureCamera(path)
		if err == nil {
			configure(vc, spec)
		}
		return vc, err
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Name(), err)
	}
	v := newVideo(vc, spec.Name(), true)
	v.patience, v.byArrival = cameraPatience, true
	v.atEnd = lostAfter(v.facts.Name, "check its cable")
	return v, nil
}

// byIDs is where udev links the cameras by make and serial number.
const byIDs = "/dev/v4l/by-id"

// cameraReopener finds a camera that was unplugged once it is back: by its make
// and serial number where they are known, since its device may have another
// number now and its number another device; else where it was.
func cameraReopener(spec Spec) func(context.Context) (*video, error) {
	path := spec.Path
	if link := linkTo(byIDs, devicePath(path)); link != "" {
		path = link
	}
	return func(ctx context.Context) (*video, error) { return openCamera(ctx, spec, path) }
}

// linkTo is the link in folder that leads to device; empty where there is none.
func linkTo(folder, device string) string {
	device, err := filepath.EvalSymlinks(device)
	if err != nil {
		return ""
	}
	links, _ := filepath.Glob(filepath.Join(folder, "*"))
	for _, link := range links {
		if target, err := filepath.EvalSymlinks(link); err == nil && target == device {
			return link
		}
	}
	return ""
}

// captureCamera opens a camera by number or, on Linux, by device.
func captureCamera(path string) (*gocv.VideoCapture, error) {
	if runtime.GOOS != "linux" {
		return captureNumber(path)
	}
	device := devicePath(path)
	if err := checkDevice(device); err != nil {
		return nil, err
	}
	vc, err := gocv.VideoCaptureFileWithAPI(device, gocv.VideoCaptureV4L2)
	if err != nil {
		vc.Close()
		return nil, fmt.Errorf("%s gives no pictures: in use by another program, or not a camera; %s", device, otherDevices(device))
	}
	return vc, nil
}

func captureNumber(path string) (*gocv.VideoCapture, error) {
	index, err := strconv.Atoi(path)
	if err != nil {
		return nil, errors.New("cameras have numbers here; try 0")
	}
	vc, err := gocv.VideoCaptureDevice(index)
	if err != nil {
		vc.Close()
		return nil, errors.New("no such camera, or no permission to use it; try another number")
	}
	return vc, nil
}

func devicePath(path string) string {
	if isNumber(path) {
		return "/dev/video" + path
	}
	return path
}

// checkDevice gives the reasons that OpenCV keeps to itself.
func checkDevice(device string) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; %s", device, otherDevices(device))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied; add the user to the group video", device)
	case err != nil:
		return explainOpen(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		return fmt.Errorf("%s is not a device; %s", device, otherDevices(device))
	}
	return nil
}

// otherDevices is the hint that follows: which cameras there are.
func otherDevices(not string) string {
	found, _ := filepath.Glob("/dev/video*")
	found = slices.DeleteFunc(found, func(d string) bool { return d == not })
	if len(found) == 0 {
		return "no other /dev/video* is here: plug a camera in, or pass it into the container (--device " + not + ")"
	}
	slices.SortFunc(found, compareNatural)
	return "there is " + strings.Join(found, ", ")
}

// configure asks for a format. The pixel format comes first: it decides which
// sizes and rates there are.
func configure(vc *gocv.VideoCapture, spec Spec) {
	vc.Set(gocv.VideoCaptureFOURCC, vc.ToCodec(cmp.Or(spec.FourCC, "MJPG")))
	for _, want := range []struct {
		prop  gocv.VideoCaptureProperties
		value float64
	}{
		{gocv.VideoCaptureFrameWidth, float64(spec.Width)},
		{gocv.VideoCaptureFrameHeight, float64(spec.Height)},
		{gocv.VideoCaptureFPS, spec.FPS},
	} {
		if want.value > 0 {
			vc.Set(want.prop, want.value)
		}
	}
}
