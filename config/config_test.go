package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreValid(t *testing.T) {
	c := Default()
	c.Input = List[string]{"video.mp4"}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoadOverridesOnlyWhatItNames(t *testing.T) {
	c := Default()
	if err := load(t, "conf: 0.25\nclasses: [person, car]\nmax-gap: 1.5s\nmax-age: 7\n", &c); err != nil {
		t.Fatal(err)
	}
	if c.Tracker.MaxGap != 1500*time.Millisecond || c.Tracker.MaxAge != 7 || c.Tracker.MinHits != Unset {
		t.Errorf("tracker %+v", c.Tracker)
	}
	if c.Conf != 0.25 || len(c.Classes) != 2 || c.NMSIoU != Default().NMSIoU {
		t.Errorf("%+v", c)
	}
	if err := load(t, "# nothing\n", &c); err != nil || c.Conf != 0.25 {
		t.Errorf("a file of comments: %v, %+v", err, c)
	}
}

// A bad file is refused with its place, and changes nothing.
func TestLoadRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"unknown key", "conf: 0.3\nconfidence: 0.5\n", `:2:1: unknown key "confidence"; did you mean conf?`},
		{"wrong type", "stride: often\n", ":1:9:"},
		{"repeated key", "conf: 0.3\nconf: 0.4\n", "tracker.yaml:2:1: key conf is given twice, before at /"},
		{"repeated in two documents", "conf: 0.3\n---\nconf: 0.4\n", ":3:1: key conf is given twice, before at /"},
		{"tab before an item", "classes:\n  - person\n \t- car\n", ":3:2: indent with spaces, not tabs"},
		{"tab before a key", "\tconf: 0.3\n", ":1:1: indent with spaces, not tabs"},
		{"no text", "`\xff\xfe", ":1:1: this is no text in UTF-8"},
		{"ones and zeros", "conf\x00\x01", ":1:1: this is no text in UTF-8"},
		{"no value", "conf:\n", ":1:1: key conf has no value"},
		{"number without a unit", "budget: 33\n", ":1:9: budget is 33, want a time with its unit, as in 33ms"},
		{"no time", "budget: soon\n", ":1:9: budget is soon, want a time with its unit, as in 33ms"},
		{"broken syntax", "conf: [1\n", ":1:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Default()
			err := load(t, tc.text, &c)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") || err.Error()[0] != '/' {
				t.Errorf("error %q, want one line with %q", err, tc.want)
			}
			if c.Conf != Default().Conf {
				t.Error("the refused file changed the configuration")
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"conf is 1.5":              func(c *Config) { c.Conf = 1.5 },
		"nms-iou is -1":            func(c *Config) { c.NMSIoU = -1 },
		`size is "640x"`:           func(c *Config) { c.Size = "640x" },
		`size is "0"`:              func(c *Config) { c.Size = "0" },
		"track-iou is 2":           func(c *Config) { c.Tracker.IoU = 2 },
		"stride is 0":              func(c *Config) { c.Stride = 0 },
		"max-frames is -1":         func(c *Config) { c.MaxFrames = -1 },
		"threads is -2":            func(c *Config) { c.Threads = -2 },
		"workers is -1":            func(c *Config) { c.Workers = -1 },
		"max-age is -1":            func(c *Config) { c.Tracker.MaxAge = -1 },
		"min-hits is -1":           func(c *Config) { c.Tracker.MinHits = -1 },
		"cam is -2":                func(c *Config) { c.Cam = List[int]{-2} },
		"contradict each other":    func(c *Config) { c.Cam = List[int]{0} },
		"cam-width and cam-height": func(c *Config) { c.CamWidth = 640 },
		"cam-fps is -1":            func(c *Config) { c.CamFPS = -1 },
		"max-gap is -2s":           func(c *Config) { c.Tracker.MaxGap = -2 * time.Second },
		"read-timeout is 0s":       func(c *Config) { c.ReadTimeout = 0 },
		`live-policy is "some"`:    func(c *Config) { c.LivePolicy = "some" },
		`camera-motion is "yes"`:   func(c *Config) { c.CameraMotion = "yes" },
		`looks is "auto"`:          func(c *Config) { c.Looks = "auto" },
		`codec is "vp9"`:           func(c *Config) { c.Codec = "vp9" },
		`display is "maybe"`:       func(c *Config) { c.Display = "maybe" },
		`log-level is "loud"`:      func(c *Config) { c.LogLevel = "loud" },
		"standard output":          func(c *Config) { c.MOT, c.JSONL = "-", "-" },
		"contradict each other: g": func(c *Config) { c.Backbone, c.Model = "resnet", "x.onnx" },
		"codec h264 goes with":     func(c *Config) { c.Codec = "h264" },
		"image-fps is -1":          func(c *Config) { c.ImageFPS = -1 },
		"an input has no name":     func(c *Config) { c.Input = List[string]{"a", ""} },
		"standard input can be":    func(c *Config) { c.Input = List[string]{"-", "-"} },
		"mot o.txt is one output for 2 inputs: put {name} in it, as in out/{name}.txt": func(c *Config) {
			c.Input, c.MOT = List[string]{"a", "b"}, "o.txt"
		},
		"unknown {nam} in mot; {name} is the input's name":     func(c *Config) { c.MOT = "{nam}.txt" },
		"unknown {date} in save; {name} is the input's name":   func(c *Config) { c.Save = "{name}-{date}.mp4" },
		"unknown {Name} in record; {name} is the input's name": func(c *Config) { c.Record = "out/{Name}/x.rec" },
		"timings - is one output":                              func(c *Config) { c.Cam, c.Input, c.Timings = List[int]{0, 1}, nil, "-" },
	} {
		c := Default()
		c.Input = List[string]{"video.mp4"}
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Braces that stand around no word are part of a name.
func TestBracesInNames(t *testing.T) {
	c := Default()
	c.Input, c.MOT, c.JSONL, c.Save = List[string]{"a.mp4"}, "{a,b}-{}-{2}-{name}.txt", "{name", "name}.mp4"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// Several inputs are fine where every output tells them apart.
func TestSeveralInputs(t *testing.T) {
	c := Default()
	if err := load(t, "input: [a.mp4, b.mp4]\nmot: out/{name}.txt\njsonl: '-'\n", &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil || len(c.Input) != 2 || c.Input[1] != "b.mp4" {
		t.Errorf("inputs %q: %v", c.Input, err)
	}
	if err := load(t, "input: c.mp4\n", &c); err != nil || len(c.Input) != 1 || c.Input[0] != "c.mp4" {
		t.Errorf("a bare text: inputs %q: %v", c.Input, err)
	}
	if err := load(t, "cam: [0, 2]\n", &c); err != nil || len(c.Cam) != 2 || c.Cam[1] != 2 {
		t.Errorf("cameras %d: %v", c.Cam, err)
	}
	for text, want := range map[string]string{"cam: [0, front]\n": ":1:10:", "cam: front\n": ":1:6:", "input: {a: 1}\n": ":1:"} {
		if err := load(t, text, &c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// What 'config show' prints of a setting can be read again.
func TestTextIsRead(t *testing.T) {
	for _, f := range fields {
		for _, value := range samples(f.of(new(Config)).Interface()) {
			c, back := Default(), Default()
			f.of(&c).Set(reflect.ValueOf(value))
			text := f.key + ": " + c.Text(f.key)
			if _, err := Parse("t.yaml", []byte(text), &back); err != nil || len(Diff(&c, &back)) > 0 {
				t.Errorf("%s comes back as %s: %v", text, back.Text(f.key), err)
			}
		}
	}
}

// samples are values of the type of a setting.
func samples(like any) []any {
	switch like.(type) {
	case bool:
		return []any{true, false}
	case int:
		return []any{0, 7, 1_000_000}
	case float64:
		return []any{0., 1., 0.3, 0.00001, 5e-324, 499.5}
	case time.Duration:
		return []any{time.Nanosecond, 1500 * time.Millisecond, 400 * time.Hour}
	case List[int]:
		return []any{List[int]{2}, List[int]{0, 3}}
	case List[string]:
		return []any{List[string]{"a b.mp4", "1e3", "null", "~"}, List[string]{"person"}}
	}
	return []any{"out/{name}.txt", "off", "1e-05", "a: b #c", "\u2028"}
}

// Numbers as people and programs write them.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{"1e-05": 1e-5, "1E-5": 1e-5, "5e-1": 0.5, ".5": 0.5, "0.3": 0.3, "1": 1, "+1": 1} {
		c := Default()
		if err := load(t, "conf: "+text+"\n", &c); err != nil || c.Conf != want {
			t.Errorf("%s: %g, %v; want %g", text, c.Conf, err, want)
		}
		if again := c.Text("conf"); strings.ContainsAny(again, "eE") {
			t.Errorf("%s is shown as %s", text, again)
		}
	}
	for _, text := range []string{"'1e-05'", `"0.3"`, "1e", "e1", "0,3", "!!str 0.3"} {
		c := Default()
		if err := load(t, "conf: "+text+"\n", &c); err == nil {
			t.Errorf("%s: %g, want an error", text, c.Conf)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string][2]int{"416": {416, 416}, "640x384": {640, 384}, "640X384": {640, 384}} {
		if w, h, err := ParseSize(text); err != nil || [2]int{w, h} != want {
			t.Errorf("%s: %d×%d, %v", text, w, h, err)
		}
	}
	c := Default()
	if err := load(t, "size: 416\n", &c); err != nil || c.Size != "416" {
		t.Errorf("a plain number in YAML: %q, %v", c.Size, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("conf: 0.3\nclasses: [person]\n")
	f.Add("a: &x [*x]")
	f.Add("conf: [1\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if _, err := Parse("fuzz.yaml", []byte(text), &c); err == nil {
			_ = c.Validate()
			return
		}
		if c.Conf != Default().Conf || c.Input != nil {
			t.Error("a refused text changed the configuration")
		}
	})
}

func load(t *testing.T, text string, c *Config) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tracker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, c)
	return err
}
