//go:build gocv_specific_modules

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/track"
)

// A replay is the run again, byte for byte, with the tracker of the run and with any
// other that it was not made with.
func TestReplayEqualsRun(t *testing.T) {
	video, _ := pedestrians(t)
	video, err := filepath.Abs(video)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := func(args ...string) {
		t.Helper()
		if got := runIn(t, dir, args...); got.code != exitOK || strings.Contains(got.stderr, "a run would give others") {
			t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	same := func(a, b string) {
		t.Helper()
		x, y := read(t, dir, a), read(t, dir, b)
		if x != y || len(x) < 10_000 {
			t.Errorf("%s (%d bytes) and %s (%d bytes) differ, or are short", a, len(x), b, len(y))
		}
	}
	settings := map[string][]string{
		"tempo": {"--max-gap", "2s"}, "sort": {"--max-age", "10", "--conf", "0.3"}, "bytetrack": {"--conf", "0.2"}, "ocsort": {"--min-hits", "1"},
	}
	const zones = "--zones=line=0 0.5 1 0.5"
	for _, name := range track.Names() {
		tracker := append([]string{"--tracker", name}, settings[name]...)
		run := append([]string{"-i", video, "--max-frames", "100", "-q", "--display", "off", "--camera-motion", "on", zones}, tracker...)
		program(append(run, "--mot", name+".txt", "--jsonl", name+".jsonl", "--record", name+".rec")...)
		program(append(run, "--mot", "bare.txt", "--jsonl", "bare.jsonl")...)
		program(append([]string{"track", name + ".rec", "--mot", "replay.txt", "--jsonl", "replay.jsonl", zones}, tracker...)...)
		for _, kind := range []string{".txt", ".jsonl"} {
			same(name+kind, "bare"+kind) // recording changes nothing
			same(name+kind, "replay"+kind)
		}
	}
	if !strings.Contains(read(t, dir, "tempo.jsonl"), `"crossed":[{"id":`) {
		t.Error("nobody crosses the line")
	}
	for _, name := range []string{"sort", "bytetrack", "ocsort"} { // they do not look at the motion, which tempo's tracks had a part in
		program(append([]string{"track", "tempo.rec", "--mot", "other.txt", "--tracker", name}, settings[name]...)...)
		same(name+".txt", "other.txt")
	}
}

// A record has what any tracker can use, whichever made it.
func TestRecordNeedsWhatAnyTrackerDoes(t *testing.T) {
	got := recordNeeds(0.5)
	for _, name := range track.Names() {
		n := track.NeedsOf(name, track.DefaultConfig(name).WithScore(name, leeway*0.5))
		if got.Score > n.Score || n.Motion && !got.Motion || n.Looks && !got.Looks {
			t.Errorf("%+v; %s needs %+v", got, name, n)
		}
	}
}

// What a run writes offline is what its replay does, byte for byte, for each of its inputs.
func TestOfflineEqualsReplay(t *testing.T) {
	video := street(t)
	dir := t.TempDir()
	program := func(args ...string) {
		t.Helper()
		if got := runIn(t, dir, args...); got.code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	ffmpeg(t, "-ss", "20", "-i", video, "-frames:v", "80", "-c:v", "libx264", "-preset", "ultrafast", filepath.Join(dir, "other.mp4"))
	program("-i", video, "-i", "other.mp4", "--max-frames", "120", "--offline", "-q",
		"--mot", "{name}.txt", "--jsonl", "{name}.jsonl", "--record", "{name}.rec")
	name := strings.TrimSuffix(filepath.Base(video), filepath.Ext(video))
	for _, name := range []string{name, "other"} {
		program("track", name+".rec", "--offline", "--mot", "replay.txt", "--jsonl", "replay.jsonl", "-q")
		for _, ext := range []string{".txt", ".jsonl"} {
			if x, y := read(t, dir, name+ext), read(t, dir, "replay"+ext); x != y {
				t.Errorf("%s: run (%d bytes) and replay (%d bytes) differ", name+ext, len(x), len(y))
			}
		}
		program("track", name+".rec", "--mot", "online.txt", "-q")
		if text := read(t, dir, name+".txt"); len(text) < 10_000 || text == read(t, dir, "online.txt") {
			t.Errorf("%s: %d bytes, as those of a run that does not look ahead", name, len(text))
		}
	}
}

// Equal runs make equal records, at any number of threads, with stride, several
// inputs and --serial.
func TestRecordsAreEqual(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 40)
	makeVideo(t, filepath.Join(dir, "b.avi"), 30)
	for _, out := range []string{"one", "two"} {
		more := map[string]string{"one": "--threads=2", "two": "--serial"}[out]
		if err := os.Mkdir(filepath.Join(dir, out), 0o700); err != nil {
			t.Fatal(err)
		}
		got := runIn(t, dir, "-i", "a.avi", "-i", "b.avi", "--stride", "2", "--conf", "0.05", "--record", out+"/{name}.rec", "--jsonl", out+"/{name}.jsonl", "-q", more)
		if got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
	}
	for name, frames := range map[string]int{"a": 20, "b": 15} {
		if read(t, dir, "one", name+".rec") != read(t, dir, "two", name+".rec") {
			t.Errorf("the records of %s differ", name)
		}
		r, err := record.Open(filepath.Join(dir, "one", name+".rec"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for f, err := r.Next(); err == nil; f, err = r.Next() {
			if f.Index != 2*n {
				t.Errorf("%s: frame %d has index %d", name, n, f.Index)
			}
			n++
		}
		if h := r.Header; n != frames || h.Stride != 2 || h.Width != 160 || h.Conf != 0.05 || len(h.Model.SHA256) != 64 || len(h.Labels) == 0 {
			t.Errorf("%s: %d frames, header %+v", name, n, h)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	got := runIn(t, dir, "track", "one/a.rec", "one/b.rec", "--jsonl", "replay", "-q")
	if got.code != exitOK || read(t, dir, "replay", "a.jsonl") != read(t, dir, "one", "a.jsonl") || read(t, dir, "replay", "b.jsonl") != read(t, dir, "one", "b.jsonl") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// A record that is cut gives the tracks up to there, says so, and ends with 3.
func TestTrackCutRecord(t *testing.T) {
	dir := t.TempDir()
	rec := walkRecord(t, 60)
	for name, b := range map[string][]byte{"cut.rec": rec[:len(rec)*2/3], "whole.rec": rec} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole := runIn(t, dir, "track", "whole.rec", "--mot", "whole.txt", "--tracker", "sort")
	cut := runIn(t, dir, "track", "cut.rec", "whole.rec", "--mot", "out", "--tracker", "sort")
	if whole.code != exitOK || cut.code != exitPartial || !strings.Contains(cut.stderr, "read cut.rec: after ") || !strings.Contains(cut.stderr, "what there is: "+filepath.Join("out", "cut.partial.txt")) {
		t.Fatalf("exit codes %d and %d: %s", whole.code, cut.code, cut.stderr)
	}
	if part, all := read(t, dir, "out", "cut.partial.txt"), read(t, dir, "out", "whole.txt"); part == "" || len(part) >= len(all) || !strings.HasPrefix(all, part) || all != read(t, dir, "whole.txt") {
		t.Errorf("%d of %d bytes", len(part), len(all))
	}
	if again := runIn(t, dir, "track", "cut.rec", "--mot", "whole.txt", "--tracker", "sort"); again.code != exitPartial || read(t, dir, "whole.txt") != read(t, dir, "out", "whole.txt") {
		t.Errorf("exit code %d, and complete results are replaced: %s", again.code, again.stderr)
	}
	told := runIn(t, dir, "explain", "cut.rec", "--id", "1")
	if told.code != exitOK || !strings.Contains(told.stdout, "track 1: ") || !strings.Contains(told.stderr, "cut.rec") {
		t.Errorf("explain: exit code %d: %s%s", told.code, told.stdout, told.stderr)
	}
}

// walkRecord is a record of one object, its frames numbered in threes.
func walkRecord(t *testing.T, frames int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Header{Conf: 0.5, Least: 0.05, Labels: []string{"person"}, FPS: 10, Stride: 3})
	if err != nil {
		t.Fatal(err)
	}
	path := put(t, map[string]string{"det.txt": walk(frames)}) + "/det.txt"
	text, err := (&material{notes: io.Discard, fps: 10}).readText(sequence{path: path})
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := text.Next()
		if err != nil {
			break
		}
		f.Index *= 3
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExplainRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "walk.rec")
	if err := os.WriteFile(path, walkRecord(t, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ args, want string }{
		{"--id 1", "frame 22 (0.70 s): the recording ends; track 1 was last seen in frame 22"},
		{"--frame 4", "frame 4 (0.10 s): 1 detection, 0 of them ignored; 1 track seen"},
		{"--conf 0.95", "0 tracks (0 reported)"},
	} {
		got := execCommand(newExplainCommand(), nil, append([]string{path}, strings.Fields(tc.args)...)...)
		if got.err != nil || !strings.Contains(got.stdout, tc.want) {
			t.Errorf("%s: %v: %s", tc.args, got.err, got.stdout)
		}
	}
	for args, want := range map[string]string{
		"--frame 5":                    "--frame 5 is left out of the record; the frame before it is 4",
		"--frame 23":                   "those of " + path + " are 1 to 22",
		"--fps 3":                      "leave out --fps and --motion",
		path + " --detections " + path: "give one or the other",
	} {
		got := execCommand(newExplainCommand(), nil, append([]string{path}, strings.Fields(args)...)...)
		if exitCode(got.err) != exitUsage || !strings.Contains(got.err.Error(), want) {
			t.Errorf("%s: %v", args, got.err)
		}
	}
}

// Records that cannot be written, or would replace something, are refused at once.
func TestRecordRefuses(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 20)
	for args, want := range map[string]string{
		"--record -":          "record is -",
		"--record a.avi":      "would replace input a.avi",
		"--record x --mot x":  "mot x would replace record x",
		"--record no/out.rec": "folder no does not exist",
	} {
		got := runIn(t, dir, append([]string{"-i", "a.avi", "-q"}, strings.Fields(args)...)...)
		if got.code == exitOK || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

// A sequence without detections does not stop the others.
func TestTrackEmptySequence(t *testing.T) {
	dir := put(t, map[string]string{
		"in/a/det/det.txt": "", "in/a/seqinfo.ini": "[Sequence]\nframeRate=10\nseqLength=5\n", "in/b/det/det.txt": walk(6), "in/b/seqinfo.ini": "[Sequence]\nframeRate=10\nseqLength=6\n",
	})
	got := execCommand(newTrackCommand(), nil, "--detections", dir+"/in", "--mot", dir+"/out", "--tracker", "sort")
	if got.err != nil || !strings.Contains(got.stderr, "a/det/det.txt has no detections") || !strings.Contains(got.stderr, "a: 5 frames, 0 detections") {
		t.Fatalf("%v: %s", got.err, got.stderr)
	}
	if text, err := os.ReadFile(dir + "/out/a.txt"); err != nil || len(text) != 0 {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := os.ReadFile(dir + "/out/b.txt"); err != nil || len(text) == 0 {
		t.Errorf("nothing of b: %v", err)
	}
}

// --config gives what the flags would.
func TestTrackConfig(t *testing.T) {
	dir := put(t, map[string]string{"det.txt": walk(20), "c.yaml": "tracker: sort\nmin-hits: 7\nconf: 0.905\n", "bad.yaml": "conf: 3\n"})
	results := func(args ...string) execution {
		return execCommand(newTrackCommand(), nil, append([]string{"--detections", dir + "/det.txt", "--mot", "-", "--fps", "10", "-q"}, args...)...)
	}
	want := results("--tracker", "sort", "--min-hits", "7", "--conf", "0.905")
	if got := results("--config", dir+"/c.yaml"); got.err != nil || got.stdout != want.stdout || want.stdout != "" && got.stdout == "" {
		t.Errorf("%v: %q, want %q", got.err, got.stdout, want.stdout)
	}
	if got := results("--config", dir+"/c.yaml", "--min-hits", "0"); got.err != nil || got.stdout == want.stdout {
		t.Errorf("the flag does not win: %v: %q", got.err, got.stdout)
	}
	if got := results("--config", dir+"/bad.yaml"); exitCode(got.err) != exitUsage || !strings.Contains(got.err.Error(), "conf is 3") {
		t.Error(got.err)
	}
}
