package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// confidence translates the scores of any detector to one scale, so that one of
// modest scores is not taken for one that doubts. On the scale, a detection counts
// as sure from sureConfidence on, and the surest objects have topConfidence; in
// between and below, the translation is linear.
//
// Where the two are among the scores, nobody needs to say: detectors give their
// surest objects scores as high as they ever get, and are to be trusted down to
// about two thirds of them.
type confidence struct {
	top  float64 // the highest score there was, fading
	sure float64 // score that stands for sureConfidence
	high float64 // score that stands for topConfidence
}

const (
	sureConfidence = 0.6
	topConfidence  = 0.95
	sureShare      = 0.63 // of the highest score: 0.6 of 0.95
	sureLeast      = 0.3  // below it nothing is sure
	topFade        = 60.0 // seconds in which the highest score falls to 1/e
)

// see takes in the scores of a frame, dt seconds after the last. given is what
// the user says is sure, 0 where that is to be found.
func (c *confidence) see(detections []detect.Detection, dt, given float64) {
	c.top *= math.Exp(-dt / topFade)
	for i := range detections {
		if d := &detections[i]; trackable(d) {
			c.top = max(c.top, min(1, d.Score))
		}
	}
	c.sure = given
	if given <= 0 {
		c.sure = max(sureLeast, sureShare*c.top)
	}
	// No score is above 1: a sure one that leaves no room is topped by any other.
	c.high = max(c.top, min(1, c.sure/sureShare), c.sure+1e-6)
}

// of is the confidence that a score stands for, 0..1.
func (c *confidence) of(score float64) float64 {
	if score < c.sure {
		return max(0, sureConfidence*score/c.sure)
	}
	return min(1, sureConfidence+(topConfidence-sureConfidence)*(score-c.sure)/(c.high-c.sure))
}

// score is the score that stands for a confidence, the inverse of of.
func (c *confidence) score(confidence float64) float64 {
	if confidence < sureConfidence {
		return confidence / sureConfidence * c.sure
	}
	return c.sure + (confidence-sureConfidence)/(topConfidence-sureConfidence)*(c.high-c.sure)
}
