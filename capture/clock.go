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

// mediaClock makes times out of what a container says of each frame: starting
// at 0 and never going backwards.
//
// Some containers say nothing (raw H.264: always 0); then frames are a period
// apart. Where the time jumps back (recordings glued together, a wrapped
// counter), it goes on from the last frame.
type mediaClock struct {
	period time.Duration // nominal distance of two frames

	started   bool
	lastIndex int
	last      time.Duration // what the last frame got
	offset    time.Duration // added to what the container says
}

// at is the time of the frame with that index, which must rise from call to
// call; pos is what the container says, 0 or less for nothing.
func (c *mediaClock) at(index int, pos time.Duration) time.Duration {
	guess := c.last + time.Duration(index-c.lastIndex)*c.period
	switch t := pos + c.offset; {
	case !c.started:
		c.started = true // the stream starts here, whatever its first timestamp
	case pos <= 0:
	case t < c.last:
		c.offset = guess - pos
	default:
		guess = t
	}
	c.lastIndex, c.last = index, guess
	return guess
}
