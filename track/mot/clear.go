package mot

import (
	"math"

	"github.com/tracker-go/tracker/track/internal/pairing"
)

// CLEAR holds the metrics of Bernardin and Stiefelhagen (2008) at an IoU of 0.5,
// with the track counts that are reported beside them. Shares are 0..1; MOTA,
// MODA, MOTAL and SMOTA are negative where errors outnumber the truth.
type CLEAR struct {
	MOTA      float64 `json:"MOTA"`  // 1 − (FN + FP + IDSW) / true boxes
	MOTP      float64 `json:"MOTP"`  // mean IoU of matches
	MODA      float64 `json:"MODA"`  // MOTA without identity switches
	MOTAL     float64 `json:"MOTAL"` // MOTA with the logarithm of IDSW
	SMOTA     float64 `json:"sMOTA"` // MOTA with matches counted by their IoU
	Recall    float64 `json:"Recall"`
	Precision float64 `json:"Precision"`
	F1        float64 `json:"F1"`
	MTR       float64 `json:"MTR"` // MT, PT and ML as shares of the true tracks
	PTR       float64 `json:"PTR"`
	MLR       float64 `json:"MLR"`

	FPPerFrame float64 `json:"FPPerFrame"`

	TP   int `json:"TP"`   // matched boxes
	FN   int `json:"FN"`   // true boxes without a match
	FP   int `json:"FP"`   // result boxes without a match
	IDSW int `json:"IDSW"` // a match whose identity is not that of the true track's match before
	Frag int `json:"Frag"` // matches of a true track that start again after a gap
	MT   int `json:"MT"`   // mostly tracked: more than 80 % of its boxes matched
	PT   int `json:"PT"`   // partly tracked: 20 % to 80 %
	ML   int `json:"ML"`   // mostly lost: less than 20 %

	Frames  int     `json:"Frames"`  // of the sequence; 0 where either side is empty
	MOTPSum float64 `json:"MOTPSum"` // sum of the IoU of matches
}

// A life is what CLEAR remembers of a true identity.
type life struct {
	res      int32 // its last match, −1 before the first
	frame    int   // index of the scored frame of that match
	matched  int
	segments int // runs of matches without a gap
}

// continued outweighs any sum of overlaps, so that a match of the frame before
// is kept wherever it still overlaps enough.
const continued = 1000

func evaluateCLEAR(s *sequence) CLEAR {
	var c CLEAR
	if s.gtDets == 0 || s.resDets == 0 {
		return CLEAR{FN: s.gtDets, FP: s.resDets, ML: len(s.gtCount), MLR: 1}
	}
	lives := make([]life, len(s.gtCount))
	for i := range lives {
		lives[i] = life{res: -1, frame: -1}
	}
	var m pairing.Matcher
	var links []pairing.Edge
	var candidates []overlap
	now := 0 // counts frames that have both truth and results: others make no gap
	for _, f := range s.frames {
		if len(f.gt) == 0 || len(f.res) == 0 {
			continue
		}
		now++
		links, candidates = links[:0], candidates[:0]
		for _, o := range f.overlaps {
			if o.iou < 0.5-epsilon {
				continue
			}
			weight := o.iou
			if l := &lives[f.gt[o.gt]]; l.frame == now-1 && l.res == f.res[o.res] {
				weight += continued
			}
			links, candidates = append(links, o.edge(weight)), append(candidates, o)
		}
		for _, i := range m.Maximize(links, len(f.gt), len(f.res)) {
			o := candidates[i]
			c.TP++
			c.MOTPSum += o.iou
			if lives[f.gt[o.gt]].match(f.res[o.res], now) {
				c.IDSW++
			}
		}
	}
	c.FN, c.FP, c.Frames = s.gtDets-c.TP, s.resDets-c.TP, s.length
	for i, l := range lives {
		c.Frag += max(l.segments-1, 0)
		switch ratio := float64(l.matched) / float64(s.gtCount[i]); {
		case ratio > 0.8:
			c.MT++
		case ratio >= 0.2:
			c.PT++
		default:
			c.ML++
		}
	}
	c.finish()
	return c
}

// match records the match of a frame and reports whether it is a switch.
func (l *life) match(res int32, frame int) (switched bool) {
	switched = l.res >= 0 && l.res != res
	if l.frame != frame-1 {
		l.segments++
	}
	l.res, l.frame = res, frame
	l.matched++
	return switched
}

// combineCLEAR sums the counts over sequences.
func combineCLEAR(all []Result) CLEAR {
	var c CLEAR
	for i := range all {
		r := &all[i].CLEAR
		c.TP += r.TP
		c.FN += r.FN
		c.FP += r.FP
		c.IDSW += r.IDSW
		c.Frag += r.Frag
		c.MT += r.MT
		c.PT += r.PT
		c.ML += r.ML
		c.Frames += r.Frames
		c.MOTPSum += r.MOTPSum
	}
	c.finish()
	return c
}

// finish derives the shares from the counts.
func (c *CLEAR) finish() {
	tp, fp, idsw := float64(c.TP), float64(c.FP), float64(c.IDSW)
	truth := atLeast(1, c.TP+c.FN)
	tracks := atLeast(1, c.MT+c.PT+c.ML)
	c.MTR, c.PTR, c.MLR = float64(c.MT)/tracks, float64(c.PT)/tracks, float64(c.ML)/tracks
	c.Recall = tp / truth
	c.Precision = tp / atLeast(1, c.TP+c.FP)
	c.F1 = tp / max(1, tp+0.5*float64(c.FN)+0.5*fp)
	c.MODA = (tp - fp) / truth
	c.MOTA = (tp - fp - idsw) / truth
	c.MOTP = c.MOTPSum / atLeast(1, c.TP)
	c.SMOTA = (c.MOTPSum - fp - idsw) / truth
	if c.IDSW > 0 {
		idsw = math.Log10(idsw)
	}
	c.MOTAL = (tp - fp - idsw) / truth
	c.FPPerFrame = fp / atLeast(1, c.Frames)
}
