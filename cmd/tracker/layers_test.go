//go:build gocv_specific_modules

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
)

// Every key is a flag with the same default, and every flag that sets something a key.
func TestFlagsAreKeys(t *testing.T) {
	c := config.Default()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	bind(flags, &c)
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	slices.Sort(names)
	if keys := slices.Sorted(slices.Values(config.Keys())); !slices.Equal(names, keys) {
		t.Errorf("flags %v\nkeys  %v", names, keys)
	}
	if changes := config.Diff(new(config.Default()), &c); len(changes) > 0 {
		t.Errorf("to make the flags changes the defaults: %+v", changes)
	}
}

// show says where each value comes from, and prints a file that means the same.
func TestConfigShow(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("run.yaml", "input: [a b.mp4, c.mp4]\nconf: 0.3\nmax-gap: 2s\nbackbone: mnasnet\n")
	cmd := command(dir, "config", "show", "--config", "run.yaml", "--conf", "0.4", "--model", "x.onnx")
	cmd.Env = append(cmd.Env, "TRACKER_MAX_GAP=3s", "TRACKER_CLASSES=person,car")
	got := finish(t, cmd)
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	for _, want := range []string{
		`input: ["a b.mp4", c.mp4]  # run.yaml:1:8`, "conf: 0.4  # --conf", "max-gap: 3s  # TRACKER_MAX_GAP",
		"classes: [person, car]  # TRACKER_CLASSES", "# backbone:  # default", "# tracker: tempo # default", "# min-hits: 2 # default of tempo", "# max-age: # no bound: the other one is given", "model: x.onnx  # --model", "stride: 1  # default",
	} {
		lines := strings.Split(got.stdout, "\n")
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.Join(strings.Fields(line), " ") == strings.Join(strings.Fields(want), " ")
		}) {
			t.Errorf("lacks %q", want)
		}
	}
	write("shown.yaml", got.stdout)
	again := runIn(t, dir, "config", "show", "--config", "shown.yaml")
	values := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			before, _, _ := strings.Cut(strings.TrimPrefix(line, "# "), " # ")
			all = append(all, strings.TrimSpace(before))
		}
		return all
	}
	if again.code != exitOK || !slices.Equal(values(again.stdout), values(got.stdout)) {
		t.Errorf("what show prints means something else:\n%s%s", again.stderr, again.stdout)
	}
}

// What a run would refuse beside the settings themselves is told: what show prints says nothing of it.
func TestConfigShowWarns(t *testing.T) {
	for line, want := range map[string]string{
		"--track-iou 0.95":                "least IoU is 0.95",
		"--classes persn":                 "is not among the model's labels",
		"--size 33":                       "takes multiples of 32",
		"--backbone mnasnet --conf 0.123": "",
	} {
		got := runIn(t, t.TempDir(), append([]string{"config", "show"}, strings.Fields(line)...)...)
		if got.code != exitOK || !strings.Contains(got.stderr, want) || want == "" && got.stderr != "" || !strings.Contains(got.stdout, "\nquiet: ") {
			t.Errorf("%s: exit code %d: %s%s", line, got.code, got.stderr, got.stdout)
		}
	}
}

// A variable takes a list as flags do that take one, also where its flag takes one item.
func TestEnvironmentLists(t *testing.T) {
	dir := t.TempDir()
	for variable, want := range map[string]string{
		`TRACKER_INPUT=a.mp4`:                            "input: [a.mp4]",
		`TRACKER_INPUT=a b.mp4,c.mp4`:                    `input: ["a b.mp4", c.mp4]`,
		`TRACKER_INPUT="b, c.mp4",rtsp://h/x`:            `input: ["b, c.mp4", rtsp://h/x]`,
		`TRACKER_INPUT=a.mp4,  "b, c.mp4", d e.mp4`:      `input: [a.mp4, "b, c.mp4", "d e.mp4"]`,
		`TRACKER_INPUT=a "1".mp4,rtsp://h/x?q="1"`:       `input: ["a \"1\".mp4", "rtsp://h/x?q=\"1\""]`,
		"TRACKER_INPUT=a.mp4\n\"b \"\"2\"\".mp4\",c.mp4": `input: [a.mp4, "b \"2\".mp4", c.mp4]`,
		`TRACKER_CAM=0,2`:                                "cam: [0, 2]",
		`TRACKER_CLASSES=person,car`:                     "classes: [person, car]",
	} {
		cmd := command(dir, "config", "show")
		cmd.Env = append(cmd.Env, variable)
		name, _, _ := strings.Cut(variable, "=")
		if got := finish(t, cmd); got.code != exitOK || !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(want)+` +# `+name+`$`).MatchString(got.stdout) {
			t.Errorf("%s: exit code %d: %s%s", variable, got.code, got.stderr, got.stdout)
		}
	}
	makeVideo(t, filepath.Join(dir, "a.avi"), 3)
	makeVideo(t, filepath.Join(dir, "b, c.avi"), 3)
	cmd := command(dir, "--mot", "{name}.txt", "-q")
	cmd.Env = append(cmd.Env, `TRACKER_INPUT=a.avi,"b, c.avi"`)
	if got := finish(t, cmd); got.code != exitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for _, name := range []string{"a.txt", "b--c.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// Quotes keep an item of a list together, as the line and the environment give it.
func TestQuotedItems(t *testing.T) {
	const given, want = `"in, out=0 0 1 1","the ""yard""=0 0 1 1",c=0 0 1 1`, `zones: ["in, out=0 0 1 1", "the \"yard\"=0 0 1 1", "c=0 0 1 1"]`
	line, variable := command(t.TempDir(), "config", "show", "--zones", given), command(t.TempDir(), "config", "show")
	variable.Env = append(variable.Env, "TRACKER_ZONES="+given)
	for _, cmd := range []*exec.Cmd{line, variable} {
		if got := finish(t, cmd); got.code != exitOK || !strings.Contains(got.stdout, want) {
			t.Errorf("exit code %d: %s%s", got.code, got.stderr, got.stdout)
		}
	}
}

// What is left to the tracker and the model is shown as they have it.
func TestConfigShowsOwnValues(t *testing.T) {
	t.Setenv(backbones.HomeEnv, t.TempDir())
	c := config.Default()
	c.Tracker.Name = "bytetrack"
	own := ownValues(c)
	m, err := findModel(c)
	if err != nil {
		t.Fatal(err)
	}
	conf, _ := m.Thresholds()
	for key, want := range map[string]ownValue{
		"max-age": {"", "no bound: default of bytetrack"}, "max-gap": {"1s", "default of bytetrack"},
		"min-hits": {"", "bytetrack has no such setting"}, "track-iou": {"0.1", "default of bytetrack"},
		"backbone": {config.DefaultBackbone, "default"}, "conf": {strconv.FormatFloat(conf, 'g', 6, 64), "default of " + m.Name},
	} {
		if own[key] != want {
			t.Errorf("%s: %v, want %v", key, own[key], want)
		}
	}
}

// The environment can name the file; the command line wins, also with no file.
func TestConfigVariable(t *testing.T) {
	dir := put(t, map[string]string{"a.yaml": "stride: 3\n", "b.yaml": "stride: 4\n", "all.yaml": "classes: []\n"})
	for _, tc := range []struct {
		variable, line string
		code           int
		says           string
	}{
		{"a.yaml", "config show", exitOK, "a.yaml:1:9"},
		{"all.yaml", "config show", exitOK, "# classes: "}, // all, as by default
		{"a.yaml", "config show --config b.yaml", exitOK, "b.yaml:1:9"},
		{"a.yaml", "config show --config=", exitOK, "stride: 1 "},
		{"", "config show", exitOK, "stride: 1 "},
		{"none.yaml", "config show", exitUsage, "none.yaml: no such file or directory; check the spelling (the file is named by TRACKER_CONFIG)"},
		{"none.yaml", "batch x --out out", exitUsage, "named by TRACKER_CONFIG"},
	} {
		cmd := command(dir, strings.Fields(tc.line)...)
		cmd.Env = append(cmd.Env, configVariable+"="+tc.variable)
		got := finish(t, cmd)
		if got.code != tc.code || !strings.Contains(got.stdout+got.stderr, tc.says) || strings.Contains(got.stderr, "is no setting") {
			t.Errorf("%s with %q: exit code %d: %s%s", tc.line, tc.variable, got.code, got.stdout, got.stderr)
		}
	}
}

// Values that a flag does not take are told with what it takes, by the environment, too.
func TestRefusedValues(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ line, variable, says string }{
		{"--max-gap 3", "", "--max-gap 3: want a time with its unit, as in 3s"},
		{"--max-gap soon", "", "want a time with its unit, as in 1.5s"},
		{"--budget 33", "", "--budget 33: want a time with its unit, as in 33ms"},
		{"bench --budget 40", "", "want a time with its unit, as in 40ms"},
		{"tune --budget 5", "", "want a time with its unit, as in 5m"},
		{"--read-timeout 10", "", "want a time with its unit, as in 10s"},
		{"", "TRACKER_MAX_GAP=3", "TRACKER_MAX_GAP 3: want a time with its unit, as in 3s"},
		{"--stride x", "", "--stride x: want a whole number"},
		{"--conf x", "", "--conf x: want a number"},
		{"--serial=maybe", "", "--serial maybe: want true or false"},
		{"-i a.mp4 --mot {nam}.txt", "", "tracker: unknown {nam} in mot; {name} is the input's name"},
		{"-i a.mp4", "TRACKER_SAVE={name}-{date}.mp4", "TRACKER_SAVE: unknown {date} in save"},
		{"-i a.mp4 --classes=", "", "tracker: --classes is empty; leave it out to keep all classes"},
		{"-i a.mp4 --classes , --classes=", "", "--classes is empty"},
		{"-i a.mp4", "TRACKER_CLASSES=", "tracker: TRACKER_CLASSES is empty"},
		{"batch a.avi --out out", "TRACKER_CLASSES=,", "TRACKER_CLASSES is empty"},
		{"bench --classes=", "", "--classes is empty"},
		{"bench --classes ,", "", "--classes is empty"},
		{"--reconnect false", "", "as in --reconnect=false"},
		{"models --json false", "", "as in --json=false"},
		{"tune --seed -1", "", "--seed -1: want a whole number that is not negative"},
		{"--max-gap 1e3", "", "as in 1.5s"},
		{"worker --queue http://me:hush@x", "", "http is not the scheme of a NATS server"},
		{"worker --queue nats://a,listen://b", "", "listen is not the scheme of a NATS server"},
		{"batch a.avi --out out --queue http://me:hush@x", "", "http is not the scheme of a NATS server"},
	} {
		cmd := command(dir, strings.Fields(tc.line)...)
		cmd.Env = append(cmd.Env, tc.variable)
		if got := finish(t, cmd); got.code != exitUsage || !strings.Contains(got.stderr, tc.says) || strings.Contains(got.stderr, "hush") {
			t.Errorf("%s %s: exit code %d: %s", tc.variable, tc.line, got.code, got.stderr)
		}
	}
}

// A file asks for times as the flags of the same names do.
func TestWantedTimes(t *testing.T) {
	c := config.Default()
	flags, times := pflag.NewFlagSet("", pflag.ContinueOnError), 0
	bind(flags, &c)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "duration" {
			return
		}
		times++
		want := config.WantedTime("7", timeExample(f))
		if _, err := config.Parse("c.yaml", []byte(f.Name+": 7\n"), new(config.Default())); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", f.Name, err, want)
		}
	})
	if times == 0 {
		t.Error("no flag is a time")
	}
}

// A list of inputs can be read whatever it is, and has an item.
func TestItems(t *testing.T) {
	for text, want := range map[string][]string{
		"": {""}, "\n\n": {""}, " ": {""}, "a,": {"a", ""}, "\"a, b": {"a, b"}, "\" a\"": {" a"}, `"a"b",c`: {`a"b`, "c"}, "\"\n\xff\x00\r,'": {"\n\xff\x00\r,'"},
	} {
		if got := itemsOf(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What is wrong with the environment is said without what it holds, and alone.
func TestWrongEnvironment(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ variable, line, want string }{
		{"TRACKER_INPUT=", "--mot x.txt", "tracker: TRACKER_INPUT: an input has no name: give a file, a folder, a URL or -; see 'tracker --help'\n"},
		{`TRACKER_INPUT=rtsp://user:hunter2@127.0.0.1:1/x?q="1"`, "--mot - --reconnect=false", "127.0.0.1"},
		{"TRACKER_STRIDE=x", "", "TRACKER_STRIDE x: "},
		{"TRACKER_STRIDE=0", "", "tracker: TRACKER_STRIDE: stride is 0, want 1 to 1000000; see 'tracker --help'\n"},
	} {
		cmd := command(dir, strings.Fields(c.line)...)
		cmd.Env = append(cmd.Env, c.variable)
		got := finish(t, cmd)
		if got.code == exitOK || !strings.Contains(got.stderr, c.want) || strings.Contains(got.stderr, "hunter2") || strings.Contains(got.stderr, "nothing to track") {
			t.Errorf("%s: exit code %d: %s", c.variable, got.code, got.stderr)
		}
	}
}

// A variable that is likely a setting's with a mistake is told, and no other; an empty
// one of a number says nothing.
func TestMisspeltVariables(t *testing.T) {
	environment := []string{"TRACKER_BAKBONE=mnasnet", "TRACKER_MAX_FRAME=3", "TRACKER_CONF=0.3", "TRACKER_HOME=/x",
		"TRACKER_PORT=tcp://10.0.0.1:80", "TRACKER_SERVICE_HOST=10.0.0.1", "TRACKER_PORT_80_TCP=x", "BAKBONE=x", "HOME=/root"}
	want := map[string]string{"TRACKER_BAKBONE": "TRACKER_BACKBONE", "TRACKER_MAX_FRAME": "TRACKER_MAX_FRAMES"}
	if got := misspelt(environment); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	cmd := command(t.TempDir(), "config", "show")
	cmd.Env = append(cmd.Env, "TRACKER_BAKBONE=mnasnet", "TRACKER_CONF=", "TRACKER_MAX_GAP=", "TRACKER_SAVE=")
	got := finish(t, cmd)
	if got.code != exitOK || !strings.Contains(got.stderr, `level=WARN msg="TRACKER_BAKBONE is no setting"`) || !strings.Contains(got.stdout, "TRACKER_SAVE") || strings.Contains(got.stdout, "TRACKER_CONF") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

// A batch has no use for the settings of a run that say what to write, whatever they are;
// offline is one of its own.
func TestBatchSettings(t *testing.T) {
	dir := put(t, map[string]string{
		"a.avi": "no video", "c.yaml": "offline: true\n", "run.yaml": "cam: 0\ncam-width: 640\ncam-height: 480\ncam-fps: 30\ncodec: h264\nmot: '-'\njsonl: '-'\nserve: ':80'\n",
	})
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	for _, tc := range []struct {
		line, variable string
		code           int
		says           string
	}{
		{"--video", "TRACKER_OFFLINE=true", exitUsage, "a video takes them as they come"},
		{"--video --config c.yaml", "TRACKER_QUIET=true", exitUsage, "c.yaml:1:10: offline knows the tracks when an input is over"},
		{"--config c.yaml", "TRACKER_QUIET=true", exitFailed, "the only input failed"},
		{"--config run.yaml", "TRACKER_OFFLINE=true", exitFailed, "the only input failed"},
		{"good.avi --config run.yaml", "TRACKER_OFFLINE=true", exitPartial, "2 inputs: 1 done"},
	} {
		cmd := command(dir, append([]string{"batch", "a.avi", "--out", "out"}, strings.Fields(tc.line)...)...)
		cmd.Env = append(cmd.Env, tc.variable)
		if got := finish(t, cmd); got.code != tc.code || !strings.Contains(got.stderr, tc.says) {
			t.Errorf("%s %s: exit code %d: %s", tc.variable, tc.line, got.code, got.stderr)
		}
	}
}

// Each fault has a line of its own that begins with its place.
func TestConfigCheck(t *testing.T) {
	shipped, err := filepath.Abs(filepath.Join("..", "..", "config", "tracker.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if got := runIn(t, dir, "config", "check", shipped); got.code != exitOK {
		t.Errorf("the shipped file: %s", got.stderr)
	}
	for text, want := range map[string]string{
		"conf: 2\nstride: 0\n":         "bad.yaml:1:7: conf is 2, want 0 to 1\nbad.yaml:2:9: stride is 0",
		"strid: 2\nbakbone: x\n":       "bad.yaml:1:1: unknown key \"strid\"; did you mean stride?\nbad.yaml:2:1: unknown",
		"classes: [person, unicorn]\n": `bad.yaml:1:10: class "unicorn"`,
		"stride: 1\nbackbone: vgg\n":   `bad.yaml:2:11: unknown backbone or model "vgg"`,
		"size: 100\n":                  "bad.yaml:1:7: size 100×100",
		"device: abacus\n":             `bad.yaml:1:9: device "abacus"`,
		"mot: '{nam}.txt'\n":           "bad.yaml:1:6: unknown {nam} in mot; {name} is the input's name",
		"tracker: magic\n":             `bad.yaml:1:10: track: no tracker "magic"`,
		"save: out.xyz\n":              "bad.yaml:1:7: ",
		"save: o.mp4\ncodec: vp9\n":    "bad.yaml:2:8: codec is \"vp9\", want auto, h264, mpeg4, mjpeg\n",
		"save: o.mp4\ncodec: mjpeg\n":  "bad.yaml:1:7: write o.mp4: .mp4 cannot hold mjpeg",
		"input: a.mp4\nmot: ./a.mp4\n": "bad.yaml:2:6: mot ./a.mp4 would replace input a.mp4",
		"":                             "bad.yaml:1:1: the file is empty",
		"model: none.onnx\n":           "bad.yaml:1:8: open model: ",
		"mot: nodir/o.txt\n":           "bad.yaml:1:6: mot nodir/o.txt: folder nodir does not exist",
		"jsonl: bad.yaml/o.jsonl\n":    "bad.yaml:1:8: jsonl bad.yaml/o.jsonl: bad.yaml is a file, not a folder",
		"input: [a.mp4, b.mp4]\nmot: 'out/{name}/o.txt'\nsave: '{name}.mkv'\n": "bad.yaml:2:6: mot out/a/o.txt: folder out/a does not exist; make it first\nbad.yaml:2:6: mot out/b/o.txt: ",
		"tracker: bytetrack\nmin-hits: 3\nconf: 1\n":                           "min hits is 3",
		"conf: 2\nmot: nodir/o.txt\n":                                          "want 0 to 1\nbad.yaml:2:6: mot nodir/o.txt: folder nodir does not exist",
		"conf: 2\ntracker: magic\n":                                            "bad.yaml:1:7: conf is 2, want 0 to 1\n", // the tracker is not asked for
		"input: a.mp4\njsonl: a.mp4\ntracker: magic\n":                         "would replace input a.mp4; give it another name\nbad.yaml:3:10: track: no tracker",
	} {
		got := runIn(t, dir, "config", "check", write("bad.yaml", text))
		if got.code != exitFailed || !strings.Contains(got.stderr, want) || strings.Count("\n"+got.stderr, "\nbad.yaml:") != strings.Count(got.stderr, "\n") {
			t.Errorf("%q: exit code %d: %s\nwant %s", text, got.code, got.stderr, want)
		}
	}
}

// The ladder of the frame budget gives up frames first, then pixels, then the model,
// and each rung is one that a run can be on.
func TestLadder(t *testing.T) {
	shipped, err := backbones.Find("mobilenetv2")
	if err != nil {
		t.Fatal(err)
	}
	own := *shipped // whose figures change with every training
	own.Accuracy, own.Speed = &backbones.Accuracy{AP50: 0.412}, &backbones.Speed{Milliseconds: 10}
	large := &own
	small := own
	small.Name, small.Accuracy, small.Speed = "small", &backbones.Accuracy{AP50: 0.2}, &backbones.Speed{Milliseconds: 2}
	sharper, slower, other := small, small, small
	sharper.Name, sharper.Accuracy = "sharper", &backbones.Accuracy{AP50: 0.3}
	slower.Name, slower.Speed = "slower", &backbones.Speed{Milliseconds: 20}
	other.Name, other.Labels = "other", []string{"face"}
	c := config.Default()
	rungs := ladder(c, large, []*backbones.Manifest{large, &small, &slower, &other, &sharper})
	var got []string
	for _, r := range rungs {
		on := r.on(c)
		if err := on.Validate(); err != nil {
			t.Error(err)
		}
		got = append(got, strings.TrimSpace(strings.Join([]string{r.model, on.Size, on.Text("stride")}, " ")))
	}
	want := []string{"416x416 1", "416x416 2", "320x320 2", "256x256 2", "sharper 416x416 2", "small 416x416 2", "256x256 3", "256x256 4"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if text := rungs[4].accuracy; text != "AP50 30.0 instead of AP50 41.2" {
		t.Error(text)
	}
	fixed := *large
	fixed.Input.Multiple = 0
	c.Model = "own.onnx"
	if n := len(ladder(c, &fixed, []*backbones.Manifest{&small})); n != 4 {
		t.Errorf("%d rungs for a model of one size that was given as a file, want strides 1 to 4", n)
	}
}
