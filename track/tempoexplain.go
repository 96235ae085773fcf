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
		if k := &t.tracks[i]; k.missed > 0 {
			t.explainLoss(k, &t.expected[i], detections)
		}
	}
	least := max(t.cfg.NewScore, sureConfidence) // those that are not sure start nothing
	for _, from := range [...][]subject{t.high, t.low} {
		for _, d := range from {
			if score := detections[d.index].Score; !t.taken[d.index] && t.conf.of(score) < least {
				t.add(Ignored, Unsure, 0, d.index, -1, score, t.conf.score(least))
			}
		}
	}
}

// explainLoss says why a track found none of the detections that it may take.
func (t *Tempo) explainLoss(k *tempoTrack, expected *subject, detections []detect.Detection) {
	v := judge(len(t.high), t.least(k.young),
		func(j int) float64 {
			return t.sureSimilarity(expected.iou(&t.high[j]), k, expected, &detections[t.high[j].index])
		},
		func(j int) int { return t.high[j].index })
	if k.isFresh() {
		v = v.or(judge(len(t.low), t.cfg.LowSimilarity,
			func(j int) float64 {
				return t.weakSimilarity(expected.iou(&t.low[j]), k, expected, &detections[t.low[j].index])
			},
			func(j int) int { return t.low[j].index }))
	}
	recalled := judge(len(t.high), recallLeast,
		func(j int) float64 { return t.recallable(k, expected, &t.high[j], &detections[t.high[j].index]) },
		func(j int) int { return t.high[j].index })
	t.unsighted(&k.identity, v.or(recalled))
}

// explainBirth says why no track took the detection that started one.
func (t *Tempo) explainBirth(id int, s *subject, d *detect.Detection) {
	among := func(young bool) verdict {
		return judge(len(t.expected), t.least(young), func(i int) float64 {
			if t.tracks[i].young != young {
				return 0
			}
			return t.sureSimilarity(t.expected[i].iou(s), &t.tracks[i], &t.expected[i], d)
		}, func(i int) int { return t.tracks[i].id })
	}
	recalled := judge(len(t.expected), recallLeast,
		func(i int) float64 { return t.recallable(&t.tracks[i], &t.expected[i], s, d) },
		func(i int) int { return t.tracks[i].id })
	t.begun(id, s.index, among(false).or(among(true)).or(recalled))
}

// least is what the similarity to a sure detection has to reach.
func (t *Tempo) least(young bool) float64 {
	if young {
		return t.cfg.NewSimilarity
	}
	return t.cfg.Similarity
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
