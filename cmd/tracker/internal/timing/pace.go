package timing

import (
	"sync"
	"time"
)

// pace counts finished frames against the clock.
type pace struct {
	mu     sync.Mutex
	start  time.Time
	frames uint64
	last   [Window]time.Time // ring; the latest is at (frames−1) mod Window
}

func (p *pace) tick(now time.Time) {
	p.mu.Lock()
	p.last[p.frames%Window] = now
	p.frames++
	p.mu.Unlock()
}

// recent is the rate over the last Window frames in frames per second. The
// smaller of two rates is taken: up to the latest frame, and as if one more
// arrived now; the latter is smaller once the next frame is overdue.
func (p *pace) recent(now time.Time) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frames < 2 {
		return 0
	}
	n := min(p.frames, Window)
	latest, oldest := p.last[(p.frames-1)%Window], p.last[(p.frames-n)%Window]
	return min(
		perSecond(n-1, latest.Sub(oldest)),
		perSecond(n, now.Sub(oldest)),
	)
}

// total is the number of frames and the time since the start.
func (p *pace) total(now time.Time) (frames uint64, elapsed time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frames, now.Sub(p.start)
}

// perSecond is n over d, 0 where no time has passed.
func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
