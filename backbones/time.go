package backbones

import (
	"context"
	"errors"
	"time"
)

// Time runs the network on a batch of n pictures of noise, again and again for the
// given time, and gives what each inference took, at least one. Copies to the
// device and back count; making tensors and the first runs do not.
func (m *Model) Time(n int, length time.Duration) (_ []time.Duration, err error) {
	requests := make([]*Request, n)
	for i := range requests {
		if requests[i], err = m.NewRequest(); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, requests[i].Close()) }()
		requests[i].input.loadNoise()
	}
	infer := func() error { return requests[0].Run(context.Background()) }
	if n > 1 {
		batch, err := m.newBatch(n, n)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, batch.Close()) }()
		infer = func() error { return batch.Run(requests) }
	}
	return timed(infer, length)
}

// timed runs infer for the length, after a tenth of it that does not count.
func timed(infer func() error, length time.Duration) (times []time.Duration, err error) {
	start := time.Now()
	for len(times) == 0 || time.Since(start) < length {
		before := time.Now()
		if err := infer(); err != nil {
			return nil, err
		}
		if after := time.Now(); after.Sub(start) > length/10 {
			times = append(times, after.Sub(before))
		}
	}
	return times, nil
}
