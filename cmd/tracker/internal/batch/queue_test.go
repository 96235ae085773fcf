package batch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func openQueue(t *testing.T) *Queue {
	t.Helper()
	url, stop, err := Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []Result
	if err := q.Results(ctx, batch, func(r Result) bool { all = append(all, r); return len(all) == n }); err != nil {
		t.Fatalf("%v after %+v", err, all)
	}
	return all
}

// Every task has one result, whatever becomes of those who work on it: one that
// cannot now leaves it to another, one that falls silent loses it, and one that comes
// back with it all the same is not heard twice.
func TestQueueOneResultEach(t *testing.T) {
	q := openQueue(t)
	id := NewBatch()
	for _, name := range []string{"plain", "again", "silent", "broken"} {
		if err := q.Publish(t.Context(), Task{Batch: id, Name: name}); err != nil {
			t.Fatal(err)
		}
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
		case task.Name == "broken":
			return r, Later, nil
		}
		return r, Told, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	// This one takes a task and is never heard of again.
	silent := &Worker{Queue: q, Lease: time.Second, Tries: 3}
	c, err := q.consumer(ctx, silent.Lease)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
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
	for _, r := range collect(t, q, id, 4) {
		names = append(names, r.Name)
		if good := r.Name != "broken"; good != (r.Status == Done) {
			t.Errorf("%+v", r)
		}
	}
	cancel()
	all.Wait()
	if slices.Sort(names); !slices.Equal(names, []string{"again", "broken", "plain", "silent"}) {
		t.Errorf("results of %v", names)
	}
	if tries["broken"] != 3 || tries["again"] != 2 {
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
	if info, err := results.Info(t.Context()); err != nil || info.State.Msgs != 4 {
		t.Errorf("%d results, %v", info.State.Msgs, err)
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

func TestConnectSaysWhy(t *testing.T) {
	if _, err := Connect(t.Context(), "nats://user:secret@127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "is the NATS server running") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	if _, _, err := Serve("nowhere", t.TempDir()); err == nil {
		t.Error("no port, and no error")
	}
}
