package motion

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
)

// coarse finds the translation between two pictures as a whole, in pixels of the
// lowest level: it tries every shift at one level, and refines the best on the one
// below. Windows that are followed from there need fewer levels, and are not
// drawn away by what moves by itself.
func coarse(from, to pyramid, level int) (dx, dy int) {
	p := &from[level]
	dx, dy = bestShift(p, &to[level], 0, 0, int(reach*float64(p.width)), int(reach*float64(p.height)))
	if level > 0 {
		level--
		dx, dy = bestShift(&from[level], &to[level], 2*dx, 2*dy, 1, 1)
	}
	return dx << level, dy << level
}

// bestShift tries all shifts up to rx and ry away from (dx, dy), which wins a draw.
func bestShift(a, b *plane, dx, dy, rx, ry int) (int, int) {
	bestX, bestY, best := dx, dy, unlike(a, b, dx, dy)
	for y := dy - ry; y <= dy+ry; y++ {
		for x := dx - rx; x <= dx+rx; x++ {
			if u := unlike(a, b, x, y); u < best {
				bestX, bestY, best = x, y, u
			}
		}
	}
	return bestX, bestY
}

// unlike is the variance of the difference between a pixel of a and the one
// (dx, dy) further in b, relative to the variances of both: 0 equal, 1 unrelated.
func unlike(a, b *plane, dx, dy int) float64 {
	x0, x1 := max(0, -dx), min(a.width, a.width-dx)
	y0, y1 := max(0, -dy), min(a.height, a.height-dy)
	var sa, sb, saa, sbb, sab int
	for y := y0; y < y1; y++ {
		ra := a.pix[y*a.width+x0 : y*a.width+x1]
		rb := b.pix[(y+dy)*b.width+x0+dx:][:len(ra)]
		for i := range ra {
			u, v := int(ra[i]), int(rb[i])
			sa += u
			sb += v
			saa += u * u
			sbb += v * v
			sab += u * v
		}
	}
	n := float64((x1 - x0) * (y1 - y0))
	meanA, meanB := float64(sa)/n, float64(sb)/n
	varA, varB := float64(saa)/n-meanA*meanA, float64(sbb)/n-meanB*meanB
	both := varA + varB + noise
	return (both - 2*(float64(sab)/n-meanA*meanB)) / both
}
