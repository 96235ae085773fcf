package capture

import (
	"math"
	"time"
)

// defaultFPS stands in where a source says nothing about its rate.
const defaultFPS = 30

// maxFPS is the highest rate believed: containers without one report the tick
// rate of their clock, 1,000 or 90,000.
const maxFPS = 500

// saneFPS is fps, or 0 where it cannot be a frame rate.
func saneFPS(fps float64) float64 {
	if math.IsNaN(fps) || fps <= 0 || fps > maxFPS {
		return 0
	}
	return fps
}

// framePeriod is the time from one frame to the next at fps, or at defaultFPS
// where that is unknown.
func framePeriod(fps float64) time.Duration {
	if fps <= 0 {
		fps = defaultFPS
	}
	return time.Duration(math.Round(float64(time.Second) / fps))
}

// mediaClock makes times out of what a container or stream says of each frame:
// starting at 0 and never going backwards.
//
// Some say nothing (raw H.264: always 0); then time goes on by the step that the
// caller expects. So it does where the timestamps jump back (recordings glued
// together, a wrapped counter) or, in a live stream, further ahead than the wall
// clock allows; a recording may have gaps of any length.
type mediaClock struct {
	started bool
	last    time.Duration // what the last frame got
	offset  time.Duration // added to what the container says
}

// at is the time of the next frame. pos is what the container says, 0 or less
// for nothing; step is the time since the last frame as the caller guesses it,
// and limit the longest that is believed: the largest Duration for a recording.
func (c *mediaClock) at(pos, step, limit time.Duration) time.Duration {
	guess := c.last + step
	switch t := pos + c.offset; {
	case !c.started:
		c.started = true // the stream starts here, whatever its first timestamp
		c.offset = min(0, -pos)
		return 0
	case pos <= 0:
		c.last = guess
	case t < c.last, t-c.last > limit:
		c.offset = guess - pos
		c.last = guess
	default:
		c.last = t
	}
	return c.last
}
