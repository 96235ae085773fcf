package track

import (
	"math"
	"slices"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// round is one pass of the association.
type round struct {
	least  float64 // similarity
	reach  float64 // boxes grow by so much of their size to each side to meet
	admits func(*tempoTrack) bool
	// similarity is that of a pair which overlaps so much.
	similarity func(t *Tempo, overlap float64, k *tempoTrack, expected *subject, d *detect.Detection) float64
}

// associate matches the tracks that a round admits and that are still to be found
// with the detections that are still free.
func (t *Tempo) associate(detections []detect.Detection, from []subject, r round) {
	t.rows, t.cols = t.rows[:0], t.cols[:0]
	for i := range t.tracks {
		if k := &t.tracks[i]; k.missed > 0 && r.admits(k) {
			t.rows = append(t.rows, t.expected[i].grown(r.reach))
		}
	}
	t.free(from, r.reach)
	edges := t.overlaps.find(t.rows, t.cols)
	gain := edges[:0] // what a pair is worth beyond the least similarity
	for _, e := range edges {
		track, detection := t.rows[e.Row].index, t.cols[e.Col].index
		s := r.similarity(t, e.Weight, &t.tracks[track], &t.expected[track], &detections[detection])
		if e.Weight = s - r.least; e.Weight > 0 {
			gain = append(gain, e)
		}
	}
	t.pairOff(detections, gain, Matched, r.least)
}

// free lists the detections that no track has, grown by reach, as columns of the association.
func (t *Tempo) free(from []subject, reach float64) {
	for _, d := range from {
		if !t.taken[d.index] {
			t.cols = append(t.cols, d.grown(reach))
		}
	}
}

// pairOff gives the rows their columns so that what they gain beyond least is most.
func (t *Tempo) pairOff(detections []detect.Detection, gain []pairing.Edge, reason Reason, least float64) {
	for _, k := range t.matcher.Maximize(gain, len(t.rows), len(t.cols)) {
		e := &gain[k]
		index := t.cols[e.Col].index
		t.match(&t.tracks[t.rows[e.Row].index], &detections[index], index, reason, e.Weight+least, least)
	}
}

// sureSimilarity is that of a track and a sure detection.
func (t *Tempo) sureSimilarity(overlap float64, k *tempoTrack, expected *subject, d *detect.Detection) float64 {
	return overlap * t.likeness(k, expected, d, sureLooks) * t.conf.of(d.Score)
}

// weakSimilarity is that of a track and a detection that is not sure.
func (t *Tempo) weakSimilarity(overlap float64, k *tempoTrack, expected *subject, d *detect.Detection) float64 {
	return overlap * t.likeness(k, expected, d, weakLooks)
}

// likeness is what the overlap of a pair is multiplied by: how like the two are in
// height, in where top and bottom are, in label and in looks. Those may raise it by most
// times.
func (t *Tempo) likeness(k *tempoTrack, expected *subject, d *detect.Detection, most float64) float64 {
	a, b := &expected.box, &d.Box
	common := min(a.Y2, b.Y2) - max(a.Y1, b.Y1)
	union := max(a.Y2, b.Y2) - min(a.Y1, b.Y1)
	like := ratio(a.Height(), b.Height()) * math.Sqrt(max(0, common/union))
	like *= t.labelled(k, d)
	if odds, ok := t.resembles(k, d); ok && (odds > 0 || !t.cutAlone(expected, d)) {
		like *= min(most, max(leastLooks, 2*chance(odds)))
	}
	return like
}

// cutAlone says whether the edge of the picture cuts a detection that no other track can
// mean, and whether the track can mean no other sure one. Who comes or leaves there looks
// another way in each frame, and nobody else is in question.
func (t *Tempo) cutAlone(expected *subject, d *detect.Detection) bool {
	return t.cuts(&d.Box) && !met(t.expected, &d.Box, &expected.box) && !met(t.high, &expected.box, &d.Box)
}

// met says whether any of the subjects but the one with the box of partner overlaps b.
func met(subjects []subject, b, partner *detect.Box) bool {
	return slices.ContainsFunc(subjects, func(s subject) bool {
		a := &s.box
		return a.X1 < b.X2 && b.X1 < a.X2 && a.Y1 < b.Y2 && b.Y1 < a.Y2 && *a != *partner
	})
}

// labelled is how well a detection's label goes with a track.
func (t *Tempo) labelled(k *tempoTrack, d *detect.Detection) float64 {
	return 1 - t.cfg.ClassCost*(1-k.classes.share(d.Class))
}

// match gives a track its detection.
func (t *Tempo) match(k *tempoTrack, d *detect.Detection, index int, reason Reason, similarity, least float64) {
	t.sighted(&k.identity, index, reason, similarity, least)
	sure := t.conf.of(d.Score)
	k.surprise.note(&k.motion, d.Box, sure)
	k.motion.update(d.Box, sure)
	k.observe(d, index, t.now)
	if !k.confirmed && k.hits >= t.cfg.MinHits {
		k.confirmed = true
		t.add(Confirmed, EnoughHits, k.id, index, -1, float64(k.hits), float64(t.cfg.MinHits))
	}
	t.taken[index] = true
}
