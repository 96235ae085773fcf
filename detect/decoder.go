package detect

// Decoder turns the raw outputs of a network for one picture into detections. It
// holds no state between calls, so that any number of goroutines may share it.
type Decoder interface {
	// Shapes of the outputs in the order that Decode takes them, for one picture, the
	// batch axis left out. A size of 0 may be any.
	Shapes() [][]int
	// Decode appends to dst one detection for each anchor whose best wanted class
	// scores at least conf (0..1). Each output is row-major; wanted, if not nil, says
	// which labels count. Boxes are in network input pixels and unclipped; those that
	// are not finite or have no area are left out.
	Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error)
}

// cell is one place of an anchor-free head: its column and row in a feature map,
// and the map's stride in input pixels.
type cell struct{ x, y, stride float32 }

// cellsOf lists the cells of an input of w×h pixels in the order of the network's
// output: by stride, row, column. A map that does not divide the input evenly
// covers it.
func cellsOf(w, h int, strides []int) []cell {
	cells := make([]cell, 0, CountCells(w, h, strides))
	for _, s := range strides {
		for y := range ceilDiv(h, s) {
			for x := range ceilDiv(w, s) {
				cells = append(cells, cell{float32(x), float32(y), float32(s)})
			}
		}
	}
	return cells
}

// CountCells is how many cells feature maps of these strides have for an input of
// w×h pixels. All numbers must be positive.
func CountCells(w, h int, strides []int) int {
	n := 0
	for _, s := range strides {
		n += ceilDiv(w, s) * ceilDiv(h, s)
	}
	return n
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// bestClass finds the highest of the wanted scores that is at least floor; class
// −1 where there is none. NaN never wins.
func bestClass(scores []float32, floor float32, wanted []bool) (class int, best float32) {
	class = -1
	for c, s := range scores {
		if s >= floor && (class < 0 || s > best) && (wanted == nil || wanted[c]) {
			class, best = c, s
		}
	}
	return class, best
}

// appendValid appends a detection whose box is one.
func appendValid(dst []Detection, box Box, score float32, class int) []Detection {
	if !box.Valid() {
		return dst
	}
	return append(dst, Detection{Box: box, Score: float64(score), Class: class})
}

// fromCenter makes a Box of its centre and size, all in pixels.
func fromCenter(cx, cy, w, h float32) Box {
	x, y, rw, rh := float64(cx), float64(cy), float64(w)/2, float64(h)/2
	return Box{x - rw, y - rh, x + rw, y + rh}
}
