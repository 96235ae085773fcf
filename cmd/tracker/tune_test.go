//go:build gocv_specific_modules

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track"
)

// hiding is people who walk past pillars: each is unseen for a second, again and
// again. Three sequences at 10 frames a second, with their truth.
func hiding() map[string]string {
	files := map[string]string{}
	for _, seq := range []string{"a", "b", "c"} {
		rng := rand.New(rand.NewPCG(uint64(seq[0]), 1))
		var det, gt strings.Builder
		for frame := 1; frame <= 150; frame++ {
			for id := 1; id <= 3; id++ {
				x, y := float64(3*frame), float64(150*id)
				fmt.Fprintf(&gt, "%d,%d,%.1f,%.1f,40,80,1,1,1\n", frame, id, x, y)
				if (frame+10*id)%40 >= 10 {
					fmt.Fprintf(&det, "%d,-1,%.1f,%.1f,40,80,%.2f\n", frame, x+rng.NormFloat64(), y+rng.NormFloat64(), 0.7+0.25*rng.Float64())
				}
			}
		}
		files[seq+"/det/det.txt"], files[seq+"/gt/gt.txt"] = det.String(), gt.String()
		files[seq+"/seqinfo.ini"] = "[Sequence]\nframeRate=10\nseqLength=150\n"
	}
	return files
}

func tune(args ...string) execution { return execCommand(newTuneCommand(), nil, args...) }

// figures are the numbers of a row of the table.
func figures(t *testing.T, table, row string) (list []float64) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + row + ` .*$`).FindString(table)
	for _, word := range strings.Fields(line)[len(strings.Fields(row)):] {
		if v, err := strconv.ParseFloat(word, 64); err == nil && len(list) < 3 {
			list = append(list, v)
		}
	}
	if len(list) != 3 {
		t.Fatalf("no row %q with three numbers in\n%s", row, table)
	}
	return list
}

// Tuning finds what the scene needs, says what it is worth on the sequences it did
// not see, and writes what 'tracker track --config' repeats and eval confirms.
func TestTune(t *testing.T) {
	dir := put(t, hiding())
	out := filepath.Join(dir, "best.yaml")
	got := tune(dir, "--gt", dir, "--tracker", "sort,ocsort", "--trials", "120", "--out", out, "--metric", "idf1")
	if got.err != nil {
		t.Fatal(got.err)
	}
	best, held := figures(t, got.stdout, "mean"), figures(t, got.stdout, "held out")
	if best[2] < 20 || held[2] < 20 || math.Abs(best[1]-best[0]-best[2]) > 0.011 || !strings.HasPrefix(got.stdout, "IDF1, mean over 3 sequences, 120 trials in ") {
		t.Errorf("gain %v, held out %v:\n%s", best, held, got.stdout)
	}
	if text := read(t, out); !strings.Contains(text, fmt.Sprintf("# Of each sequence with settings chosen on the others: %.2f.\n", held[1])) {
		t.Errorf("held out %v, and the file says %s", held, text)
	}
	c := config.Default()
	if _, err := config.Load(out, &c); err != nil || c.Tracker.Validate() != nil || c.Tracker.Name == "" {
		t.Fatalf("%v: %+v", err, c.Tracker)
	}
	if got := execCommand(newTrackCommand(), nil, dir, "--mot", dir+"/out", "--config", out, "-q"); got.err != nil {
		t.Fatal(got.err)
	}
	got = execCommand(newEvalCommand(), nil, "--json", "--gt", dir, "--results", dir+"/out")
	table := scores(t, got.stdout)
	if again := 100 * (table["a"]["IDF1"] + table["b"]["IDF1"] + table["c"]["IDF1"]) / 3; math.Abs(again-best[1]) > 0.006 {
		t.Errorf("tune says %v, eval of track says %.4f", best[1], again)
	}
}

// Equal seeds give equal results, whatever the order in which trials come to an end.
func TestTuneIsDeterministic(t *testing.T) {
	dir := put(t, hiding())
	results := func(seed string) string {
		got := tune(dir, "--gt", dir, "--trials", "60", "--seed", seed, "--out", dir+"/best.yaml", "-q")
		if got.err != nil || got.stderr != "" {
			t.Fatal(got.err, got.stderr)
		}
		text, err := os.ReadFile(dir + "/best.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(` in \S+`).ReplaceAllString(got.stdout, "") + string(text)
	}
	first := results("7")
	if second := results("7"); first != second {
		t.Errorf("first\n%s\nthen\n%s", first, second)
	}
	if results("8") == first {
		t.Error("the seed changes nothing")
	}
}

// Of settings that score the same, the table shows those that the file has.
func TestTuneTableHasWhatIsWritten(t *testing.T) {
	usual, narrow, wide := defaultsOf("sort"), defaultsOf("sort"), defaultsOf("sort")
	narrow.MaxGap, wide.MaxGap = time.Second, 2*time.Second // the first is before in the order of flags
	s := &search{
		start: usual, climbs: []climb{{without: all, best: wide, score: 0.9}},
		scores: map[contender][]float64{usual: {0.5}, narrow: {0.9}, wide: {0.9}},
	}
	var b strings.Builder
	tuning := tuning{stdout: &b, trackers: []string{"sort"}, lessons: []*lesson{{name: "a"}}, metric: "HOTA"}
	if err := tuning.report(s, time.Second); err != nil || !strings.Contains(b.String(), wide.flags()+"\n") {
		t.Errorf("%v; the file has %s\n%s", err, wide.yaml(), b.String())
	}
}

// A record is tuned on the settings of its run, and only with those that its
// detections allow.
func TestTuneRecord(t *testing.T) {
	var gt strings.Builder // of every frame; the record has every third
	for frame := range 58 {
		fmt.Fprintf(&gt, "%d,1,%.2f,20,40,80,1,1,1\n", frame+1, 5+5*float64(frame)/3)
	}
	dir := put(t, map[string]string{"gt.txt": gt.String()})
	rec := filepath.Join(dir, "street.rec")
	if err := os.WriteFile(rec, walkRecord(t, 20), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tune(rec, "--gt", dir+"/gt.txt", "--trials", "40")
	if got.err != nil || !strings.Contains(got.stderr, "one sequence: settings that fit it best may fit no other") || strings.Contains(got.stdout, "held out") ||
		figures(t, got.stdout, "mean")[1] < 95 {
		t.Fatalf("%v: %s\n%s", got.err, got.stderr, got.stdout)
	}
	l := lesson{header: &record.Header{Conf: 0.9, Least: 0.1}}
	for conf, want := range map[float64]bool{0.8: true, 0.61: true, 0.59: false, config.Unset: true} {
		c := defaultsOf("tempo")
		if c.Conf = conf; l.admits(c) != want {
			t.Errorf("conf %g is admitted: %v", conf, !want)
		}
	}
}

// The search stops at the end of its time or when it is told to, and keeps the best.
func TestTuneStops(t *testing.T) {
	dir := put(t, hiding())
	out := filepath.Join(dir, "best.yaml")
	got := tune(dir, "--gt", dir, "--budget", "1s", "--out", out, "-q")
	if got.err != nil || figures(t, got.stdout, "mean")[1] == 0 {
		t.Fatalf("%v: %s", got.err, got.stdout)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(time.Second, cancel) // as Ctrl-C does
	cmd := newTuneCommand()
	cmd.SetContext(ctx)
	got = execCommand(cmd, nil, dir, "--gt", dir, "--trials", "1000000", "--out", out, "-q")
	if exitCode(got.err) != exitInterrupted || !strings.Contains(got.err.Error(), "interrupted after ") {
		t.Fatalf("exit code %d, %v", exitCode(got.err), got.err)
	}
	c := config.Default()
	if _, err := config.Load(out, &c); err != nil {
		t.Error(err)
	}
}

func TestTuneRefuses(t *testing.T) {
	files := hiding()
	files["a.partial.txt"] = files["a/det/det.txt"]
	dir := put(t, files)
	for args, want := range map[string]string{
		"--gt DIR":                                     "nothing to tune on",
		"DIR":                                          "no ground truth",
		"DIR --gt DIR --metric AP":                     "--metric AP: want one of HOTA, MOTA, IDF1",
		"DIR --gt DIR --tracker deep":                  "--tracker deep: want one of bytetrack",
		"DIR --gt DIR --trials 0":                      "--trials 0",
		"DIR --gt DIR --budget 0s":                     "--budget 0s",
		"DIR --gt DIR --benchmark x":                   "--benchmark",
		"DIR --gt DIR --det-name none.txt":             "there is no <sequence>/det/none.txt",
		"DIR --gt DIR/a":                               "has none for b",
		"DIR --gt DIR --out DIR/no/b.yaml":             "does not exist",
		"DIR DIR --gt DIR":                             "are both called a",
		"DIR --gt DIR --out DIR/b/gt/gt.txt":           "gt.txt would replace gt",
		"DIR/a.partial.txt --gt DIR/a --out DIR/a.txt": "a.txt would replace detections",
	} {
		got := tune(append([]string{"--trials=5"}, strings.Fields(strings.ReplaceAll(args, "DIR", dir))...)...)
		if got.err == nil || !strings.Contains(got.err.Error(), want) {
			t.Errorf("%s: %v", args, got.err)
		}
	}
}

// A dial stands where it was put, within its grain, from end to end.
func TestDials(t *testing.T) {
	for _, d := range dials {
		if d.value(0) != d.low || d.value(1) != d.high || d.value(-3) != d.low || d.value(9) != d.high {
			t.Errorf("%s goes from %g to %g, want %g to %g", d.name, d.value(0), d.value(1), d.low, d.high)
		}
		for share := 0.0; share <= 1; share += 0.01 {
			v := d.value(share)
			if again := d.value(d.share(v)); again != v {
				t.Errorf("%s: %g became %g", d.name, v, again)
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		for _, name := range track.Names() {
			c := random(rng, name)
			near := append(neighbours(c, 0.5, 0.25), c)
			for _, c := range near {
				if _, _, err := trackerConfig(c.Tracker); err != nil || c.Validate() != nil {
					t.Fatalf("%s: %v, %v", c.flags(), err, c.Validate())
				}
			}
			if slices.Contains(near[:len(near)-1], c) {
				t.Fatalf("%s is its own neighbour", c.flags())
			}
		}
	}
}
