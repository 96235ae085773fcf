//go:build gocv_specific_modules

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/sink"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// street is a real video of people, long enough to be interrupted.
func street(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(videos(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// contents are those of all files of a batch; of a manifest, but for what is
// said of the process.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, path := range filesBelow(t, dir) {
		text := read(t, dir, path)
		if strings.HasSuffix(path, ".manifest.json") {
			var m batch.Manifest
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				t.Fatal(err)
			}
			m.Run = nil
			same, _ := json.Marshal(m)
			text = string(same)
		}
		all[path] = text
	}
	return all
}

// filesBelow lists the files in a folder and below.
func filesBelow(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sameResults checks that two batches have the same files.
func sameResults(t *testing.T, got, want map[string]string) {
	t.Helper()
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("files %v, want %v", a, b)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: %d bytes, want %d, or others", name, len(got[name]), len(text))
		}
	}
}

// sixVideos makes six videos, parts of a real one and made-up ones.
func sixVideos(t *testing.T, dir string) {
	t.Helper()
	source := street(t)
	for i := range 6 {
		path := filepath.Join(dir, fmt.Sprintf("%c.mp4", 'a'+i))
		ffmpeg(t, "-ss", fmt.Sprint(3*i), "-i", source, "-frames:v", "160", "-vf", "scale=384:288", "-c:v", "libx264", "-preset", "ultrafast", path)
	}
}

func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	if out, err := exec.Command("ffmpeg", append([]string{"-y", "-v", "error"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
}

// killsEnv is how many times the batch is killed; make kills sets it.
const killsEnv = "TRACKER_KILLS"

// A batch takes those files for pictures that are read as such.
func TestBatchPictures(t *testing.T) {
	for ext := range strings.FieldsSeq("apng avif bmp dib exr gif hdr heic jp2 jpe jpeg jpg jxl mp4 pam pbm pfm pgm pic png pnm ppm pxm ras sr svg tga tif tiff txt webp PNG Jpg") {
		dir := put(t, map[string]string{"in/a.mp4": "a video", "in/deep/b." + ext: "a file"})
		inputs, err := batch.Expand([]string{filepath.Join(dir, "in")}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		folder := slices.ContainsFunc(inputs, func(in batch.Input) bool { return in.Below == "deep" })
		if spec, err := capture.ParseInput("none." + ext); err != nil || folder != (spec.Kind == capture.Images) {
			t.Errorf("%s: a picture for the batch: %v; read as %v, %v", ext, folder, spec.Kind, err)
		}
	}
}

// A batch counts those pictures of a folder that are read: none of what a Finder or an Emacs
// puts beside them.
func TestBatchFolder(t *testing.T) {
	const picture = "P2 1 1 255 0\n"
	dir := put(t, map[string]string{
		"1.pgm": picture, "2.PGM": picture, "._1.pgm": picture, "notes.txt": picture, "folder.pgm/notes.txt": picture,
	})
	if err := os.Symlink("user@host.1", filepath.Join(dir, ".#1.pgm")); err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open(t.Context(), capture.Spec{Kind: capture.Images, Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	want := int64(src.Info().Frames * len(picture))
	if inputs, err := batch.Expand([]string{dir}, nil, ""); err != nil || len(inputs) != 1 || inputs[0].Bytes != want {
		t.Errorf("inputs %+v, %v, want one of %d bytes", inputs, err, want)
	}
	if s, err := batch.Digest(t.Context(), dir); err != nil || s.Bytes != want {
		t.Errorf("the digest is of %d bytes, %v, want %d", s.Bytes, err, want)
	}
}

// A batch that is killed at random moments, again and again, ends with the results of
// one that was left alone, byte for byte.
func TestBatchSurvivesKills(t *testing.T) {
	kills := 4
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	sixVideos(t, filepath.Join(dir, "in"))
	t.Run("video", func(t *testing.T) { surviveKills(t, dir, kills, "--video") })
	t.Run("offline", func(t *testing.T) { surviveKills(t, dir, kills, "--offline", "--record") })
}

// surviveKills kills batches of the videos in dir, which make four files of each.
func surviveKills(t *testing.T, dir string, kills int, more ...string) {
	args := func(out string) []string {
		return append([]string{"batch", "in", "--out", out, "--classes", "person", "--json", "-q",
			"--zones", "line=0 0.5 1 0.5", "--zones", "area=0.2 0.3 0.8 0.3 0.8 0.9 0.2 0.9"}, more...)
	}
	began := time.Now()
	kind := strings.TrimLeft(more[0], "-")
	if got := runIn(t, dir, args("whole-"+kind)...); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	took := time.Since(began)
	want := contents(t, filepath.Join(dir, "whole-"+kind))
	if len(want) != 6*4 {
		t.Fatalf("%d files", len(want))
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	killed, rounds, taken := 0, 0, 0
	for killed < kills {
		rounds++
		out := fmt.Sprintf("killed-%s-%d", kind, rounds)
		for ended := false; !ended; {
			cmd := command(dir, args(out)...)
			got := finishAfter(t, cmd, func() {
				if killed < kills {
					// Longer than a checkpoint takes, as a rule, so that it comes forward.
					wait := time.Duration(rng.Float64() * float64(took))
					time.AfterFunc(wait, func() { _ = cmd.Process.Kill() }) // may have ended
				}
			})
			if ended = got.code == exitOK; !ended {
				if got.code != -1 {
					t.Fatalf("exit code %d: %s", got.code, got.stderr)
				}
				killed++
			}
		}
		for _, path := range filesBelow(t, filepath.Join(dir, out)) {
			if m, err := batch.ReadManifest(filepath.Join(dir, out, path)); err == nil && m.Run.From > 0 {
				taken++
			}
		}
		sameResults(t, contents(t, filepath.Join(dir, out)), want)
	}
	t.Logf("killed %d times in %d batches; %d inputs were taken up in their middle", killed, rounds, taken)
}

// statusesOf are the statuses in the manifests of a batch.
func statusesOf(t *testing.T, dir string) map[string]batch.Status {
	t.Helper()
	list := make(map[string]batch.Status)
	for _, path := range filesBelow(t, dir) {
		if name, ok := strings.CutSuffix(path, ".manifest.json"); ok {
			m, err := batch.ReadManifest(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if (m.Status == batch.Done) != (m.Error == "") || m.Model.SHA256 == "" || m.Version == 0 || m.Versions.ONNX == "" {
				t.Errorf("%s: %+v", name, m)
			}
			list[name] = m.Status
		}
	}
	return list
}

// Bad inputs leave the others alone and say why; same names are told apart; what is
// done is not done again, unless its bytes, the settings or --force ask for it.
func TestBatchOfGoodAndBad(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"in/other", "in/pictures", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	makeVideo(t, filepath.Join(dir, "in", "good.avi"), 30)
	makeVideo(t, filepath.Join(dir, "in", "other", "good.avi"), 40)
	makeVideo(t, filepath.Join(dir, "good.avi"), 20)
	makeVideo(t, filepath.Join(dir, "whole.avi"), 60)
	data := read(t, dir, "whole.avi")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("in/cut.avi", data[:len(data)/2])
	write("in/text.mp4", "no video")
	write("in/notes.txt", "not even an input")
	for i := range 3 {
		ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=160x120", "-frames:v", "1", filepath.Join(dir, "in", "pictures", fmt.Sprintf("%d.jpg", i)))
	}
	write("list", "# a list\nin\n\nvanished.mp4\n")
	args := []string{"batch", "@list", "good.avi", "good.avi", "--out", "out", "--json"}
	got := runIn(t, dir, args...)
	if got.code != exitPartial {
		t.Errorf("exit code %d, want %d", got.code, exitPartial)
	}
	want := map[string]batch.Status{
		"good": batch.Done, "other/good": batch.Done, "good-2": batch.Done, "pictures": batch.Done,
		"cut": batch.CutShort, "text": batch.Failed, "vanished": batch.Failed,
	}
	if got := statusesOf(t, filepath.Join(dir, "out")); !maps.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	for _, part := range []string{"cut short: ", "cut off", "it is text, not video", "no such file", "7 inputs: 4 done, 0 were done before, 1 cut short, 2 failed, 0 left", "2 of 7 inputs failed, 1 were cut short"} {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("stderr lacks %q", part)
		}
	}
	for name, frames := range map[string]int{"good": 30, "other/good": 40, "good-2": 20, "pictures": 3, "cut.partial": 0} {
		n := len(lines(t, filepath.Join(dir, "out", name+".jsonl")))
		if frames > 0 && n != frames || n == 0 {
			t.Errorf("%s: %d lines, want %d", name, n, frames)
		}
	}
	for line := range strings.Lines(got.stdout) {
		var e batchEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if e.Event == "summary" && (e.Done != 4 || e.Cut != 1 || e.Failed != 2 || e.Share < 0.999) {
			t.Errorf("summary %+v", e)
		}
	}
	if t.Failed() {
		t.Log(got.stderr)
	}
	// A result equals that of a run for itself.
	if got := runIn(t, dir, "-i", "in/good.avi", "--mot", "alone.txt", "--jsonl", "alone.jsonl", "-q"); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	for _, ext := range []string{".txt", ".jsonl"} {
		if read(t, dir, "alone"+ext) != read(t, dir, "out/good"+ext) {
			t.Errorf("good%s is not what the input gives alone", ext)
		}
	}
	// Again: only what failed is tried.
	for _, again := range []struct {
		summary string
		prepare func()
		more    []string
	}{
		{"0 done, 4 were done before, 1 cut short, 2 failed", func() {}, nil},
		{"1 done, 3 were done before, 1 cut short, 2 failed", func() { makeVideo(t, filepath.Join(dir, "good.avi"), 25) }, nil},
		{"1 done, 3 were done before, 1 cut short, 2 failed", func() { _ = os.Remove(filepath.Join(dir, "out", "good.txt")) }, nil},
		{"4 done, 0 were done before, 1 cut short, 2 failed", func() {}, []string{"--track-iou", "0.2"}},
		{"4 done, 0 were done before, 1 cut short, 2 failed", func() {}, []string{"--track-iou", "0.2", "--looks", "off"}},
		{"4 done, 0 were done before, 1 cut short, 2 failed", func() {}, []string{"--track-iou", "0.2", "--looks", "off", "--force"}},
	} {
		again.prepare()
		if got := runIn(t, dir, append(args, again.more...)...); got.code != exitPartial || !strings.Contains(got.stderr, again.summary) {
			t.Errorf("exit code %d, want %q: %s", got.code, again.summary, got.stderr)
		}
	}
}

// Complete results of another input are not replaced by those of one that has their name in
// another list. It is the same input wherever it was moved to, and by whatever path.
func TestBatchKeepsResultsOfOthers(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"in/a", "in/b"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	makeVideo(t, filepath.Join(dir, "in", "a", "x.avi"), 10)
	makeVideo(t, filepath.Join(dir, "in", "b", "x.avi"), 12)
	run := func(code int, want string, args ...string) {
		t.Helper()
		got := runIn(t, dir, append([]string{"batch", "--out", "out"}, args...)...)
		if got.code != code || !strings.Contains(got.stderr, want) {
			t.Errorf("%v: exit code %d, want %d and %q: %s", args, got.code, code, want, got.stderr)
		}
	}
	run(exitOK, "2 done", "in/a/x.avi", "in/b/x.avi")
	before := contents(t, filepath.Join(dir, "out"))
	run(exitFailed, "name x has those of "+filepath.Join(dir, "in", "a", "x.avi")+"; give another --out, or --force", "in/b/x.avi")
	run(exitFailed, "0 done, 0 were done before, 0 cut short, 2 failed", "in/b/x.avi", "in/a/x.avi")
	sameResults(t, contents(t, filepath.Join(dir, "out")), before)

	if err := os.Rename(filepath.Join(dir, "in"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	run(exitOK, "1 were done before", "moved/a/x.avi")
	run(exitOK, "1 done", "moved/a/x.avi", "--max-frames", "5")
	if err := os.Symlink("moved", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	makeVideo(t, filepath.Join(dir, "moved", "a", "x.avi"), 14)
	run(exitOK, "1 done", "link/a/x.avi")
	run(exitOK, "1 done", "moved/b/x.avi", "--force")
	if n := len(lines(t, filepath.Join(dir, "out", "x.jsonl"))); n != 12 {
		t.Errorf("%d lines after --force, want 12", n)
	}
}

// An input that is away, or work on it that is broken off, fails and leaves complete results
// as they are: when it is there again, it is done.
func TestBatchKeepsResultsOfMissing(t *testing.T) {
	dir := t.TempDir()
	out, input, away := filepath.Join(dir, "out"), filepath.Join(dir, "x.avi"), filepath.Join(dir, "away")
	makeVideo(t, input, 400)
	args := []string{"batch", "x.avi", "--out", "out"}
	run := func(code int, want string, more ...string) {
		t.Helper()
		if got := runIn(t, dir, append(args, more...)...); got.code != code || !strings.Contains(got.stderr, want) {
			t.Errorf("exit code %d, want %d and %q: %s", got.code, code, want, got.stderr)
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	run(exitOK, "1 done")
	before := contents(t, out)
	move(input, away)
	run(exitFailed, "no such file")
	run(exitFailed, "no such file", "--force")
	sameResults(t, contents(t, out), before)

	move(away, input)
	cmd := command(dir, append(args, "--force")...)
	got := finishAfter(t, cmd, func() {
		waitForSize(t, filepath.Join(out, "x.checkpoint"))
		_ = cmd.Process.Signal(syscall.SIGINT) // may have ended
	})
	if got.code != exitInterrupted {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	run(exitOK, "1 were done before")
	sameResults(t, contents(t, out), before)

	// Where a result is gone, too, there is nothing to keep.
	move(filepath.Join(out, "x.txt"), away)
	move(input, input+".old")
	run(exitFailed, "no such file")
	if got := statusesOf(t, out); got["x"] != batch.Failed {
		t.Errorf("statuses %v", got)
	}
}

// What a batch makes offline is what a run does, and its record is a run's; its zones count
// what is written.
func TestBatchOffline(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "in.mp4")
	ffmpeg(t, "-ss", "20", "-i", street(t), "-frames:v", "120", "-c:v", "libx264", "-preset", "ultrafast", video)
	door := []string{"--zones", "door=0.5 0 0.5 1"}
	for _, args := range [][]string{
		{"batch", video, "--out", "out", "--offline", "--record", "-q"},
		append([]string{"batch", video, "--out", "counted", "--offline"}, door...),
		{"-i", video, "--offline", "--mot", "run.txt", "--jsonl", "run.jsonl", "--record", "run.rec", "-q"},
		append([]string{"track", "run.rec", "--offline", "--jsonl", "counted.jsonl", "-q"}, door...),
		{"track", "run.rec", "--mot", "online.txt", "-q"},
	} {
		if got := runIn(t, dir, args...); got.code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	for got, want := range map[string]string{
		"out/in.txt": "run.txt", "out/in.jsonl": "run.jsonl", "out/in.rec": "run.rec",
		"counted/in.txt": "run.txt", "counted/in.jsonl": "counted.jsonl",
	} {
		if x, y := read(t, dir, got), read(t, dir, want); x != y || len(x) < 5000 {
			t.Errorf("%s (%d bytes) is not %s (%d bytes)", got, len(x), want, len(y))
		}
	}
	if read(t, dir, "online.txt") == read(t, dir, "out/in.txt") {
		t.Error("offline changes nothing")
	}
	if m, err := batch.ReadManifest(filepath.Join(dir, "counted", "in.manifest.json")); err != nil || len(m.Zones) != 1 || m.Zones[0].Right+m.Zones[0].Left == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if got, want := files(t, filepath.Join(dir, "counted")), []string{"in.jsonl", "in.manifest.json", "in.txt"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

// alone is a batch of one input, in this process.
func (w *workshop) alone(t *testing.T, video string) func(ctx context.Context, told func(frame int)) (*batch.Manifest, error) {
	t.Helper()
	w.log = slog.New(slog.DiscardHandler)
	closeEngine := w.share(1)
	t.Cleanup(func() { _ = closeEngine() })
	it := item{batch.Input{Path: video}, "a"}
	return func(ctx context.Context, told func(frame int)) (*batch.Manifest, error) {
		return w.process(ctx, it, func(frame, _ int, _ float64, _ int) { told(frame) })
	}
}

// An input that is stopped at its last frame, before what is made offline is made, or while,
// goes on to the same results. One of whose kept part a bit is wrong is not taken for done:
// it begins anew.
func TestBatchOfflineBrokenOff(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "in.mp4")
	ffmpeg(t, "-ss", "20", "-i", street(t), "-frames:v", "40", "-vf", "scale=384:288", "-c:v", "libx264", "-preset", "ultrafast", video)
	c := config.Default()
	c.Threads = 1
	for _, offline := range []bool{true, false} {
		c.Offline = offline
		in := func(out string) (string, func(context.Context, func(int)) (*batch.Manifest, error)) {
			out = filepath.Join(dir, fmt.Sprint(out, offline))
			w, err := newWorkshop(c, depot{folder: out}, products{record: true}, false)
			if err != nil {
				t.Fatal(err)
			}
			return out, w.alone(t, video)
		}
		whole, process := in("whole")
		if _, err := process(t.Context(), func(int) {}); err != nil {
			t.Fatal(err)
		}
		want := contents(t, whole)
		stopAt := func(process func(context.Context, func(int)) (*batch.Manifest, error), stop func(frame int) bool) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			m, err := process(ctx, func(frame int) {
				if stop(frame) {
					cancel()
				}
			})
			if m.Status != batch.Interrupted || !strings.Contains(err.Error(), "the same command goes on") {
				t.Fatalf("%+v, %v", m, err)
			}
		}
		if offline {
			stopped, process := in("stopped")
			stopAt(process, func(frame int) bool { return frame == 40 })
			if m, err := process(t.Context(), func(int) {}); err != nil {
				t.Errorf("%+v, %v", m, err)
			}
			sameResults(t, contents(t, stopped), want)
		}

		damaged, process := in("damaged")
		checkpoint := filepath.Join(damaged, "a.checkpoint")
		stopAt(process, func(frame int) bool {
			if frame == 25 {
				time.Sleep(checkpointEvery) // so that the next one is kept
			}
			_, err := os.Stat(checkpoint)
			return err == nil
		})
		kept := filepath.Join(damaged, "a.partial.rec")
		data, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		data[100] ^= 1 // what is near the end may belong to no checkpoint
		if err := os.WriteFile(kept, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := process(t.Context(), func(int) {}); m.Status != batch.Failed || !strings.Contains(err.Error(), "the same command begins anew") {
			t.Errorf("offline %v: %+v, %v", offline, m, err)
		}
		if m, err := process(t.Context(), func(int) {}); err != nil || m.Run.From != 0 {
			t.Errorf("offline %v: %+v, %v", offline, m, err)
		}
		sameResults(t, contents(t, damaged), want)
	}
}

// An input that breaks off just when the user stops the work is left to be taken up, and
// then is cut short as without the stop.
func TestBatchOfflineCutAndStopped(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "whole.avi"), 60)
	data := read(t, dir, "whole.avi")
	video := filepath.Join(dir, "cut.avi")
	if err := os.WriteFile(video, []byte(data[:len(data)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Threads, c.Offline = 1, true
	in := func(out string) (string, func(context.Context, func(int)) (*batch.Manifest, error)) {
		out = filepath.Join(dir, out)
		w, err := newWorkshop(c, depot{folder: out}, products{}, false)
		if err != nil {
			t.Fatal(err)
		}
		return out, w.alone(t, video)
	}
	whole, process := in("whole")
	cut, err := process(t.Context(), func(int) {})
	if cut.Status != batch.CutShort {
		t.Fatalf("%+v, %v", cut, err)
	}
	left, process := in("stopped")
	ctx, cancel := context.WithCancel(t.Context())
	m, err := process(ctx, func(frame int) {
		if frame == cut.Frames {
			cancel()
		}
	})
	if m.Status != batch.Interrupted || !stopped(err) {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := process(t.Context(), func(int) {}); m.Status != batch.CutShort {
		t.Errorf("%+v, %v", m, err)
	}
	if read(t, whole, "a.partial.jsonl") != read(t, left, "a.partial.jsonl") {
		t.Error("the lines are others")
	}
}

// Of an input without a frame nothing is left, nor of what a run with other settings began.
func TestBatchOfNoFrame(t *testing.T) {
	dir := t.TempDir()
	blankVideo(t, filepath.Join(dir, "a.avi"))
	for _, more := range [][]string{nil, {"--record"}, {"--offline"}} {
		if err := os.MkdirAll(filepath.Join(dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, ext := range []string{"txt", "jsonl", "pieces", "rec"} {
			if err := os.WriteFile(filepath.Join(dir, "out", "a.partial."+ext), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := runIn(t, dir, append([]string{"batch", "a.avi", "--out", "out"}, more...)...); got.code != exitFailed {
			t.Errorf("%v: exit code %d: %s", more, got.code, got.stderr)
		}
		if left := files(t, filepath.Join(dir, "out")); !slices.Equal(left, []string{"a.manifest.json"}) {
			t.Errorf("%v: left %v", more, left)
		}
	}
}

// An input that breaks off is partly done, also where there is no other.
func TestBatchOfCutVideo(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "whole.avi"), 60)
	data := read(t, dir, "whole.avi")
	if err := os.WriteFile(filepath.Join(dir, "cut.avi"), []byte(data[:len(data)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	for out, more := range map[string][]string{"out": nil, "offline": {"--offline", "--record"}} {
		got := runIn(t, dir, append([]string{"batch", "cut.avi", "--out", out}, more...)...)
		if got.code != exitPartial || !strings.Contains(got.stderr, "1 cut short, 0 failed") {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
		if n := len(lines(t, filepath.Join(dir, out, "cut.partial.jsonl"))); n < 20 {
			t.Errorf("%s: %d lines", out, n)
		}
	}
	if got := runIn(t, dir, "track", "offline/cut.partial.rec", "--offline", "--jsonl", "replay.jsonl"); got.code != exitPartial {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	} else if read(t, dir, "replay.partial.jsonl") != read(t, dir, "offline/cut.partial.jsonl") {
		t.Error("the record is not what the lines are made of")
	}
}

// What a process left that was killed after it had finished goes with the next run.
func TestBatchTidiesUpLate(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	args := []string{"batch", "a.avi", "--out", "out"}
	if got := runIn(t, dir, args...); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	want := files(t, filepath.Join(dir, "out"))
	for _, name := range []string{"a.checkpoint", "a.partial.pieces", "a.partial.rec", "a.partial.lock"} {
		if err := os.WriteFile(filepath.Join(dir, "out", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := runIn(t, dir, args...); got.code != exitOK || !strings.Contains(got.stderr, "1 were done before") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if got := files(t, filepath.Join(dir, "out")); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

// A model that cannot be run ends the batch and fails no input.
func TestBatchWithBrokenModel(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	makeVideo(t, filepath.Join(dir, "b.avi"), 10)
	m, err := backbones.Find(config.DefaultBackbone)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "models", m.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("broken")))
	for name, data := range map[string]string{m.Name + ".onnx": "broken", m.Name + ".json": strings.ReplaceAll(string(text), m.SHA256, sum)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := runIn(t, dir, "batch", "a.avi", "b.avi", "--out", "out", "--model", m.Name+".onnx", "--jobs", "1")
	if got.code != exitFailed || !strings.Contains(got.stderr, "0 failed, 2 left") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if got := statusesOf(t, filepath.Join(dir, "out")); !maps.Equal(got, map[string]batch.Status{"a": batch.Interrupted}) {
		t.Errorf("statuses %v", got)
	}
}

// A worker that cannot write gives its input back and ends; once it can, all is done.
func TestWorkerOnReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", syscall.MS_RDONLY, "size=20m"); err != nil {
		t.Skipf("no folder can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(out, 0) })
	if got := runIn(t, dir, "batch", "a.avi", "--out", "out"); got.code != exitFailed || !strings.Contains(got.stderr, "0 failed, 1 left") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	url, stop, err := batch.Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	boss := command(dir, "batch", "a.avi", "--out", "out", "--queue", url)
	if err := boss.Start(); err != nil {
		t.Fatal(err)
	}
	worker := []string{"worker", "--queue", url, "--until-empty", "--tries", "1"}
	for range 2 {
		got := runIn(t, dir, worker...)
		for got.code == exitOK { // there was nothing to do yet
			got = runIn(t, dir, worker...)
		}
		if got.code != exitFailed || !strings.Contains(got.stderr, "make it writable") {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
	}
	if err := syscall.Mount("", out, "", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	if got := runIn(t, dir, worker...); got.code != exitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if err := boss.Wait(); err != nil {
		t.Error(err)
	}
	if got := statusesOf(t, out); !maps.Equal(got, map[string]batch.Status{"a": batch.Done}) {
		t.Errorf("statuses %v", got)
	}
}

// A result of a run with other settings that this run has none of stays, and is told.
func TestBatchTellsStaleResults(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	const stale = "a.mp4 is of a run before, with other settings"
	for _, tc := range []struct {
		args []string
		told bool
	}{{[]string{"--video"}, false}, {[]string{"--max-frames", "5"}, true}, {[]string{"--max-frames", "5", "--video"}, false}} {
		got := runIn(t, dir, append([]string{"batch", "a.avi", "--out", "out"}, tc.args...)...)
		if got.code != exitOK || strings.Contains(got.stderr, stale) != tc.told {
			t.Errorf("%v: exit code %d: %s", tc.args, got.code, got.stderr)
		}
	}
	if got := runIn(t, dir, "batch", "a.avi", "--out", "a.avi/sub"); got.code != exitFailed || !strings.Contains(got.stderr, "not a directory") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if got := runIn(t, dir, "batch", "b.avi", "--out", "out"); got.code != exitFailed || !strings.Contains(got.stderr, "b.avi: no such file or directory; check the spelling") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// Ctrl-C leaves what goes on.
func TestBatchInterrupted(t *testing.T) {
	dir, source := t.TempDir(), street(t)
	args := []string{"batch", source, "--out", "out"}
	cmd := command(dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
	waitForSize(t, filepath.Join(dir, "out", name+".checkpoint"))
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if got := statusesOf(t, filepath.Join(dir, "out")); got[name] != batch.Interrupted {
		t.Errorf("statuses %v", got)
	}
	if got := runIn(t, dir, args...); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	m, err := batch.ReadManifest(filepath.Join(dir, "out", name+".manifest.json"))
	if err != nil || m.Status != batch.Done || m.Run.From == 0 || m.Frames != len(lines(t, filepath.Join(dir, "out", name+".jsonl"))) {
		t.Errorf("%+v, %v", m, err)
	}
}

// The last line of a batch that was stopped tells what had failed before from what goes on.
func TestBatchInterruptedAfterFailure(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "long.avi"), 6000)
	cmd := command(dir, "batch", "none.avi", "long.avi", "--out", "out", "--jobs", "1")
	got := finishAfter(t, cmd, func() {
		waitForSize(t, filepath.Join(dir, "out", "long.checkpoint"))
		_ = cmd.Process.Signal(syscall.SIGINT)
	})
	if got.code != exitInterrupted || !strings.HasSuffix(got.stderr, "interrupted with 0 of 2 inputs done, 1 failed; the same command goes on\n") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// A full disk ends the batch with what to do, and the same command then goes on.
func TestBatchOnFullDisk(t *testing.T) {
	dir, source := t.TempDir(), street(t)
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", 0, "size=1500k"); err != nil {
		t.Skipf("no small disk can be made: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(out, 0) })
	makeVideo(t, filepath.Join(dir, "small.avi"), 20)
	args := []string{"batch", "small.avi", source, source + "", "--out", "out", "--video", "--jobs", "1"}
	got := runIn(t, dir, args...)
	if got.code != exitPartial || !strings.Contains(got.stderr, "disk is full: free some space, and the same command goes on") {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	name := strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
	if slices.Contains(files(t, out), name+".mp4") || !slices.Contains(files(t, out), "small.mp4") {
		t.Errorf("files %v", files(t, out))
	}
	if err := syscall.Mount("", out, "", syscall.MS_REMOUNT, "size=200m"); err != nil {
		t.Fatal(err)
	}
	if got := runIn(t, dir, args...); got.code != exitOK || !strings.Contains(got.stderr, "1 done, 1 were done before") {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	if got := runIn(t, dir, "batch", source, "--out", "whole", "--video"); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	for _, ext := range []string{".txt", ".jsonl", ".mp4"} {
		if read(t, out, name+ext) != read(t, dir, "whole", name+ext) {
			t.Errorf("%s%s differs from an uninterrupted run's", name, ext)
		}
	}
}

// Three workers share a batch; one of them is killed twice in the middle of its work.
// Every input has exactly one result, that of a batch without workers.
func TestBatchOnWorkers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	sixVideos(t, filepath.Join(dir, "in"))
	makeVideo(t, filepath.Join(dir, "in", "cut.avi"), 60)
	data := read(t, dir, "in", "cut.avi")
	if err := os.WriteFile(filepath.Join(dir, "in", "cut.avi"), []byte(data[:len(data)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runIn(t, dir, "batch", "in", "--out", "alone", "--record", "-q"); got.code != exitPartial {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	url := "127.0.0.1:" + freePort(t)
	boss := command(dir, "batch", "in", "--out", "shared", "--record", "--json", "--queue", "listen://"+url)
	var stdout, stderr strings.Builder
	boss.Stdout, boss.Stderr = &stdout, &stderr
	if err := boss.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		c, err := net.Dial("tcp", url)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	worker := func() *exec.Cmd {
		cmd := command(dir, "worker", "--queue", "nats://"+url, "--lease", "2s", "--jobs", "1", "--threads", "1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	// At first there is the one that will be killed alone, so that it has work: each
	// time another input, since the queue still waits for the first one's news.
	for i := range 2 {
		victim := worker()
		waitFor(t, func() bool { return partials(t, filepath.Join(dir, "shared")) > i })
		time.Sleep(time.Second)
		_ = victim.Process.Kill()
		_ = victim.Wait()
	}
	for range 3 {
		w := worker()
		defer func() { _ = w.Wait() }()
		defer func() { _ = w.Process.Signal(syscall.SIGTERM) }()
	}
	_ = boss.Wait()
	if code := boss.ProcessState.ExitCode(); code != exitPartial || !strings.Contains(stderr.String(), "7 inputs: 6 done, 0 were done before, 1 cut short, 0 failed, 0 left") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	ends := make(map[string]int)
	for line := range strings.Lines(stdout.String()) {
		var e batchEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if e.Event == "end" {
			ends[e.Name]++
		}
	}
	if len(ends) != 7 || slices.Max(slices.Collect(maps.Values(ends))) != 1 {
		t.Errorf("ends %v", ends)
	}
	// The queue's files, and where the broken input would go on, are no results.
	for _, path := range []string{"shared/.queue", "shared/cut.checkpoint", "alone/cut.checkpoint"} {
		if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
	}
	sameResults(t, contents(t, filepath.Join(dir, "shared")), contents(t, filepath.Join(dir, "alone")))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// partials counts results on their way that have something in them.
func partials(t *testing.T, dir string) (n int) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.partial.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			n++
		}
	}
	return n
}

// waitFor waits until something is so.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for a minute")
		}
	}
}

// What a line of a result says goes with resultsFormat: change one, and raise the other, so
// that no result has lines of both kinds.
func TestResultsFormat(t *testing.T) {
	var b bytes.Buffer
	rows, err := sink.NewMOT("-", &b)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := sink.NewJSONL("-", &b, sink.JSONLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	box := detect.FromLTWH(10, 20, 30, 60)
	r := sink.Result{
		Frame: &capture.Frame{Index: 2, Time: 80 * time.Millisecond}, Detections: make([]detect.Detection, 3), Labels: []string{"person"}, Device: "cuda:0",
		Tracks: []track.Track{
			{ID: 1, Box: box, Raw: box, Score: 0.9, Age: time.Second, ClassConfidence: 1},
			{ID: 2, Box: box, Score: 0.5, Detection: -1, State: track.Coasted, Age: time.Second, SinceUpdate: time.Second},
		},
		Zones: []zone.Count{{Zone: zone.Zone{Name: "yard", Points: make([]zone.Point, 3)}, Inside: 1, Tracks: 2, Entered: 3, Left: 4}},
	}
	if err := errors.Join(rows.Write(t.Context(), r), lines.Write(t.Context(), r)); err != nil {
		t.Fatal(err)
	}
	const want = ` , format 3
3,1,10.00,20.00,30.00,60.00,0.9,-1,-1,-1
{"frame":2,"time":0.08,"tracks":[{"id":1,"class":0,"label":"person","score":0.9,"box":[10,20,40,80],"raw":[10,20,40,80],"state":"observed","age":1,"class_confidence":1},{"id":2,"class":0,"label":"person","score":0.5,"box":[10,20,40,80],"state":"coasted","age":1,"unseen":1}],"detections":3,"zones":{"yard":{"inside":1,"tracks":2,"entered":3,"left":4}},"device":"cuda:0"}
`
	if got := (&job{workshop: &workshop{}}).program() + "\n" + b.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
