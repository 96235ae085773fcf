package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// noise learns how restless the objects of a scene are. The errors of a filter
// that believes in the right amount of noise are independent from frame to frame.
// Where a track misses twice in the same direction, the object turns faster than
// its filter follows; where it misses to and fro, the detections jitter (Mehra,
// "On the identification of variances and adaptive Kalman filtering", 1970). The
// correlation of successive errors over all tracks tells the two apart, whatever
// their size, and moves one factor for the whole scene: new tracks profit from
// what old ones taught.
type noise struct {
	factor float64 // multiplies the variance of the acceleration
}

const (
	noiseMost  = 400 // the factor's; 1 is its least
	noiseRate  = 0.4 // how fast it follows: ln(factor) a frame at full correlation
	noiseCalm  = 0.3 // correlation at which it stays
	noiseTrust = 2.0 // tracks that make half of the full rate
)

func newNoise() noise { return noise{factor: 1} }

// surprise is by how much a track missed its last detections, in standard
// deviations.
type surprise struct {
	x, y         float64
	lastX, lastY float64
	run          int // detections in a row
}

// note takes in the error of the filter before its update.
func (s *surprise) note(f *tempoFilter, b detect.Box, sure float64) {
	place, _ := f.measurement(sure)
	cx, cy := b.Center()
	s.lastX, s.lastY = s.x, s.y
	s.x = (cx - f.cx.x) / math.Sqrt(f.cx.pxx+place)
	s.y = (cy - f.cy.x) / math.Sqrt(f.cy.pxx+place)
	s.run++
}

// learn takes in the errors of a frame.
func (n *noise) learn(tracks []tempoTrack) {
	count, same, all := 0.0, 0.0, 0.0
	for i := range tracks {
		k := &tracks[i]
		s := &k.surprise
		if k.missed > 0 {
			s.run = 0
		}
		if k.missed > 0 || s.run < noiseRun {
			continue
		}
		count++
		same += s.x*s.lastX + s.y*s.lastY
		all += (s.x*s.x + s.y*s.y + s.lastX*s.lastX + s.lastY*s.lastY) / 2
	}
	if all == 0 {
		return
	}
	rate := noiseRate * count / (count + noiseTrust)
	n.factor = min(noiseMost, max(1, n.factor*math.Exp(rate*(same/all-noiseCalm))))
}

// noiseRun is how many errors in a row it takes: the first of a track says more
// about where it started.
const noiseRun = 4
