package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	neturl "net/url"
	"sync"
	"sync/atomic"
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
	backStream, backSubject     = "TRACKER_RETURNS", "tracker.returns."
	consumerName                = "workers"

	resultsFor = 7 * 24 * time.Hour
	returnsFor = 30 * 24 * time.Hour
	// sameResult is for how long a second result of a task is dropped: a worker that
	// died between telling the result and acknowledging the task leaves one.
	sameResult = time.Hour
	// answerIn is how long a worker that is stopped tries to tell what it has done.
	answerIn  = 30 * time.Second
	lookEvery = 200 * time.Millisecond // for results
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
	Out    string `json:"out"`
	Video  bool   `json:"video"`
	Record bool   `json:"record"`
	Force  bool   `json:"force"`
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
	// Notify, where not nil, is told in a sentence that the server has gone or is back. It
	// is called from several goroutines.
	Notify  func(message string)
	gone    atomic.Bool // the server, as was told last
	conn    *nats.Conn
	js      jetstream.JetStream
	results jetstream.Stream
	returns jetstream.Stream // how often each task was given back: its last message
}

// Connect opens the queue at a NATS URL and makes its streams where there are none.
func Connect(ctx context.Context, url string) (*Queue, error) {
	// Without a buffer for what is sent while there is no connection: it would say that
	// something is done which is not.
	conn, err := nats.Connect(url, nats.Name("tracker"), nats.Timeout(5*time.Second),
		nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		if bad := new(neturl.Error); errors.As(err, &bad) {
			err = bad.Err // without the URL
		}
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
	for _, c := range []struct {
		keep *jetstream.Stream
		jetstream.StreamConfig
	}{
		{nil, jetstream.StreamConfig{Name: taskStream, Subjects: []string{taskSubject}, Retention: jetstream.WorkQueuePolicy}},
		{&q.results, jetstream.StreamConfig{Name: resultStream, Subjects: []string{resultSubject + "*"}, MaxAge: resultsFor, Duplicates: sameResult}},
		{nil, jetstream.StreamConfig{Name: deadStream, Subjects: []string{deadSubject}}},
		{&q.returns, jetstream.StreamConfig{Name: backStream, Subjects: []string{backSubject + "*.*"}, MaxAge: returnsFor, MaxMsgsPerSubject: 1}},
	} {
		stream, err := q.js.CreateOrUpdateStream(ctx, c.StreamConfig)
		if err != nil {
			return err
		}
		if c.keep != nil && *c.keep == nil {
			*c.keep = stream // not anew where workers make them again: they read it meanwhile
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
	return q.publish(ctx, taskSubject, t.id(), t)
}

// id is the same for a task that is put into the queue twice.
func (t Task) id() string { return t.Batch + " " + t.Name }

// publish puts v into a stream; with an id that is there already, it does nothing.
func (q *Queue) publish(ctx context.Context, subject, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("queue: put into %s: %w", subject, err)
	}
	return q.put(ctx, subject, id, data)
}

func (q *Queue) put(ctx context.Context, subject, id string, data []byte) error {
	err := q.patiently(ctx, func(ctx context.Context) error {
		_, err := q.js.Publish(ctx, subject, data, jetstream.WithMsgID(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("queue: put into %s: %w", subject, err)
	}
	return nil
}

// Results calls do with the results of a batch, from its first on, until do says that
// it has seen enough or ctx ends. It bears a restart of the server.
func (q *Queue) Results(ctx context.Context, batch string, do func(Result) (enough bool)) error {
	next, begun := uint64(1), q.results.CachedInfo().Created
	connects := q.conn.Stats().Reconnects
	var lost time.Time // since when the server says that the batch is not there
	for {
		var msg *jetstream.RawStreamMsg
		err := q.patiently(ctx, func(ctx context.Context) (err error) {
			msg, err = q.results.GetMsg(ctx, next, jetstream.WithGetMsgSubject(resultSubject+batch))
			return err
		})
		if now := q.conn.Stats().Reconnects; now != connects && (err == nil || errors.Is(err, jetstream.ErrMsgNotFound)) {
			if other := q.mustBeSame(ctx, begun); other != nil {
				err = other
			} else {
				connects = now
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case errors.Is(err, errLost), errors.Is(err, jetstream.ErrStreamNotFound):
			if lost.IsZero() {
				lost = time.Now()
			}
			if time.Since(lost) > believed {
				return fmt.Errorf("queue: read results: %w; the same command goes on", errLost)
			}
			Pause(ctx, lookEvery)
			continue
		case errors.Is(err, jetstream.ErrMsgNotFound):
			lost = time.Time{}
			Pause(ctx, lookEvery)
			continue
		default:
			return fmt.Errorf("queue: read results: %w", err)
		}
		lost = time.Time{}
		var r Result
		if err := json.Unmarshal(msg.Data, &r); err != nil {
			return fmt.Errorf("queue: read results: %w", err)
		}
		if do(r) {
			return nil
		}
		next = msg.Sequence + 1
	}
}

// believed is how long a server must say that the batch is not there: one that stops
// says so for a moment, too.
const believed = 3 * time.Second

// errLost says that nobody works on a batch any more.
var errLost = errors.New("the server has lost the batch: give it a folder that outlives it (-sd)")

// mustBeSame is an error where the results' stream is not the one of that time.
func (q *Queue) mustBeSame(ctx context.Context, made time.Time) error {
	return q.patiently(ctx, func(ctx context.Context) error {
		info, err := q.results.Info(ctx)
		if err == nil && !info.Created.Equal(made) {
			return errLost
		}
		return err
	})
}

// Verdict is what a worker makes of a task.
type Verdict int

const (
	Told      Verdict = iota // it has a result, good or bad: nobody else need try
	Again                    // another worker is to take it, at once
	Later                    // another worker has it still, or this one cannot now
	Elsewhere                // this worker cannot, and others may not either: a try
	GivenUp                  // this worker cannot go on at all; another is to take it, at once
)

// Worker takes tasks from a queue.
type Worker struct {
	Queue *Queue
	// Lease is how long a task stays with a worker of which nothing is heard. Raising
	// it bears longer pauses of the network; lowering it finds dead workers sooner.
	Lease time.Duration
	// Tries is how many workers may die of a task, or find that they cannot do it,
	// before it is put aside. One that is given back counts for nothing.
	Tries int
	// Name of this worker, for the results.
	Name string
	// UntilEmpty ends the work when the queue has nothing to hand out and no task is
	// with any worker, or the server has been away for a lease: one inside of a batch
	// goes with it.
	UntilEmpty bool

	goodbye sync.Once // for all that work side by side
}

// Work takes one task after the other, until ctx ends. do works on one. A server
// that goes away is waited for, unless that is the end. Several goroutines may work so.
func (w *Worker) Work(ctx context.Context, do func(context.Context, Task) (Result, Verdict, error)) error {
	c, err := w.consumer(ctx)
	for err == nil && ctx.Err() == nil {
		var taken bool
		var gone error
		if taken, gone, err = w.turn(ctx, c, do); err != nil {
			return err
		}
		switch {
		case gone != nil:
			Pause(ctx, shortest)
			c, err = w.consumer(ctx)
		case !taken && w.UntilEmpty:
			if done(ctx, c) {
				return nil
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case w.UntilEmpty && away(err):
		w.goodbye.Do(func() {
			w.Queue.notify(fmt.Sprintf("the queue's server has been away for %v: taken for the end of the batch", w.Lease))
		})
		return nil
	}
	return fmt.Errorf("queue: %w", err)
}

// done says that the queue has nothing to hand out, and that no task is with any worker.
func done(ctx context.Context, c jetstream.Consumer) bool {
	ctx, end := context.WithTimeout(ctx, answerWithin)
	defer end()
	info, err := c.Info(ctx)
	return err == nil && info.NumPending == 0 && info.NumAckPending == 0
}

// consumer is the one that all workers share, made where the server has lost it.
func (w *Worker) consumer(ctx context.Context) (c jetstream.Consumer, err error) {
	if w.UntilEmpty {
		bound, end := context.WithTimeout(ctx, w.Lease)
		defer end()
		ctx = bound
	}
	err = w.Queue.patiently(ctx, func(ctx context.Context) (err error) {
		c, err = w.Queue.consumer(ctx, w.Lease)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = w.Queue.makeStreams(ctx)
			if err == nil {
				c, err = w.Queue.consumer(ctx, w.Lease)
			}
		}
		return err
	})
	return c, err
}

// turn waits for a task and works on it. Gone is why the server hands out none.
func (w *Worker) turn(ctx context.Context, c jetstream.Consumer, do func(context.Context, Task) (Result, Verdict, error)) (taken bool, gone, err error) {
	// A short wait: a task that arrives while nobody waits for it any more would
	// rest until the lease ends.
	batch, err := c.Fetch(1, jetstream.FetchMaxWait(time.Second))
	if err != nil {
		return false, err, nil
	}
	for msg := range batch.Messages() {
		taken = true
		if err := w.handle(ctx, msg, do); err != nil {
			return taken, nil, err
		}
	}
	return taken, batch.Error(), nil
}

// handle works on one task, and tells the queue all the while that somebody does.
func (w *Worker) handle(ctx context.Context, msg jetstream.Msg, do func(context.Context, Task) (Result, Verdict, error)) error {
	lasting, end := Outlasting(ctx, answerIn)
	defer end()
	about, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	var t Task
	if err := json.Unmarshal(msg.Data(), &t); err != nil {
		return errors.Join(w.bury(lasting, msg, about), msg.Term())
	}
	returned, err := w.returned(lasting, t, about)
	if err != nil {
		return err
	}
	if about.NumDelivered > returned+uint64(w.Tries) {
		r := Result{Name: t.Name, Status: Failed, Worker: w.Name,
			Error: fmt.Sprintf("given up after %d tries, in which its workers died or did not find it; it is in the stream %s", w.Tries, deadStream)}
		return errors.Join(w.bury(lasting, msg, about), w.tell(lasting, t, r), msg.Term())
	}
	beating, stop := context.WithCancel(lasting)
	defer stop()
	go w.beat(beating, msg)
	r, verdict, err := do(ctx, t)
	if verdict == Told {
		r.Worker = w.Name
		if err := w.tell(lasting, t, r); err != nil {
			return err // not acknowledged: it comes again, and is found done
		}
		return errors.Join(err, w.acknowledge(lasting, msg))
	}
	stop()
	delay := time.Duration(0)
	switch verdict {
	case Elsewhere:
		return errors.Join(err, w.refuse(lasting, msg, w.Lease))
	case Later:
		delay = w.Lease
	}
	return errors.Join(err, w.giveBack(lasting, msg, about, t, returned+1, delay))
}

// acknowledge ends a task. One of which the server takes no notice comes again, and
// is found done.
func (w *Worker) acknowledge(ctx context.Context, msg jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	if err := w.Queue.patiently(ctx, msg.DoubleAck); err != nil && !away(err) && ctx.Err() == nil {
		return fmt.Errorf("queue: end a task: %w", err)
	}
	return nil
}

// giveBack leaves a task to another worker, after a delay. Times is how often it was
// given back, this time included.
func (w *Worker) giveBack(ctx context.Context, msg jetstream.Msg, about *jetstream.MsgMetadata, t Task, times uint64, delay time.Duration) error {
	subject := returnSubject(t, about)
	err := w.Queue.publish(ctx, subject, fmt.Sprintf("%s %d", subject, about.NumDelivered), times)
	return errors.Join(err, w.refuse(ctx, msg, delay))
}

// refuse leaves a task to another worker, after a delay.
func (w *Worker) refuse(ctx context.Context, msg jetstream.Msg, delay time.Duration) error {
	if err := w.Queue.patiently(ctx, func(context.Context) error { return msg.NakWithDelay(delay) }); err != nil {
		return fmt.Errorf("queue: give a task back: %w", err)
	}
	_ = w.Queue.conn.FlushTimeout(answerIn) // else it is given to another when the lease ends
	return nil
}

// returned is how often a task was given back.
func (w *Worker) returned(ctx context.Context, t Task, about *jetstream.MsgMetadata) (times uint64, err error) {
	if about.NumDelivered < 2 {
		return 0, nil
	}
	err = w.Queue.patiently(ctx, func(ctx context.Context) error {
		msg, err := w.Queue.returns.GetLastMsgForSubject(ctx, returnSubject(t, about))
		if err != nil {
			return err
		}
		return json.Unmarshal(msg.Data, &times)
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("queue: tries of a task: %w", err)
	}
	return times, nil
}

func returnSubject(t Task, about *jetstream.MsgMetadata) string {
	return fmt.Sprintf("%s%s.%d", backSubject, t.Batch, about.Sequence.Stream)
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
	return w.Queue.publish(ctx, resultSubject+t.Batch, t.id(), r)
}

// bury puts a task aside for somebody to look at.
func (w *Worker) bury(ctx context.Context, msg jetstream.Msg, about *jetstream.MsgMetadata) error {
	return w.Queue.put(ctx, deadSubject, fmt.Sprintf("%d %d", about.Sequence.Stream, about.Timestamp.UnixNano()), msg.Data())
}
