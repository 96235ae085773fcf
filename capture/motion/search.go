package motion

import "math"

const (
	// coarseSide bounds the picture in which every translation is tried, in pixels.
	// Larger tells more of them apart; the cost grows with its fourth power.
	coarseSide = 32
	// reach is the part of the picture's sides that the search covers each way. More
	// finds faster pans, from less and less common ground.
	reach = 1.0 / 3
	// noise is the variance per pixel that is not taken for structure, in squared
	// grey levels.
	noise = 4
	// haste is by how much less alike two pictures may be if they are moved less: as
	// a part, at the end of the reach. More keeps to small motions where a pattern
	// repeats (fences, windows, tiles), and misses fast ones past faint details.
	haste = 0.2
	// minCommon: one pixel of so many must count in both pictures.
	minCommon = 8
)

// searcher finds the translation between two pictures as a whole. Windows that
// are followed from there need fewer levels, and are not drawn away by what moves
// by itself.
type searcher struct {
	masks pyramid // of the first picture's levels: 1 where a pixel does not count
}

// exclude takes the mask of the half-size level on to those above.
func (s *searcher) exclude(mask plane) {
	copy(s.masks[1].pix, mask.pix)
	for i := 2; i < len(s.masks); i++ {
		thin(s.masks[i], s.masks[i-1])
	}
}

// thin takes one pixel of each 2×2.
func thin(dst, src plane) {
	for y := range dst.height {
		for x := range dst.width {
			dst.pix[y*dst.width+x] = src.pix[2*y*src.width+2*x]
		}
	}
}

// find tries every translation at one level, and refines the best on the one
// below. The answer is in pixels of the lowest level.
func (s *searcher) find(from, to pyramid, level int) (dx, dy int) {
	p := &from[level]
	dx, dy = s.best(from, to, level, 0, 0, int(reach*float64(p.width)), int(reach*float64(p.height)))
	if level > 1 {
		level--
		dx, dy = s.best(from, to, level, 2*dx, 2*dy, 1, 1)
	}
	return dx << level, dy << level
}

// best tries all translations up to rx and ry away from (dx, dy).
func (s *searcher) best(from, to pyramid, level, dx, dy, rx, ry int) (bestX, bestY int) {
	a, b, mask := &from[level], &to[level], &s.masks[level]
	best := math.Inf(1)
	unit := reach * float64(max(a.width, a.height))
	for y := dy - ry; y <= dy+ry; y++ {
		for x := dx - rx; x <= dx+rx; x++ {
			far := float64(x*x+y*y) / (unit * unit)
			if u := unlike(a, b, mask, x, y) * (1 + haste*far); u < best {
				bestX, bestY, best = x, y, u
			}
		}
	}
	return bestX, bestY
}

// unlike is the variance of the difference between a pixel of a outside the mask
// and the one (dx, dy) further in b, relative to the variances of both: 0 equal,
// 1 unrelated.
func unlike(a, b, mask *plane, dx, dy int) float64 {
	x0, x1 := max(0, -dx), min(a.width, a.width-dx)
	y0, y1 := max(0, -dy), min(a.height, a.height-dy)
	var count, sa, sb, saa, sbb, sab int
	for y := y0; y < y1; y++ {
		ra := a.pix[y*a.width+x0 : y*a.width+x1]
		rb := b.pix[(y+dy)*b.width+x0+dx:][:len(ra)]
		rm := mask.pix[y*a.width+x0:][:len(ra)]
		for i := range ra {
			if rm[i] != 0 {
				continue
			}
			u, v := int(ra[i]), int(rb[i])
			count++
			sa += u
			sb += v
			saa += u * u
			sbb += v * v
			sab += u * v
		}
	}
	if count*minCommon < len(a.pix) {
		return math.Inf(1)
	}
	n := float64(count)
	meanA, meanB := float64(sa)/n, float64(sb)/n
	varA, varB := float64(saa)/n-meanA*meanA, float64(sbb)/n-meanB*meanB
	both := varA + varB + noise
	return (both - 2*(float64(sab)/n-meanA*meanB)) / both
}
