package detect

import "fmt"

// Boxes reads the project's own model contract, where the network has decoded
// everything already: boxes [A,4] as x1,y1,x2,y2 in input pixels and scores [A,C]
// in 0..1, for any number of anchors A.
type Boxes struct {
	Labels int // C
}

// Channels is the number of scores per box.
func (d Boxes) Channels() int { return d.Labels }

// Anchors is 0: any number will do.
func (d Boxes) Anchors() int { return 0 }

// Decode appends to dst one detection for each anchor whose best wanted class
// scores at least conf, in network input pixels. Boxes that are not finite or
// have no area are left out.
func (d Boxes) Decode(dst []Detection, boxes, scores []float32, conf float64, wanted []bool) ([]Detection, error) {
	n := len(boxes) / 4
	if len(boxes) != 4*n || len(scores) != d.Labels*n {
		return dst, fmt.Errorf("decode boxes: %d box and %d score values do not go with %d labels", len(boxes), len(scores), d.Labels)
	}
	for i := range n {
		class, score := bestClass(scores[i*d.Labels:(i+1)*d.Labels], float32(conf), wanted)
		if class < 0 {
			continue
		}
		b := boxes[4*i : 4*i+4]
		box := Box{float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3])}
		if box.Valid() {
			dst = append(dst, Detection{Box: box, Score: float64(score), Class: class})
		}
	}
	return dst, nil
}
