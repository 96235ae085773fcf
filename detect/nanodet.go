package detect

import (
	"fmt"
	"math"
)

// NanoDet decodes the head of NanoDet-Plus as its exporter leaves it: one output
// [A,C+4·(M+1)] with, for each cell, class scores, 0..1, and for each side of the
// box (left, top, right, bottom) logits of a distribution over its distance from
// the cell's corner, 0 to M strides (Li et al., Generalized Focal Loss, NeurIPS
// 2020).
type NanoDet struct {
	labels, bins int // bins is M+1
	cells        []cell
}

// NewNanoDet makes the decoder for an input of inW×inH pixels; regMax is M.
func NewNanoDet(inW, inH, labels, regMax int, strides []int) (*NanoDet, error) {
	if err := checkGrid(inW, inH, labels, strides); err != nil {
		return nil, fmt.Errorf("nanodet head: %w", err)
	}
	if regMax < 1 || regMax > 64 {
		return nil, fmt.Errorf("nanodet head: reg_max is %d, want 1 to 64", regMax)
	}
	return &NanoDet{labels, regMax + 1, cellsOf(inW, inH, strides)}, nil
}

// Shapes is [A,C+4·(M+1)].
func (d *NanoDet) Shapes() [][]int { return [][]int{{len(d.cells), d.row()}} }

func (d *NanoDet) row() int { return d.labels + 4*d.bins }

// Decode implements Decoder.
func (d *NanoDet) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	row := d.row()
	if len(outputs) != 1 || len(outputs[0]) != row*len(d.cells) {
		return dst, fmt.Errorf("decode nanodet output: %s, want %d for %d cells", sizes(outputs), row*len(d.cells), len(d.cells))
	}
	for i, c := range d.cells {
		t := outputs[0][i*row : (i+1)*row]
		class, score := bestClass(t[:d.labels], float32(conf), wanted)
		if class < 0 {
			continue
		}
		var side [4]float64 // input pixels
		for k := range side {
			at := d.labels + k*d.bins
			side[k] = expectation(t[at:at+d.bins]) * float64(c.stride)
		}
		x, y := float64(c.x*c.stride), float64(c.y*c.stride)
		dst = appendValid(dst, Box{x - side[0], y - side[1], x + side[2], y + side[3]}, score, class)
	}
	return dst, nil
}

// expectation is the mean of 0, 1, 2, … under the softmax of logits.
func expectation(logits []float32) float64 {
	highest := logits[0]
	for _, l := range logits {
		highest = max(highest, l)
	}
	var sum, weighted float64
	for i, l := range logits {
		p := math.Exp(float64(l - highest))
		sum += p
		weighted += p * float64(i)
	}
	return weighted / sum
}
