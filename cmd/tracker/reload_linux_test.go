//go:build gocv_specific_modules

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// configEdits makes TestConfigEdits change the file so often.
const configEdits = "TRACKER_CONFIG_EDITS"

// reloadRun is the program with a configuration file that changes.
type reloadRun struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	done chan error
}

func startReloadRun(t *testing.T, settings string) *reloadRun {
	t.Helper()
	r := &reloadRun{t: t, dir: t.TempDir(), done: make(chan error, 1)}
	r.write(settings)
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r.cmd = command(r.dir, "--config", "run.yaml", "--display", "off")
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

func (r *reloadRun) write(settings string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "run.yaml"), []byte(settings), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reloadRun) log() string {
	text, _ := os.ReadFile(filepath.Join(r.dir, "log"))
	return string(text)
}

// await waits until the log has a text n times.
func (r *reloadRun) await(n int, text string) {
	r.t.Helper()
	r.until(fmt.Sprintf("%q %d times", text, n), func() bool { return strings.Count(r.log(), text) >= n })
}

func (r *reloadRun) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-r.done:
			r.t.Fatalf("the run ended (%v) before %s:\n%s", err, what, r.log())
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s:\n%s", what, r.log())
		}
	}
}

// lines reads results, complete or not.
func (r *reloadRun) lines() (all []resultLine) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "out.jsonl"))
	if err != nil {
		text, _ = os.ReadFile(filepath.Join(r.dir, "out.partial.jsonl"))
	}
	for line := range bytes.Lines(text) {
		var l resultLine
		if json.Unmarshal(line, &l) != nil {
			break // being written
		}
		all = append(all, l)
	}
	return all
}

// finish waits for the end of the run.
func (r *reloadRun) finish() {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(5 * time.Minute):
		r.t.Fatal("the run does not end")
	}
}

var inEffect = regexp.MustCompile(`msg="new settings in effect".*"frames before"=(\d+)`)

// starts are the numbers of frames after which new settings took effect.
func (r *reloadRun) starts() (at []int) {
	for _, m := range inEffect.FindAllStringSubmatch(r.log(), -1) {
		n, _ := strconv.Atoi(m[1])
		at = append(at, n)
	}
	return at
}

// The network is swapped in the middle of a real video: no frame is missing, and who
// is in the picture keeps the identity.
func TestHotSwapKeepsIdentities(t *testing.T) {
	video, _ := pedestrians(t)
	video, err := filepath.Abs(video)
	if err != nil {
		t.Fatal(err)
	}
	settings := "input: " + video + "\njsonl: out.jsonl\nclasses: person\nbackbone: "
	r := startReloadRun(t, settings+"mnasnet\n")
	r.until("200 frames", func() bool { return len(r.lines()) >= 200 })
	r.write(settings + "mobilenetv2\n")
	r.await(1, "new settings in effect")
	r.finish()
	lines := r.lines()
	if code := r.cmd.ProcessState.ExitCode(); code != exitOK || len(lines) != 795 {
		t.Fatalf("exit code %d, %d frames of 795:\n%s", code, len(lines), r.log())
	}
	for i, l := range lines {
		if l.Frame != i {
			t.Fatalf("line %d is frame %d", i, l.Frame)
		}
	}
	at := r.starts()[0]
	if at < 200 || at > 780 || !strings.Contains(r.log(), "new network tried beside the old") {
		t.Fatalf("swapped after %d frames:\n%s", at, r.log())
	}
	kept, of := keptIDs(lines[at-1], lines[at:at+10])
	usual, ofUsual := 0, 0
	for i := 100; i < len(lines)-10; i += 10 {
		n, m := keptIDs(lines[i-1], lines[i:i+10])
		usual, ofUsual = usual+n, ofUsual+m
	}
	t.Logf("swapped after %d frames: %d of %d people keep their ids; otherwise %d of %d", at, kept, of, usual, ofUsual)
	if of == 0 || float64(kept)/float64(of) < 0.75*float64(usual)/float64(ofUsual) {
		t.Error("identities are lost")
	}
}

// keptIDs counts the people in a picture who are in the next ones under the same
// identity and near the same place.
func keptIDs(last resultLine, next []resultLine) (kept, of int) {
	box := func(b [4]float64) detect.Box { return detect.Box{X1: b[0], Y1: b[1], X2: b[2], Y2: b[3]} }
	for _, was := range last.Tracks {
		of++
		if slices.ContainsFunc(next, func(l resultLine) bool {
			for _, is := range l.Tracks {
				if is.ID == was.ID && box(is.Box).IoU(box(was.Box)) > 0.3 {
					return true
				}
			}
			return false
		}) {
			kept++
		}
	}
	return kept, of
}

// Results go elsewhere in the middle of a real video: each frame is in one file, every
// file is complete, a record begun midway can be tracked, and a change that cannot be
// had changes nothing.
func TestOutputsChange(t *testing.T) {
	video, _ := pedestrians(t)
	video, err := filepath.Abs(video)
	if err != nil {
		t.Fatal(err)
	}
	settings := "input: " + video + "\njsonl: out.jsonl\nclasses: person\nmax-frames: 500\n"
	r := startReloadRun(t, settings+"mot: a.txt\nsave: a.avi\n")
	r.until("100 frames", func() bool { return len(r.lines()) >= 100 })
	r.write(settings + "mot: b.txt\nsave: b.avi\nrecord: b.dets\nlooks: 'off'\n")
	r.await(1, "new settings in effect")
	r.write(settings + "mot: none/c.txt\nsave: c.avi\n")
	r.await(1, "not taken over")
	seen := len(r.lines())
	r.until("more frames", func() bool { return len(r.lines()) >= seen+20 })
	r.write(settings + "save: b.avi\ntimings: c.csv\n")
	r.await(2, "new settings in effect")
	r.finish()
	if code := r.cmd.ProcessState.ExitCode(); code != exitOK || len(r.lines()) != 500 {
		t.Fatalf("exit code %d, %d frames:\n%s", code, len(r.lines()), r.log())
	}
	want := []string{"a.avi", "a.txt", "b.avi", "b.dets", "b.txt", "c.csv", "log", "out.jsonl", "run.yaml"}
	if got := files(t, r.dir); !slices.Equal(got, want) {
		t.Fatalf("files %v, want %v:\n%s", got, want, r.log())
	}
	at := r.starts()
	inVideo := func(name string) int { return countFrames(t, filepath.Join(r.dir, name)) }
	if a, b := inVideo("a.avi"), inVideo("b.avi"); a != at[0] || a+b != 500 {
		t.Errorf("videos of %d and %d frames, changed after %d", a, b, at[0])
	}
	if n := len(lines(t, filepath.Join(r.dir, "c.csv"))); n != 1+500-at[1] {
		t.Errorf("%d lines of times, changed after %d frames", n, at[1])
	}
	if n := len(read(t, r.dir, "b.dets")); n > 1000*(at[1]-at[0]) {
		t.Errorf("a record of %d frames without looks has %d bytes", at[1]-at[0], n)
	}
	// The MOT files have the tracks of the lines, those of each frame in one of them.
	count := map[string]int{}
	for i, l := range r.lines()[:at[1]] {
		count[map[bool]string{true: "a.txt", false: "b.txt"}[i < at[0]]] += len(l.Tracks)
	}
	for name, n := range count {
		if got := len(lines(t, filepath.Join(r.dir, name))); got != n || n == 0 {
			t.Errorf("%s has %d tracks, want %d", name, got, n)
		}
	}
	got := runIn(t, r.dir, "track", "b.dets", "--mot", "again.txt")
	if got.code != exitOK || !strings.Contains(got.stdout+got.stderr, fmt.Sprint(at[1]-at[0])) || len(lines(t, filepath.Join(r.dir, "again.txt"))) == 0 {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

// Several inputs, each at its own frame, take over the network they share; from there
// on lines and summary tell what it runs on.
func TestHotSwapOfSeveralInputs(t *testing.T) {
	settings := "input: [" + strings.Join(videos(t), ", ") + "]\njsonl: '{name}.jsonl'\nmax-frames: 240\nbackbone: "
	r := startReloadRun(t, settings+"mnasnet\n")
	r.until("results", func() bool {
		found, _ := filepath.Glob(filepath.Join(r.dir, "*.partial.jsonl"))
		return len(found) == 2
	})
	r.write(settings + "mobilenetv2\ndevice: coreml\ndevice-fallback: true\n")
	r.await(2, "new settings in effect")
	r.finish()
	if !strings.Contains(r.log(), "network on cpu, then on cpu, not on coreml\n") {
		t.Errorf("the summary does not tell where the network ran:\n%s", r.log())
	}
	if code := r.cmd.ProcessState.ExitCode(); code != exitOK || len(r.starts()) != 2 {
		t.Errorf("exit code %d:\n%s", code, r.log())
	}
	results, err := filepath.Glob(filepath.Join(r.dir, "*.jsonl"))
	if err != nil || len(results) != 2 {
		t.Fatalf("results %v, %v", results, err)
	}
	for _, path := range results {
		text := read(t, path)
		for i := range 240 {
			if !strings.Contains(text, fmt.Sprintf(`{"frame":%d,`, i)) {
				t.Errorf("%s lacks frame %d", path, i)
			}
		}
		before, after := strings.Index(text, "\n"), strings.LastIndex(text, `"device":"cpu"}`)
		if strings.Contains(text[:before], "device") || after != len(text)-len("\"device\":\"cpu\"}\n") {
			t.Errorf("%s does not tell the devices", path)
		}
	}
}

// A hangup asks for the file to be read again also while inputs are still awaited.
func TestHangupBeforeTheFirstFrame(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes calls, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r := startReloadRun(t, "input: rtsp://"+silent.Addr().String()+"/x\n")
	called, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	r.cmd.Process.Signal(syscall.SIGHUP)
	select {
	case err := <-r.done:
		t.Fatalf("the run ended (%v):\n%s", err, r.log())
	case <-time.After(time.Second):
	}
	r.cmd.Process.Signal(syscall.SIGINT)
	r.finish()
	if code := r.cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d:\n%s", code, r.log())
	}
}

// A live stream has no gap when its network is swapped.
func TestHotSwapLive(t *testing.T) {
	t.Parallel() // it waits for the stream most of the time
	stage := startStage(t)
	settings := "input: " + stage.URL() + "\njsonl: out.jsonl\nclasses: person\nbackbone: "
	r := startReloadRun(t, settings+"mnasnet\n")
	r.until("20 frames", func() bool { return len(r.lines()) >= 20 })
	for i, backbone := range []string{"mobilenetv2", "mnasnet", "mobilenetv2"} {
		r.write(settings + backbone + "\n")
		r.await(i+1, "new settings in effect")
		seen := len(r.lines())
		r.until("more frames", func() bool { return len(r.lines()) >= seen+2*sceneFPS })
	}
	lines, starts := r.lines(), r.starts()
	r.cmd.Process.Signal(syscall.SIGINT)
	r.finish()
	usual := 0.0
	for i := 1; i < len(lines); i++ {
		usual = max(usual, lines[i].Time-lines[i-1].Time)
	}
	for _, at := range starts {
		gap := lines[at].Time - lines[at-1].Time
		t.Logf("a gap of %.0f ms at the swap after %d frames; the longest of all %.0f ms", gap*1000, at, usual*1000)
		if gap > 2.2/sceneFPS && gap > usual/2 {
			t.Errorf("a gap of %.3f s, of frames %.3f s apart", gap, 1.0/sceneFPS)
		}
	}
}

// edit is a state of the configuration that tells by its results that it holds.
type edit struct {
	conf    float64
	classes []string
	more    string
}

// states differ in two settings each: half of one with half of another shows.
var states = []edit{
	{0.25, []string{"person"}, ""},
	{0.6, []string{"person", "car"}, "max-age: 5\n"},
	{0.5, []string{"car", "dog"}, "camera-motion: 'off'\n"},
	{0.45, []string{"person"}, "backbone: mnasnet\n"},
	{0.35, []string{"person"}, "size: 320\nlog-level: debug\n"},
}

func (e edit) text(input string) string {
	return fmt.Sprintf("input: %s\njsonl: out.jsonl\ntracker: sort\nconf: %g\nclasses: [%s]\n%s", input, e.conf, strings.Join(e.classes, ", "), e.more)
}

// flow is the same in braces: no part of it is a good file.
func (e edit) flow(input string) string {
	lines := strings.Split(strings.TrimSpace(e.text(fmt.Sprintf("%q", input))), "\n")
	return "{" + strings.Join(lines, ", ") + "}\n"
}

// spoilt are files that must change nothing.
var spoilt = []string{
	"input: %s\nconf: 2\n", "input: %s\nconf: [\n", "input: %s\nconfidence: 0.1\n", "input: %s\nconf: 0.1\nclasses: [unicorn]\n",
	"input: %s\nconf: 0.1\nbackbone: vgg\n", "input: %s\nconf: 0.1\nstride: 0\n", "input: %s\nconf: 0.1\nsize: 100\n",
	"input: %s\nconf: 0.1\nmodel: none.onnx\n", "input: %s\nconf: 0.1\ndevice: abacus\n", "input: %s\nconf: 0.1\nmin-hits: 2\nmax-age:\n",
	"\x00\xff", "", "# nothing to track\nconf: 0.1\n",
}

// The configuration is changed again and again, in every way files are, to good and
// to bad, while a real stream is tracked. Every frame is analysed with one state that
// was meant, and the last one holds in the end.
func TestConfigEdits(t *testing.T) {
	t.Parallel() // it waits for the stream most of the time
	edits := 20
	if text := os.Getenv(configEdits); text != "" {
		var err error
		if edits, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	stage := startStage(t)
	random := rand.New(rand.NewPCG(7, 7))
	r := startReloadRun(t, states[0].text(stage.URL()))
	r.until("frames", func() bool { return len(r.lines()) >= 5 })
	change := changer{r: r}
	counts := map[string]int{}
	for i := range edits {
		state := states[random.IntN(len(states))]
		kind := []string{"good", "good", "bad", "partial", "gone"}[random.IntN(5)]
		counts[kind]++
		switch kind {
		case "good":
			change.to(state.text(stage.URL()), i)
		case "bad":
			change.to(strings.ReplaceAll(spoilt[random.IntN(len(spoilt))], "%s", stage.URL()), i)
		case "partial":
			text := state.flow(stage.URL())
			change.slowly(text, random.IntN(len(text)-2))
		case "gone":
			change.away()
		}
		// Some come one upon the other, some are waited for.
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
	}
	final := edit{0.55, []string{"person"}, ""} // another conf than any before
	change.to(final.text(stage.URL()), edits)
	r.cmd.Process.Signal(syscall.SIGHUP)
	r.await(1, "to=0.55")
	time.Sleep(2 * time.Second) // a live stream takes it over at its next frame
	seen := len(r.lines())
	r.until("more frames", func() bool { return len(r.lines()) >= seen+10 })
	last := len(r.lines())
	r.cmd.Process.Signal(syscall.SIGINT)
	r.finish()
	if code := r.cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d:\n%s", code, r.log())
	}
	lines, starts := r.lines(), r.starts()
	t.Logf("%d edits (%v): taken over %d times, refused %d times, %d frames", edits, counts,
		len(starts), strings.Count(r.log(), "not taken over"), len(lines))
	if strings.Contains(r.log(), "panic") || len(starts) < 2 {
		t.Errorf("taken over %d times:\n%s", len(starts), r.log())
	}
	from := 0
	for _, to := range append(starts, len(lines)) {
		if meant := func(e edit) bool { return e.fits(lines[from:to]) }; !slices.ContainsFunc(append(states, final), meant) {
			t.Errorf("frames %d to %d fit no state that was meant: %+v", from, to, lines[from])
		}
		from = to
	}
	if !final.fits(lines[seen:last]) {
		t.Error("the last state does not hold in the end")
	}
}

// fits reports whether the state allows what the lines show: SORT reports nothing
// but detections.
func (e edit) fits(lines []resultLine) bool {
	for _, l := range lines {
		for _, track := range l.Tracks {
			if track.Score < e.conf-1e-9 || len(e.classes) > 0 && !slices.Contains(e.classes, track.Label) {
				return false
			}
		}
	}
	return true
}

// changer changes a file in all the ways that files are changed.
type changer struct {
	r      *reloadRun
	linked int // folders that a link has led to, as a ConfigMap's
}

func (c *changer) path(name string) string { return filepath.Join(c.r.dir, name) }

func (c *changer) must(err error) {
	c.r.t.Helper()
	if err != nil {
		c.r.t.Fatal(err)
	}
}

// to gives the file another content: in place, under another name first, or behind a
// link that is swapped.
func (c *changer) to(text string, i int) {
	switch i % 3 {
	case 0:
		c.r.write(text)
	case 1:
		c.must(os.WriteFile(c.path("run.yaml~"), []byte(text), 0o600))
		c.must(os.Rename(c.path("run.yaml~"), c.path("run.yaml")))
	default:
		c.linked++
		folder := fmt.Sprint("..", c.linked)
		c.must(os.Mkdir(c.path(folder), 0o700))
		c.must(os.WriteFile(c.path(folder+"/run.yaml"), []byte(text), 0o600))
		c.must(os.Symlink(folder, c.path("..data~")))
		c.must(os.Rename(c.path("..data~"), c.path("..data")))
		os.Remove(c.path("run.yaml"))
		c.must(os.Symlink("..data/run.yaml", c.path("run.yaml")))
	}
}

// slowly writes a file in two parts.
func (c *changer) slowly(text string, cut int) {
	c.r.write(text[:cut])
	time.Sleep(50 * time.Millisecond)
	c.r.write(text)
}

// away takes the file away for a moment.
func (c *changer) away() {
	text, err := os.ReadFile(c.path("run.yaml"))
	c.must(err)
	c.must(os.Remove(c.path("run.yaml")))
	time.Sleep(200 * time.Millisecond)
	c.r.write(string(text))
}
