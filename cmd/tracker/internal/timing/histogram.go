package timing

import (
	"math"
	"math/bits"
	"time"
)

// A histogram counts durations in buckets whose width grows with the duration:
// each power of two is cut into subBuckets equal parts, the layout of
// HdrHistogram (Gil Tene). A bucket's middle is at most 1/(2·subBuckets) =
// 0.8 % away from anything in it, and adding costs a shift and an increment.
type histogram struct {
	buckets       [numBuckets]uint64
	count         uint64
	sum, min, max time.Duration
}

const (
	subBits    = 6
	subBuckets = 1 << subBits
	// maxBits bounds what a bucket can hold to 2^42 ns = 73 minutes; longer
	// durations share the last one.
	maxBits    = 42
	numBuckets = (maxBits - subBits + 1) * subBuckets
)

func (h *histogram) add(d time.Duration) {
	if h.count == 0 || d < h.min {
		h.min = d
	}
	h.buckets[bucketOf(d)]++
	h.count++
	h.sum += d
	h.max = max(h.max, d)
}

// mean is 0 for an empty histogram.
func (h *histogram) mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return h.sum / time.Duration(h.count)
}

// quantile is the duration that a share q (0..1] of all records do not exceed,
// by nearest rank, and within what was recorded; 0 for an empty histogram.
func (h *histogram) quantile(q float64) time.Duration {
	want, seen := rank(q, h.count), uint64(0)
	for i, n := range h.buckets {
		if seen += n; seen >= want && n > 0 {
			return min(max(middleOf(i), h.min), h.max)
		}
	}
	return 0
}

// rank is the 1-based nearest rank of quantile q among n sorted values. The
// small step back keeps a product like 0.95·n that rounding put just above a
// whole number on that number.
func rank(q float64, n uint64) uint64 {
	return max(1, min(n, uint64(math.Ceil(q*float64(n)-1e-9))))
}

// bucketOf maps 0 ≤ d < subBuckets to itself, and what is above to the octave
// of its highest bit and the subBits bits after that one.
func bucketOf(d time.Duration) int {
	v := min(uint64(d), 1<<maxBits-1)
	shift := max(bits.Len64(v)-1-subBits, 0)
	return shift<<subBits + int(v>>shift)
}

// middleOf is the middle of what bucketOf maps to bucket i.
func middleOf(i int) time.Duration {
	shift := max(i>>subBits-1, 0)
	low := uint64(i-shift<<subBits) << shift
	return time.Duration(low + 1<<shift>>1)
}
