package track

import "github.com/tracker-go/tracker/detect"

// An object that comes out from behind another, or turns while nobody sees it, is often
// not where its filter expects it, and by overlap alone becomes somebody new. Where
// its looks are known it is looked for farther away, the farther the longer it has
// been gone.
const (
	recallReach  = 0.6  // boxes grow by so much of their size to each side to meet
	recallPace   = 1.0  // and by so much more each second
	recallMost   = 2.0  // up to so much
	recallHeight = 0.6  // least ratio of heights
	recallLeast  = 0.75 // least chance, by looks and label, that the two are one
)

// recall matches tracks with the sure detections that are still free by what they look
// like. It comes after the weak detections: one in the right place is worth more than
// somebody like it elsewhere.
func (t *Tempo) recall(detections []detect.Detection) {
	t.rows, t.cols = t.rows[:0], t.cols[:0]
	for i := range t.tracks {
		if k := &t.tracks[i]; k.missed > 0 && k.confirmed && len(k.look) > 0 {
			t.rows = append(t.rows, t.expected[i].grown(k.reach))
		}
	}
	t.free(t.high, 0)
	edges := t.overlaps.find(t.rows, t.cols)
	gain := edges[:0]
	for _, e := range edges {
		i, d := t.rows[e.Row].index, &detections[t.cols[e.Col].index]
		if e.Weight = t.recognised(&t.tracks[i], &t.expected[i], d) - recallLeast; e.Weight > 0 {
			gain = append(gain, e)
		}
	}
	t.pairOff(detections, gain, Recognised, recallLeast)
}

// recallable is what recall compares, of any pair: 0 where it does not look.
func (t *Tempo) recallable(k *tempoTrack, expected, s *subject, d *detect.Detection) float64 {
	if far := expected.grown(k.reach); k.young || far.iou(s) == 0 {
		return 0
	}
	return t.recognised(k, expected, d)
}

// recognised is the chance that a track and a detection within its reach are one.
func (t *Tempo) recognised(k *tempoTrack, expected *subject, d *detect.Detection) float64 {
	odds, ok := t.resembles(k, d)
	if !ok || ratio(expected.box.Height(), d.Box.Height()) < recallHeight {
		return 0
	}
	return chance(odds) * t.labelled(k, d)
}
