//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// A person stands still, is hidden from frame 4 to 6, and is gone from frame 9 on;
// another stands in frame 5 where the first is expected, almost.
const passage = `1,-1,100,100,40,100,0.9
2,-1,100,100,40,100,0.9
2,-1,300,100,40,100,0.7
3,-1,100,100,40,100,0.9
3,-1,110,100,40,100,0.3
4,-1,100,100,40,100,0.05
5,-1,135,100,40,100,0.9
7,-1,100,100,40,100,0.9
7,-1,135,100,40,100,0.9
8,-1,100,100,40,100,0.9
8,-1,135,100,40,100,0.9
40,-1,500,100,40,100,0.9
`

func explain(t *testing.T, recording string, args ...string) execution {
	t.Helper()
	args = append([]string{"--detections", "-", "--fps", "10"}, args...)
	return execCommand(newExplainCommand(), strings.NewReader(recording), args...)
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"--id 1", `track 1: 5 detections, reported in 5 frames
frame 1 (0.00 s): track 1 was born of detection 1 at (100, 100) 40x100, score 0.90: no track was expected there
frame 1 (0.00 s): track 1 was confirmed: in the first frame all are
frame 4 (0.30 s): track 1 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 3 (0.20 s) at (100, 100) 40x100
frame 7 (0.60 s): track 1 was found again, 0.40 s after frame 3 (0.20 s): detection 1 at (100, 100) 40x100, score 0.90, similarity 0.95 of at least 0.12
frame 9 (0.80 s): track 1 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 8 (0.70 s) at (100, 100) 40x100
frame 24 (2.30 s): track 1 died: unseen for 1.60 s, over 1.50 s; last seen in frame 8 (0.70 s) at (100, 100) 40x100
`},
		{"--id 4", `track 4: 1 detection, reported in 1 frame
frame 40 (3.90 s): track 4 was born of detection 1 at (500, 100) 40x100, score 0.90: no track was expected there
frame 40 (3.90 s): track 4 was confirmed: score 0.90 of at least 0.80 leaves no doubt
frame 40 (3.90 s): the recording ends; track 4 was last seen in frame 40 (3.90 s) at (500, 100) 40x100
`},
		{"--frame 3", `frame 3 (0.20 s): 2 detections, 1 of them ignored; 1 track seen, 1 not
  track 2 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 2 (0.10 s) at (300, 100) 40x100
  track 2 died: it was missed after 1 detection, and being reported takes 2; last seen in frame 2 (0.10 s) at (300, 100) 40x100
  detection 2 at (110, 100) 40x100, score 0.30 was ignored: no track took it, and its score is 0.30, under 0.61, which starting a track asks for; it came closest to track 1 (overlap 0.60), which has detection 1
  track 1 was seen: detection 1 at (100, 100) 40x100, score 0.90, similarity 0.95 of at least 0.12
`},
		{"--frame 4", `frame 4 (0.30 s): 1 detection, 1 of them ignored; 0 tracks seen, 1 not
  track 1 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 3 (0.20 s) at (100, 100) 40x100
  detection 1 at (100, 100) 40x100, score 0.05 was ignored: its score is 0.05, under 0.09, the least that is looked at; it came closest to track 1 (overlap 1.00 with where it was last seen, in frame 3 (0.20 s))
`},
		{"--id 1 --frame 5", `frame 5 (0.40 s): track 1 was still not seen, since frame 3 (0.20 s): the best candidate, detection 1 at (135, 100) 40x100, score 0.90, had similarity 0.06, under 0.12
  last seen in frame 3 (0.20 s) at (100, 100) 40x100, the box that overlaps below refer to
  around: detection 1 at (135, 100) 40x100, score 0.90, overlap 0.07: started track 3
  before: frame 4 (0.30 s): track 1 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 3 (0.20 s) at (100, 100) 40x100
  next: frame 7 (0.60 s): track 1 was found again, 0.40 s after frame 3 (0.20 s): detection 1 at (100, 100) 40x100, score 0.90, similarity 0.95 of at least 0.12
`},
		{"--id 1 --frame 8", `frame 8 (0.70 s): track 1 was seen: detection 1 at (100, 100) 40x100, score 0.90, similarity 0.95 of at least 0.12
  around: detection 2 at (135, 100) 40x100, score 0.90, overlap 0.07: continued track 3, similarity 0.95 of at least 0.12
  before: frame 7 (0.60 s): track 1 was found again, 0.40 s after frame 3 (0.20 s): detection 1 at (100, 100) 40x100, score 0.90, similarity 0.95 of at least 0.12
  next: frame 9 (0.80 s): track 1 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 8 (0.70 s) at (100, 100) 40x100
`},
		{"--id 2 --frame 2", `frame 2 (0.10 s): track 2 was born of detection 2 at (300, 100) 40x100, score 0.70: no track was expected there
  the tracker does not report it in this frame: too few detections so far, or since it was missed
  next: frame 3 (0.20 s): track 2 was not seen: no detection that it may take overlaps where it was expected; last seen in frame 2 (0.10 s) at (300, 100) 40x100
`},
		{"--id 2 --frame 1", `frame 1 (0.00 s): track 2 is not yet born
  next: frame 2 (0.10 s): track 2 was born of detection 2 at (300, 100) 40x100, score 0.70: no track was expected there
`},
		{"--id 2 --frame 4", `frame 4 (0.30 s): track 2 is dead
  before: frame 3 (0.20 s): track 2 died: it was missed after 1 detection, and being reported takes 2; last seen in frame 2 (0.10 s) at (300, 100) 40x100
`},
		{"--id 4 --frame 40", `frame 40 (3.90 s): track 4 was born of detection 1 at (500, 100) 40x100, score 0.90: no track was expected there
frame 40 (3.90 s): track 4 was confirmed: score 0.90 of at least 0.80 leaves no doubt
  next: nothing until the recording ends in frame 40 (3.90 s)
`},
		{"--conf 0.1", `…40 frames, 11 detections, 4 tracks (3 reported) by tempo; 1 detection more below --conf
tracks born: 4
         3  where no track was expected
         1  too different from the closest track
`},
		{"--tracker sort --max-age 2 --id 1", "…frame 11 (1.00 s): track 1 died: unseen for 3 frames (0.30 s), over 2; last seen in frame 8"},
		{"--tracker bytetrack --frame 1", "…  track 1 was confirmed: in the first frame all are\n"},
		{"--tracker ocsort --frame 3", "…  detection 2 at (110, 100) 40x100, score 0.30 was ignored: its score is 0.30, under 0.60, the least that is looked at; it came"},
		{"--stride 3 --id 1", "…track 1: 2 detections, "}, // frames 1, 4, 7
	} {
		t.Run(tc.args, func(t *testing.T) {
			got := explain(t, passage, strings.Fields(tc.args)...)
			if got.err != nil || got.stderr != "" {
				t.Fatalf("error %v: %s", got.err, got.stderr)
			}
			part, isPart := strings.CutPrefix(tc.want, "…")
			if !strings.Contains(got.stdout, part) || !isPart && got.stdout != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got.stdout, tc.want)
			}
		})
	}
}

// told is an event as --json prints it.
type told struct {
	Kind, Reason, Words string
	Track, Detection    int
	RivalDetection      int `json:"rival_detection"`
	Value, Limit        float64
	Box                 [4]float64
}

func TestExplainJSON(t *testing.T) {
	var r struct {
		Frame  int
		Time   float64
		State  string
		Track  struct{ ID, Detections, Reported int }
		Events []told
		Around []struct{ Detection int }
		Next   struct{ Frame int }
	}
	got := explain(t, passage, "--id", "1", "--frame", "5", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.err != nil {
		t.Fatalf("%v, %v: %s", got.err, err, got.stdout)
	}
	if r.Frame != 5 || r.Time != 0.4 || r.State != "lost" || r.Track.ID != 1 || r.Track.Detections != 5 || r.Next.Frame != 7 ||
		len(r.Events) != 1 || len(r.Around) != 1 || r.Around[0].Detection != 1 {
		t.Fatalf("%+v", r)
	}
	e := r.Events[0]
	if e.Kind != "still lost" || e.Reason != "too different" || e.RivalDetection != 1 || math.Abs(e.Value-0.95/15) > 1e-9 || e.Limit != 0.12 ||
		e.Box != [4]float64{100, 100, 40, 100} || e.Words == "" {
		t.Errorf("%+v", e)
	}
	var all struct {
		Summary struct {
			Frames, Detections, Tracks int
			Events                     map[string]map[string]int
		}
	}
	got = explain(t, passage, "--json")
	if err := json.Unmarshal([]byte(got.stdout), &all); err != nil || got.err != nil {
		t.Fatalf("%v, %v: %s", got.err, err, got.stdout)
	}
	if s := all.Summary; s.Frames != 40 || s.Detections != 12 || s.Tracks != 4 || s.Events["ignored"]["low score"] != 1 || s.Events["died"]["expired"] != 2 {
		t.Errorf("%+v", s)
	}
}

func TestExplainRefuses(t *testing.T) {
	dir := put(t, map[string]string{"s/det/det.txt": passage})
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"--id 9", exitUsage, "--id 9: there is no such track; those that tempo makes of - are 1 to 4"},
		{"--id 0", exitUsage, "tracks count from 1"},
		{"--frame 41", exitUsage, "--frame 41: there is no such frame to track; those of - are 1 to 40"},
		{"--frame -1", exitUsage, "frames count from 1"},
		{"--frame 5 --stride 3", exitUsage, "--frame 5 is left out by --stride 3; the frame before it is 4"},
		{"--id 1 --conf 0.99", exitUsage, "--id 1: tempo starts no track in -"},
		{"--detections DIR/s", exitUsage, "is a folder; name the file of one sequence"},
		{"--detections DIR/none.txt", exitFailed, "none.txt"},
		{"--tracker deep", exitUsage, `no tracker "deep"`},
		{"stray", exitUsage, "stray and --detections -: give one or the other"},
	} {
		got := explain(t, passage, strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))...)
		if exitCode(got.err) != tc.code || !strings.Contains(got.err.Error(), tc.want) || got.stdout != "" {
			t.Errorf("%s: exit code %d, error %v, output %q; want %d, %q", tc.args, exitCode(got.err), got.err, got.stdout, tc.code, tc.want)
		}
	}
	if got := explain(t, "\n"); exitCode(got.err) != exitFailed {
		t.Errorf("an empty recording: %v", got.err)
	}
}

// What is explained of real recordings is what 'tracker track' does with them:
// the same tracks are seen, the boxes are those of the recording, and whoever is
// said to have taken a detection has it.
func TestExplainIsTrue(t *testing.T) {
	root := data(t, "mot/MOT17-val")
	for _, name := range track.Names() {
		for _, seq := range []string{"MOT17-02", "MOT17-05", "MOT17-11"} {
			t.Run(name+"/"+seq, func(t *testing.T) {
				det := filepath.Join(root, seq, "det", "yolox_x.txt")
				out := filepath.Join(t.TempDir(), "out.txt")
				if got := execCommand(newTrackCommand(), nil, "-q", "--detections", det, "--mot", out, "--tracker", name); got.err != nil {
					t.Fatal(got.err)
				}
				rows, results := byFrame(t, det), byFrame(t, out)
				for _, frame := range []int{1, 2, 57, 150, 290} {
					checkFrame(t, det, name, frame, rows[frame], results[frame])
				}
			})
		}
	}
}

func byFrame(t *testing.T, path string) map[int][]mot.Row {
	t.Helper()
	rows, err := mot.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frames := map[int][]mot.Row{}
	for _, r := range rows {
		frames[r.Frame] = append(frames[r.Frame], r)
	}
	return frames
}

func checkFrame(t *testing.T, det, tracker string, frame int, rows, results []mot.Row) {
	t.Helper()
	got := execCommand(newExplainCommand(), nil, "--json", "--detections", det, "--tracker", tracker, "--frame", fmt.Sprint(frame))
	var r struct {
		Events []told
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.err != nil {
		t.Fatalf("frame %d: %v, %v", frame, got.err, err)
	}
	listed, has := map[int]bool{}, map[int]int{} // detections; detection of a track
	for _, e := range r.Events {
		if e.Kind == "confirmed" || e.Kind == "died" {
			continue
		}
		if e.Detection > 0 {
			row := rows[e.Detection-1]
			want := [4]float64{row.Left, row.Top, row.Width, row.Height}
			for i := range want {
				if math.Abs(want[i]-e.Box[i]) > 0.006 {
					t.Errorf("frame %d: %s: box %v, row %v", frame, e.Words, e.Box, want)
				}
			}
			if listed[e.Detection] {
				t.Errorf("frame %d: detection %d is told twice", frame, e.Detection)
			}
			listed[e.Detection] = true
			if e.Track > 0 {
				has[e.Track] = e.Detection
			}
		}
		if tooSmall := e.Reason == "too different" || e.Reason == "low score" || e.Reason == "unsure"; tooSmall && e.Value > e.Limit {
			t.Errorf("frame %d: %s: %g is not under %g", frame, e.Words, e.Value, e.Limit)
		}
		if e.RivalDetection > 0 && e.Reason == "outbid" && !strings.Contains(e.Words, "dropped") {
			taker, similarity := 0, 0.0
			if _, err := fmt.Sscanf(e.Words[strings.Index(e.Words, "went to track"):], "went to track %d (similarity %f)", &taker, &similarity); err != nil {
				t.Fatalf("frame %d: %s: %v", frame, e.Words, err)
			}
			if !slices.ContainsFunc(r.Events, func(o told) bool {
				return o.Track == taker && o.Detection == e.RivalDetection && math.Abs(o.Value-similarity) < 0.006
			}) {
				t.Errorf("frame %d: %s: it has not", frame, e.Words)
			}
		}
	}
	if len(listed) != len(rows) {
		t.Errorf("frame %d: %d of %d detections are told", frame, len(listed), len(rows))
	}
	for _, o := range results {
		d, seen := has[o.ID]
		if !seen || rows[d-1].Box().IoU(o.Box()) < 0.3 {
			t.Errorf("frame %d: track %d is written at %v; explained by detection %d", frame, o.ID, o.Box(), d)
		}
	}
}
