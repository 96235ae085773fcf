package mot

import (
	"math"

	"github.com/tracker-go/tracker/track/internal/pairing"
)

// Alphas holds a value for each of the 19 overlap thresholds at which HOTA is
// computed: 0.05, 0.10, … 0.95.
type Alphas [19]float64

// Mean is the average over the thresholds: the figure that is quoted.
func (a Alphas) Mean() float64 {
	sum := 0.0
	for _, v := range a {
		sum += v
	}
	return sum / float64(len(a))
}

// Thresholds are the overlaps (IoU) behind the values of an [Alphas].
func Thresholds() Alphas {
	var t Alphas
	for i := range t {
		t[i] = 0.05 + float64(float64(i)*0.05) // rounded as NumPy's arange rounds
	}
	return t
}

// HOTA holds the metrics of Luiten et al. (2021) at each threshold, all 0..1.
type HOTA struct {
	HOTA  Alphas `json:"HOTA"`  // √(DetA·AssA)
	DetA  Alphas `json:"DetA"`  // detection accuracy, TP/(TP+FN+FP)
	AssA  Alphas `json:"AssA"`  // association accuracy
	DetRe Alphas `json:"DetRe"` // detection recall
	DetPr Alphas `json:"DetPr"` // detection precision
	AssRe Alphas `json:"AssRe"` // association recall: a true track kept in one piece
	AssPr Alphas `json:"AssPr"` // association precision: a result track of one object
	LocA  Alphas `json:"LocA"`  // localisation accuracy, the mean IoU of matches
	OWTA  Alphas `json:"OWTA"`  // √(DetRe·AssA), for truth that is not complete

	TP [len(Alphas{})]int `json:"TP"`
	FN [len(Alphas{})]int `json:"FN"`
	FP [len(Alphas{})]int `json:"FP"`
}

func evaluateHOTA(s *sequence) HOTA {
	var h HOTA
	if s.gtDets == 0 || s.resDets == 0 {
		for a := range h.LocA {
			h.LocA[a], h.FN[a], h.FP[a] = 1, s.gtDets, s.resDets
		}
		return h
	}
	matches, iouSum := s.matchAligned()
	for a := range h.TP {
		var assA, assRe, assPr float64
		for i, p := range s.pairs {
			if matches[i][a] == 0 {
				continue
			}
			h.TP[a] += matches[i][a]
			both, gt, res := float64(matches[i][a]), float64(s.gtCount[p.gt]), float64(s.resCount[p.res])
			assA += both * (both / (gt + res - both))
			assRe += both * (both / gt)
			assPr += both * (both / res)
		}
		tp := atLeast(1, h.TP[a])
		h.AssA[a], h.AssRe[a], h.AssPr[a] = assA/tp, assRe/tp, assPr/tp
		h.LocA[a] = meanOverlap(iouSum[a], h.TP[a])
		h.FN[a], h.FP[a] = s.gtDets-h.TP[a], s.resDets-h.TP[a]
	}
	h.finish()
	return h
}

// matchAligned matches the boxes of each frame, preferring identities that
// overlap over the whole sequence. One matching serves all thresholds, which
// only decide whether a match is close enough to count. It returns the matches
// of each pair of identities and the sum of all matches' IoU, by threshold.
func (s *sequence) matchAligned() (matches [][len(Alphas{})]int, iouSum Alphas) {
	matches = make([][len(Alphas{})]int, len(s.pairs))
	alignment, thresholds := s.alignment(), Thresholds()
	var m pairing.Matcher
	var links []pairing.Edge
	for _, f := range s.frames {
		links = links[:0]
		for _, o := range f.overlaps {
			links = append(links, o.edge(alignment[o.pair]*o.iou))
		}
		for _, i := range m.Maximize(links, len(f.gt), len(f.res)) {
			o := f.overlaps[i]
			for a := 0; a < len(thresholds) && o.iou >= thresholds[a]-epsilon; a++ {
				matches[o.pair][a]++
				iouSum[a] += o.iou
			}
		}
	}
	return matches, iouSum
}

// alignment is, for each pair of identities, the Jaccard index of their boxes
// over the sequence, a match counting by how little else either box overlaps.
func (s *sequence) alignment() []float64 {
	common := make([]float64, len(s.pairs))
	var gtSum, resSum []float64
	for _, f := range s.frames {
		gtSum, resSum = pairing.Resize(gtSum, len(f.gt)), pairing.Resize(resSum, len(f.res))
		clear(gtSum)
		clear(resSum)
		for _, o := range f.overlaps {
			gtSum[o.gt] += o.iou
			resSum[o.res] += o.iou
		}
		for _, o := range f.overlaps {
			if all := gtSum[o.gt] + resSum[o.res] - o.iou; all > epsilon {
				common[o.pair] += o.iou / all
			}
		}
	}
	for i, p := range s.pairs {
		common[i] /= float64(s.gtCount[p.gt]) + float64(s.resCount[p.res]) - common[i]
	}
	return common
}

// combineHOTA adds sequences up: counts are summed, and what was averaged over
// matches is averaged again, weighted by them.
func combineHOTA(all []Result) HOTA {
	var h HOTA
	for a := range h.TP {
		var assA, assRe, assPr, locA float64
		for i := range all {
			r := &all[i].HOTA
			h.TP[a] += r.TP[a]
			h.FN[a] += r.FN[a]
			h.FP[a] += r.FP[a]
			tp := float64(r.TP[a])
			assA += r.AssA[a] * tp
			assRe += r.AssRe[a] * tp
			assPr += r.AssPr[a] * tp
			locA += r.LocA[a] * tp
		}
		tp := atLeast(1, h.TP[a])
		h.AssA[a], h.AssRe[a], h.AssPr[a] = assA/tp, assRe/tp, assPr/tp
		h.LocA[a] = meanOverlap(locA, h.TP[a])
	}
	h.finish()
	return h
}

// meanOverlap is sum/tp, and 1 where nothing was matched.
func meanOverlap(sum float64, tp int) float64 {
	return max(1e-10, sum) / max(1e-10, float64(tp))
}

// finish derives what depends on the counts and the association only.
func (h *HOTA) finish() {
	for a := range h.TP {
		tp := float64(h.TP[a])
		h.DetRe[a] = tp / atLeast(1, h.TP[a]+h.FN[a])
		h.DetPr[a] = tp / atLeast(1, h.TP[a]+h.FP[a])
		h.DetA[a] = tp / atLeast(1, h.TP[a]+h.FN[a]+h.FP[a])
		h.HOTA[a] = math.Sqrt(h.DetA[a] * h.AssA[a])
		h.OWTA[a] = math.Sqrt(h.DetRe[a] * h.AssA[a])
	}
}

// atLeast is n, or least where n is smaller: a denominator.
func atLeast(least float64, n int) float64 { return max(least, float64(n)) }
