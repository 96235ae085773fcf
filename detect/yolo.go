package detect

import (
	"errors"
	"fmt"
	"math"
)

// YOLOX decodes the head of YOLOX (Ge et al., YOLOX: Exceeding YOLO Series in
// 2021) as its exporter leaves it: one output [A,5+C] with, for each cell, the
// box's centre as an offset from the cell and its size as a logarithm, both in
// strides; then objectness and class scores, 0..1.
type YOLOX struct {
	labels int
	cells  []cell
}

// NewYOLOX makes the decoder for an input of inW×inH pixels.
func NewYOLOX(inW, inH, labels int, strides []int) (*YOLOX, error) {
	if err := checkGrid(inW, inH, labels, strides); err != nil {
		return nil, fmt.Errorf("yolox head: %w", err)
	}
	return &YOLOX{labels, cellsOf(inW, inH, strides)}, nil
}

// Shapes is [A,5+C].
func (d *YOLOX) Shapes() [][]int { return [][]int{{len(d.cells), 5 + d.labels}} }

// Decode implements Decoder. A score is objectness times class score.
func (d *YOLOX) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	row := 5 + d.labels
	if len(outputs) != 1 || len(outputs[0]) != row*len(d.cells) {
		return dst, fmt.Errorf("decode yolox output: %s, want %d for %d cells", sizes(outputs), row*len(d.cells), len(d.cells))
	}
	for i, c := range d.cells {
		t := outputs[0][i*row : (i+1)*row]
		class, score := bestProduct(t[4], t[5:], float32(conf), wanted)
		if class < 0 {
			continue
		}
		box := fromCenter((t[0]+c.x)*c.stride, (t[1]+c.y)*c.stride, exp32(t[2])*c.stride, exp32(t[3])*c.stride)
		dst = appendValid(dst, box, score, class)
	}
	return dst, nil
}

// YOLOv5 decodes the output of YOLOv5 and of other networks that decode their
// boxes in the graph but leave objectness apart: [A,5+C] with centre x, centre y,
// width and height in input pixels, objectness, then class scores, 0..1.
type YOLOv5 struct {
	Labels int // C
}

// Shapes is [A,5+C], for any A.
func (d YOLOv5) Shapes() [][]int { return [][]int{{0, 5 + d.Labels}} }

// Decode implements Decoder. A score is objectness times class score.
func (d YOLOv5) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	row := 5 + d.Labels
	if len(outputs) != 1 || len(outputs[0])%row != 0 {
		return dst, fmt.Errorf("decode yolov5 output: %s, want a multiple of %d", sizes(outputs), row)
	}
	for t := outputs[0]; len(t) > 0; t = t[row:] {
		if class, score := bestProduct(t[4], t[5:row], float32(conf), wanted); class >= 0 {
			dst = appendValid(dst, fromCenter(t[0], t[1], t[2], t[3]), score, class)
		}
	}
	return dst, nil
}

// YOLOv8 decodes the output of YOLOv8, YOLO11 and their kin, decoded in the graph
// and without objectness, one row a channel: [4+C,A] with centre x, centre y,
// width and height in input pixels, then class scores, 0..1.
type YOLOv8 struct {
	Labels int // C
}

// Shapes is [4+C,A], for any A.
func (d YOLOv8) Shapes() [][]int { return [][]int{{4 + d.Labels, 0}} }

// yoloBlock is how many anchors are looked at together: one channel's scores of
// them are a few cache lines, and all channels' fit the first-level cache.
const yoloBlock = 64

// Decode implements Decoder.
func (d YOLOv8) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	rows := 4 + d.Labels
	if len(outputs) != 1 || len(outputs[0])%rows != 0 {
		return dst, fmt.Errorf("decode yolov8 output: %s, want a multiple of %d", sizes(outputs), rows)
	}
	out, anchors := outputs[0], len(outputs[0])/rows
	for first := 0; first < anchors; first += yoloBlock {
		var block bestOf
		n := min(yoloBlock, anchors-first)
		block.clear(float32(conf))
		for c := range d.Labels {
			if wanted == nil || wanted[c] {
				at := (4+c)*anchors + first
				block.offer(out[at:at+n], int32(c))
			}
		}
		for i := range n {
			if block.class[i] >= 0 {
				at := first + i
				box := fromCenter(out[at], out[anchors+at], out[2*anchors+at], out[3*anchors+at])
				dst = appendValid(dst, box, block.score[i], int(block.class[i]))
			}
		}
	}
	return dst, nil
}

// bestOf holds the best class so far of each anchor of a block.
type bestOf struct {
	score [yoloBlock]float32
	class [yoloBlock]int32 // −1 for none
}

// clear forgets all; only scores of at least floor will count.
func (b *bestOf) clear(floor float32) {
	below := math.Nextafter32(floor, float32(math.Inf(-1)))
	for i := range b.score {
		b.score[i], b.class[i] = below, -1
	}
}

// offer compares one class's scores with the best. NaN never wins.
func (b *bestOf) offer(scores []float32, class int32) {
	best := b.score[:len(scores)]
	for i, s := range scores {
		if s > best[i] {
			best[i], b.class[i] = s, class
		}
	}
}

// bestProduct is the best wanted class and its score times objectness; class −1
// where that is below conf.
func bestProduct(objectness float32, scores []float32, conf float32, wanted []bool) (class int, product float32) {
	if !(objectness >= conf) { // no factor is above 1, so neither can make up for the other
		return -1, 0
	}
	class, best := bestClass(scores, conf, wanted)
	if product = objectness * best; class < 0 || !(product >= conf) {
		return -1, 0
	}
	return class, product
}

func exp32(x float32) float32 { return float32(math.Exp(float64(x))) }

// checkGrid bounds what a configuration can ask for.
func checkGrid(w, h, labels int, strides []int) error {
	if w <= 0 || h <= 0 || labels <= 0 {
		return fmt.Errorf("input %d×%d with %d labels: all must be positive", w, h, labels)
	}
	if len(strides) == 0 || len(strides) > 8 {
		return fmt.Errorf("%d strides, want 1 to 8", len(strides))
	}
	for _, s := range strides {
		if s < 1 || s > 1024 {
			return fmt.Errorf("stride of %d pixels, want 1 to 1024", s)
		}
	}
	if w > maxAnchors || h > maxAnchors || CountCells(w, h, strides) > maxAnchors {
		return errors.New("more than a million cells")
	}
	return nil
}

// sizes says how many values each output has.
func sizes(outputs [][]float32) string {
	if len(outputs) == 1 {
		return fmt.Sprintf("%d values", len(outputs[0]))
	}
	return fmt.Sprintf("%d outputs", len(outputs))
}
