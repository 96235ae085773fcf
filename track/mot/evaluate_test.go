package mot_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/mot"
)

// at is a box of 10×10 pixels at x, as truth of a pedestrian.
func at(frame, id int, x float64) mot.Row {
	return mot.Row{Frame: frame, ID: id, Left: x, Width: 10, Height: 10, Conf: 1, Class: 1, Visibility: 1}
}

func evaluate(t *testing.T, gt, results []mot.Row, opt mot.Options) mot.Result {
	t.Helper()
	r, err := mot.Evaluate(gt, results, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestIdentitySwitch works an example by hand: one person over four frames whom
// the tracker gives a new identity half way.
func TestIdentitySwitch(t *testing.T) {
	var gt, results []mot.Row
	for f := 1; f <= 4; f++ {
		gt = append(gt, at(f, 1, 0))
		results = append(results, at(f, 1+(f-1)/2, 0))
	}
	r := evaluate(t, gt, results, mot.Options{})
	s := r.Summary()
	if s.IDSW != 1 || s.FP != 0 || s.FN != 0 || s.TP != 4 || s.MT != 1 || s.Frag != 0 {
		t.Errorf("counts: %+v", s)
	}
	for name, figure := range map[string][2]float64{
		"MOTA": {s.MOTA, 0.75},           // 1 − 1/4
		"IDF1": {s.IDF1, 0.5},            // 2·2 / (4+4)
		"DetA": {s.DetA, 1},              //
		"AssA": {s.AssA, 0.5},            // each match: 2 / (4+2−2)
		"HOTA": {s.HOTA, math.Sqrt(0.5)}, //
		"LocA": {s.LocA, 1},              //
	} {
		if math.Abs(figure[0]-figure[1]) > tolerance {
			t.Errorf("%s = %v, want %v", name, figure[0], figure[1])
		}
	}
}

// Truth of one's own may have confidences: only 0 says that a row does not count.
// In the benchmarks it is a flag.
func TestConfidenceOfTruth(t *testing.T) {
	var gt []mot.Row
	for id, confidence := range []float64{0, 0.87, 1} {
		row := at(1, 1+id, 100*float64(id))
		row.Conf = confidence
		gt = append(gt, row)
	}
	for benchmark, want := range map[mot.Benchmark]int{mot.Generic: 2, mot.MOT15: 1, mot.MOT17: 1} {
		r := evaluate(t, gt, nil, mot.Options{Benchmark: benchmark})
		if s := r.Summary(); s.FN != want {
			t.Errorf("%v: %d rows of truth, want %d", benchmark, s.FN, want)
		}
	}
}

// TestGap checks fragmentation, and that CLEAR prefers the identity of the frame
// before to a slightly better overlap.
func TestGap(t *testing.T) {
	gt := []mot.Row{at(1, 1, 0), at(2, 1, 0), at(3, 1, 0), at(4, 1, 0)}
	results := []mot.Row{
		at(1, 5, 1),
		at(2, 5, 2), at(2, 6, 0), // 5 stays although 6 fits better
		at(3, 7, 100), // nothing near: a gap
		at(4, 5, 0),
	}
	c := evaluate(t, gt, results, mot.Options{}).CLEAR
	if c.TP != 3 || c.FN != 1 || c.FP != 2 || c.IDSW != 0 || c.Frag != 1 || c.PT != 1 {
		t.Errorf("%+v", c)
	}
}

func TestDistractors(t *testing.T) {
	class := func(r mot.Row, class int) mot.Row { r.Class, r.Conf = class, 0; return r }
	gt := []mot.Row{at(1, 1, 0), class(at(1, 2, 100), 7), class(at(1, 3, 200), 6), class(at(1, 4, 300), 3)}
	results := []mot.Row{at(1, 1, 0), at(1, 2, 100), at(1, 3, 200), at(1, 4, 300)}
	for bench, falseAlarms := range map[mot.Benchmark]int{
		mot.Generic: 3, mot.MOT15: 3,
		mot.MOT17: 2, mot.DanceTrack: 2, // the static person is forgiven
		mot.MOT20: 1, // and the bicycle
	} {
		c := evaluate(t, gt, results, mot.Options{Benchmark: bench}).CLEAR
		if c.TP != 1 || c.FP != falseAlarms || c.FN != 0 {
			t.Errorf("%v: %+v, want %d false alarms", bench, c, falseAlarms)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	one := []mot.Row{at(1, 1, 0)}
	bus := at(3, 8, 0)
	bus.Class = 4
	alien := at(3, 8, 0)
	alien.Class = 14
	tests := []struct {
		name        string
		gt, results []mot.Row
		opt         mot.Options
		want        string
	}{
		{"id twice", one, []mot.Row{at(2, 7, 0), at(2, 7, 50)}, mot.Options{}, "results: frame 2: id 7 is there twice"},
		{"id twice in truth", []mot.Row{at(2, 7, 0), at(1, 7, 0), at(2, 7, 50)}, one, mot.Options{}, "ground truth: frame 2: id 7 is there twice"},
		{"detections", one, []mot.Row{at(4, -1, 0)}, mot.Options{}, "results: frame 4: id -1 is negative; is this a file of detections?"},
		{"beyond the end", one, []mot.Row{at(11, 3, 0)}, mot.Options{Frames: 10}, "results: frame 11, id 3: the sequence has frames 1 to 10"},
		{"truth beyond the end", []mot.Row{at(11, 3, 0)}, one, mot.Options{Frames: 10}, "ground truth: frame 11, id 3"},
		{"frame 0", one, []mot.Row{at(0, 3, 0)}, mot.Options{}, "results: frame 0, id 3: frames count from 1"},
		{"negative frame", one, []mot.Row{at(-1, 3, 0)}, mot.Options{}, "results: frame -1, id 3"},
		{"class of a result", one, []mot.Row{bus}, mot.Options{Benchmark: mot.MOT15}, "results: frame 3, id 8: class 4; mot15 scores pedestrians only"},
		{"class of truth", []mot.Row{alien}, one, mot.Options{Benchmark: mot.MOT20}, "ground truth: frame 3, id 8: class 14; mot20 has classes 1 to 13"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := mot.Evaluate(test.gt, test.results, test.opt); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := mot.Evaluate(one, []mot.Row{bus}, mot.Options{}); err != nil {
		t.Errorf("generic data may have any class: %v", err)
	}
}

func TestBenchmarkNames(t *testing.T) {
	for name, want := range map[string]mot.Benchmark{
		"generic": mot.Generic, "MOT15": mot.MOT15, "mot16": mot.MOT17, "mot17": mot.MOT17,
		"MOT20": mot.MOT20, "DanceTrack": mot.DanceTrack,
	} {
		got, err := mot.ParseBenchmark(name)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := mot.ParseBenchmark("kitti"); err == nil ||
		!strings.Contains(err.Error(), `unknown benchmark "kitti": choose one of generic, mot15, mot17, mot20, dancetrack`) {
		t.Errorf("unknown name: %v", err)
	}
	for sequence, want := range map[string]mot.Benchmark{
		"MOT17-02-FRCNN": mot.MOT17, "MOT16-11": mot.MOT17, "MOT20-01": mot.MOT20,
		"dancetrack0001": mot.DanceTrack, "MOT15-x": mot.MOT15, "PETS09-S2L1": mot.Generic, "": mot.Generic,
	} {
		if got := mot.GuessBenchmark(sequence); got != want {
			t.Errorf("%q is guessed to be of %v, want %v", sequence, got, want)
		}
	}
}

// TestSummaryJSON keeps the names that scripts read.
func TestSummaryJSON(t *testing.T) {
	r := evaluate(t, []mot.Row{at(1, 1, 0)}, []mot.Row{at(1, 1, 0)}, mot.Options{})
	text, err := json.Marshal(r.Summary())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields("HOTA DetA AssA LocA MOTA MOTP IDF1 IDSW FP FN Frag MT PT ML") {
		want := 0.0
		if strings.HasPrefix(key, "M") && key != "ML" || strings.HasSuffix(key, "A") || key == "IDF1" {
			want = 1
		}
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s = %v, %v, want %v", key, v, ok, want)
		}
	}
}

// TestRowOrder: files are sorted by frame or by identity; it must not matter.
func TestRowOrder(t *testing.T) {
	dir := "testdata/trackeval/mot17-crowd"
	gt := readRows(t, filepath.Join(dir, "mot17-1.gt.txt"))
	results := readRows(t, filepath.Join(dir, "mot17-1.results.txt"))
	want := evaluate(t, gt, results, mot.Options{Benchmark: mot.MOT17})
	byFrame := make([]mot.Row, 0, len(results))
	for f := 1; f <= goldenFrames; f++ {
		for _, r := range results {
			if r.Frame == f {
				byFrame = append(byFrame, r)
			}
		}
	}
	got := evaluate(t, gt, byFrame, mot.Options{Benchmark: mot.MOT17})
	if !reflect.DeepEqual(got, want) {
		t.Error("the order of rows of different frames changes the score")
	}
}

func TestCombineNothing(t *testing.T) {
	if s := new(mot.Result).Summary(); s != (mot.Summary{}) {
		t.Errorf("zero result: %+v", s)
	}
	r := mot.Combine(nil)
	if s := r.Summary(); s.HOTA != 0 || s.MOTA != 0 || s.IDF1 != 0 || s.TP != 0 {
		t.Errorf("no sequences: %+v", s)
	}
}

// BenchmarkEvaluate scores the largest sequence of MOT17: 1,050 frames, 108,000
// rows of truth.
func BenchmarkEvaluate(b *testing.B) {
	dir := dataDir(b, "eval_parity")
	const name = "MOT17-04-FRCNN"
	gt := readRows(b, filepath.Join(dir, "gt", name, "gt", "gt.txt"))
	results := readRows(b, filepath.Join(dir, "results", name+".txt"))
	for b.Loop() {
		if _, err := mot.Evaluate(gt, results, mot.Options{Benchmark: mot.MOT17}); err != nil {
			b.Fatal(err)
		}
	}
}

// One person walks past a camera; the tracker loses her once and then takes her
// for somebody else.
func Example() {
	var gt, results []mot.Row
	for frame := 1; frame <= 10; frame++ {
		box := detect.FromLTWH(20*float64(frame), 50, 40, 100)
		gt = append(gt, mot.FromBox(frame, 1, box, 1))
		switch {
		case frame < 6:
			results = append(results, mot.FromBox(frame, 1, box, 0.9))
		case frame > 6:
			results = append(results, mot.FromBox(frame, 2, box, 0.9))
		}
	}
	r, err := mot.Evaluate(gt, results, mot.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := r.Summary()
	fmt.Printf("MOTA %.2f, IDF1 %.2f, HOTA %.2f\n", s.MOTA, s.IDF1, s.HOTA)
	fmt.Printf("%d switch, %d box missed\n", s.IDSW, s.FN)
	// Output:
	// MOTA 0.80, IDF1 0.53, HOTA 0.64
	// 1 switch, 1 box missed
}

// FuzzEvaluate: whatever the files hold, the score is an error or makes sense.
func FuzzEvaluate(f *testing.F) {
	f.Add("1,1,0,0,10,10,1,1,1\n2,1,5,0,10,10,1,7,1\n", "1,1,0,0,10,10\n2,3,5,0,10,10\n", 2, 0)
	f.Add("1,1,0,0,-10,10,1,1\n", "1,1,1e9,0,1e9,1e9\n", 1, 1)
	f.Fuzz(func(t *testing.T, truth, tracked string, bench, frames int) {
		gt, err := mot.Read(strings.NewReader(truth))
		if err != nil {
			return
		}
		results, err := mot.Read(strings.NewReader(tracked))
		if err != nil {
			return
		}
		r, err := mot.Evaluate(gt, results, mot.Options{Benchmark: mot.Benchmark(bench % 5), Frames: frames})
		if err != nil {
			return
		}
		s := r.Summary()
		for _, share := range []float64{s.HOTA, s.DetA, s.AssA, s.LocA, s.MOTP, s.IDF1, s.Recall, s.Precision} {
			if !(share >= 0 && share <= 1+tolerance) {
				t.Errorf("a share is %v: %+v", share, s)
			}
		}
		if s.TP+s.FN != s.GTDets || s.TP+s.FP != s.Dets || s.IDTP+s.IDFN != s.GTDets || s.MOTA > 1 {
			t.Errorf("the counts do not add up: %+v", s)
		}
	})
}
