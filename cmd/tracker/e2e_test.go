//go:build gocv_specific_modules

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/track/mot"
)

// asMain makes the test binary behave as the program: the tests below run the
// real thing, with its own signals, exit code and libraries.
const asMain = "TRACKER_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		code := runMain()
		if n := liveMats(); n > 0 {
			fmt.Fprintf(os.Stderr, "%d Mats left open\n", n)
			code = 99
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// outcome is how a run of the program ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func command(dir string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

func runIn(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return finish(t, command(dir, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	return finishAfter(t, cmd, func() {})
}

// finishAfter is finish, with something to do once the program runs.
func finishAfter(t *testing.T, cmd *exec.Cmd, started func()) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err == nil {
		started()
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// makeVideo writes a short video of a moving square.
func makeVideo(t *testing.T, path string, frames int) {
	t.Helper()
	w, err := gocv.VideoWriterFile(path, "MJPG", 25, 160, 120, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	img := gocv.NewMatWithSize(120, 160, gocv.MatTypeCV8UC3)
	defer img.Close()
	for i := range frames {
		img.SetTo(gocv.NewScalar(90, 90, 90, 0))
		x := i % 120
		if err := gocv.Rectangle(&img, image.Rect(x, 40, x+30, 80), color.RGBA{R: 200, G: 60}, -1); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(img); err != nil {
			t.Fatal(err)
		}
	}
}

// files lists what is in a folder, to show that a failed run left nothing.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Every kind of bad input ends with the documented code and a line that names
// the thing and what to do, and leaves no result behind.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 20)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("text.mp4", "this is not a video\n")
	write("empty.mp4", "")
	write("bad.yaml", "conf: 0.3\nconfidence: 1\n")
	write("notes.onnx", "this is not a network\n")
	if err := os.Mkdir(filepath.Join(dir, "nothing"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	results := []string{"--save", "out.mp4", "--mot", "out.txt", "--jsonl", "out.jsonl"}
	home := t.TempDir()
	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"missing file", []string{"-i", "none.mp4"}, exitFailed, []string{"none.mp4"}},
		{"folder without images", []string{"-i", "nothing"}, exitFailed, []string{"nothing"}},
		{"text named mp4", []string{"-i", "text.mp4"}, exitFailed, []string{"text.mp4"}},
		{"empty file", []string{"-i", "empty.mp4"}, exitFailed, []string{"empty.mp4"}},
		{"glob without matches", []string{"-i", "*.png"}, exitFailed, []string{"*.png"}},
		{"unknown backbone", []string{"-i", "good.avi", "--backbone", "vgg"}, exitUsage, []string{`"vgg"`, "mnasnet", "--model FILE.onnx"}},
		{"family without model", []string{"-i", "good.avi", "--backbone", "resnest"}, exitFailed, []string{"resnest", "the models are: ", "mobilenetv2-int8", "tracker models add"}},
		{"missing model", []string{"-i", "good.avi", "--model", "none.onnx"}, exitFailed, []string{"none.onnx"}},
		{"no network", []string{"-i", "good.avi", "--model", "notes.onnx"}, exitFailed, []string{"notes.onnx", "is no ONNX file"}},
		{"unknown tracker", []string{"-i", "good.avi", "--tracker", "magic"}, exitUsage, []string{`"magic"`, "sort"}},
		{"unknown class", []string{"-i", "good.avi", "--classes", "unicorn"}, exitUsage, []string{`"unicorn"`, "person"}},
		{"no camera", []string{"--cam", "97"}, exitFailed, []string{"camera 97"}},
		{"no GPU", []string{"-i", "good.avi", "--device", "cuda"}, exitFailed, []string{"cuda", "--device cpu"}},
		{"unknown device", []string{"-i", "good.avi", "--device", "abacus"}, exitUsage, []string{`"abacus"`}},
		{"unwritable output", []string{"-i", "good.avi", "--mot", "missing/out.txt"}, exitFailed, []string{"missing"}},
		{"camera and file", []string{"--cam", "0", "-i", "good.avi"}, exitUsage, []string{"contradict"}},
		{"backbone and model", []string{"-i", "good.avi", "--backbone", "mobilenetv2", "--model", "x.onnx"}, exitUsage, []string{"backbone", "model"}},
		{"nothing to do", nil, exitUsage, []string{"--input"}},
		{"a bare file name", []string{"good.avi"}, exitUsage, []string{"--input good.avi"}},
		{"size that is none", []string{"-i", "good.avi", "--size", "big"}, exitUsage, []string{`size is "big"`}},
		{"size that the model does not take", []string{"-i", "good.avi", "--size", "100"}, exitUsage, []string{"size 100×100", "multiples of 32"}},
		{"impossible conf", []string{"-i", "good.avi", "--conf", "1.5"}, exitUsage, []string{"conf is 1.5"}},
		{"unknown flag", []string{"--imput", "good.avi"}, exitUsage, []string{"--imput"}},
		{"bad configuration", []string{"-i", "good.avi", "--config", "bad.yaml"}, exitUsage, []string{"bad.yaml:2:1", "confidence"}},
		{"output over the input", []string{"-i", "good.avi", "--mot", "./good.avi"}, exitUsage, []string{"mot ./good.avi", "replace"}},
		{"unknown video format", []string{"-i", "good.avi", "--mot", "x", "--save", "out.xyz"}, exitUsage, []string{"out.xyz", ".mp4"}},
		{"two outputs in one", []string{"-i", "good.avi", "--mot", "a.txt", "--jsonl", "./a.txt"}, exitUsage, []string{"a.txt", "replace"}},
		{"pictures of a camera that is none", []string{"-i", "good.avi", "--cam-fps", "5"}, exitUsage, []string{"cam-fps"}},
		{"mistyped command", []string{"modles"}, exitUsage, []string{"models"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append(slices.Clone(tc.args), "--display", "off")
			if len(tc.args) > 1 && !slices.Contains(tc.args, "--mot") {
				args = append(args, results...)
			}
			got := bare(t, home, dir, args...) // which models are installed must not matter
			if got.code != tc.code {
				t.Errorf("exit code %d, want %d", got.code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("stderr lacks %q", want)
				}
			}
			if lines := strings.Count(got.stderr, "\n"); lines != 1 || got.stdout != "" {
				t.Errorf("%d lines of error and %d bytes of output", lines, len(got.stdout))
			}
			if after := files(t, dir); !slices.Equal(after, before) {
				t.Errorf("left behind: %v", after)
			}
			if t.Failed() {
				t.Logf("tracker %s\n%s", strings.Join(args, " "), got.stderr)
			}
		})
	}
}

func TestNoRuntimeLibrary(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	cmd := command(dir, "-i", "good.avi", "--mot", "out.txt")
	cmd.Env = append(cmd.Env, backbones.RuntimeEnv+"="+filepath.Join(dir, "libnone.so"))
	got := finish(t, cmd)
	if got.code != exitFailed || !strings.Contains(got.stderr, "libnone.so") || len(files(t, dir)) != 1 {
		t.Errorf("exit code %d, files %v: %s", got.code, files(t, dir), got.stderr)
	}
}

func TestModelWithAnotherDigest(t *testing.T) {
	m, err := backbones.Find("mobilenetv2")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	models := filepath.Join(home, "models")
	if err := os.Mkdir(models, 0o700); err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	beside := strings.TrimSuffix(m.File, ".onnx") + ".json"
	if err := errors.Join(os.WriteFile(filepath.Join(models, beside), manifest, 0o600),
		os.WriteFile(filepath.Join(models, m.File), []byte("spoilt"), 0o600)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 5)
	cmd := command(dir, "-i", "good.avi", "--mot", "out.txt")
	cmd.Env = append(cmd.Env, backbones.HomeEnv+"="+home)
	got := finish(t, cmd)
	if got.code != exitFailed || !strings.Contains(got.stderr, m.File) || !strings.Contains(got.stderr, "sha256") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

func TestTruncatedVideo(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "whole.avi"), 60)
	data, err := os.ReadFile(filepath.Join(dir, "whole.avi"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cut.avi"), data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	got := runIn(t, dir, "-i", "cut.avi", "--save", "out.mp4", "--mot", "out.txt", "--display", "off")
	if got.code != exitPartial || !strings.Contains(got.stderr, "cut off") || !strings.Contains(got.stderr, "out.partial.mp4") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if after := files(t, dir); slices.Contains(after, "out.mp4") || !slices.Contains(after, "out.partial.mp4") {
		t.Errorf("files %v", after)
	}
}

// SIGINT in the middle ends with 130 and leaves the video and the MOT file
// closed properly, but not under the names of complete results.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "long.avi"), 4000)
	cmd := command(dir, "-i", "long.avi", "--save", "out.mp4", "--jsonl", "out.jsonl", "--display", "off", "--threads", "1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForSize(t, filepath.Join(dir, "out.partial.jsonl"))
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %s", code, exitInterrupted, stderr.String())
	}
	after := files(t, dir)
	if !slices.Equal(after, []string{"long.avi", "out.partial.jsonl", "out.partial.mp4"}) {
		t.Errorf("files %v", after)
	}
	written := lines(t, filepath.Join(dir, "out.partial.jsonl"))
	if n := countFrames(t, filepath.Join(dir, "out.partial.mp4")); n != len(written) || n == 0 || n >= 4000 {
		t.Errorf("%d video frames and %d lines", n, len(written))
	}
	if last := written[len(written)-1]; !json.Valid([]byte(last)) {
		t.Errorf("last line %q", last)
	}
}

// waitForSize waits until the running program has written something.
func waitForSize(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return
		}
	}
	t.Fatalf("nothing was written to %s", path)
}

func countFrames(t *testing.T, path string) int {
	t.Helper()
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatalf("%s does not play: %v", path, err)
	}
	defer v.Close()
	img := gocv.NewMat()
	defer img.Close()
	n := 0
	for v.Read(&img) {
		n++
	}
	return n
}

// pedestrians finds Debian's pedestrian video and its ground truth.
func pedestrians(t *testing.T) (video, truth string) {
	t.Helper()
	root := filepath.Join("..", "..")
	for _, video = range []string{filepath.Join(root, "build", "vtest.avi"), "/usr/share/doc/opencv-doc/examples/data/vtest.avi"} {
		if _, err := os.Stat(video); err == nil {
			break
		}
	}
	data := os.Getenv("TRACKER_DATA")
	if data == "" {
		data = filepath.Join(root, "..", "shared", "data")
	}
	truth = filepath.Join(data, "mot", "MOT15-train", "PETS09-S2L1", "gt", "gt.txt")
	for _, path := range []string{video, truth} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("real data is absent: %v", err)
		}
	}
	return video, truth
}

// The whole program on real pedestrians, against their ground truth.
func TestPedestrians(t *testing.T) {
	video, truth := pedestrians(t)
	if video, err := filepath.Abs(video); err != nil {
		t.Fatal(err)
	} else {
		dir := t.TempDir()
		got := runIn(t, dir, "--input", video, "--backbone", "mobilenetv2", "--classes", "person",
			"--save", "out.mp4", "--mot", "out.txt", "--jsonl", "out.jsonl", "--display", "off")
		if got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		for _, stage := range []string{"capture", "preprocess", "inference", "postprocess", "track", "draw", "write"} {
			if !strings.Contains(got.stdout, stage) {
				t.Errorf("the summary has no row for %s", stage)
			}
		}
		if n := countFrames(t, filepath.Join(dir, "out.mp4")); n != 795 {
			t.Errorf("the video has %d frames, want 795", n)
		}
		score(t, truth, filepath.Join(dir, "out.txt"), 0.46)
		got = runIn(t, dir, "--input", video, "--backbone", "mobilenetv2", "--classes", "person",
			"--looks", "off", "--mot", "plain.txt", "--display", "off")
		if got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		score(t, truth, filepath.Join(dir, "plain.txt"), 0.42)
	}
}

func score(t *testing.T, truth, results string, hota float64) {
	t.Helper()
	gt, err := mot.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := mot.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mot.Evaluate(gt, rows, mot.Options{Benchmark: mot.MOT15})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Summary()
	t.Logf("HOTA %.2f MOTA %.2f IDF1 %.2f IDSW %d", 100*s.HOTA, 100*s.MOTA, 100*s.IDF1, s.IDSW)
	if s.HOTA < hota || s.MOTA < 0.65 {
		t.Errorf("HOTA %.3f and MOTA %.3f, want at least %.2f and 0.65", s.HOTA, s.MOTA, hota)
	}
}

// lines reads a result file, one line a frame.
func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Flags win over the file, which wins over the defaults.
func TestConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 20)
	yaml := "input: good.avi\njsonl: out.jsonl\nmax-frames: 9\nstride: 3\nclasses: [person, CAR]\n"
	if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runIn(t, dir, "--config", "run.yaml", "--max-frames", "4", "--classes", "dog,cat", "-q"); got.code != exitOK || got.stdout != "" {
		t.Fatalf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	frames := lines(t, filepath.Join(dir, "out.jsonl"))
	if len(frames) != 4 || !strings.HasPrefix(frames[1], `{"frame":3,"time":0.12`) {
		t.Errorf("frames %q, want 4 of every third", frames)
	}
}

// Every kind of finite input gives every one of its frames; a folder of pictures and videos says
// that it gives the pictures.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 12)
	img := gocv.NewMatWithSize(60, 80, gocv.MatTypeCV8UC3)
	defer img.Close()
	for i := range 12 {
		if !gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("p%d.png", i)), img) {
			t.Fatal("cannot write a picture")
		}
	}
	video, err := os.Open(filepath.Join(dir, "good.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	for _, input := range []string{"good.avi", "-", "p*.png", "."} {
		cmd := command(dir, "-i", input, "--jsonl", "out.jsonl")
		if input == "-" {
			cmd.Stdin = video
		}
		if got := finish(t, cmd); got.code != exitOK {
			t.Errorf("%s: exit code %d: %s", input, got.code, got.stderr)
		} else if n := len(lines(t, filepath.Join(dir, "out.jsonl"))); n != 12 {
			t.Errorf("%s: %d frames, want 12", input, n)
		} else if told := strings.Contains(got.stderr, "videos=1"); told != (input == ".") {
			t.Errorf("%s: videos are said to be left out: %v: %s", input, told, got.stderr)
		}
	}
}

// Pictures in which no motion of the camera can be measured are tracked without, but
// where it was asked for that is an error.
func TestPicturesWithoutRoomForCorners(t *testing.T) {
	for _, size := range [][2]int{{1920, 180}, {4800, 400}, {40, 40}} {
		dir := t.TempDir()
		img := gocv.NewMatWithSize(size[1], size[0], gocv.MatTypeCV8UC3)
		defer img.Close()
		for i := range 3 {
			if !gocv.IMWrite(filepath.Join(dir, fmt.Sprintf("p%d.png", i)), img) {
				t.Fatal("cannot write a picture")
			}
		}
		got := runIn(t, dir, "-i", ".", "--jsonl", "out.jsonl", "-q")
		if n := strings.Count(got.stderr, "no corners fit"); got.code != exitOK || n != 1 {
			t.Errorf("%v: exit code %d, %d warnings: %s", size, got.code, n, got.stderr)
		} else if n := len(lines(t, filepath.Join(dir, "out.jsonl"))); n != 3 {
			t.Errorf("%v: %d frames, want 3", size, n)
		}
		got = runIn(t, dir, "-i", ".", "--jsonl", "out.jsonl", "-q", "--camera-motion", "on")
		if got.code != exitFailed || !strings.Contains(got.stderr, "no corners fit") || !strings.Contains(got.stderr, "auto and off do without") {
			t.Errorf("%v: exit code %d: %s", size, got.code, got.stderr)
		}
	}
}

// The profiles are complete files, also of a run that fails.
func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 6)
	if got := runIn(t, dir, "-i", "good.avi", "--cpu-profile", "cpu.out", "--trace", "trace.out", "--timings", "t.csv"); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	for _, name := range []string{"cpu.out", "trace.out"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	rows := lines(t, filepath.Join(dir, "t.csv"))
	columns := strings.Count(rows[0], ",")
	if len(rows) != 7 || columns != 18 || strings.Count(rows[6], ",") != columns || !strings.HasPrefix(rows[6], "5,0.2") {
		t.Errorf("timings:\n%s", strings.Join(rows, "\n"))
	}
}

// Results on standard output are alone there.
func TestStandardOutput(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 6)
	got := runIn(t, dir, "-i", "good.avi", "--jsonl", "-")
	if got.code != exitOK || strings.Count(got.stdout, "\n") != 6 || !strings.Contains(got.stderr, "inference") {
		t.Errorf("exit code %d, output %q, errors %q", got.code, got.stdout, got.stderr)
	}
	for line := range strings.Lines(got.stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
}

func TestVersionAndModels(t *testing.T) {
	got := runIn(t, t.TempDir(), "--version")
	for _, want := range []string{"tracker ", "OpenCV 4.", "ONNX Runtime " + backbones.RuntimeVersion, "model mobilenetv2-int8 (mobilenetv2, sha256 "} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("--version lacks %q:\n%s", want, got.stdout)
		}
	}
	var rows []modelRow
	got = runIn(t, t.TempDir(), "models", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || len(rows) < 7 {
		t.Errorf("models --json: %v, %d rows: %s", err, len(rows), got.stderr)
	}
}

// Flags win over the environment, which wins over the file; a setting takes the
// place of the one below that it excludes.
func TestLayers(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 8)
	yaml := "cam: 7\nmodel: none.onnx\nstride: 2\nmax-frames: 1\n"
	if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(dir, "--config", "run.yaml", "--input", "good.avi", "--backbone", "mobilenetv2", "--max-frames", "3")
	cmd.Env = append(cmd.Env, "TRACKER_JSONL=out.jsonl", "TRACKER_MAX_FRAMES=2", "TRACKER_INPUT=none.avi", "TRACKER_CAM=5")
	if got := finish(t, cmd); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	if frames := lines(t, filepath.Join(dir, "out.jsonl")); len(frames) != 3 || !strings.HasPrefix(frames[1], `{"frame":2,`) {
		t.Errorf("frames %q", frames)
	}
	cmd = command(dir, "-i", "good.avi")
	cmd.Env = append(cmd.Env, "TRACKER_CONF=high")
	if got := finish(t, cmd); got.code != exitUsage || !strings.Contains(got.stderr, "TRACKER_CONF") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// A reader that leaves, or a full terminal log, costs no results.
func TestStandardOutputBreaks(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 300)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	cmd := command(dir, "-i", "good.avi", "--mot", "whole.txt")
	cmd.Stdout = full
	if err := cmd.Run(); err == nil {
		t.Error("a summary that could not be printed went unnoticed")
	}
	cmd = command(dir, "--version")
	cmd.Stdout = full
	if err := cmd.Run(); err == nil {
		t.Error("a version that could not be printed went unnoticed")
	}
	cmd = command(dir, "-i", "good.avi", "--save", "cut.mp4", "--jsonl", "-")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := pipe.Read(first); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	_ = cmd.Wait()
	const why = "write standard output: broken pipe; the program that reads it has ended"
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), why) {
		t.Errorf("exit code %d after the reader left: %s", code, &stderr)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"cut.partial.mp4", "good.avi", "whole.txt"}) {
		t.Errorf("files %v", got)
	}
	if n := countFrames(t, filepath.Join(dir, "cut.partial.mp4")); n == 0 {
		t.Error("the partial video has no frames")
	}
}
