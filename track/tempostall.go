package track

import (
	"slices"
	"time"
)

// A live stream that stalls, is lost and comes back, or loses a second of frames
// leaves its objects elsewhere than any filter expects. That is no matter of a low
// frame rate, at which steps of that length are the rule and the filter knows the
// objects' pace.
const (
	stallStep  = 400 * time.Millisecond // the shortest stall
	stallTimes = 3                      // by how much it exceeds the usual step
	stallReach = 0.35                   // boxes grow by so much of their size to each side to meet
	stallLeast = 0.5                    // least similarity of such a match, in Similarity
	stallGap   = 4                      // MaxGaps that a track outlives: nobody saw it go
)

// stalled says whether the stream stood still for step, where usual is the step
// before.
func stalled(step, usual time.Duration) bool {
	return usual > 0 && step >= stallStep && step > stallTimes*usual
}

// forget ends tracks after a long stall: whatever is in their place now, nobody saw
// it get there.
func (t *Tempo) forget() {
	life := lifetime{-1, stallGap * t.cfg.MaxGap}
	t.tracks = slices.DeleteFunc(t.tracks, func(k tempoTrack) bool {
		over := t.expire(&k.identity, life)
		if over {
			t.keepLook(k.look)
		}
		return over
	})
}
