//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/encode"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
)

func examineProgram(d backbones.Device) []check {
	ffmpeg, libavcodec := encode.Version()
	return []check{
		{Item: "tracker", Verdict: fine, Found: fmt.Sprintf("%s, %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)},
		examineRuntime(d),
		{Item: "OpenCV", Verdict: fine, Found: gocv.OpenCVVersion() + ", gocv " + gocv.Version(), Required: "4.6 or newer"},
		{Item: "FFmpeg", Verdict: fine, Found: fmt.Sprintf("%s, libavcodec %d", ffmpeg, libavcodec), Required: fmt.Sprintf("libavcodec %d", encode.BuiltWith)},
	}
}

func examineRuntime(d backbones.Device) check {
	c := check{Item: "ONNX Runtime", Verdict: fine, Required: backbones.RuntimeVersion + " or what speaks its interface"}
	err := backbones.LoadRuntimeFor(d)
	if err == nil {
		var v, path string
		if v, path, err = backbones.RuntimeInUse(); err == nil {
			c.Found = v + ", " + path
			return c
		}
	}
	c.Verdict, c.Found, c.Fix = broken, err.Error(), "deploy/setup.sh runtime"
	if named := os.Getenv(backbones.RuntimeEnv); named != "" {
		c.Fix = "unset " + backbones.RuntimeEnv
	}
	return c
}

// examineDevices tries every kind; only the chosen one must be there.
func examineDevices(chosen backbones.Device) []check {
	err := backbones.LoadRuntimeFor(chosen)
	var library string
	if err == nil {
		_, library, err = backbones.RuntimeInUse()
	}
	if err != nil {
		return []check{{Item: chosen.String(), Verdict: absent, Found: "not tried without ONNX Runtime"}}
	}
	var list []check
	for _, kind := range backbones.DeviceKinds() {
		d := chosen
		if kind != chosen.Kind {
			d, _ = backbones.ParseDevice(kind) // it is one
		}
		c := check{Item: d.String(), Verdict: fine, Found: "the ONNX Runtime in use can use it"}
		if err := d.Usable(); err != nil {
			c.Verdict, c.Found = absent, err.Error()
			if d == chosen {
				c.Verdict = broken
			}
			var lacks *backbones.DeviceError
			var option *backbones.OptionError
			switch {
			case errors.As(err, &lacks):
				c.Found, c.Fix = lacks.What, lacks.Fix
			case errors.As(err, &option):
				c.Found, c.Fix = option.What, option.Fix
			}
		}
		list = append(list, c)
	}
	return append(list, examineDriver(chosen, cudaBeside(library)))
}

// examineDriver looks at NVIDIA's driver, which CUDA needs to be new enough.
func examineDriver(chosen backbones.Device, cuda cudaRelease) check {
	c := check{Item: "NVIDIA driver", Verdict: absent, Fix: "sudo apt-get install nvidia-driver"}
	if chosen.Kind == "cuda" || chosen.Kind == "tensorrt" {
		c.Verdict, c.Required = broken, fmt.Sprintf("%d or newer, for CUDA %d", cuda.driver, cuda.version)
	}
	text, _ := os.ReadFile("/proc/driver/nvidia/version") // is not there without a driver
	var fits bool
	if c.Found, fits = cuda.driverIn(text); fits {
		c.Verdict, c.Fix = fine, ""
	}
	return c
}

// cudaRelease is a version of CUDA, and of the oldest driver that it runs with.
type cudaRelease struct{ version, driver int }

// cudaBeside is the CUDA that lies beside an ONNX Runtime.
func cudaBeside(library string) cudaRelease {
	if _, err := os.Stat(filepath.Join(filepath.Dir(library), "libcudart.so.13")); err == nil {
		return cudaRelease{13, 580}
	}
	return cudaRelease{12, 525}
}

var driverVersion = regexp.MustCompile(`Kernel Module.*?\s((\d+)(?:\.\d+)+)`)

// driverIn reads what the driver says of itself, and whether it is new enough.
func (r cudaRelease) driverIn(text []byte) (found string, fits bool) {
	if len(text) == 0 {
		return "none is loaded", false
	}
	version := driverVersion.FindSubmatch(text)
	if version == nil {
		return "loaded, of an unknown version", true
	}
	if major, err := strconv.Atoi(string(version[2])); err != nil || major < r.driver {
		return fmt.Sprintf("%s, too old for CUDA %d", version[1], r.version), false
	}
	return string(version[1]), true
}

// examineModels runs every model that is installed.
func examineModels(d backbones.Device) []check {
	list, err := backbones.Installed()
	var checks []check
	for _, m := range list {
		checks = append(checks, examineModel(m, d))
	}
	if err != nil {
		checks = append(checks, check{Item: "manifests", Verdict: broken, Found: err.Error(), Fix: "correct or delete the named files"})
	}
	return checks
}

func examineModel(m *backbones.Manifest, d backbones.Device) check {
	c := check{Item: m.Name, Verdict: fine}
	if err := m.Verify(); err != nil {
		c.Verdict, c.Found, c.Fix = broken, err.Error(), "tracker models remove "+m.Name+", then tracker models add its FILE or URL again"
		if m.BuiltIn() {
			c.Fix = "make build"
		}
		return c
	}
	c.Found = "sha256 ok"
	if err := d.Usable(); err != nil {
		c.Verdict, c.Found = absent, c.Found+"; not run, for "+d.String()+" is not there"
		return c
	}
	nodes, err := nodesOf(m, d)
	if err != nil {
		c.Verdict, c.Found, c.Fix = broken, err.Error(), "tracker models remove "+m.Name
		if m.BuiltIn() {
			c.Fix = "use another --device, or report this with the output of 'tracker doctor'"
		}
		return c
	}
	c.Found += "; runs on " + d.String() + "; nodes: " + nodes.String()
	return c
}

func nodesOf(m *backbones.Manifest, d backbones.Device) (_ backbones.Placement, err error) {
	conf, nmsIoU := m.Thresholds()
	model, err := backbones.Open(m, backbones.Options{Device: d.String(), Threads: runtime.NumCPU(), Conf: conf, NMSIoU: nmsIoU})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	return model.Placement()
}

// examineCodecs writes a short video with each.
func examineCodecs(backbones.Device) []check {
	var list []check
	for _, codec := range sink.Codecs() {
		if codec == sink.Auto {
			continue
		}
		c := check{Item: codec, Verdict: fine, Found: "written"}
		if err := tryCodec(codec); err != nil {
			c.Verdict, c.Found, c.Fix = broken, err.Error(), fmt.Sprintf("sudo apt-get install --reinstall libavcodec%d", encode.BuiltWith)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
				c.Fix = "set TMPDIR to a folder that can be written"
			}
		}
		list = append(list, c)
	}
	return list
}

// tryCodec writes some pictures into a file that it deletes.
func tryCodec(codec string) (err error) {
	dir, err := os.MkdirTemp("", "tracker-doctor-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	video, err := sink.NewVideo(sink.VideoOptions{Path: filepath.Join(dir, "try.mkv"), FPS: 10, Codec: codec})
	if err != nil {
		return err
	}
	picture := gocv.NewMatWithSize(64, 64, gocv.MatTypeCV8UC3)
	frame := &capture.Frame{Mat: picture}
	defer func() { err = errors.Join(err, frame.Close()) }()
	for i := range 3 {
		frame.Index, frame.Time = i, time.Duration(i)*100*time.Millisecond
		if err := video.Write(context.Background(), sink.Result{Frame: frame}); err != nil {
			_, kept := video.Keep()
			return errors.Join(err, kept)
		}
	}
	return video.Commit()
}

func examineCameras(backbones.Device) []check {
	paths, err := filepath.Glob("/dev/video*")
	if err != nil || len(paths) == 0 {
		return []check{{Item: "cameras", Verdict: absent, Found: "no /dev/video*"}}
	}
	var list []check
	for _, path := range paths {
		c := check{Item: path, Verdict: fine}
		camera, err := queryCamera(path)
		switch {
		case errors.Is(err, os.ErrPermission):
			c.Verdict, c.Found, c.Fix = broken, err.Error(), "sudo usermod -aG video $USER, then log in again"
		case err != nil:
			c.Verdict, c.Found = absent, err.Error()
		default:
			c.Found = camera
		}
		list = append(list, c)
	}
	return list
}

func examineScreen(backbones.Device) []check {
	c := check{Item: "screen", Verdict: fine, Found: "a window can be opened"}
	if err := sink.DisplayAvailable(); err != nil {
		c.Verdict, c.Found = absent, err.Error()
	}
	return []check{c}
}

func examineProcessor(backbones.Device) []check {
	return []check{
		{Item: "processor", Verdict: fine, Found: machineName()},
		examineFeatures(),
		{Item: "cores", Verdict: fine, Found: fmt.Sprint(runtime.NumCPU())},
		{Item: "memory", Verdict: fine, Found: memoryText()},
	}
}

// memoryText is what the machine has and what is free, empty where the system does
// not tell.
func memoryText() string {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown"
	}
	var parts []string
	for _, field := range []struct{ key, name string }{{"MemTotal", "in all"}, {"MemAvailable", "free"}} {
		var kilobytes int64
		fmt.Sscanf(fieldOf(info, field.key), "%d kB", &kilobytes)
		parts = append(parts, fmt.Sprintf("%.1f GB %s", float64(kilobytes)*1024/1e9, field.name))
	}
	return strings.Join(parts, ", ")
}
