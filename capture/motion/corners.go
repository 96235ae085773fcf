package motion

import "math"

const (
	// cell is the side of the square, in pixels of the half-size picture, that
	// gives at most one corner. Smaller cells give more corners, and cost more time.
	cell = 12
	// edge is how far a corner stays from the border of the half-size picture, so
	// that its window at full size lies within.
	edge = half/2 + 2
)

// corner is a pixel of the small picture whose surroundings fix both coordinates.
type corner struct{ x, y int }

// cornerFinder picks the best corner of every cell, by the smaller eigenvalue of
// the gradient matrix (Shi and Tomasi, Good Features to Track, 1994), at half
// size, where it costs a quarter. Corners spread over the picture fix a rotation
// and a zoom better than the same number in one place.
type cornerFinder struct {
	mask plane // of half size: 1 where there must be no corner
	// Products of the gradients of the last three rows, summed over three columns.
	rows [3]products
	best []candidate // of each cell of a row of cells
	// found is valid until the next find.
	found []corner
}

type products struct{ xx, xy, yy []int32 }

type candidate struct {
	corner
	score float64
}

func newCornerFinder(width, height int) *cornerFinder {
	f := &cornerFinder{mask: newPlane(width, height)}
	for i := range f.rows {
		f.rows[i] = products{make([]int32, width), make([]int32, width), make([]int32, width)}
	}
	f.best = make([]candidate, (width+cell-1)/cell)
	f.found = make([]corner, 0, len(f.best)*((height+cell-1)/cell))
	return f
}

// exclude forbids corners in boxes, given in pixels of the source, which are
// scale times those of the half-size picture. Windows just outside a box must not
// see what is inside.
func (f *cornerFinder) exclude(boxes [][4]float64, scale float64) {
	clear(f.mask.pix)
	width, height := f.mask.width, f.mask.height
	for _, b := range boxes {
		x1, x2 := clip(b[0]/scale-half/2, width), clip(b[2]/scale+half/2+1, width)
		y1, y2 := clip(b[1]/scale-half/2, height), clip(b[3]/scale+half/2+1, height)
		for y := y1; y < y2 && x1 < x2; y++ {
			row := f.mask.pix[y*width:][x1:x2]
			for i := range row {
				row[i] = 1
			}
		}
	}
}

// clip is the whole part of v in 0..size; 0 for what is no number.
func clip(v float64, size int) int {
	if !(v > 0) {
		return 0
	}
	return int(min(v, float64(size)))
}

// find returns the corners of the half-size picture p outside the mask, in
// pixels of the full small picture, in rows from the top.
func (f *cornerFinder) find(p *plane) []corner {
	f.found = f.found[:0]
	for y := 1; y < p.height-1; y++ {
		f.rows[y%3].fill(p, y)
		if centre := y - 1; centre >= edge && centre < p.height-edge {
			f.scan(centre)
			if centre%cell == cell-1 || centre == p.height-edge-1 {
				f.emit()
			}
		}
	}
	return f.found
}

// fill computes the products of row y of p.
func (r *products) fill(p *plane, y int) {
	w := p.width
	up, mid, down := p.pix[(y-1)*w:][:w], p.pix[y*w:][:w], p.pix[(y+1)*w:][:w]
	xx, xy, yy := r.xx[:w], r.xy[:w], r.yy[:w]
	var axx, axy, ayy, bxx, bxy, byy int32 // of the two columns before
	for x := 1; x < w-1; x++ {
		gx := int32(mid[x+1]) - int32(mid[x-1])
		gy := int32(down[x]) - int32(up[x])
		cxx, cxy, cyy := gx*gx, gx*gy, gy*gy
		xx[x-1], xy[x-1], yy[x-1] = axx+bxx+cxx, axy+bxy+cxy, ayy+byy+cyy
		axx, axy, ayy, bxx, bxy, byy = bxx, bxy, byy, cxx, cxy, cyy
	}
}

// scan keeps the best pixels of row y, for which three rows are filled.
func (f *cornerFinder) scan(y int) {
	a, b, c := &f.rows[0], &f.rows[1], &f.rows[2]
	mask := f.mask.pix[y*f.mask.width:][:f.mask.width]
	for x := edge; x < len(mask)-edge; x++ {
		if mask[x] != 0 {
			continue
		}
		xx := a.xx[x] + b.xx[x] + c.xx[x]
		yy := a.yy[x] + b.yy[x] + c.yy[x]
		best := &f.best[x/cell]
		// The smaller eigenvalue is at most the smaller diagonal element.
		if float64(min(xx, yy)) <= best.score {
			continue
		}
		xy := a.xy[x] + b.xy[x] + c.xy[x]
		if s := smallerEigenvalue(float64(xx), float64(xy), float64(yy)); s > best.score {
			*best = candidate{corner{2 * x, 2 * y}, s}
		}
	}
}

// emit ends a row of cells.
func (f *cornerFinder) emit() {
	for i, b := range f.best {
		if b.score > 0 {
			f.found = append(f.found, b.corner)
		}
		f.best[i] = candidate{}
	}
}

// smallerEigenvalue is that of the symmetric matrix [xx xy; xy yy].
func smallerEigenvalue(xx, xy, yy float64) float64 {
	dx := (xx - yy) / 2
	return (xx+yy)/2 - math.Sqrt(dx*dx+xy*xy)
}
