package detect

import (
	"fmt"
	"math"
)

// EndToEnd reads the output of networks that choose their boxes themselves, be it
// by one prediction an object, as YOLOv10 and YOLO26 are trained, or by a
// suppression inside the graph: one output [K,6] with, for each box, x1, y1, x2, y2
// in input pixels, score, 0..1, and class, a whole number. Rows that were not needed
// score 0.
type EndToEnd struct {
	Labels int // C
}

// endToEndRow is how many values a box has.
const endToEndRow = 6

// Shapes is [K,6], for any K.
func (d EndToEnd) Shapes() [][]int { return [][]int{{0, endToEndRow}} }

// Decode implements Decoder. A class that is no label's number is an error: the
// output's shape does not tell how many there are, so that a list of labels which is
// too short, or columns in another order, would otherwise only lose detections.
func (d EndToEnd) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	if len(outputs) != 1 || len(outputs[0])%endToEndRow != 0 {
		return dst, fmt.Errorf("decode end2end output: %s, want a multiple of %d", sizes(outputs), endToEndRow)
	}
	for t := outputs[0]; len(t) > 0; t = t[endToEndRow:] {
		score, number := t[4], t[5]
		if !(score >= float32(conf) && score > 0) || math.IsNaN(float64(number)) { // NaN never wins
			continue
		}
		if !(number >= 0 && number < float32(d.Labels)) || number != float32(int(number)) {
			return dst, fmt.Errorf("decode end2end output: a box that scores %.3g has class %g, want a whole number below %d, the number of labels", score, number, d.Labels)
		}
		if class := int(number); wanted == nil || wanted[class] {
			dst = appendValid(dst, Box{float64(t[0]), float64(t[1]), float64(t[2]), float64(t[3])}, score, class)
		}
	}
	return dst, nil
}

// DETR reads the output of detection transformers, RT-DETR (Zhao et al., DETRs Beat
// YOLOs on Real-time Object Detection, CVPR 2024) among them, where a graph gives
// boxes and scores in one output [K,4+C]: for each query, centre x, centre y, width
// and height as fractions of the input, then class scores, 0..1.
type DETR struct {
	Width, Height int // input pixels
	Labels        int // C
}

// Shapes is [K,4+C], for any K.
func (d DETR) Shapes() [][]int { return [][]int{{0, 4 + d.Labels}} }

// Decode implements Decoder.
func (d DETR) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	row := 4 + d.Labels
	if len(outputs) != 1 || len(outputs[0])%row != 0 {
		return dst, fmt.Errorf("decode detr output: %s, want a multiple of %d", sizes(outputs), row)
	}
	w, h := float32(d.Width), float32(d.Height)
	for t := outputs[0]; len(t) > 0; t = t[row:] {
		if class, score := bestClass(t[4:row], float32(conf), wanted); class >= 0 {
			dst = appendValid(dst, fromCenter(t[0]*w, t[1]*h, t[2]*w, t[3]*h), score, class)
		}
	}
	return dst, nil
}
