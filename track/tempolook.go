package track

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

const (
	lookFade    = 1.5  // seconds in which the past of what a track looks like falls to 1/e
	cutFade     = 0.3  // the same of one that the picture's edge cuts, and that shows another part each time
	lookCovered = 0.25 // share of a box, covered by another, from where on it may show the other

	// How many times looks may raise a similarity: a weak detection that looks right is often
	// a part of the background that always looks the same. And how far they may lower it: who
	// steps into the shade has not gone.
	sureLooks, weakLooks = 2, 1
	leastLooks           = 0.2
)

// remember blends what the sure detections of this frame look like into their tracks'
// looks, and learns from them what looks are worth. Boxes that others cover teach
// nothing: they may show who is in front. Tracks that the frame started have their
// looks from it already.
func (t *Tempo) remember(detections []detect.Detection, dt float64) {
	t.rows = t.rows[:0]
	for i := range t.expected {
		k := &t.tracks[i]
		if k.missed == 0 && t.shows(&detections[k.detection]) {
			t.rows = append(t.rows, newSubject(k.raw, 0, i))
		}
	}
	if len(t.rows) == 0 {
		return
	}
	t.cover()
	t.alike.learn(t.rows, t.tracks, detections)
	for _, r := range t.rows {
		if r.index < 0 {
			continue
		}
		k, fade := &t.tracks[r.index], lookFade
		if t.cuts(&k.raw) {
			fade = cutFade
		}
		t.see(k, detections[k.detection].Embedding, float32(math.Exp(-dt/fade)))
	}
}

// cover takes out of rows what a sure detection covers.
func (t *Tempo) cover() {
	for _, e := range t.overlaps.find(t.rows, t.high) {
		r, d := &t.rows[e.Row], &t.high[e.Col]
		if r.index < 0 || t.tracks[r.index].detection == d.index {
			continue
		}
		if common := e.Weight / (1 + e.Weight) * (r.area + d.area); common > lookCovered*r.area {
			r.index = -1
		}
	}
}

// see blends what a detection looks like into a track's looks. Those begin with the
// first that can be compared, and anew where embeddings become of another kind.
func (t *Tempo) see(k *tempoTrack, embedding []float32, keep float32) {
	if len(embedding) != len(k.look) {
		t.keepLook(k.look)
		k.look = t.newLook(embedding)
		return
	}
	for i, x := range embedding {
		k.look[i] = keep*k.look[i] + (1-keep)*x
	}
	if norm := math.Sqrt(squared(k.look)); norm > 0 {
		for i := range k.look {
			k.look[i] /= float32(norm)
		}
	}
}

// newLook copies an embedding, into the memory of a track that ended if it can; nil
// for one that cannot be compared.
func (t *Tempo) newLook(embedding []float32) []float32 {
	if !usable(embedding) {
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

// shows says whether a detection is good for looks.
func (t *Tempo) shows(d *detect.Detection) bool {
	return d.Score >= t.conf.sure && usable(d.Embedding)
}

// usable says whether an embedding can be compared: broken ones, and those that are
// not of unit length, are taken for none.
func usable(embedding []float32) bool { return unit(squared(embedding)) }

// unit says whether a squared length is 1 but for rounding, that of half precision, say.
func unit(square float64) bool { return math.Abs(square-1) < 0.1 } // false for NaN

func squared(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}
