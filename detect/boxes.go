package detect

import "fmt"

// Boxes reads the project's own model contract, where the network has decoded
// everything already: boxes [A,4] as x1,y1,x2,y2 in input pixels and scores [A,C]
// in 0..1, for any number of anchors A.
type Boxes struct {
	Labels int // C
}

// Shapes are those of boxes and scores, for any A.
func (d Boxes) Shapes() [][]int { return [][]int{{0, 4}, {0, d.Labels}} }

// Decode implements Decoder; the outputs are boxes, then scores.
func (d Boxes) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	boxes, scores, err := pair(outputs)
	if err != nil {
		return dst, fmt.Errorf("decode boxes: %w", err)
	}
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
		dst = appendValid(dst, Box{float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3])}, score, class)
	}
	return dst, nil
}

// pair takes the outputs of a head that gives boxes and scores apart.
func pair(outputs [][]float32) (boxes, scores []float32, err error) {
	if len(outputs) != 2 {
		return nil, nil, fmt.Errorf("%d outputs, want boxes and scores", len(outputs))
	}
	return outputs[0], outputs[1], nil
}
