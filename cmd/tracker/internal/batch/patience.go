package batch

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// answerWithin is how long one question waits for its answer.
const answerWithin = 5 * time.Second

// Pauses between tries to reach a server that has gone.
const (
	shortest = 100 * time.Millisecond
	longest  = 2 * time.Second
)

// awayErrors are those of a server that is gone, or comes up: it may be back soon.
var awayErrors = []error{
	nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
	nats.ErrReconnectBufExceeded, nats.ErrNoServers, nats.ErrStaleConnection, context.DeadlineExceeded,
	jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount,
}

func away(err error) bool {
	for _, target := range awayErrors {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// patiently repeats do, which is to ask with the context it is given, for as long as the
// server is away and ctx lasts. Do must be good to be done twice.
func (q *Queue) patiently(ctx context.Context, do func(context.Context) error) error {
	err := ask(ctx, do)
	if away(err) && !errors.Is(ctx.Err(), context.Canceled) {
		q.found(true)
	}
	for wait := shortest; away(err) && ctx.Err() == nil; wait = min(2*wait, longest) {
		Pause(ctx, wait)
		err = ask(ctx, do)
	}
	if !away(err) && ctx.Err() == nil {
		q.found(false)
	}
	return err
}

// ask gives the server so long to answer. One that stops after it was asked never does, and
// ctx may last for long.
func ask(ctx context.Context, do func(context.Context) error) error {
	ctx, end := context.WithTimeout(ctx, answerWithin)
	defer end()
	return do(ctx)
}

// found tells that the server is gone, or back: once, however many find it so.
func (q *Queue) found(gone bool) {
	switch was := q.gone.Swap(gone); {
	case gone && !was:
		q.notify("the queue's server does not answer; waiting for it")
	case was && !gone:
		q.notify("the queue's server is back")
	}
}

func (q *Queue) notify(message string) {
	if q.Notify != nil {
		q.Notify(message)
	}
}

// Pause waits. Where ctx ends first, it is the error.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Outlasting ends so long after ctx.
func Outlasting(ctx context.Context, by time.Duration) (lasting context.Context, end func()) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return lasting, func() { stop(); cancel() }
}
