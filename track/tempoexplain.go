package track

import (
	"cmp"

	"github.com/tracker-go/tracker/detect"
)

// explain gives the reasons for what association left over.
func (t *Tempo) explain(detections []detect.Detection) {
	if !t.on() {
		return
	}
	for i := range t.tracks {
		if k := &t.tracks[i]; k.confirmed && k.missed == 1 {
			t.explainLoss(k, &t.expected[i], detections)
		}
	}
	for _, from := range [...][]subject{t.high, t.low} {
		for _, d := range from {
			if score := detections[d.index].Score; !t.taken[d.index] && t.conf.of(score) < t.cfg.NewScore {
				t.add(Ignored, Unsure, 0, d.index, -1, score, t.conf.score(t.cfg.NewScore))
			}
		}
	}
}

// explainLoss says why a track found none of the sure detections.
func (t *Tempo) explainLoss(k *tempoTrack, expected *subject, detections []detect.Detection) {
	v := judge(len(t.high), t.cfg.Similarity, func(j int) float64 {
		return t.similarity(k, expected, &t.high[j], &detections[t.high[j].index])
	})
	rival := -1
	if v.rival >= 0 {
		rival = t.high[v.rival].index
	}
	t.add(Lost, v.reason, k.id, -1, rival, v.value, t.cfg.Similarity)
}

// explainBirth says why no track took the detection that started one.
func (t *Tempo) explainBirth(id int, s *subject, d *detect.Detection) {
	v := judge(len(t.expected), t.cfg.Similarity, func(i int) float64 {
		return t.similarity(&t.tracks[i], &t.expected[i], s, d)
	})
	rival := -1
	if v.rival >= 0 {
		rival = t.tracks[v.rival].id
	}
	t.add(Born, v.reason, id, s.index, rival, v.value, t.cfg.Similarity)
}

// similarity is what the first round compares with Similarity.
func (t *Tempo) similarity(k *tempoTrack, expected, s *subject, d *detect.Detection) float64 {
	return expected.iou(s) * t.likeness(k, expected, d) * t.conf.of(d.Score)
}

// compareDetections orders detections by what they are, not where they stand:
// the surest first.
func compareDetections(a, b *detect.Detection) int {
	return cmp.Or(
		cmp.Compare(b.Score, a.Score),
		cmp.Compare(a.Box.X1, b.Box.X1), cmp.Compare(a.Box.Y1, b.Box.Y1),
		cmp.Compare(a.Box.X2, b.Box.X2), cmp.Compare(a.Box.Y2, b.Box.Y2),
		cmp.Compare(a.Class, b.Class),
	)
}
