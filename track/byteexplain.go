package track

import "github.com/tracker-go/tracker/detect"

// explainLoss says why a track found none of the detections that it may take.
func (b *ByteTrack) explainLoss(t *byteTrack, expected *subject, detections []detect.Detection) {
	v := judge(len(b.high), b.least(t.young),
		func(k int) float64 { return b.similarity(expected, &b.high[k], &detections[b.high[k].index]) },
		func(k int) int { return b.high[k].index })
	if t.state == byteTracked {
		v = v.or(overlapping(b.low, expected, 1-byteLowCost))
	}
	b.unsighted(&t.identity, v)
}

// explainBirth says why no track took the detection that started one.
func (b *ByteTrack) explainBirth(id int, s *subject, d *detect.Detection) {
	among := func(young bool) verdict {
		return judge(len(b.expected), b.least(young), func(k int) float64 {
			if b.tracks[k].young != young {
				return 0
			}
			return b.similarity(&b.expected[k], s, d)
		}, func(k int) int { return b.tracks[k].id })
	}
	b.begun(id, s.index, among(false).or(among(true)))
}

// least is what similarity has to reach.
func (b *ByteTrack) least(young bool) float64 {
	if young {
		return 1 - byteTentativeCost
	}
	return 1 - b.cfg.MaxCost
}

// similarity is what the rounds with sure detections compare.
func (b *ByteTrack) similarity(expected, s *subject, d *detect.Detection) float64 {
	similarity := expected.iouOfClass(s)
	if b.cfg.FuseScore {
		similarity *= d.Score
	}
	return similarity
}
