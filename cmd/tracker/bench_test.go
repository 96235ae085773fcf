//go:build gocv_specific_modules

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/bench"
)

// The real command on the model that comes with the program: every figure is there
// and fits the others, and the plot is a picture.
func TestBenchModels(t *testing.T) {
	dir := t.TempDir()
	got := runIn(t, dir, "bench", "--backbone", "mobilenetv2-int8", "--size", "416,96x64,416x416,100", "--time", "500ms", "--budget", "1h", "--json", "--plot", "models.png")
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	if len(report.Models) != 2 || report.Models[0].Size() != "96x64" || report.Models[1].Size() != "416" {
		t.Fatalf("models %+v, want the small input before the large", report.Models)
	}
	for _, r := range report.Models {
		if r.Frames < benchRounds || r.FPS <= 0 || r.Memory < 1e6 || r.File < 1e6 ||
			r.Network.P50 <= 0 || r.Network.P50 > r.Network.P95 || r.Frame.P50 <= r.Network.P50 || r.Frame.P50 > r.Frame.P95 {
			t.Errorf("impossible figures %+v", r)
		}
	}
	if small, own := report.Models[0], report.Models[1]; small.AP50 != 0 || own.AP50 == 0 || own.PersonAP50 == 0 {
		t.Errorf("AP50 %g of another input size and %g of the manifest's own", small.AP50, own.AP50)
	}
	if report.Metric != bench.AP50 || report.Choice.Model != "mobilenetv2-int8" || report.Choice.Width != 416 {
		t.Errorf("metric %q, choice %+v", report.Metric, report.Choice)
	}
	if !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "multiples of 32") }) {
		t.Errorf("notes %q do not say why size 100 is missing", report.Notes)
	}
	f, err := os.Open(filepath.Join(dir, "models.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
}

// Tracking accuracy is that of the program and of eval.
func TestBenchTracking(t *testing.T) {
	video, truth := pedestrians(t)
	got := runIn(t, ".", "bench", "--backbone", "mobilenetv2-int8", "--size", "160", "--time", "250ms", "--input", video, "--gt", truth, "--classes", "person", "--json")
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatal(err)
	}
	results := filepath.Join(t.TempDir(), "out.txt")
	if ran := runIn(t, ".", "--input", video, "--backbone", "mobilenetv2-int8", "--size", "160", "--classes", "person", "--display", "off", "--mot", results); ran.code != exitOK {
		t.Fatal(ran.stderr)
	}
	s := scored{gt: truth, results: results}
	if _, err := s.evaluate(nil, 1); err != nil {
		t.Fatal(err)
	}
	want := s.result.Summary()
	if got := *report.Models[0].Tracking; got != (bench.Tracking{HOTA: want.HOTA, MOTA: want.MOTA, IDF1: want.IDF1, IDSW: want.IDSW}) {
		t.Errorf("tracking %+v, want %+v", got, want)
	}
	if report.Metric != bench.HOTA || report.Truth != "PETS09-S2L1" {
		t.Errorf("metric %q on %q", report.Metric, report.Truth)
	}
}

// A model that cannot run costs its own row only, and the exit code tells.
func TestBenchGoesOnWithoutABrokenModel(t *testing.T) {
	home := t.TempDir()
	models := filepath.Join(home, "models")
	if err := os.Mkdir(models, 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := backbones.Find("mobilenetv2-int8")
	if err != nil {
		t.Fatal(err)
	}
	broken := *m
	broken.Name, broken.File = "broken", "broken.onnx"
	manifest, err := json.Marshal(&broken)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"broken.json": manifest, "broken.onnx": []byte("spoilt")} {
		if err := os.WriteFile(filepath.Join(models, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(home, "bench", "--backbone", "broken,mobilenetv2-int8", "--time", "250ms")
	cmd.Env = append(cmd.Env, backbones.HomeEnv+"="+home)
	got := finish(t, cmd)
	if got.code != exitPartial || !strings.Contains(got.stdout, "mobilenetv2-int8") || strings.Contains(got.stdout, "broken") {
		t.Errorf("exit code %d:\n%s", got.code, got.stdout)
	}
	if !strings.Contains(got.stderr, "measure broken at 416") || !strings.Contains(got.stderr, "sha256") {
		t.Errorf("what is wrong is not said: %s", got.stderr)
	}
	if !strings.Contains(got.stderr, "round 2 of 5, models: 1") {
		t.Errorf("the broken model is measured on and on: %s", got.stderr)
	}
	if err := os.Remove(filepath.Join(models, "broken.onnx")); err != nil {
		t.Fatal(err)
	}
	cmd = command(home, "bench", "--backbone", "broken", "--time", "250ms")
	cmd.Env = append(cmd.Env, backbones.HomeEnv+"="+home)
	got = finish(t, cmd)
	if got.code != exitFailed || !strings.HasPrefix(got.stderr, "tracker: measure broken: open ") || !strings.Contains(got.stderr, "tracker doctor") {
		t.Errorf("without its file: exit code %d: %s", got.code, got.stderr)
	}
}

func TestBenchUsage(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	for _, tc := range []struct {
		args string
		want string
	}{
		{"--backbone squeezenet", "squeezenet"},
		{"--size 300x", `size is "300x"`},
		{"--precision fp8", `precision "fp8"`},
		{"--threads -1", "threads is -1"},
		{"--time 0s", "time is 0s"},
		{"--budget -1ms", "budget is -1ms"},
		{"--device tpu", "tpu"},
		{"--gt gt.txt", "--input"},
		{"--input -", "standard input"},
		{"--classes person,unicorn", `class "unicorn"`},
		{"--plot models.jpg", ".png"},
		{"--plot models.png --backbone mobilenetv2-int8 --size 96", "accuracy of none"},
		{"faster", "faster"},
	} {
		got := runIn(t, dir, append([]string{"bench"}, strings.Fields(tc.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, tc.want) || strings.Contains(got.stderr, "round 1") {
			t.Errorf("bench %s: exit code %d: %s", tc.args, got.code, got.stderr)
		}
	}
	for name, truth := range map[string]string{"bad.txt": "one,1,2", "empty.txt": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(truth), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"--input none.avi":                   "none.avi",
		"--input good.avi --gt none.txt":     "none.txt",
		"--input good.avi --gt bad.txt":      `bad.txt:1: frame "one"`,
		"--input good.avi --gt empty.txt":    "empty.txt is empty",
		"--device tensorrt":                  "deploy/setup.sh cuda",
		"--plot none/models.png":             "none",
		"--backbone mobilenetv2 --size 7":    "see 'tracker models'; not measured: size 7×7: model mobilenetv2",
		"--precision fp16 --backbone resnet": "resnet",
	} {
		got := bare(t, home, dir, append([]string{"bench"}, strings.Fields(args)...)...)
		if got.code != exitFailed || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "round 1") {
			t.Errorf("bench %s: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	if left := files(t, dir); len(left) != 3 {
		t.Errorf("failed runs left %v", left)
	}
}

// Ctrl-C loses nothing that was measured before.
func TestBenchInterrupted(t *testing.T) {
	dir := t.TempDir()
	video, truth := filepath.Join(dir, "good.avi"), filepath.Join(dir, "gt.txt")
	makeVideo(t, video, 20)
	if err := os.WriteFile(truth, []byte("1,1,10,10,50,50,1,-1,-1,-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(asMain, "1") // for the rounds
	for _, tc := range []struct {
		at     string // what was said last
		sizes  []string
		rounds int // that are shown; 0 for no report
		metric bench.Metric
	}{
		{"round 1 of 5", nil, 0, bench.Unknown},
		{"round 2 of 5", nil, 1, bench.AP50},
		{"tracking with mobilenetv2-int8 at 416", nil, benchRounds, bench.AP50},
		{"tracking with mobilenetv2-int8 at 96", []string{"96"}, benchRounds, bench.Unknown}, // no plot either
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := modelBench{
			backbones: []string{"mobilenetv2-int8"}, sizes: tc.sizes, input: video, gt: truth, device: "cpu", time: 50 * time.Millisecond,
			asJSON: true, plot: filepath.Join(t.TempDir(), "models.png"), progress: watcher{tc.at, cancel},
		}
		var stdout bytes.Buffer
		if err := b.run(ctx, &stdout); exitCode(err) != exitInterrupted {
			t.Errorf("%s: %v, want an interruption", tc.at, err)
		}
		_, err := os.Stat(b.plot)
		if tc.rounds == 0 {
			if stdout.Len() > 0 || err == nil {
				t.Errorf("%s: a report of nothing: %s", tc.at, &stdout)
			}
			continue
		}
		var report bench.Report
		if jsonErr := json.Unmarshal(stdout.Bytes(), &report); jsonErr != nil || (err == nil) != (tc.metric != bench.Unknown) {
			t.Fatal(tc.at, jsonErr, err)
		}
		if len(report.Models) != 1 || report.Rounds != tc.rounds || report.Models[0].Frame.P95 <= 0 || report.Metric != tc.metric ||
			!slices.ContainsFunc(report.Notes, func(n string) bool { return strings.HasPrefix(n, "interrupted") }) {
			t.Errorf("%s: %+v", tc.at, report)
		}
	}
}

// watcher is a writer that does something once a text comes.
type watcher struct {
	text string
	then func()
}

func (w watcher) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.then()
	}
	return len(p), nil
}

// What was measured of a model stays where its tracking cannot be scored.
func TestBenchKeepsWhatCannotBeScored(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 20)
	const twice = "1,1,10,10,50,50,1,-1,-1,-1\n1,1,10,10,50,50,1,-1,-1,-1\n"
	if err := os.WriteFile(filepath.Join(dir, "gt.txt"), []byte(twice), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runIn(t, dir, "bench", "--backbone", "mobilenetv2-int8", "--time", "50ms", "--input", "good.avi", "--gt", "gt.txt")
	if got.code != exitPartial || !strings.Contains(got.stdout, "mobilenetv2-int8") || !strings.Contains(got.stderr, "is --gt the truth of --input?") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

// A model that does not know the wanted classes costs its own row only.
func TestBenchClasses(t *testing.T) {
	people, cars := &backbones.Manifest{Name: "people", Labels: []string{"person"}}, &backbones.Manifest{Name: "cars", Labels: []string{"car"}}
	b := modelBench{classes: []string{"Person"}}
	list, err := b.knowing([]*backbones.Manifest{people, cars})
	if err != nil || len(list) != 1 || list[0] != people {
		t.Errorf("%v, %v", list, err)
	}
	if len(b.failed) != 1 || !strings.Contains(b.failed[0].Error(), "measure cars") {
		t.Errorf("failed: %v", b.failed)
	}
}

// The real command on a short video: the figures fit each other, the video is written, and it is
// said that so few frames tell little.
func TestBenchPipeline(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 20)
	got := runIn(t, dir, "bench", "pipeline", "-i", "good.avi", "--size", "96", "--save", "out.mp4", "--json")
	var b pipelineBench
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil || got.code != exitOK {
		t.Fatalf("exit code %d, %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	if b.Summary.Frames != 20 || b.PipelineFPS != b.Summary.FPS || b.InferenceFPS <= 0 || b.Ratio != b.PipelineFPS/b.InferenceFPS || b.Bottleneck == "" {
		t.Errorf("figures that do not fit: %+v", b)
	}
	if len(b.Notes) == 0 || !strings.Contains(b.Notes[0], "fewer than 100 frames") {
		t.Errorf("notes %q", b.Notes)
	}
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("files %v, want the video and what was drawn", left)
	}
}

func TestPipelineDoubts(t *testing.T) {
	for _, tc := range []struct {
		frames        uint64
		before, after float64
		want          []string
	}{
		{100, 100, 114, nil},
		{99, 100, 100, []string{"fewer than 100 frames"}},
		{795, 120, 100, []string{"120.0 FPS before the run, 100.0 after"}},
		{1, 100, 120, []string{"fewer", "busy"}},
	} {
		notes := bench.PipelineNotes(tc.frames, tc.before, tc.after)
		if len(notes) != len(tc.want) {
			t.Fatalf("%+v: %q", tc, notes)
		}
		for i, want := range tc.want {
			if !strings.Contains(notes[i], want) {
				t.Errorf("note %q, want %q", notes[i], want)
			}
		}
	}
	var text bytes.Buffer
	b := pipelineBench{Notes: []string{"short", "busy"}}
	if err := b.print(&text, false); err != nil || !strings.HasSuffix(text.String(), "\n\nNote: short\nNote: busy\n") {
		t.Errorf("%v: %s", err, &text)
	}
}

func TestWarmRate(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, tc := range []struct {
		name     string
		finished []int // ms; the warm-up lasts 100
		counted  int
		fps      float64
	}{
		{"steady", []int{50, 90, 140, 190}, 2, 20},
		{"nothing in the warm-up", []int{200, 400}, 2, 5},
		{"one, late", []int{250}, 1, 4},
		{"none after the warm-up", []int{50}, 0, 0},
	} {
		rate := warmRate{warm: at(100), first: start}
		counted := 0
		for _, ms := range tc.finished {
			if rate.count(at(ms)) {
				counted++
			}
		}
		if counted != tc.counted || rate.perSecond() != tc.fps {
			t.Errorf("%s: %d counted at %g FPS, want %d at %g", tc.name, counted, rate.perSecond(), tc.counted, tc.fps)
		}
	}
}

func TestThereAndBack(t *testing.T) {
	for n, want := range map[int][]int{1: {0, 0, 0, 0}, 2: {0, 1, 0, 1}, 4: {0, 1, 2, 3, 2, 1, 0, 1, 2}} {
		for i, w := range want {
			if got := thereAndBack(i, n); got != w {
				t.Errorf("thereAndBack(%d, %d) = %d, want %d", i, n, got, w)
			}
		}
	}
}

// The meter sees memory of C++ that is there for a moment only, and none of before.
// In a process of its own, for what the tests before have left goes at any time.
func TestMemoryMeter(t *testing.T) {
	if residentBytes("VmRSS") == 0 {
		t.Skip("this system does not tell resident memory")
	}
	const inside = "TRACKER_TEST_MEMORY_METER"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryMeter$")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const side = 8 << 10
	touch := func() {
		m := gocv.NewMatWithSize(side, side, gocv.MatTypeCV8U)
		m.SetTo(gocv.NewScalar(1, 0, 0, 0))
		m.Close()
	}
	touch()
	left := make([]byte, side*side)
	for i := range left {
		left[i] = 1
	}
	runtime.KeepAlive(left)
	meter := startMemory()
	debug.FreeOSMemory() // what is given back late hides nothing
	if before := meter.peak(); before > side*side/4 {
		t.Errorf("%d bytes from before are counted", before)
	}
	touch()
	if got := meter.peak(); got < side*side/2 || got > side*side*2 {
		t.Errorf("a Mat of %d bytes made the process grow by %d", side*side, got)
	}
}

func TestFieldOf(t *testing.T) {
	info := []byte("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2:1\nmodel name\t: Other\n")
	for key, want := range map[string]string{"model name": "Some CPU @ 2:1", "model": "85", "Hardware": ""} {
		if got := fieldOf(info, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// A report says what was measured with, and keeps what is secret in it.
func TestBenchPictures(t *testing.T) {
	for input, want := range map[string]string{
		"": "the program's own picture", "street.mp4": "street.mp4",
		"http://me:hush@host/v.mp4?token=hush": "http://me:xxxxx@host/v.mp4?…",
	} {
		b := modelBench{input: input}
		if got := b.pictures(); got != want {
			t.Errorf("%s: %s, want %s", input, got, want)
		}
	}
}
