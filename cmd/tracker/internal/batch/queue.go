package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// The queue's streams and subjects in NATS JetStream. A task stays until a worker
// has acknowledged it; a result stays for resultsFor.
const (
	taskStream, taskSubject     = "TRACKER_TASKS", "tracker.tasks"
	resultStream, resultSubject = "TRACKER_RESULTS", "tracker.results."
	deadStream, deadSubject     = "TRACKER_DEAD", "tracker.dead"
	consumerName                = "workers"

	resultsFor = 7 * 24 * time.Hour
	// sameResult is for how long a second result of a task is dropped: a worker that
	// died between telling the result and acknowledging the task leaves one.
	sameResult = time.Hour
	answerIn   = 30 * time.Second
)

// DefaultLease is a Worker.Lease that bears what networks usually do.
const DefaultLease = 30 * time.Second

// Task is an input on its way to a worker.
type Task struct {
	Batch string `json:"batch"` // whom to tell
	Name  string `json:"name"`
	Path  string `json:"path"` // absolute, as every worker sees it
	Bytes int64  `json:"bytes"`
	// Out is the folder for the results, which all workers share.
	Out   string `json:"out"`
	Video bool   `json:"video"`
	Force bool   `json:"force"`
	// Model is the SHA-256 of the model that Config names: another would give results
	// that do not belong to the others.
	Model  string          `json:"model"`
	Config json.RawMessage `json:"config"`
}

// Result is what came of a task.
type Result struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Skipped bool   `json:"skipped,omitempty"` // it was done before
	Error   string `json:"error,omitempty"`
	Frames  int    `json:"frames"`
	Worker  string `json:"worker"`
}

// Queue is a connection to the work queue.
type Queue struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// Connect opens the queue at a NATS URL and makes its streams where there are none.
func Connect(ctx context.Context, url string) (*Queue, error) {
	conn, err := nats.Connect(url, nats.Name("tracker"), nats.MaxReconnects(-1), nats.Timeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w; is the NATS server running?", Redacted(url), err)
	}
	q := &Queue{conn: conn}
	if q.js, err = jetstream.New(conn); err == nil {
		err = q.makeStreams(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("queue %s: %w; start the NATS server with JetStream (-js)", Redacted(url), err)
	}
	return q, nil
}

func (q *Queue) makeStreams(ctx context.Context) error {
	for _, c := range []jetstream.StreamConfig{
		{Name: taskStream, Subjects: []string{taskSubject}, Retention: jetstream.WorkQueuePolicy},
		{Name: resultStream, Subjects: []string{resultSubject + "*"}, MaxAge: resultsFor, Duplicates: sameResult},
		{Name: deadStream, Subjects: []string{deadSubject}},
	} {
		if _, err := q.js.CreateOrUpdateStream(ctx, c); err != nil {
			return err
		}
	}
	// Who scales workers by what waits for them asks for it before there are any.
	_, err := q.js.Consumer(ctx, taskStream, consumerName)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = q.consumer(ctx, DefaultLease)
	}
	return err
}

// consumer is the one that all workers share.
func (q *Queue) consumer(ctx context.Context, lease time.Duration) (jetstream.Consumer, error) {
	return q.js.CreateOrUpdateConsumer(ctx, taskStream, jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease, MaxAckPending: -1,
	})
}

// Close ends the connection.
func (q *Queue) Close() { q.conn.Close() }

// NewBatch is a name that no other batch has.
func NewBatch() string { return nuid.Next() }

// Publish puts a task into the queue, which has it when Publish returns.
func (q *Queue) Publish(ctx context.Context, t Task) error {
	return q.publish(ctx, taskSubject, t)
}

func (q *Queue) publish(ctx context.Context, subject string, v any, opts ...jetstream.PublishOpt) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = q.js.Publish(ctx, subject, data, opts...)
	}
	if err != nil {
		return fmt.Errorf("queue: put into %s: %w", subject, err)
	}
	return nil
}

// Results calls do with the results of a batch, from its first on, until do says that
// it has seen enough or ctx ends.
func (q *Queue) Results(ctx context.Context, batch string, do func(Result) (enough bool)) error {
	c, err := q.js.OrderedConsumer(ctx, resultStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{resultSubject + batch}})
	if err != nil {
		return fmt.Errorf("queue: read results: %w", err)
	}
	for {
		msg, err := c.Next(jetstream.FetchContext(ctx))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, jetstream.ErrNoHeartbeat):
			continue
		case err != nil:
			return fmt.Errorf("queue: read results: %w", err)
		}
		var r Result
		if err := json.Unmarshal(msg.Data(), &r); err != nil {
			return fmt.Errorf("queue: read results: %w", err)
		}
		if do(r) {
			return nil
		}
	}
}

// Verdict is what a worker makes of a task.
type Verdict int

const (
	Told    Verdict = iota // it has a result, good or bad: nobody else need try
	Again                  // another worker is to take it, at once
	Later                  // another worker has it still, or this one cannot now
	GivenUp                // this worker cannot go on at all
)

// Worker takes tasks from a queue.
type Worker struct {
	Queue *Queue
	// Lease is how long a task stays with a worker of which nothing is heard. Raising
	// it bears longer pauses of the network; lowering it finds dead workers sooner.
	Lease time.Duration
	// Tries is how often a task is handed out before it is put aside as dead.
	Tries int
	// Name of this worker, for the results.
	Name string
	// UntilEmpty ends the work when the queue has nothing to hand out and no task is
	// with any worker.
	UntilEmpty bool
}

// Work takes one task after the other, until ctx ends. do works on one.
func (w *Worker) Work(ctx context.Context, do func(context.Context, Task) (Result, Verdict, error)) error {
	c, err := w.Queue.consumer(ctx, w.Lease)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for ctx.Err() == nil {
		// A short wait: a task that arrives while nobody waits for it any more would
		// rest until the lease ends.
		batch, err := c.Fetch(1, jetstream.FetchMaxWait(time.Second))
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		taken := false
		for msg := range batch.Messages() {
			taken = true
			if err := w.handle(ctx, msg, do); err != nil {
				return err
			}
		}
		if !taken && w.UntilEmpty {
			if info, err := c.Info(ctx); err == nil && info.NumPending == 0 && info.NumAckPending == 0 {
				return nil
			}
		}
	}
	return nil
}

// handle works on one task, and tells the queue all the while that somebody does.
func (w *Worker) handle(ctx context.Context, msg jetstream.Msg, do func(context.Context, Task) (Result, Verdict, error)) error {
	var t Task
	if err := json.Unmarshal(msg.Data(), &t); err != nil {
		return errors.Join(w.bury(ctx, msg), msg.Term())
	}
	if about, err := msg.Metadata(); err == nil && about.NumDelivered > uint64(w.Tries) {
		r := Result{Name: t.Name, Status: Failed, Worker: w.Name,
			Error: fmt.Sprintf("given up after %d tries, in which its workers died or could not go on; it is in the stream %s", w.Tries, deadStream)}
		return errors.Join(w.bury(ctx, msg), w.tell(ctx, t, r), msg.Term())
	}
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go w.beat(beating, msg)
	r, verdict, err := do(ctx, t)
	stop()
	switch verdict {
	case Told:
		r.Worker = w.Name
		if err := w.tell(ctx, t, r); err != nil {
			return err // not acknowledged: it comes again, and is found done
		}
		return errors.Join(err, msg.Ack())
	case Later:
		return errors.Join(err, msg.NakWithDelay(w.Lease))
	case GivenUp, Again:
		return errors.Join(err, msg.Nak(), w.Queue.conn.Flush())
	}
	return err
}

// beat renews the lease.
func (w *Worker) beat(ctx context.Context, msg jetstream.Msg) {
	tick := time.NewTicker(w.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = msg.InProgress() // else it is handed out again, and the lock on its files decides
		case <-ctx.Done():
			return
		}
	}
}

func (w *Worker) tell(ctx context.Context, t Task, r Result) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerIn)
	defer cancel()
	return w.Queue.publish(ctx, resultSubject+t.Batch, r, jetstream.WithMsgID(t.Batch+" "+t.Name))
}

// bury puts a task aside for somebody to look at.
func (w *Worker) bury(ctx context.Context, msg jetstream.Msg) error {
	if _, err := w.Queue.js.Publish(ctx, deadSubject, msg.Data()); err != nil {
		return fmt.Errorf("queue: put a task aside: %w", err)
	}
	return nil
}
