package mot

import "github.com/tracker-go/tracker/track/internal/pairing"

// Identity holds the metrics of Ristani et al. (2016) at an IoU of 0.5: each
// true track is paired with at most one result track for the whole sequence,
// so that the boxes which the pairs share are as many as possible.
type Identity struct {
	IDF1 float64 `json:"IDF1"` // 2·IDTP / (true boxes + result boxes)
	IDR  float64 `json:"IDR"`  // IDTP / true boxes
	IDP  float64 `json:"IDP"`  // IDTP / result boxes
	IDTP int     `json:"IDTP"` // boxes that the pairs share
	IDFN int     `json:"IDFN"` // true boxes besides
	IDFP int     `json:"IDFP"` // result boxes besides
}

func evaluateIdentity(s *sequence) Identity {
	if s.gtDets == 0 || s.resDets == 0 {
		return Identity{IDFN: s.gtDets, IDFP: s.resDets}
	}
	shared := make([]int, len(s.pairs))
	for _, f := range s.frames {
		for _, o := range f.overlaps {
			if o.iou >= 0.5 { // TrackEval grants no tolerance here
				shared[o.pair]++
			}
		}
	}
	var links []pairing.Edge
	for i, p := range s.pairs {
		if shared[i] > 0 {
			links = append(links, pairing.Edge{Row: int(p.gt), Col: int(p.res), Weight: float64(shared[i])})
		}
	}
	var id Identity
	var m pairing.Matcher
	for _, i := range m.Maximize(links, len(s.gtCount), len(s.resCount)) {
		id.IDTP += int(links[i].Weight)
	}
	id.IDFN, id.IDFP = s.gtDets-id.IDTP, s.resDets-id.IDTP
	id.finish()
	return id
}

// combineIdentity sums the counts over sequences.
func combineIdentity(all []Result) Identity {
	var id Identity
	for i := range all {
		r := &all[i].Identity
		id.IDTP += r.IDTP
		id.IDFN += r.IDFN
		id.IDFP += r.IDFP
	}
	id.finish()
	return id
}

// finish derives the shares from the counts.
func (id *Identity) finish() {
	tp := float64(id.IDTP)
	id.IDR = tp / atLeast(1, id.IDTP+id.IDFN)
	id.IDP = tp / atLeast(1, id.IDTP+id.IDFP)
	id.IDF1 = tp / max(1, tp+0.5*float64(id.IDFP)+0.5*float64(id.IDFN))
}
