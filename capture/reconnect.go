package capture

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says what a live source does with frames that nobody has taken yet.
type Policy int

const (
	// Newest keeps only the newest frame: the consumer is never late.
	Newest Policy = iota
	// All queues frames, up to Spec.Queue of them and 256 MiB, so that a consumer
	// that is slow for a moment misses none; then the oldest go. A consumer that is
	// always slow is late by a full queue.
	All
)

var policies = [...]string{"newest", "all"}

func (p Policy) String() string { return policies[p] }

// ParsePolicy reads the name of a policy: newest or all.
func ParsePolicy(name string) (Policy, error) {
	for p, known := range policies {
		if name == known {
			return Policy(p), nil
		}
	}
	return 0, fmt.Errorf("live policy %q is not known; newest and all are", name)
}

// Reconnect says what happens when a live source is lost. The zero value tries
// for ever to get it back.
type Reconnect struct {
	Off bool // end with ErrLost instead
	// MaxAttempts ends with ErrLost after so many attempts in a row that brought no
	// frame; 0 is no limit.
	MaxAttempts int
	// FirstDelay is the wait before the first attempt, 250 ms by default. Each
	// further one waits twice as long, up to MaxDelay, 3 s by default. Lower finds a
	// source sooner that is back; higher is kinder to a network shared by many.
	FirstDelay, MaxDelay time.Duration
	// Seed of the random part of the delays, which keeps the clients of one server
	// from returning all at once; 0 takes a new one each time.
	Seed uint64
}

const (
	defaultFirstDelay = 250 * time.Millisecond
	defaultMaxDelay   = 3 * time.Second
)

// backoff counts out the delays of attempts: each twice the last, less up to
// half of it at random.
type backoff struct {
	first, max, next time.Duration
	random           *rand.Rand
}

func newBackoff(r Reconnect) *backoff {
	b := &backoff{first: r.FirstDelay, max: r.MaxDelay}
	if b.first <= 0 {
		b.first = defaultFirstDelay
	}
	if b.max <= 0 {
		b.max = max(defaultMaxDelay, b.first)
	}
	seed := r.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	b.random = rand.New(rand.NewPCG(seed, 0))
	b.reset()
	return b
}

func (b *backoff) reset() { b.next = min(b.first, b.max) }

// delay is the wait before the next attempt.
func (b *backoff) delay() time.Duration {
	d := b.next
	b.next = min(2*b.next, b.max)
	return d/2 + time.Duration(b.random.Int64N(int64(d)/2+1))
}
