package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// setting is a line of a file that sets a key, or would without its "# ".
var setting = regexp.MustCompile(`^(# )?([a-z-]+): (.+)$`)

// The shipped file names every key once, in order, explains it and gives its default;
// examples are good values, and the effect of a change is the true one.
func TestShippedFile(t *testing.T) {
	data, err := os.ReadFile("tracker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	if _, err := Parse("tracker.yaml", data, &c); err != nil {
		t.Fatal(err)
	}
	if changes := Diff(new(Default()), &c); len(changes) > 0 {
		t.Errorf("other than the defaults: %+v", changes)
	}
	names := map[string]Effect{"[frame]": AtFrame, "[network]": Swapped, "[start]": AtRestart}
	var keys []string
	explained := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		m := setting.FindStringSubmatch(line)
		if m == nil {
			if explained += line; line == "" {
				explained = ""
			}
			continue
		}
		keys = append(keys, m[2])
		said := explained[max(0, strings.LastIndex(explained, "[")):]
		if effect, ok := names[said]; !ok || effect != effects[m[2]] {
			t.Errorf("%s ends its text with %q, its change takes effect %v", m[2], said, effects[m[2]])
		}
		example := Default()
		if _, err := Parse("tracker.yaml", []byte(m[2]+": "+m[3]), &example); err != nil {
			t.Errorf("%s: %v", m[2], err)
		}
		if m[1] == "" && c.Text(m[2]) == "" {
			t.Errorf("%s is given, and is nothing", m[2])
		}
		if m[1] != "" {
			if text := new(Default()).Text(m[2]); text != "" {
				t.Errorf("%s is left out, but has a default: %s", m[2], text)
			}
			if err := example.Validate(); err != nil {
				t.Errorf("the example of %s: %v", m[2], err)
			}
		}
	}
	slices.Sort(keys)
	want := slices.Sorted(slices.Values(Keys()))
	if !slices.Equal(keys, want) {
		t.Errorf("keys %v\nwant %v", keys, want)
	}
}

func TestEveryKeyHasAnEffect(t *testing.T) {
	for _, key := range Keys() {
		if _, ok := effects[key]; !ok {
			t.Errorf("%s has none", key)
		}
	}
	if len(effects) != len(Keys()) {
		t.Error("there are effects of keys that are none")
	}
}

// One bad file for each rule, refused with place, key, value and what is allowed.
func TestBadFiles(t *testing.T) {
	want := map[string]string{
		"unknown-key":          `:2:1: unknown key "bakbone"; did you mean backbone?`,
		"underscore":           `:1:1: unknown key "max_age"; did you mean max-age?`,
		"twice":                ":3:1: key stride is given twice, before at testdata/bad/twice.yaml:1:9",
		"no-value":             ":1:1: key conf has no value, want a number",
		"syntax":               ":1:10: sequence end token ']' not found",
		"tab":                  ":2:1: indent with spaces, not tabs",
		"no-settings":          ":1:1: this is no list of settings; want lines such as conf: 0.3",
		"not-whole":            ":1:9: stride is 1.5, want a whole number",
		"not-a-number":         ":1:7: conf is high, want a number",
		"number-in-quotes":     `:1:7: conf is "0.3", want a number`,
		"not-a-time":           ":1:15: read-timeout is 10, want a time with its unit",
		"not-true-or-false":    ":1:12: reconnect is yes, want true or false",
		"not-a-camera":         ":3:5: cam is front, want a whole number, or a list",
		"not-a-text":           ":1:6: mot is {file: out.txt}, want a text",
		"conf-range":           ":2:7: conf is 1.5, want 0 to 1",
		"nms-iou-range":        ":1:10: nms-iou is -0.1, want 0 to 1",
		"nan":                  ":1:7: conf is NaN, want 0 to 1",
		"cam-range":            ":1:6: cam is -1, want 0 or more",
		"size-text":            `:1:7: size is "640x", want pixels as in 416 or 640x384`,
		"cam-width-range":      ":1:12: cam-width is -1, want 0 to 16384",
		"cam-pair":             ":2:12: cam-width and cam-height go together",
		"cam-fps-range":        ":1:10: cam-fps is -5, want 0 to 500",
		"image-fps-range":      ":1:12: image-fps is -1, want 0 to 500",
		"stride-range":         ":1:9: stride is 0, want 1 to 1000000",
		"max-frames-range":     ":1:13: max-frames is -1, want 0 or more",
		"threads-range":        ":1:10: threads is -2, want 0 to 4096",
		"workers-range":        ":1:10: workers is -1, want 0 to 4096",
		"budget-range":         ":1:9: budget is -33ms, want 0s (no bound) or more",
		"read-timeout-range":   ":1:15: read-timeout is 0s, want more than 0s",
		"max-age-range":        ":1:10: max-age is -1, want 0 or more",
		"max-gap-range":        ":1:10: max-gap is 0s, want more than 0s",
		"min-hits-range":       ":1:11: min-hits is -1, want 0 or more",
		"track-iou-range":      ":1:12: track-iou is 0, want more than 0 and at most 1",
		"live-policy-choice":   `:1:14: live-policy is "latest", want newest, all`,
		"camera-motion-choice": `:1:16: camera-motion is "yes", want auto, on, off`,
		"looks-choice":         `:1:8: looks is "auto", want on, off`,
		"codec-choice":         `:2:8: codec is "vp9", want auto, h264, mpeg4, mjpeg`,
		"codec-alone":          ":1:8: codec h264 goes with save",
		"display-choice":       `:1:10: display is "window", want auto, on, off`,
		"log-level-choice":     `:1:12: log-level is "loud", want info, debug, warn, error`,
		"cam-and-input":        ":2:6: cam and input contradict each other",
		"input-unnamed":        ":1:8: an input has no name",
		"input-stdin-twice":    ":1:8: standard input can be one of the inputs only",
		"backbone-and-model":   ":1:11: backbone mnasnet and model x.onnx contradict each other",
		"offline-alone":        ":1:10: offline changes what mot and jsonl write: give one of them",
		"offline-camera":       ":2:10: offline looks ahead to the end of an input, and a camera has none",
		"offline-shown":        ":2:10: offline knows the tracks when an input is over",
		"serve-address":        ":1:8: serve is 8080, want HOST:PORT or :PORT, such as :8080",
		"record-stdout":        ":1:9: record is -: it is no text",
		"cam-fps-infinite":     ":1:10: cam-fps is +Inf, want 0 to 500",
		"image-fps-infinite":   ":1:12: image-fps is +Inf, want 0 to 500",
		"stride-huge":          ":1:9: stride is 9223372036854775807, want 1 to 1000000",
		"threads-huge":         ":1:10: threads is 100000000, want 0 to 4096",
		"workers-huge":         ":1:10: workers is 4097, want 0 to 4096",
		"cam-height-huge":      ":2:13: cam-height is 16385, want 0 to 16384",
		"cam-width-huge":       ":1:12: cam-width is 16385, want 0 to 16384",
		"size-huge":            `:1:7: size is "99999999999x3", want pixels as in 416 or 640x384, at most 16384`,
		"null-item":            ":1:19: classes is null, want a text, or a list",
		"twice-documents":      ":3:1: key stride is given twice, before at testdata/bad/twice-documents.yaml:1:9",
		"zones-text":           ":1:8: zone door has 2, want a fraction of the picture's width or height, 0 to 1",
		"stdout-twice":         ":1:6: only one of mot, jsonl and timings can go to standard output",
		"unknown-place":        ":1:6: unknown {nam} in mot; {name} is the input's name",
		"one-output":           ":2:6: mot out.txt is one output for 2 inputs: put {name} in it",
	}
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) != len(want) {
		t.Errorf("%d files for %d rules, %v", len(paths), len(want), err)
	}
	for name, text := range want {
		path := filepath.Join("testdata", "bad", name+".yaml")
		c := Default()
		origins, err := Load(path, &c)
		if err == nil {
			err = origins.Locate(c.Validate())
		}
		if err == nil || !strings.Contains(err.Error(), path+text) {
			t.Errorf("%s: got  %v\nwant %s", name, err, text)
		}
	}
}

func TestDiff(t *testing.T) {
	from, to := Default(), Default()
	if _, err := Parse("t.yaml", []byte("conf: 0.4\nbackbone: mnasnet\nmot: out.txt\nclasses: person\nmax-gap: 2s\nclasses: []\n"), &to); err == nil {
		t.Error("a key given twice is taken")
	}
	if _, err := Parse("t.yaml", []byte("conf: 0.4\nbackbone: mnasnet\nmot: out.txt\nmax-frames: 9\nclasses: person\nmax-gap: 2s\n"), &to); err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{"max-frames", "0", "9", AtRestart}, {"backbone", "", "mnasnet", Swapped}, {"conf", "", "0.4", AtFrame}, {"classes", "", "[person]", AtFrame},
		{"max-gap", "", "2s", AtFrame}, {"mot", "", "out.txt", AtFrame},
	}
	if got := Diff(&from, &to); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	next := Adopt(&from, &to)
	if next.MaxFrames != 0 || next.MOT != "out.txt" || next.Conf != 0.4 || next.Backbone != "mnasnet" {
		t.Errorf("a run would go on with %+v", next)
	}
	if left := Diff(&next, &to); len(left) != 1 || left[0].Key != "max-frames" {
		t.Errorf("what is left for a restart: %+v", left)
	}
}

func TestText(t *testing.T) {
	c := Default()
	c.Input, c.Save, c.Size = List[string]{"a b.mp4", "rtsp://10.0.0.7/main", "-"}, "off", "416"
	for key, want := range map[string]string{
		"input": `["a b.mp4", rtsp://10.0.0.7/main, "-"]`, "save": `"off"`, "size": `"416"`,
		"conf": "", "max-gap": "", "stride": "1", "read-timeout": "10s", "reconnect": "true", "nonsense": "",
	} {
		if got := c.Text(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	for _, text := range []string{"person", "a.mp4", "null", "0x1", "~", "#a", "a: b", "a:", ".inf", "No", "", "1e3", "x\ny"} {
		if text == "" {
			continue
		}
		var back Config
		if _, err := Parse("t.yaml", []byte("save: "+quoted(text)), &back); err != nil || back.Save != text {
			t.Errorf("%q comes back as %q: %v", text, back.Save, err)
		}
	}
}
