package batch

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func openQueue(t *testing.T) *Queue {
	t.Helper()
	url, stop, err := Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return connect(t, url)
}

func connect(t *testing.T, url string) *Queue {
	t.Helper()
	q, err := Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// collect waits for n results.
func collect(t *testing.T, q *Queue, batch string, n int) []Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var all []Result
	if err := q.Results(ctx, batch, func(r Result) bool { all = append(all, r); return len(all) == n }); err != nil {
		t.Fatalf("%v after %+v", err, all)
	}
	return all
}

// die takes a task, and is never heard of again.
func die(t *testing.T, c jetstream.Consumer) string {
	t.Helper()
	msg, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	var task Task
	if err := json.Unmarshal(msg.Data(), &task); err != nil {
		t.Fatal(err)
	}
	return task.Name
}

// Every task has one result, whatever becomes of those who work on it: one that
// cannot now leaves it to another, one that falls silent loses it, and one that comes
// back with it all the same is not heard twice.
func TestQueueOneResultEach(t *testing.T) {
	q := openQueue(t)
	id := NewBatch()
	put := func(name string) {
		t.Helper()
		if err := q.Publish(t.Context(), Task{Batch: id, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	silent := &Worker{Queue: q, Lease: time.Second, Tries: 3}
	c, err := q.consumer(ctx, silent.Lease)
	if err != nil {
		t.Fatal(err)
	}
	put("broken")
	for range silent.Tries {
		die(t, c)
	}
	put("silent")
	for die(t, c) != "silent" {
	}
	for _, name := range []string{"plain", "again", "busy"} {
		put(name)
	}
	var mu sync.Mutex
	tries := make(map[string]int)
	do := func(_ context.Context, task Task) (Result, Verdict, error) {
		mu.Lock()
		tries[task.Name]++
		n := tries[task.Name]
		mu.Unlock()
		r := Result{Name: task.Name, Status: Done, Frames: n}
		switch {
		case task.Name == "again" && n == 1:
			return r, Again, nil
		case task.Name == "busy" && n <= 4:
			return r, Later, nil
		case task.Name == "broken":
			mu.Lock()
			defer mu.Unlock()
			t.Error("a task that its workers died of was handed out once more")
		}
		return r, Told, nil
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			w := Worker{Queue: q, Lease: time.Second, Tries: 3, Name: "w"}
			if err := w.Work(ctx, do); err != nil {
				t.Error(err)
			}
		})
	}
	var names []string
	for _, r := range collect(t, q, id, 5) {
		names = append(names, r.Name)
		if good := r.Name != "broken"; good != (r.Status == Done) {
			t.Errorf("%+v", r)
		}
	}
	cancel()
	all.Wait()
	if slices.Sort(names); !slices.Equal(names, []string{"again", "broken", "busy", "plain", "silent"}) {
		t.Errorf("results of %v", names)
	}
	if tries["busy"] != 5 || tries["again"] != 2 {
		t.Errorf("tries %v", tries)
	}
	dead, err := q.js.Stream(t.Context(), deadStream)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := dead.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("%d tasks put aside, %v", info.State.Msgs, err)
	}
	// The same result again is dropped.
	if err := silent.tell(t.Context(), Task{Batch: id, Name: "plain"}, Result{Name: "plain"}); err != nil {
		t.Fatal(err)
	}
	results, _ := q.js.Stream(t.Context(), resultStream)
	if info, err := results.Info(t.Context()); err != nil || info.State.Msgs != 5 {
		t.Errorf("%d results, %v", info.State.Msgs, err)
	}
}

// What a worker gives back on purpose is no try, however often; one that dies is.
func TestGivingBackIsNoTry(t *testing.T) {
	for _, verdict := range []Verdict{Again, GivenUp} {
		q := openQueue(t)
		id := NewBatch()
		if err := q.Publish(t.Context(), Task{Batch: id, Name: "x"}); err != nil {
			t.Fatal(err)
		}
		w := Worker{Queue: q, Lease: 2 * time.Second, Tries: 2, UntilEmpty: true}
		for range 7 {
			ctx, stop := context.WithCancel(t.Context())
			err := w.Work(ctx, func(context.Context, Task) (Result, Verdict, error) {
				stop() // as SIGTERM does
				return Result{Name: "x"}, verdict, nil
			})
			stop()
			if err != nil {
				t.Fatal(err)
			}
		}
		// One died, too: that leaves a try.
		c, err := q.consumer(t.Context(), w.Lease)
		if err != nil {
			t.Fatal(err)
		}
		die(t, c)
		n := 0
		err = w.Work(t.Context(), func(context.Context, Task) (Result, Verdict, error) {
			n++
			return Result{Name: "x", Status: Done}, Told, nil
		})
		if got := collect(t, q, id, 1); err != nil || n != 1 || got[0].Status != Done {
			t.Errorf("verdict %d: %+v, %v", verdict, got, err)
		}
	}
}

// What no worker can do is put aside after so many have tried.
func TestElsewhereIsTry(t *testing.T) {
	q := openQueue(t)
	id := NewBatch()
	if err := q.Publish(t.Context(), Task{Batch: id, Name: "x"}); err != nil {
		t.Fatal(err)
	}
	w := Worker{Queue: q, Lease: 200 * time.Millisecond, Tries: 3, UntilEmpty: true}
	n := 0
	err := w.Work(t.Context(), func(context.Context, Task) (Result, Verdict, error) {
		n++
		return Result{Name: "x"}, Elsewhere, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, q, id, 1); n != 3 || got[0].Status != Failed || !strings.Contains(got[0].Error, "3 tries") {
		t.Errorf("%d tries, %+v", n, got)
	}
}

// The server is restarted while one worker is at work, one waits, and tasks are put in:
// no result is lost, none comes twice, and nobody ends.
func TestQueueSurvivesRestartOfServer(t *testing.T) {
	folder := t.TempDir()
	url, stop, err := Serve("127.0.0.1:0", folder)
	if err != nil {
		t.Fatal(err)
	}
	boss, hand := connect(t, url), connect(t, url)
	id := NewBatch()
	ctx, cancel := context.WithCancel(t.Context())
	begun, finish := make(chan string, 9), make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			w := Worker{Queue: hand, Lease: 5 * time.Second, Tries: 1}
			err := w.Work(ctx, func(_ context.Context, task Task) (Result, Verdict, error) {
				begun <- task.Name
				if task.Name == "a" {
					<-finish
				}
				return Result{Name: task.Name, Status: Done}, Told, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	results := make(chan []Result)
	go func() {
		defer close(results) // also where it fails
		results <- collect(t, boss, id, 3)
	}()
	if err := boss.Publish(t.Context(), Task{Batch: id, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	<-begun
	stop()
	for boss.conn.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	close(finish) // it is done while nobody can be told
	all.Go(func() {
		for _, name := range []string{"b", "c"} {
			if err := boss.Publish(t.Context(), Task{Batch: id, Name: name}); err != nil {
				t.Error(err)
			}
		}
	})
	time.Sleep(time.Second)
	again, stop, err := Serve(strings.TrimPrefix(url, "nats://"), folder)
	if err != nil || again != url {
		t.Fatal(again, err)
	}
	defer stop()
	for _, r := range <-results {
		if r.Status != Done {
			t.Errorf("%+v", r)
		}
	}
	cancel()
	all.Wait()
	if info, err := boss.results.Info(t.Context()); err != nil || info.State.Msgs != 3 {
		t.Errorf("%+v, %v", info, err)
	}
}

// A server that comes back without what it had leaves nobody waiting for ever.
func TestResultsOfForgetfulServer(t *testing.T) {
	url, stop, err := Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	boss := connect(t, url)
	ended := make(chan error)
	go func() { ended <- boss.Results(t.Context(), "b", func(Result) bool { return true }) }()
	stop()
	_, stop, err = Serve(strings.TrimPrefix(url, "nats://"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	connect(t, url) // makes the streams
	select {
	case err := <-ended:
		if !errors.Is(err, errLost) {
			t.Errorf("error %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits for ever")
	}
}

// A worker ends by itself when the queue is empty, and not before.
func TestWorkerUntilEmpty(t *testing.T) {
	q := openQueue(t)
	for range 5 {
		if err := q.Publish(t.Context(), Task{Batch: "b", Name: NewBatch()}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	w := Worker{Queue: q, Lease: time.Second, Tries: 3, UntilEmpty: true}
	err := w.Work(t.Context(), func(context.Context, Task) (Result, Verdict, error) { n++; return Result{}, Told, nil })
	if err != nil || n != 5 {
		t.Errorf("%d tasks, %v", n, err)
	}
	// One that cannot go on says so and leaves its task to others.
	if err := q.Publish(t.Context(), Task{Batch: "b", Name: "x"}); err != nil {
		t.Fatal(err)
	}
	cannot := errors.New("no model")
	if err := w.Work(t.Context(), func(context.Context, Task) (Result, Verdict, error) { return Result{}, GivenUp, cannot }); !errors.Is(err, cannot) {
		t.Errorf("error %v", err)
	}
	n = 0
	if err := w.Work(t.Context(), func(context.Context, Task) (Result, Verdict, error) { n++; return Result{}, Told, nil }); err != nil || n != 1 {
		t.Errorf("%d tasks, %v", n, err)
	}
}

// A worker that ends with the queue ends, too, when the server has gone with its batch. It
// says so once, whatever the number of its jobs, and not that the server is back.
func TestWorkerUntilServerIsGone(t *testing.T) {
	url, stop, err := Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	q := connect(t, url)
	var mu sync.Mutex
	var told []string
	q.Notify = func(message string) { mu.Lock(); defer mu.Unlock(); told = append(told, message) }
	w := Worker{Queue: q, Lease: 3 * time.Second, Tries: 3, UntilEmpty: true}
	if err := q.Publish(t.Context(), Task{Batch: "b", Name: "x"}); err != nil {
		t.Fatal(err)
	}
	c, err := w.consumer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	die(t, c) // another has the task, so the queue is not empty
	time.AfterFunc(time.Second, stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			err := w.Work(ctx, func(context.Context, Task) (Result, Verdict, error) { return Result{}, Told, nil })
			if err != nil || ctx.Err() != nil {
				t.Error(err, ctx.Err())
			}
		})
	}
	all.Wait()
	if len(told) != 2 || slices.Contains(told, "the queue's server is back") {
		t.Errorf("told %q", told)
	}
}

func TestConnectSaysWhy(t *testing.T) {
	if _, err := Connect(t.Context(), "nats://user:secret@127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "is the NATS server running") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	if _, err := Connect(t.Context(), "nats://user:sec%ret@127.0.0.1:1"); err == nil || strings.Contains(err.Error(), "sec%ret") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("error %v", err)
	}
	for url, want := range map[string]string{
		"nats://queue:4222":                           "nats://queue:4222",
		"nats://token@queue:4222":                     "nats://queue:4222",
		"nats://user:secret@queue:4222":               "nats://queue:4222",
		"nats://u:p1@a:4222,tls://u:p,@2@b:4222":      "nats://a:4222,tls://b:4222",
		"u:p@a:4222,u:p@b:4222":                       "b:4222",
		"127.0.0.1:4222":                              "127.0.0.1:4222",
		"nats://u:p://ss@a:4222":                      "nats://a:4222",
		"nats://u:p://s,s@a:4222,nats://u:://@b":      "nats://a:4222,nats://b",
		"u:p://ss@a:4222":                             "a:4222",
		"u://p@a:4222":                                "a:4222",
		"nats://u:p,x://q@a:4222":                     "nats://a:4222",
		"nats://u:p,nats://q@a:4222,tls://b":          "nats://…,nats://a:4222,tls://b",
		"nats://user:sec%ret@[::1]:4222,nats://other": "nats://[::1]:4222,nats://other",
	} {
		if got := Redacted(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	if _, _, err := Serve("nowhere", t.TempDir()); err == nil {
		t.Error("no port, and no error")
	}
}
