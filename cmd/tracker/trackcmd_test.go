//go:build gocv_specific_modules

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// walk is detections of one object that moves 5 pixels a frame, unsorted.
func walk(frames int) string {
	var b strings.Builder
	for f := frames; f >= 1; f-- {
		fmt.Fprintf(&b, "%d,-1,%d,20,40,80,0.%d,-1,-1,-1\n", f, 5*f, 90+f%2)
	}
	return b.String()
}

func TestTrack(t *testing.T) {
	dir := put(t, map[string]string{"det.txt": walk(6)})
	out := filepath.Join(dir, "out.txt")
	got := execCommand(newTrackCommand(), nil, "--detections", dir+"/det.txt", "--mot", out, "--tracker", "sort")
	if got.err != nil {
		t.Fatal(got.err)
	}
	rows, err := mot.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 {
		t.Fatalf("%d rows, want 6: %+v", len(rows), rows)
	}
	for i, r := range rows {
		if r.Frame != i+1 || r.ID != 1 || r.Conf < 0.9 {
			t.Errorf("row %d is %+v", i, r)
		}
		if iou := r.Box().IoU(mot.Row{Left: 5 * float64(r.Frame), Top: 20, Width: 40, Height: 80}.Box()); iou < 0.8 {
			t.Errorf("frame %d: overlap %.2f with the detection", r.Frame, iou)
		}
	}
	if !strings.Contains(got.stderr, "taking 30 frames a second") {
		t.Errorf("the assumed rate is not said: %q", got.stderr)
	}
	if ok, _ := regexp.MatchString(`tracker: 6 frames, 6 detections, 1 tracks, \d+ frames/s \(sort alone\)\n$`, got.stderr); !ok {
		t.Errorf("summary: %q", got.stderr)
	}
	if left, _ := filepath.Glob(dir + "/*partial*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestTrackStreams(t *testing.T) {
	got := execCommand(newTrackCommand(), strings.NewReader(walk(3)), "--detections", "-", "--mot", "-", "--fps", "10", "--quiet")
	if got.err != nil || got.stderr != "" {
		t.Fatalf("%v, stderr %q", got.err, got.stderr)
	}
	if rows, err := mot.Read(strings.NewReader(got.stdout)); err != nil || len(rows) != 3 {
		t.Errorf("%v, output %q", err, got.stdout)
	}
}

// TestTrackSettings: flags reach the tracker, and without them it keeps its own.
func TestTrackSettings(t *testing.T) {
	gap := "1,-1,0,0,40,80,0.4\n2,-1,0,0,40,80,0.6\n5,-1,0,0,40,80,0.9\n6,-1,0,0,40,80,0.9\n"
	tests := []struct {
		args    string
		want    string // identity by frame
		summary string
	}{
		{"", "1:1 2:1", "4 detections, 1 tracks"}, // SORT's own: ends a track after one miss, confirms after three
		{"--min-hits 1", "1:1 2:1 6:2", "4 detections, 2 tracks"},
		{"--min-hits 0", "1:1 2:1 5:2 6:2", "4 detections, 2 tracks"},
		{"--min-hits 0 --max-age 5", "1:1 2:1 5:1 6:1", "4 detections, 1 tracks"},
		{"--min-hits 0 --conf 0.6", "2:1 5:2 6:2", "3 detections (1 more below the bound), 2 tracks"},
		{"--min-hits 0 --conf 1", "", "0 detections (4 more below the bound), 0 tracks"},
	}
	for _, test := range tests {
		args := append([]string{"--detections", "-", "--mot", "-", "--tracker", "sort"}, strings.Fields(test.args)...)
		got := execCommand(newTrackCommand(), strings.NewReader(gap), args...)
		rows, err := mot.Read(strings.NewReader(got.stdout))
		if got.err != nil || err != nil {
			t.Errorf("%q: %v, %v", test.args, got.err, err)
			continue
		}
		var ids []string
		for _, r := range rows {
			ids = append(ids, fmt.Sprintf("%d:%d", r.Frame, r.ID))
		}
		if seen := strings.Join(ids, " "); seen != test.want {
			t.Errorf("%q: frames and ids %q, want %q", test.args, seen, test.want)
		}
		if !strings.Contains(got.stderr, test.summary) {
			t.Errorf("%q: summary %q, want %q", test.args, got.stderr, test.summary)
		}
	}
}

// recorder is a tracker that notes what it is given.
type recorder struct {
	times  []time.Duration
	counts []int
	moved  []float64 // along x
}

func (r *recorder) Update(in track.Input) []track.Track {
	r.times = append(r.times, in.Time)
	r.counts = append(r.counts, len(in.Detections))
	if in.Motion == nil {
		in.Motion = new(track.Affine)
	}
	r.moved = append(r.moved, in.Motion.TX)
	return nil
}

// TestTrackTimeline: the tracker sees every frame at its media time, to the end
// of the sequence.
func TestTrackTimeline(t *testing.T) {
	dir := put(t, map[string]string{
		"s/det/det.txt": "2,-1,0,0,1,1\n4,-1,0,0,1,1\n4,-1,9,0,1,1\n",
		"s/seqinfo.ini": "[Sequence]\nframeRate=8\nseqLength=6\n",
		"s/gmc.txt":     "1,1,0,9,0,1,0\n3,1,0,3,0,1,0\n4,1,0,4,0,1,0\n",
	})
	for _, tc := range []struct {
		stride                int
		counts, times, motion string
	}{
		{1, "[0 1 0 2 0 0]", "[0s 125ms 250ms 375ms 500ms 625ms]", "[0 0 3 4 0 0]"},
		{3, "[0 2]", "[0s 375ms]", "[0 7]"},
	} {
		a := association{material: material{notes: io.Discard}}
		text, err := a.readText(sequence{path: dir + "/s/det/det.txt", motion: dir + "/s/gmc.txt"})
		if err != nil {
			t.Fatal(err)
		}
		var seen recorder
		play := replay{association: &a, outputs: &outputs{}, tracker: &seen, footage: &thinned{footage: text, stride: tc.stride}}
		if _, err := play.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := []string{fmt.Sprint(seen.counts), fmt.Sprint(seen.times), fmt.Sprint(seen.moved)}
		if want := []string{tc.counts, tc.times, tc.motion}; !slices.Equal(got, want) {
			t.Errorf("stride %d: detections, times and motion %v, want %v", tc.stride, got, want)
		}
	}
}

// sized is footage of frames of given widths, each moved by 1.
type sized struct {
	widths []int
	frame  record.Frame
}

func (s *sized) Next() (*record.Frame, error) {
	if len(s.widths) == 0 {
		return nil, io.EOF
	}
	s.frame = record.Frame{Width: s.widths[0], Height: s.widths[0], Motion: &track.Affine{A11: 1, A22: 1, TX: 1}}
	s.widths = s.widths[1:]
	return &s.frame, nil
}

// TestThinnedOverAChangeOfSize: motions in pixels of different sizes do not add up.
func TestThinnedOverAChangeOfSize(t *testing.T) {
	for _, tc := range []struct {
		widths []int
		want   string
	}{
		{[]int{10, 10, 10, 10, 10}, "[0 2 2]"},
		{[]int{10, 20, 20, 20, 20}, "[0 0 2]"},
		{[]int{10, 20, 10, 10, 20}, "[0 0 0]"},
		{[]int{10, 0, 10, 0, 20}, "[0 2 0]"},
		{[]int{0, 10, 10, 0, 0}, "[0 2 2]"},
	} {
		thin := &thinned{footage: &sized{widths: tc.widths}, stride: 2}
		var moved []float64
		for {
			f, err := thin.Next()
			if err != nil {
				break
			}
			moved = append(moved, 0)
			if f.Motion != nil {
				moved[len(moved)-1] = f.Motion.TX
			}
		}
		if got := fmt.Sprint(moved); got != tc.want {
			t.Errorf("widths %v: moved by %s, want %s", tc.widths, got, tc.want)
		}
	}
}

func TestTrackInterrupted(t *testing.T) {
	dir := put(t, map[string]string{"det.txt": walk(5), "out.txt": "before"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cmd := newTrackCommand()
	cmd.SetContext(ctx)
	got := execCommand(cmd, nil, "--detections", dir+"/det.txt", "--mot", dir+"/out.txt")
	if exitCode(got.err) != exitInterrupted {
		t.Errorf("exit code %d, error %v", exitCode(got.err), got.err)
	}
	if text, err := os.ReadFile(dir + "/out.txt"); err != nil || string(text) != "before" {
		t.Errorf("the output became %q, %v", text, err)
	}
	if _, err := os.Stat(atomicfile.PartialName(dir + "/out.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the partial output is still there: %v", err)
	}
}

func TestTrackRefuses(t *testing.T) {
	dir := put(t, map[string]string{
		"det.txt": walk(2), "bad.txt": "1,-1,0,0,10,10\n1,-1,NaN,0,10,10\n", "empty.txt": "\n",
		"s/det.txt": walk(2), "s/seqinfo.ini": "[Sequence]\nframeRate=none\n", "video.avi": "RIFF\x00\x01\x02\x03AVI LIST",
	})
	det := dir + "/det.txt"
	tests := []struct {
		name, args string
		code       int
		want       string
	}{
		{"no detections", "--mot o", exitUsage, "--detections"},
		{"no output", "--detections " + det, exitUsage, "--mot"},
		{"unknown flag", "--detection " + det, exitUsage, "--detection"},
		{"not a number", "--max-age many", exitUsage, "max-age"},
		{"stray word", "--mot DIR/o stray --detections " + det, exitUsage, "stray and --detections"},
		{"unknown tracker", "--tracker deep --mot DIR/o --detections " + det, exitUsage, `no tracker "deep"; choose one of`},
		{"negative age", "--max-age -1 --mot DIR/o --detections " + det, exitUsage, "max-age is -1"},
		{"impossible overlap", "--track-iou 1.5 --mot DIR/o --detections " + det, exitUsage, "1.5"},
		{"no overlap", "--track-iou 0 --max-age 0 --min-hits 0 --mot DIR/o --detections " + det, exitUsage, "track-iou is 0"},
		{"rate of 0", "--fps 0 --mot DIR/o --detections " + det, exitUsage, "--fps 0"},
		{"NaN", "--conf NaN --mot DIR/o --detections " + det, exitUsage, "--conf"},
		{"onto itself", "--mot DIR/det.txt --detections " + det, exitUsage, "det.txt would replace detections"},
		{"onto the other", "--mot DIR/o --jsonl DIR/o --detections " + det, exitUsage, "cannot both go to"},
		{"a name of the main program", "--mot DIR/{name}.txt --detections " + det, exitUsage, "{name} is no name here"},
		{"missing", "--mot DIR/o --detections DIR/none.txt", exitFailed, "none.txt"},
		{"bad row", "--mot DIR/o --detections DIR/bad.txt", exitFailed, `bad.txt:2: left "NaN": expected a number of pixels`},
		{"no rows", "--mot DIR/o --detections DIR/empty.txt", exitFailed, "empty.txt has no rows"},
		{"a video", "--mot DIR/o --detections DIR/video.avi", exitFailed, "video.avi is no record and no detections; for a video use tracker --input "},
		{"bad seqinfo", "--mot DIR/o --detections DIR/s/det.txt", exitFailed, "seqinfo.ini:2: frameRate"},
		{"no such folder", "--mot DIR/no/o.txt --detections " + det, exitFailed, "no/o.txt"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(test.args, "DIR", dir))
			got := execCommand(newTrackCommand(), nil, args...)
			if exitCode(got.err) != test.code {
				t.Errorf("exit code %d, want %d; error %v", exitCode(got.err), test.code, got.err)
			}
			if got.err != nil && (!strings.Contains(got.err.Error(), test.want) || strings.Contains(got.err.Error(), "\n")) {
				t.Errorf("error %q does not say %q in one line", got.err, test.want)
			}
			if _, err := os.Stat(dir + "/o"); err == nil {
				t.Error("there is an output")
			}
		})
	}
}

// Results replace nothing that is read, nor each other: not in a folder, which names them
// itself, nor by the name that they have while they are written.
func TestTrackReplacesNothing(t *testing.T) {
	before := map[string]string{
		"dets/a.txt": walk(3), "dets/b.txt": walk(3), "out.partial.txt": walk(3), "c.txt": walk(3),
		"gmc.txt": "2,1,0,0,0,1,0\n", "best.yaml": "conf: 0.3\n", "s/a/det/det.txt": walk(3), "s/a/a.txt": "2,1,0,0,0,1,0\n",
	}
	for args, want := range map[string]string{
		"DIR/dets/a.txt DIR/dets/b.txt --mot DIR/dets":                          "mot DIR/dets/a.txt would replace detections DIR/dets/a.txt",
		"DIR/dets/a.txt DIR/dets/b.txt --mot DIR/new --jsonl DIR/link":          "",
		"DIR/dets/a.txt DIR/dets/b.txt --mot DIR/link":                          "mot DIR/link/a.txt would replace detections DIR/dets/a.txt",
		"--detections DIR/out.partial.txt --mot DIR/out.txt":                    "mot DIR/out.txt would replace detections DIR/out.partial.txt",
		"--detections DIR/c.txt --motion DIR/gmc.txt --mot DIR/gmc.txt":         "mot DIR/gmc.txt would replace motion DIR/gmc.txt",
		"--detections DIR/s --motion a.txt --mot DIR/s/a":                       "mot DIR/s/a/a.txt would replace motion DIR/s/a/a.txt",
		"--detections DIR/c.txt --config DIR/best.yaml --jsonl DIR/best.yaml":   "jsonl DIR/best.yaml would replace config DIR/best.yaml",
		"--detections DIR/c.txt --mot DIR/o.txt --jsonl DIR/o.partial.txt":      "jsonl DIR/o.partial.txt would replace mot DIR/o.txt",
		"--detections DIR/c.txt --mot DIR/c.jsonl --jsonl DIR/dets/../c.txt -q": "would replace detections DIR/c.txt",
	} {
		dir := put(t, before)
		if err := os.Symlink("dets", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		in := func(text string) []string { return strings.Fields(strings.ReplaceAll(text, "DIR", dir)) }
		got := execCommand(newTrackCommand(), nil, in(args)...)
		if want == "" && got.err != nil || want != "" && (exitCode(got.err) != exitUsage || !strings.Contains(got.err.Error(), strings.Join(in(want), " "))) {
			t.Errorf("%s: %v", args, got.err)
		}
		for name, text := range before {
			if read(t, dir, name) != text {
				t.Errorf("%s: %s was replaced", args, name)
			}
		}
	}
}

// TestTrackMOT15 repeats the SORT paper's numbers from files to scores.
func TestTrackMOT15(t *testing.T) {
	dir := data(t, "mot/MOT15-train")
	out, gt := t.TempDir(), t.TempDir()
	for _, seq := range []string{"TUD-Campus", "ETH-Sunnyday", "ETH-Pedcross2", "ADL-Rundle-8", "Venice-2", "KITTI-17"} {
		abs, err := filepath.Abs(filepath.Join(dir, seq))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(abs, filepath.Join(gt, seq)); err != nil {
			t.Fatal(err)
		}
		got := execCommand(newTrackCommand(), nil, "--quiet", "--tracker", "sort",
			"--detections", filepath.Join(abs, "det", "det.txt"), "--mot", filepath.Join(out, seq+".txt"))
		if got.err != nil {
			t.Fatal(got.err)
		}
	}
	got := execCommand(newEvalCommand(), nil, "--json", "--benchmark", "mot15", "--gt", gt, "--results", out)
	if got.err != nil {
		t.Fatal(got.err)
	}
	combined := scores(t, got.stdout)["COMBINED"]
	for key, want := range map[string]float64{"IDSW": 274, "FP": 3311, "FN": 11660, "Frag": 499} {
		if combined[key] != want {
			t.Errorf("%s = %v, want %v", key, combined[key], want)
		}
	}
	for key, want := range map[string]string{"HOTA": "34.569", "IDF1": "43.469", "MOTA": "34.0"} {
		decimals := len(want) - len("34.")
		if v := fmt.Sprintf("%.*f", decimals, 100*combined[key]); v != want {
			t.Errorf("%s = %v, want %v", key, v, want)
		}
	}
}

// A folder of sequences gives a folder of results, which eval takes.
func TestTrackFolder(t *testing.T) {
	dir := put(t, map[string]string{
		"in/a/det/det.txt": walk(6), "in/b/det/det.txt": walk(9), "in/b/gmc.txt": "2,1,0,0,0,1,0\n", "in/a/gmc.txt": "",
		"in/a/gt/gt.txt": walk(6), "in/b/gt/gt.txt": walk(9), "other/c/det/boxes.txt": walk(3),
	})
	got := execCommand(newTrackCommand(), nil, "--detections", dir+"/in", "--mot", dir+"/out", "--motion", "gmc.txt", "--fps", "25", "--tracker", "sort")
	if got.err != nil || !strings.Contains(got.stderr, "a: 6 frames") || !strings.Contains(got.stderr, "15 frames, 15 detections") {
		t.Fatalf("error %v: %s", got.err, got.stderr)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if rows, err := mot.ReadFile(dir + "/out/" + name); err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
	got = execCommand(newTrackCommand(), nil, "--detections", dir+"/other", "--mot", dir+"/out2")
	if exitCode(got.err) != exitFailed || !strings.Contains(got.err.Error(), "--det-name") {
		t.Errorf("a folder without det.txt: %v", got.err)
	}
	got = execCommand(newTrackCommand(), nil, "--detections", dir+"/other", "--mot", dir+"/out2", "--det-name", "boxes.txt", "-q")
	if got.err != nil || got.stderr != "" {
		t.Errorf("--det-name: %v: %s", got.err, got.stderr)
	}
}

func TestTrackLeavesOutBoxes(t *testing.T) {
	dir := put(t, map[string]string{"det.txt": "1,-1,0,0,10,20,1\n1,-1,50,0,40,20,1\n1,-1,200,0,5,5,1\n"})
	got := execCommand(newTrackCommand(), nil, "--detections", dir+"/det.txt", "--mot", "-", "--min-hits", "0", "--tracker", "sort",
		"--min-area", "100", "--max-aspect", "1.6", "--fps", "25", "-q")
	if got.err != nil || strings.Count(got.stdout, "\n") != 1 || !strings.Contains(got.stdout, ",0.00,0.00,10.00,20.00") {
		t.Errorf("error %v, output %q", got.err, got.stdout)
	}
}

// TestTrackOffline: a gap is filled with boxes of the lesser score beside it, also
// in a sequence of which frames are left out, and only when asked for.
func TestTrackOffline(t *testing.T) {
	gap := walk(40)
	for _, f := range []int{19, 20, 21, 22, 23, 24} {
		gap = regexp.MustCompile(fmt.Sprintf(`(?m)^%d,.*\n`, f)).ReplaceAllString(gap, "")
	}
	for _, tc := range []struct {
		args  string
		rows  int
		score float64 // of those filled in
	}{
		{"", 34, 0}, {"--offline", 40, 0.9}, {"--offline --stride 2", 20, 0.91},
		{"--offline --tracker bytetrack", 40, 0.9}, {"--offline --min-area 1e6", 0, 0},
	} {
		args := append([]string{"--detections", "-", "--mot", "-", "--fps", "20"}, strings.Fields(tc.args)...)
		got := execCommand(newTrackCommand(), strings.NewReader(gap), args...)
		rows, err := mot.Read(strings.NewReader(got.stdout))
		if got.err != nil || err != nil || len(rows) != tc.rows {
			t.Errorf("%q: %v, %v, %d rows, want %d", tc.args, got.err, err, len(rows), tc.rows)
			continue
		}
		for _, r := range rows {
			if r.ID != 1 || r.Frame > 18 && r.Frame < 25 && r.Conf != tc.score {
				t.Errorf("%q: %+v", tc.args, r)
			}
			if iou := r.Box().IoU(mot.Row{Left: 5 * float64(r.Frame), Top: 20, Width: 40, Height: 80}.Box()); iou < 0.8 {
				t.Errorf("%q: frame %d: overlap %.2f with where it was", tc.args, r.Frame, iou)
			}
		}
		if offline := strings.Contains(got.stderr, "and offline alone"); offline != (tc.args != "") {
			t.Errorf("%q: summary %q", tc.args, got.stderr)
		}
	}
}
