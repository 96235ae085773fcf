//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

func TestQueueDropsTheOldest(t *testing.T) {
	const frameBytes = 100 * 100 * 3
	for _, c := range []struct {
		limit, maxBytes int
		want            []int
	}{
		{1, 1 << 30, []int{9}},
		{3, 1 << 30, []int{7, 8, 9}},
		{5, 2*frameBytes + 1, []int{8, 9}},
		{5, 1, []int{9}}, // a frame larger than the bound is still delivered
	} {
		var p pool
		q := newQueue(c.limit, c.maxBytes)
		for i := range 10 {
			f := p.frame()
			f.Index = i
			f.Mat.Close()
			f.Mat = gocv.NewMatWithSize(100, 100, gocv.MatTypeCV8UC3)
			q.put(f)
		}
		end := errors.New("the end")
		q.end(end)
		var got []int
		for {
			f, err := q.take(t.Context())
			if err != nil {
				if err != end {
					t.Error(err)
				}
				break
			}
			got = append(got, f.Index)
			f.Close()
		}
		if !slices.Equal(got, c.want) || int(q.dropped.Load()) != 10-len(c.want) || q.bytes != 0 {
			t.Errorf("%+v: %v, %d dropped, %d bytes left", c, got, q.dropped.Load(), q.bytes)
		}
		p.close()
	}
}

func TestQueueWaits(t *testing.T) {
	var p pool
	defer p.close()
	q := newQueue(1, 1<<30)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := q.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("take of nothing: %v, want the deadline", err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		q.put(p.frame())
	}()
	f, err := q.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	q.put(p.frame())
	q.clear()
}

func TestQueueAllocatesNothing(t *testing.T) {
	var p pool
	defer p.close()
	q := newQueue(4, 1<<30)
	defer q.clear()
	frames := make([]*Frame, 200)
	for i := range frames {
		frames[i] = &Frame{pool: &p, Mat: gocv.NewMat()}
	}
	next := 0
	if n := testing.AllocsPerRun(150, func() { q.put(frames[next]); next++ }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	for ; next < len(frames); next++ {
		frames[next].Close()
	}
}
