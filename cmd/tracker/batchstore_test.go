//go:build gocv_specific_modules && linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store/storetest"
	"github.com/tracker-go/tracker/config"
)

// clips makes videos of people, of so many frames, and one that breaks off, in dir/in.
func clips(t *testing.T, dir string, frames ...int) {
	t.Helper()
	in := filepath.Join(dir, "in", "deep")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	source := street(t)
	for i, n := range frames {
		ffmpeg(t, "-ss", fmt.Sprint(3*i), "-i", source, "-frames:v", fmt.Sprint(n), "-vf", "scale=384:288", "-c:v", "libx264", "-preset", "ultrafast", filepath.Join(in, fmt.Sprintf("%c.mp4", 'a'+i)))
	}
	makeVideo(t, filepath.Join(dir, "in", "cut.avi"), 60)
	data := read(t, dir, "in", "cut.avi")
	if err := os.WriteFile(filepath.Join(dir, "in", "cut.avi"), []byte(data[:len(data)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// intoStore is a command whose results go to the server, and no other.
func intoStore(server *storetest.Server, dir string, args ...string) *exec.Cmd {
	cmd := command(dir, append(args, "--scratch", filepath.Join(dir, "scratch"))...)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3=", "AWS_SESSION_TOKEN=", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"))
	cmd.Env = append(cmd.Env, server.Env()...)
	return cmd
}

// scratches finds files of that name where results for the store are made.
func scratches(t *testing.T, dir, name string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "scratch", "*", "deep", name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// resultsIn are those of a batch into that folder, of which a broken input has left more.
func resultsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := contents(t, dir)
	for name := range all {
		if strings.HasSuffix(name, ".checkpoint") || strings.HasSuffix(name, ".pieces") {
			delete(all, name)
		}
	}
	return all
}

// A batch into a store has the results of one into a folder, byte for byte, skips what is
// done, and leaves nothing in its scratch folder; also where it is killed, or the server
// is, in the middle.
func TestBatchIntoStore(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	clips(t, dir, 250, 60)
	var want map[string]string
	bucket := server.Folder("bucket")
	common := []string{"batch", "in", "--jobs", "1", "--classes", "person"}
	check := func(prefix string) {
		t.Helper()
		sameResults(t, contents(t, filepath.Join(bucket, prefix)), want)
		if left := filesBelow(t, filepath.Join(dir, "scratch")); len(left) > 0 {
			t.Errorf("left in the scratch folder: %v", left)
		}
	}
	run := func(prefix, summary string, more ...string) {
		t.Helper()
		got := finish(t, intoStore(server, dir, slices.Concat(common, []string{"--out", "s3://bucket/" + prefix}, more)...))
		if got.code != exitPartial || !strings.Contains(got.stderr, summary) {
			t.Fatalf("exit code %d, want %q: %s", got.code, summary, got.stderr)
		}
	}
	folder := func(name string, more ...string) {
		t.Helper()
		if got := runIn(t, dir, slices.Concat(common, []string{"--out", name}, more)...); got.code != exitPartial {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		want = resultsIn(t, filepath.Join(dir, name))
	}
	short := []string{"--video", "--max-frames", "40"}
	folder("short", short...)
	run("short/below", "3 inputs: 2 done, 0 were done before, 1 cut short", short...)
	check("short/below")
	run("short/below", "0 done, 2 were done before, 1 cut short", short...)
	run("short/below", "2 done, 0 were done before, 1 cut short", append(short, "--force")...)
	check("short/below")
	if err := os.Remove(filepath.Join(bucket, "short", "below", "deep", "a.txt")); err != nil {
		t.Fatal(err)
	}
	run("short/below", "1 done, 1 were done before, 1 cut short", short...)
	check("short/below")

	// The server goes while results are made, and comes back when they are to be brought.
	cmd := intoStore(server, dir, slices.Concat(common, []string{"--out", "s3://bucket/away"}, short)...)
	back := make(chan struct{})
	got := finishAfter(t, cmd, func() {
		go func() {
			defer close(back)
			for len(scratches(t, dir, "a.partial.jsonl")) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			server.Kill()
			for len(scratches(t, dir, "a.manifest.json")) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			time.Sleep(500 * time.Millisecond)
			server.Restart()
		}()
	})
	<-back
	if got.code != exitPartial || !strings.Contains(got.stderr, "2 done, 0 were done before, 1 cut short") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	check("away")

	// So does the bucket: what was made meanwhile is not made again.
	cmd = intoStore(server, dir, slices.Concat(common, []string{"--out", "s3://bucket/gone"}, short)...)
	got = finishAfter(t, cmd, func() {
		go func() {
			for len(scratches(t, dir, "a.partial.jsonl")) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			_ = os.Rename(bucket, bucket+"-gone")
		}()
	})
	if got.code != exitPartial || !strings.Contains(got.stderr, "0 failed, 2 left") || !strings.Contains(got.stderr, "make the bucket first") {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	made := read(t, scratches(t, dir, "a.manifest.json")[0])
	if err := os.Rename(bucket+"-gone", bucket); err != nil {
		t.Fatal(err)
	}
	run("gone", "2 done, 0 were done before", short...)
	if read(t, bucket, "gone", "deep", "a.manifest.json") != made {
		t.Error("results were made again")
	}
	check("gone")

	// Killed in the middle of an input, it goes on there.
	folder("whole")
	cmd = intoStore(server, dir, append(common, "--out", "s3://bucket/killed")...)
	got = finishAfter(t, cmd, func() {
		go func() {
			for len(scratches(t, dir, "a.checkpoint")) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
		}()
	})
	if got.code != -1 {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	run("killed", "2 done, 0 were done before")
	m, err := batch.ReadManifest(filepath.Join(bucket, "killed", "deep", "a.manifest.json"))
	if err != nil || m.Run.From == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	check("killed")

	// An input of other bytes is done again.
	if err := os.Rename(filepath.Join(dir, "in", "deep", "a.mp4"), filepath.Join(dir, "in", "deep", "b.mp4")); err != nil {
		t.Fatal(err)
	}
	run("short/below", "1 done, 0 were done before, 1 cut short", short...)
}

// Complete results of another input stay in a store, too.
func TestBatchKeepsResultsOfOthersInStore(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	for i, sub := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
		makeVideo(t, filepath.Join(dir, sub, "x.avi"), 10+i)
	}
	run := func(code int, want, input string) map[string]string {
		t.Helper()
		got := finish(t, intoStore(server, dir, "batch", input, "--out", "s3://bucket/x"))
		if got.code != code || !strings.Contains(got.stderr, want) {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		return contents(t, server.Folder("bucket"))
	}
	before := run(exitOK, "1 done", "a/x.avi")
	sameResults(t, run(exitFailed, "name x has those of "+filepath.Join(dir, "a", "x.avi"), "b/x.avi"), before)
	if left := filesBelow(t, filepath.Join(dir, "scratch")); len(left) > 0 {
		t.Errorf("left in the scratch folder: %v", left)
	}
}

// What is wrong with the place fails no input and says what to do; what is wrong with the
// command line is a matter of usage.
func TestBatchIntoWrongStore(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	for _, c := range []struct {
		name string
		args []string
		env  string
		code int
		want string
	}{
		{"no bucket", []string{"a.avi", "--out", "s3://nowhere/x"}, "", exitFailed, "(NoSuchBucket); make the bucket first"},
		{"wrong key", []string{"a.avi", "--out", "s3://bucket/x"}, "AWS_SECRET_ACCESS_KEY=wrong", exitFailed, "check AWS_SECRET_ACCESS_KEY"},
		{"no keys", []string{"a.avi", "--out", "s3://bucket/x"}, "AWS_ACCESS_KEY_ID=", exitFailed, "no credentials: set AWS_ACCESS_KEY_ID"},
		{"no name", []string{"a.avi", "--out", "s3://"}, "", exitUsage, "want s3://BUCKET/PREFIX"},
		{"no server's name", []string{"a.avi", "--out", "s3://bucket/x"}, "AWS_ENDPOINT_URL=here", exitUsage, "want https://HOST or http://HOST:PORT"},
		{"inputs", []string{"s3://bucket/a.avi", "--out", "s3://bucket/x"}, "", exitUsage, "inputs are read from folders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := intoStore(server, dir, append([]string{"batch"}, c.args...)...)
			cmd.Env = append(cmd.Env, c.env)
			got := finish(t, cmd)
			if got.code != c.code || !strings.Contains(got.stderr, c.want) || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("exit code %d, want %d and %q: %s", got.code, c.code, c.want, got.stderr)
			}
		})
	}
	if got := runIn(t, dir, "batch", "a.avi", "--out", "folder", "--scratch", "x"); got.code != exitUsage || !strings.Contains(got.stderr, "give --out s3://BUCKET/PREFIX") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if list := filesBelow(t, server.Folder("bucket")); len(list) > 0 {
		t.Errorf("files %v", list)
	}
}

// A batch goes to a server of HTTPS whose certificate is not trusted as soon as it is.
func TestBatchIntoTLSStore(t *testing.T) {
	server := storetest.StartTLS(t, "bucket", time.Now().Add(24*time.Hour))
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 10)
	run := func(trusts string) outcome {
		cmd := intoStore(server, dir, "batch", "a.avi", "--out", "s3://bucket/x", "-q")
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+trusts)
		return finish(t, cmd)
	}
	got := run("")
	if got.code != exitFailed || !strings.Contains(got.stderr, "unknown authority; name a file") || !strings.Contains(got.stderr, "SSL_CERT_FILE") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if got := run(server.Certificate); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	if got := runIn(t, dir, "batch", "a.avi", "--out", "folder", "-q"); got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	sameResults(t, contents(t, filepath.Join(server.Folder("bucket"), "x")), resultsIn(t, filepath.Join(dir, "folder")))
}

// Workers with nothing in common but queue and store: one may not write and gives its input
// back, one is killed in the middle of its work, one stopped. Every input has exactly one
// result, that of a batch into a folder.
func TestWorkersIntoStore(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	clips(t, dir, 80, 250)
	if got := runIn(t, dir, "batch", "in", "--out", "folder", "-q"); got.code != exitPartial {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	address := "127.0.0.1:" + freePort(t)
	boss := intoStore(server, dir, "batch", "in", "--out", "s3://bucket/shared", "--json", "--queue", "listen://"+address)
	var stdout, stderr strings.Builder
	boss.Stdout, boss.Stderr = &stdout, &stderr
	if err := boss.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	// Each is on a machine of its own: their scratch folders are not the same.
	worker := func(i int) *exec.Cmd {
		home := filepath.Join(dir, fmt.Sprint("machine-", i))
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		return intoStore(server, home, "worker", "--queue", "nats://"+address, "--lease", "2s", "--jobs", "1", "--threads", "1")
	}
	barred := worker(0)
	barred.Env = append(barred.Env, "AWS_SECRET_ACCESS_KEY=wrong")
	if got := finish(t, barred); got.code != exitFailed || !strings.Contains(got.stderr, "check AWS_SECRET_ACCESS_KEY") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	victim := worker(1)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(scratches(t, filepath.Join(dir, "machine-1"), "*.partial.jsonl")) > 0 })
	time.Sleep(300 * time.Millisecond)
	_ = victim.Process.Kill()
	_ = victim.Wait()
	// One that is stopped leaves to the others how far it has come.
	stopped := worker(2)
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(scratches(t, filepath.Join(dir, "machine-2"), "b.checkpoint")) > 0 })
	_ = stopped.Process.Signal(syscall.SIGTERM)
	_ = stopped.Wait()
	if left := filesBelow(t, filepath.Join(dir, "machine-2")); len(left) > 0 {
		t.Errorf("left in the scratch folder: %v", left)
	}
	for i := range 2 {
		w := worker(3 + i)
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Wait() }()
		defer func() { _ = w.Process.Signal(os.Interrupt) }()
	}
	_ = boss.Wait()
	if code := boss.ProcessState.ExitCode(); code != exitPartial || !strings.Contains(stderr.String(), "3 inputs: 2 done, 0 were done before, 1 cut short, 0 failed, 0 left") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	var ends []string
	for line := range strings.Lines(stdout.String()) {
		if strings.Contains(line, `"event":"end"`) {
			ends = append(ends, line)
		}
	}
	if len(ends) != 3 {
		t.Errorf("ends %v", ends)
	}
	if m, err := batch.ReadManifest(filepath.Join(server.Folder("bucket"), "shared", "deep", "b.manifest.json")); err != nil || m.Run.From == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	sameResults(t, contents(t, filepath.Join(server.Folder("bucket"), "shared")), resultsIn(t, filepath.Join(dir, "folder")))
}

// depotInto is that of a worker whose results go to the server.
func depotInto(t *testing.T, server *storetest.Server) depot {
	t.Helper()
	for _, pair := range append([]string{"AWS_ENDPOINT_URL_S3=", "AWS_SESSION_TOKEN="}, server.Env()...) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	to, err := depotOf("s3://bucket/x", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	to.parks = true
	if err := os.MkdirAll(to.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

// workerInto is a worker's workshop, with its network, whose results go to the server.
func workerInto(t *testing.T, server *storetest.Server) *workshop {
	t.Helper()
	c := config.Default()
	c.Threads, c.CameraMotion = 1, "off"
	w, err := newWorkshop(c, depotInto(t, server), products{}, false)
	if err != nil {
		t.Fatal(err)
	}
	w.log = slog.New(slog.DiscardHandler)
	closeEngine := w.share(1)
	t.Cleanup(func() {
		if err := closeEngine(); err != nil {
			t.Error(err)
		}
	})
	if err := w.openStore(t.Context(), store.OpenPatience); err != nil {
		t.Fatal(err)
	}
	return w
}

// prepared is a job of the workshop that knows its input, where there is one.
func (w *workshop) prepared(it item) *job {
	j := &job{workshop: w, item: it, saved: true, manifest: batch.Manifest{Model: batch.Model{Name: w.model.Name, SHA256: w.model.SHA256}}}
	_ = j.prepare(context.Background()) // fails here, but not where it was begun
	return j
}

// blankVideo is one that opens and has no frame.
func blankVideo(t *testing.T, path string) {
	t.Helper()
	makeVideo(t, path, 10)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[bytes.Index(data, []byte("movi"))+4:])
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Who cannot find an input, or read a frame of it, says so. A worker leaves what was begun
// of it where it is, in the store or a folder that workers share, for those who can; a
// batch, which is alone, brings it to the store. Nothing else stays in the folder.
func TestUnreadLeaves(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	garbled, blank := filepath.Join(dir, "garbled.avi"), filepath.Join(dir, "blank.avi")
	if err := os.WriteFile(garbled, []byte("no video"), 0o600); err != nil {
		t.Fatal(err)
	}
	blankVideo(t, blank)
	w := workerInto(t, server)
	bucket := filepath.Join(server.Folder("bucket"), "x")
	const checkpoint, rows, lines, manifest = "a.checkpoint", "a.partial.txt", "a.partial.jsonl", "a.manifest.json"
	for _, c := range []struct {
		name, path    string
		alone, parked bool     // it is a batch; what was begun is in the store
		there, here   []string // what is in the end in store and folder
		opens         bool
	}{
		{name: "missing", path: filepath.Join(dir, "none.avi"), parked: true, there: []string{checkpoint, manifest, lines, rows}},
		{name: "barred", path: filepath.Join(garbled, "x.avi"), parked: true, there: []string{checkpoint, manifest, lines, rows}},
		{name: "garbled", path: garbled, parked: true, there: []string{checkpoint, manifest, lines, rows}},
		{name: "blank", path: blank, parked: true, there: []string{checkpoint, manifest, lines, rows}, opens: true},
		{name: "missing, shared folder", path: filepath.Join(dir, "none.avi"), there: []string{manifest}, here: []string{checkpoint, lines, rows}},
		{name: "garbled, shared folder", path: garbled, there: []string{manifest}, here: []string{checkpoint, lines, rows}},
		{name: "missing, batch", path: filepath.Join(dir, "none.avi"), alone: true, there: []string{manifest, lines, rows}},
		{name: "garbled, batch", path: garbled, alone: true, there: []string{manifest, lines, rows}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.parks = !c.alone
			it := item{batch.Input{Path: c.path}, "a"}
			j := w.prepared(it)
			for _, name := range j.parked() {
				if err := os.WriteFile(filepath.Join(w.folder, name), []byte("of another"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			begun := batch.Checkpoint{Key: j.manifest.Key, Program: j.program(), Frames: 7}
			if err := begun.Save(j.path("checkpoint")); err != nil {
				t.Fatal(err)
			}
			if c.parked {
				j.manifest.Status = batch.Interrupted
				if err := j.deliver(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := filesBelow(t, bucket); len(got) != 3 {
					t.Fatalf("parked %v", got)
				}
			}
			m, err := w.process(t.Context(), it, func(int, int, float64, int) {})
			if err == nil || m.Status != batch.Failed || (m.Run != nil) != c.opens {
				t.Errorf("%+v, %v", m, err)
			}
			there := contents(t, bucket)
			if got := slices.Sorted(maps.Keys(there)); !slices.Equal(got, c.there) {
				t.Errorf("in the store %v, want %v", got, c.there)
			}
			if !strings.Contains(there[manifest], `"failed"`) || there[rows] != "of another" && slices.Contains(c.there, rows) {
				t.Errorf("in the store: %q", there)
			}
			if got := filesBelow(t, w.folder); !slices.Equal(got, c.here) {
				t.Errorf("in the folder %v, want %v", got, c.here)
			}
			for _, name := range c.here {
				if err := os.Remove(filepath.Join(w.folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(bucket); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An input that breaks off just where it was left is cut short, as it is without a break
// before, and leaves the same.
func TestCutShortAtCheckpoint(t *testing.T) {
	server := storetest.Start(t, "bucket")
	dir := t.TempDir()
	clips(t, dir)
	w := workerInto(t, server)
	it := item{batch.Input{Path: filepath.Join(dir, "in", "cut.avi")}, "a"}
	bucket := filepath.Join(server.Folder("bucket"), "x")
	whole, err := w.process(t.Context(), it, func(int, int, float64, int) {})
	if err == nil || whole.Status != batch.CutShort || whole.Frames == 0 {
		t.Fatalf("%+v, %v", whole, err)
	}
	want := contents(t, bucket)

	j := w.prepared(it)
	begun := batch.Checkpoint{Key: j.manifest.Key, Program: j.program(), Device: "cpu", Frames: whole.Frames, Sizes: make(map[string]int64)}
	if j.keeper, err = newStateKeeper(w.config, 1); err != nil {
		t.Fatal(err)
	}
	begun.Tracker = j.keeper.tracker.Snapshot(nil)
	for _, name := range j.written() {
		text := want[atomicfile.PartialName(name)]
		begun.Sizes[name] = int64(len(text))
		if err := os.WriteFile(filepath.Join(w.folder, atomicfile.PartialName(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := begun.Save(j.path("checkpoint")); err != nil {
		t.Fatal(err)
	}
	m, err := w.process(t.Context(), it, func(int, int, float64, int) {})
	if exitCode(err) != exitPartial || m.Status != batch.CutShort || m.Run.From != whole.Frames || m.Frames != whole.Frames {
		t.Errorf("%+v, %v", m, err)
	}
	sameResults(t, contents(t, bucket), want)
	if left := filesBelow(t, w.folder); len(left) > 0 {
		t.Errorf("left in the scratch folder: %v", left)
	}
}

// What an input leaves that breaks off after it was parked stays in the store, and nothing
// of what was parked does.
func TestCutShortAfterPark(t *testing.T) {
	server := storetest.Start(t, "bucket")
	w := &workshop{depot: depotInto(t, server), products: products{video: true, record: true}, log: slog.New(slog.DiscardHandler)}
	if err := w.openStore(t.Context(), store.OpenPatience); err != nil {
		t.Fatal(err)
	}
	deliver := func(status batch.Status, want ...string) {
		t.Helper()
		j := &job{workshop: w, item: item{name: "a"}, saved: true, manifest: batch.Manifest{Status: status, Key: "k", Frames: 2, Run: &batch.Run{From: 1}}}
		for _, name := range j.parked() {
			if err := os.WriteFile(filepath.Join(w.folder, name), []byte(status), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(j.manifest.Write(j.path("manifest.json")), j.deliver(t.Context())); err != nil {
			t.Fatal(err)
		}
		got := contents(t, filepath.Join(server.Folder("bucket"), "x"))
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) || got["a.partial.txt"] != string(status) {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
		if left := filesBelow(t, w.folder); len(left) > 0 {
			t.Errorf("left in the scratch folder: %v", left)
		}
	}
	deliver(batch.Interrupted, "a.checkpoint", "a.partial.jsonl", "a.partial.pieces", "a.partial.rec", "a.partial.txt")
	w.products = products{} // with other settings what was parked before goes, too
	deliver(batch.CutShort, "a.manifest.json", "a.partial.jsonl", "a.partial.txt")
}

// An input of which the user stops the delivery is not told as what it was.
func TestStatusOfStoppedDelivery(t *testing.T) {
	cut := partialError(errors.New("broke off"))
	if got := statusOf(cut); got != batch.CutShort {
		t.Error(got)
	}
	if got := statusOf(errors.Join(cut, context.Canceled)); got != batch.Interrupted {
		t.Error(got)
	}
}
