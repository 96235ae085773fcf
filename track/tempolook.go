package track

import "math"

const (
	lookEven = 0.6 // cosine that speaks neither for nor against a match
	lookKeep = 0.9 // share of the past in what a track looks like
)

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}

// usable says whether an embedding can be compared: broken ones harm nobody.
func usable(embedding []float32) bool {
	norm := dot(embedding, embedding)
	return norm > 0 && !math.IsInf(norm, 0) && !math.IsNaN(norm)
}

// see blends what a detection looks like into a track's looks, which begin with the
// first that can be compared.
func (t *Tempo) see(k *tempoTrack, embedding []float32) {
	if k.look == nil {
		k.look = t.newLook(embedding)
		return
	}
	if len(embedding) != len(k.look) || !usable(embedding) {
		return
	}
	for i, x := range embedding {
		k.look[i] = lookKeep*k.look[i] + (1-lookKeep)*x
	}
	if norm := math.Sqrt(dot(k.look, k.look)); norm > 0 {
		for i := range k.look {
			k.look[i] /= float32(norm)
		}
	}
}

// newLook copies an embedding, into the memory of a track that ended if it can.
func (t *Tempo) newLook(embedding []float32) []float32 {
	if len(embedding) == 0 || !usable(embedding) {
		return nil
	}
	var look []float32
	if n := len(t.looks); n > 0 {
		look, t.looks = t.looks[n-1], t.looks[:n-1]
	}
	return append(look[:0], embedding...)
}

func (t *Tempo) keepLook(look []float32) {
	if look != nil {
		t.looks = append(t.looks, look)
	}
}
