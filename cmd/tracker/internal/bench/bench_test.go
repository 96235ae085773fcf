package bench

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLatencyIsNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := 100; i >= 1; i-- {
		hundred = append(hundred, time.Duration(i)*time.Millisecond)
	}
	for _, tc := range []struct {
		name    string
		samples []time.Duration
		want    Latency
	}{
		{"none", nil, Latency{}},
		{"one", []time.Duration{3 * time.Millisecond}, Latency{3, 3}},
		{"two", []time.Duration{9 * time.Millisecond, 3 * time.Millisecond}, Latency{3, 9}},
		{"twenty: the last but one", hundred[80:], Latency{10, 19}},
		{"hundred", hundred, Latency{50, 95}},
	} {
		if got := NewLatency(slices.Clone(tc.samples)); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// One bad round moves no figure, but the spread tells of it.
func TestSettleTakesMedians(t *testing.T) {
	good := Round{Frames: 50, Network: Latency{8, 9}, Frame: Latency{10, 12}, FPS: 150, Memory: 40e6}
	bad := Round{Frames: 10, Network: Latency{30, 90}, Frame: Latency{35, 99}, FPS: 20, Memory: 41e6}
	var r Result
	r.Settle([]Round{good, bad, good})
	want := good
	want.Frames = 110
	if r.P95Least != 12 || r.P95Most != 99 {
		t.Errorf("p95 from %g to %g ms, want 12 to 99", r.P95Least, r.P95Most)
	}
	if r.Round != want || r.Spread != 2.5 {
		t.Errorf("%+v with spread %g, want %+v with 2.5", r.Round, r.Spread, want)
	}
	r.Settle([]Round{{FPS: 10}, {FPS: 20}})
	if r.FPS != 15 || r.Spread != 0 {
		t.Errorf("two rounds: %g FPS, spread %g", r.FPS, r.Spread)
	}
}

// result is a model of given frame p95 (ms) and HOTA; negative for not known.
func result(name string, p95, hota float64) Result {
	r := Result{Model: name, Width: 320, Height: 320, Round: Round{Frames: 1000, Frame: Latency{p95 * 0.9, p95}}}
	if hota >= 0 {
		r.Tracking = &Tracking{HOTA: hota}
	}
	return r
}

func TestFront(t *testing.T) {
	for _, tc := range []struct {
		name   string
		models []Result
		front  string
	}{
		{"alone", []Result{result("a", 5, 0.3)}, "a"},
		{"slower and better", []Result{result("a", 5, 0.3), result("b", 9, 0.4)}, "a b"},
		{"slower and worse", []Result{result("a", 5, 0.3), result("b", 9, 0.2)}, "a"},
		{"as fast and worse", []Result{result("a", 5, 0.3), result("b", 5, 0.2)}, "a"},
		{"as good and slower", []Result{result("a", 5, 0.3), result("b", 6, 0.3)}, "a"},
		{"twins", []Result{result("a", 5, 0.3), result("b", 5, 0.3)}, "a b"},
		{"not known", []Result{result("a", 5, -1), result("b", 9, 0.1)}, "b"},
		{"nothing known", []Result{result("a", 5, -1)}, ""},
		{"measured as nothing", []Result{result("a", 5, 0)}, "a"},
		{"a bend inwards", []Result{result("a", 5, 0.3), result("b", 6, 0.31), result("c", 7, 0.6)}, "a b c"},
	} {
		report := Report{Models: tc.models}
		report.Judge()
		var front []string
		for _, r := range report.Models {
			if r.Front {
				front = append(front, r.Model)
			}
		}
		if got := strings.Join(front, " "); got != tc.front {
			t.Errorf("%s: front %q, want %q", tc.name, got, tc.front)
		}
	}
}

func TestMetricIsTheBestThatIsKnown(t *testing.T) {
	tracked, listed := result("a", 5, 0.3), Result{Model: "b", AP50: 0.5}
	for _, tc := range []struct {
		models []Result
		want   Metric
	}{
		{[]Result{tracked, listed}, HOTA}, {[]Result{listed}, AP50}, {[]Result{{Model: "c"}}, Unknown},
	} {
		report := Report{Models: tc.models}
		if report.Judge(); report.Metric != tc.want {
			t.Errorf("%v: metric %q, want %q", tc.models, report.Metric, tc.want)
		}
	}
}

// Who wants people alone is told by how well people are found, where that is known.
func TestMetricFitsTheClasses(t *testing.T) {
	all, people := Result{Model: "all", AP50: 0.455, PersonAP50: 0.601}, Result{Model: "people", AP50: 0.450, PersonAP50: 0.630}
	all.Frames, people.Frames = 1000, 1000
	silent := Result{Model: "silent", AP50: 0.4, Round: Round{Frames: 1000}}
	for _, tc := range []struct {
		classes []string
		models  []Result
		metric  Metric
		choice  string
		notes   []string
	}{
		{nil, []Result{all, people}, AP50, "all", nil},
		{[]string{" Person"}, []Result{all, people}, PersonAP50, "people", nil},
		{[]string{"person"}, []Result{all, people, silent}, PersonAP50, "people", []string{"no person AP50 of silent"}},
		{[]string{"person"}, []Result{silent}, AP50, "silent", []string{"mean over all classes, not of person;"}},
		{[]string{"car", "person"}, []Result{all, people}, AP50, "all", []string{"mean over all classes, not of car, person;"}},
	} {
		report := Report{Models: slices.Clone(tc.models), Classes: tc.classes, Budget: 33}
		report.Judge()
		if report.Metric != tc.metric || report.Choice.Model != tc.choice {
			t.Errorf("%q: metric %q, choice %q, want %q and %q", tc.classes, report.Metric, report.Choice.Model, tc.metric, tc.choice)
		}
		wantNotes(t, report.Notes, tc.notes...)
	}
}

// A choice that one more round could turn is told as that.
func TestRoundsThatDoNotAgree(t *testing.T) {
	between := func(name string, least, p95, most, hota float64) Result {
		r := result(name, p95, hota)
		r.P95Least, r.P95Most = least, most
		return r
	}
	steady, chosen := between("steady", 9, 10, 11, 0.3), between("chosen", 19, 20, 21, 0.5)
	for _, tc := range []struct {
		name   string
		models []Result
		want   []string
	}{
		{"all steady", []Result{steady, chosen}, nil},
		{"the choice was too slow once", []Result{steady, between("shaky", 19, 20, 40, 0.5)}, []string{"keeps to 33 ms: shaky at 320 (p95 19.0 to 40.0 ms);"}},
		{"a better one was fast enough once", []Result{chosen, between("shut out", 12, 80, 90, 0.6)}, []string{"33 ms: shut out at 320 (p95 12.0 to 90.0 ms);"}},
		{"a worse one does not matter", []Result{chosen, between("worse", 12, 80, 90, 0.4)}, nil},
		{"none fits, one did once", []Result{between("shut out", 12, 80, 90, 0.6)}, []string{"33 ms: shut out"}},
		{"always too slow", []Result{chosen, between("slow", 34, 80, 90, 0.6)}, nil},
	} {
		report := Report{Models: tc.models, Budget: 33}
		report.Judge()
		t.Run(tc.name, func(t *testing.T) { wantNotes(t, report.Notes, tc.want...) })
	}
}

func TestChoice(t *testing.T) {
	models := []Result{result("fast", 5, 0.3), result("blind", 6, -1), result("good", 20, 0.5), result("slow", 40, 0.6)}
	for _, tc := range []struct {
		budget float64
		want   Choice
		answer string
	}{
		{33, Choice{Model: "good", Width: 320, Height: 320, Spare: 13}, "For 33 ms a frame: --backbone good --size 320. HOTA 50.0; 20.0 ms at p95, 13.0 ms (39 %) below the budget."},
		{40, Choice{Model: "slow", Width: 320, Height: 320}, "--backbone slow --size 320. HOTA 60.0; 40.0 ms at p95, 0.0 ms (0 %) below"},
		{19.99, Choice{Model: "fast", Width: 320, Height: 320, Spare: 14.99}, "--backbone fast --size 320."},
		{4, Choice{Spare: -1}, "No model fits 4 ms a frame: the fastest, fast at 320, takes 5.0 ms at p95, 1.0 ms too long"},
	} {
		report := Report{Models: slices.Clone(models), Budget: tc.budget}
		report.Judge()
		got := *report.Choice
		if !strings.Contains(got.Answer, tc.answer) {
			t.Errorf("%g ms: %q, want %q", tc.budget, got.Answer, tc.answer)
		}
		if got.Answer = ""; math.Abs(got.Spare-tc.want.Spare) > 1e-9 {
			t.Errorf("%g ms: %g ms to spare, want %g", tc.budget, got.Spare, tc.want.Spare)
		}
		if got.Spare = tc.want.Spare; got != tc.want {
			t.Errorf("%g ms: %+v, want %+v", tc.budget, got, tc.want)
		}
	}
	report := Report{Models: []Result{result("blind", 5, -1), result("good", 50, 0.5)}, Budget: 10}
	if report.Judge(); report.Choice.Model != "" || !strings.Contains(report.Choice.Answer, "1 of 2 models fit 10 ms a frame, but the accuracy of none") {
		t.Errorf("only a model of unknown accuracy fits: %+v", report.Choice)
	}
}

func TestDoubts(t *testing.T) {
	quiet, loud, brief := result("quiet", 5, 0.3), result("loud", 6, 0.3), result("brief", 7, 0.3)
	loud.Spread, brief.Frames = 0.4, 20
	other := result("other", 8, -1)
	report := Report{Models: []Result{quiet, loud, brief, other}}
	report.Judge()
	wantNotes(t, report.Notes, "rounds differ by up to 40 % (loud at 320)", "fewer than 100 frames (brief at 320)", "no HOTA of other at 320")

	a, b := Result{Model: "a", AP50: 0.4, AP50Data: "coco"}, Result{Model: "b", AP50: 0.5, AP50Data: "own"}
	a.Frames, b.Frames = 1000, 1000
	report = Report{Models: []Result{a, b}}
	report.Judge()
	wantNotes(t, report.Notes, "different pictures (coco; own)")

	// The same pictures at each model's own input size are no others.
	small, large := Result{Model: "small", Width: 416, Height: 416, AP50: 0.4, AP50Data: "own at 416x416"}, Result{Model: "large", Width: 448, Height: 320, AP50: 0.5, AP50Data: "own at 448x320"}
	small.Frames, large.Frames = 1000, 1000
	report = Report{Models: []Result{small, large}}
	report.Judge()
	wantNotes(t, report.Notes)

	report = Report{Models: []Result{result("lost", 5, 0)}}
	report.Judge()
	wantNotes(t, report.Notes, "is --gt that of --input")
}

func wantNotes(t *testing.T, notes []string, want ...string) {
	t.Helper()
	if len(notes) != len(want) {
		t.Fatalf("notes %q, want %d", notes, len(want))
	}
	for i, w := range want {
		if !strings.Contains(notes[i], w) {
			t.Errorf("note %q, want %q", notes[i], w)
		}
	}
}

func TestTableAndJSON(t *testing.T) {
	a, b := result("a", 5, 0.314), result("b", 50, -1)
	a.Precision, a.File = "int8", 3_400_000
	report := Report{Machine: "Some CPU", Device: "cpu", Threads: 2, Workers: 2, WorkerThreads: 1, Rounds: 5, Budget: 33, Models: []Result{b, a}}
	report.Judge()
	var text bytes.Buffer
	if err := report.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	if fields := strings.Fields(lines[5]); !reflect.DeepEqual(fields, []string{"a", "320", "int8", "3.4", "0.0", "0.0", "4.5", "5.0", "0.0", "31.4", "0.0", "0.0", "0", "*"}) {
		t.Errorf("first row %q", fields)
	}
	for _, unwanted := range []string{"AP50", "MEMORY"} {
		if strings.Contains(lines[4], unwanted) {
			t.Errorf("a column that nobody has a value for is in %q", lines[4])
		}
	}
	if !strings.Contains(text.String(), "For 33 ms a frame: --backbone a --size 320") {
		t.Errorf("no answer in\n%s", text.String())
	}
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, report) {
		t.Errorf("JSON gives back %+v (%v), want %+v", back, err, report)
	}
}

// A crowd of points with long names finds room for each name.
func TestLabelsDoNotOverlap(t *testing.T) {
	frame := rect{0, 0, 600, 380}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var points []labelled
		for range 14 {
			points = append(points, labelled{20 + 560*random.Float64(), 20 + 340*random.Float64(), 110, 11})
		}
		const marker = 8
		places := placeLabels(points, marker, nil, frame)
		for i, a := range places {
			if a.outside(frame) > 1e-6 {
				t.Errorf("label %v is cut off", a)
			}
			for _, b := range places[i+1:] {
				if a.overlap(b) > 1e-6 {
					t.Errorf("labels %v and %v overlap", a, b)
				}
			}
			for _, p := range points {
				if a.overlap(rect{p.x - marker/2, p.y - marker/2, p.x + marker/2, p.y + marker/2}) > 1e-6 {
					t.Errorf("label %v covers the point at %g,%g", a, p.x, p.y)
				}
			}
		}
	}
}

func TestLogTicks(t *testing.T) {
	var labels []string
	for _, tick := range logTicks(0.4, 60) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, " "); got != "0.5 1 2 5 10 20 50" {
		t.Errorf("ticks %q", got)
	}
}

func TestPlotIsAPicture(t *testing.T) {
	for _, models := range [][]Result{
		{result("alone", 5, 0.3)},
		{result("fast", 5, 0.3), result("near", 9, 0.35), result("blind", 10, -1)},
		{result("fast", 5, 0.3), result("slow", 90, 0.35)},
	} {
		report := Report{Models: models, Budget: 33}
		report.Judge()
		var b bytes.Buffer
		if err := report.Plot(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); size.X < 1000 || size.Y < 700 {
			t.Errorf("the picture has %v pixels", size)
		}
	}
	report := Report{Models: []Result{result("blind", 5, -1)}}
	report.Judge()
	if err := report.Plot(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "--gt") {
		t.Errorf("nothing to plot: %v", err)
	}
}
