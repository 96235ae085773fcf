package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// resemblance learns what looks are worth in this scene. A track and its own next
// detection show how alike one object stays; a track and another's detection of the
// same frame, how alike two are. Where people wear what they like the two are far apart,
// and looks decide; where all wear the same, or a night camera sees no
// colours, they are not, and looks have no say. So whatever the embeddings are made
// from, nobody needs to tune for them.
type resemblance struct {
	size        int // of the embeddings that were learned from
	same, other spread
}

// spread is a running mean and variance.
type spread struct{ n, mean, variance float64 }

// What is believed before anything was seen, and for how many pairs' worth; and how
// many pairs the past counts for at most.
const (
	alikeSame, alikeOther = 0.85, 0.5
	alikeVariance         = 0.01
	alikeTrust            = 8
	alikeMost             = 1000
	alikeFloor            = 1e-4 // least variance: embeddings may never change
)

func newResemblance(size int) resemblance {
	return resemblance{
		size: size,
		same: spread{alikeTrust, alikeSame, alikeVariance}, other: spread{alikeTrust, alikeOther, alikeVariance},
	}
}

func (s *spread) add(x float64) {
	s.n = min(s.n+1, alikeMost)
	d := x - s.mean
	s.mean += d / s.n
	s.variance += (d*d - s.variance) / s.n
}

// alike is how alike a track's look and an embedding are: 1 for equal ones, less by
// the distance between them. Its spread is more even than that of their cosine. ok is
// false where the two cannot be compared.
func alike(look, embedding []float32) (_ float64, ok bool) {
	if len(look) != len(embedding) {
		return 0, false
	}
	cosine, square := 0.0, 0.0
	for i, x := range embedding {
		cosine += float64(look[i]) * float64(x)
		square += float64(x) * float64(x)
	}
	return 1 - math.Sqrt(max(0, 1-cosine)), unit(square)
}

// learn takes in the tracks of a frame that have a detection with an embedding, which
// are the rows; those of a negative index teach nothing.
func (m *resemblance) learn(rows []subject, tracks []tempoTrack, detections []detect.Detection) {
	last := -1
	for _, r := range rows {
		if r.index < 0 {
			continue
		}
		own := detections[tracks[r.index].detection].Embedding
		if len(own) != m.size {
			*m = newResemblance(len(own))
		}
		if a, ok := alike(tracks[r.index].look, own); ok {
			m.same.add(a)
		}
		if last >= 0 {
			if a, ok := alike(tracks[last].look, own); ok {
				m.other.add(a)
			}
		}
		last = r.index
	}
}

// evidence is the logarithm of how many times likelier looks so alike are of one object
// than of two: linear in them, as for two normal distributions of one variance.
func (m *resemblance) evidence(alike float64) float64 {
	apart := max(0, m.same.mean-m.other.mean)
	variance := (m.same.variance+m.other.variance)/2 + alikeFloor
	return apart / variance * (alike - (m.same.mean+m.other.mean)/2)
}

// resembles is what the looks say for a track and a detection being one, as the logarithm
// of the odds; ok is false where they say nothing.
func (t *Tempo) resembles(k *tempoTrack, d *detect.Detection) (odds float64, ok bool) {
	if t.cfg.LookCost == 0 || len(k.look) != t.alike.size {
		return 0, false
	}
	a, ok := alike(k.look, d.Embedding)
	return t.cfg.LookCost * t.alike.evidence(a), ok
}

// chance turns the logarithm of odds into a probability.
func chance(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }
