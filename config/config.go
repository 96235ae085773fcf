// Package config holds the settings of a run: their defaults, their allowed
// values, and how a YAML file sets them. Every key is also a flag of the same
// name; flags override the file, which overrides the defaults.
package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tracker-go/tracker/track/zone"
)

// Config is every setting of one run. The YAML keys are the flags' names.
type Config struct {
	// Cam are cameras by number.
	Cam List[int] `yaml:"cam"`
	// Input are video files, folders or globs of pictures, URLs, or "-". Each is
	// tracked for itself.
	Input List[string] `yaml:"input"`
	// CamWidth, CamHeight (pixels) and CamFPS are what to ask a camera for; 0 leaves
	// the choice to the camera.
	CamWidth  int     `yaml:"cam-width"`
	CamHeight int     `yaml:"cam-height"`
	CamFPS    float64 `yaml:"cam-fps"`
	// ImageFPS is the frame rate of a folder of pictures, 0 for 30.
	ImageFPS float64 `yaml:"image-fps"`
	// LivePolicy says what a live source does with frames that come faster than they
	// are analysed: newest keeps the latest one, all a bounded queue.
	LivePolicy string `yaml:"live-policy"`
	// ReadTimeout is how long a stream may be silent before it counts as lost, and
	// Reconnect whether it is then opened again, for as long as it takes.
	ReadTimeout time.Duration `yaml:"read-timeout"`
	Reconnect   bool          `yaml:"reconnect"`
	// Stride analyses every Nth frame, 1 for all.
	Stride int `yaml:"stride"`
	// MaxFrames ends the run after so many analysed frames, 0 for no limit.
	MaxFrames int `yaml:"max-frames"`

	// Backbone is a family or the name of an installed model; DefaultBackbone where
	// neither it nor Model is given.
	Backbone string `yaml:"backbone"`
	// Model is an ONNX file to use instead.
	Model string `yaml:"model"`
	// Device is what the network runs on: cpu, cuda[:N], tensorrt[:N],
	// openvino[:DEVICE], xnnpack or coreml.
	Device string `yaml:"device"`
	// DeviceFallback lets the CPU run the network where Device cannot.
	DeviceFallback bool `yaml:"device-fallback"`
	// Threads bounds what inference, OpenCV and decoding may use, 0 for every core.
	Threads int `yaml:"threads"`
	// Workers is how many inferences run at once, 0 for what suits the threads.
	Workers int `yaml:"workers"`
	// Serial takes one frame at a time through all stages.
	Serial bool `yaml:"serial"`
	// Size is the network's input as WIDTHxHEIGHT or one number for both, in pixels;
	// empty for the model's own.
	Size string `yaml:"size"`
	// Conf is the lowest score of a detection, 0..1; Unset for the model's own.
	Conf float64 `yaml:"conf"`
	// NMSIoU is the overlap above which two boxes of a class are one object, 0..1;
	// Unset for the model's own.
	NMSIoU float64 `yaml:"nms-iou"`
	// Classes to keep, by label; none means all.
	Classes List[string] `yaml:"classes"`

	// Tracker is how detections become identities.
	Tracker Tracker `yaml:",inline"`
	// CameraMotion says whether the tracker is told how the camera moves: on, off,
	// or auto, which looks only now and then while the camera stands still.
	CameraMotion string `yaml:"camera-motion"`
	// Looks says whether the tracker is told what colours objects have: on or off.
	Looks string `yaml:"looks"`

	// Zones are areas and lines at which tracks are counted, as zone.Parse reads them.
	Zones List[string] `yaml:"zones"`

	// What is written of each input is named by these; NamePlace in them stands for
	// the input's name, and must be there where there are several.

	// Save is an annotated video to write, Codec how: auto, h264, mpeg4 or mjpeg.
	Save  string `yaml:"save"`
	Codec string `yaml:"codec"`
	// MOT and JSONL are result files to write; "-" is standard output.
	MOT   string `yaml:"mot"`
	JSONL string `yaml:"jsonl"`
	// Offline writes both when an input is over, with tracks that know what came later.
	Offline bool `yaml:"offline"`
	// Timings is a CSV file with the times of every frame.
	Timings string `yaml:"timings"`
	// Record is a file of detections, times and camera motion, from which 'tracker
	// track' repeats the run without the video and the network.
	Record string `yaml:"record"`
	// Budget is what a frame of the source may take, 0 for no bound. Over it, stride,
	// size and backbone give way.
	Budget time.Duration `yaml:"budget"`
	// Serve is HOST:PORT or :PORT, where browsers see the pictures and figures; empty
	// for nowhere.
	Serve string `yaml:"serve"`
	// Display is auto, on or off.
	Display string `yaml:"display"`
	// Panel is on or off: the timing panel on the pictures.
	Panel string `yaml:"panel"`

	// LogLevel is debug, info, warn or error.
	LogLevel string `yaml:"log-level"`
	// Quiet leaves out the progress bar and the summary.
	Quiet bool `yaml:"quiet"`
}

// DefaultBackbone is used where neither a backbone nor a model file is given.
const DefaultBackbone = "mobilenetv2"

// NamePlace is where the input's name goes in the name of an output.
const NamePlace = "{name}"

// Default gives the settings that hold where nothing else is said.
func Default() Config {
	return Config{
		LivePolicy: "newest", ReadTimeout: 10 * time.Second, Reconnect: true, Stride: 1,
		Device: "cpu", Conf: Unset, NMSIoU: Unset,
		Tracker:      DefaultTracker(),
		CameraMotion: "auto", Looks: "on", Codec: "auto", Display: "auto", Panel: "on", LogLevel: "info",
	}
}

// The most that settings can be: what is above is a slip, and would fail late.
const (
	maxSide    = 16384 // pixels
	maxFPS     = 500
	maxStride  = 1_000_000
	maxThreads = 4096
)

// Validate reports every setting that is out of range or contradicts another, each
// as a Fault. What only other packages know (backbones, trackers, devices, files)
// they check, and whether there is an input HasInput does.
func (c *Config) Validate() error {
	var f faults
	f.fraction("conf", c.Conf)
	f.fraction("nms-iou", c.NMSIoU)
	for _, n := range c.Cam {
		f.atLeast("cam", n, 0)
	}
	if c.Size != "" {
		if _, _, err := ParseSize(c.Size); err != nil {
			f = append(f, Faulty(err, "size"))
		}
	}
	if _, err := zone.ParseAll(c.Zones); err != nil {
		f = append(f, Faulty(err, "zones"))
	}
	between(&f, "cam-width", c.CamWidth, 0, maxSide)
	between(&f, "cam-height", c.CamHeight, 0, maxSide)
	between(&f, "cam-fps", c.CamFPS, 0, maxFPS)
	between(&f, "image-fps", c.ImageFPS, 0, maxFPS)
	between(&f, "stride", c.Stride, 1, maxStride)
	f.atLeast("max-frames", c.MaxFrames, 0)
	between(&f, "threads", c.Threads, 0, maxThreads)
	between(&f, "workers", c.Workers, 0, maxThreads)
	f.check(c.ReadTimeout > 0, []string{"read-timeout"}, "read-timeout is %v, want more than 0s", c.ReadTimeout)
	f.check(c.Budget >= 0, []string{"budget"}, "budget is %v, want 0s (no bound) or more", c.Budget)
	for _, choice := range c.choices() {
		f.oneOf(choice.key, choice.value, choice.allowed)
	}
	c.Tracker.validate(&f)
	c.validateTogether(&f)
	c.validateNames(&f)
	return f.join()
}

// choice is a setting with a few values, of which the first is the default.
type choice struct {
	key, value string
	allowed    []string
}

func (c *Config) choices() []choice {
	return []choice{
		{"live-policy", c.LivePolicy, []string{"newest", "all"}},
		{"camera-motion", c.CameraMotion, []string{"auto", "on", "off"}},
		{"looks", c.Looks, []string{"on", "off"}},
		{"codec", c.Codec, []string{"auto", "h264", "mpeg4", "mjpeg"}},
		{"display", c.Display, []string{"auto", "on", "off"}},
		{"panel", c.Panel, []string{"on", "off"}},
		{"log-level", c.LogLevel, []string{"info", "debug", "warn", "error"}},
	}
}

// validateTogether checks settings that depend on each other.
func (c *Config) validateTogether(f *faults) {
	f.check(len(c.Cam) == 0 || len(c.Input) == 0, []string{"cam", "input"},
		"cam and input contradict each other: give one; an input /dev/videoN is a camera, too")
	f.check(!slices.Contains(c.Input, ""), []string{"input"}, "an input has no name: give a file, a folder, a URL or -")
	f.check(count(c.Input, "-") < 2, []string{"input"}, "standard input can be one of the inputs only")
	f.check(c.Backbone == "" || c.Model == "", []string{"backbone", "model"},
		"backbone %s and model %s contradict each other: give one", c.Backbone, c.Model)
	f.check(c.Codec == "auto" || c.Save != "", []string{"codec"}, "codec %s goes with save", c.Codec)
	f.check((c.CamWidth == 0) == (c.CamHeight == 0), []string{"cam-width", "cam-height"}, "cam-width and cam-height go together")
	f.check(count([]string{c.MOT, c.JSONL, c.Timings}, "-") < 2, []string{"mot", "jsonl", "timings"},
		"only one of mot, jsonl and timings can go to standard output")
	f.check(!c.Offline || c.MOT != "" || c.JSONL != "", []string{"offline"}, "offline changes what mot and jsonl write: give one of them")
	f.check(!c.Offline || len(c.Cam) == 0, []string{"offline", "cam"}, "offline looks ahead to the end of an input, and a camera has none")
	f.check(!c.Offline || c.Save == "" && c.Display != "on" && c.Serve == "" && len(c.Zones) == 0, []string{"offline", "save", "display", "serve", "zones"},
		"offline knows the tracks when an input is over, and save, display, serve and zones take them as they come: leave out one or the other")
	f.check(c.Serve == "" || isAddress(c.Serve), []string{"serve"}, "serve is %s, want HOST:PORT or :PORT, such as :8080", c.Serve)
	f.check(c.Record != "-", []string{"record"}, "record is -: it is no text; give a file, such as out.rec")
}

// isAddress says whether a server can be asked to listen there.
func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// HasInput refuses settings without anything to track.
func (c *Config) HasInput() error {
	if len(c.Cam)+len(c.Input) == 0 {
		return errors.New("nothing to track: give --input FILE or --cam N")
	}
	return nil
}

// places is what looks like NamePlace in the name of an output.
var places = regexp.MustCompile(`\{\pL+\}`)

// validateNames sees to it that outputs are named after inputs by NamePlace alone, and that
// several inputs do not write to one. The lines of jsonl can say whose they are.
func (c *Config) validateNames(f *faults) {
	inputs := len(c.Cam) + len(c.Input)
	for _, out := range []struct{ key, path, example string }{
		{"save", c.Save, ".mp4"}, {"mot", c.MOT, ".txt"}, {"jsonl", c.JSONL, ".jsonl"}, {"timings", c.Timings, ".csv"},
		{"record", c.Record, ".rec"},
	} {
		found := places.FindAllString(out.path, -1)
		if unknown := slices.IndexFunc(found, func(place string) bool { return place != NamePlace }); unknown >= 0 {
			f.check(false, []string{out.key}, "unknown %s in %s; %s is the input's name", found[unknown], out.key, NamePlace)
			continue
		}
		shared := inputs < 2 || out.key == "jsonl" && out.path == "-"
		f.check(out.path == "" || shared || strings.Contains(out.path, NamePlace), []string{out.key},
			"%s %s is one output for %d inputs: put %s in it, as in out/%s%s",
			out.key, out.path, inputs, NamePlace, NamePlace, out.example)
	}
}

func (f *faults) fraction(key string, v float64) {
	if v != Unset {
		between(f, key, v, 0, 1)
	}
}

func between[T int | float64](f *faults, key string, v, low, high T) {
	f.check(v >= low && v <= high, []string{key}, "%s is %v, want %v to %v", key, v, low, high)
}

func (f *faults) atLeast(key string, v, low int) {
	f.check(v >= low, []string{key}, "%s is %d, want %d or more", key, v, low)
}

func (f *faults) oneOf(key, v string, want []string) {
	f.check(slices.Contains(want, v), []string{key}, "%s is %q, want %s", key, v, strings.Join(want, ", "))
}

func count(list []string, wanted string) (n int) {
	for _, s := range list {
		if s == wanted {
			n++
		}
	}
	return n
}

// ParseSize reads a size in pixels: WIDTHxHEIGHT, or one number for both.
func ParseSize(text string) (width, height int, err error) {
	w, h, both := strings.Cut(strings.ToLower(text), "x")
	if !both {
		h = w
	}
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if errW != nil || errH != nil || min(width, height) <= 0 || max(width, height) > maxSide {
		return 0, 0, fmt.Errorf("size is %q, want pixels as in 416 or 640x384, at most %d", text, maxSide)
	}
	return width, height, nil
}
