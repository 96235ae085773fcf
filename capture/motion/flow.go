package motion

import "math"

// The window around a point that is compared between two pictures, in pixels. A
// larger one is steadier and slower, and mixes more motions at an object's edge.
const (
	half = 4
	side = 2*half + 1
	area = side * side
)

const (
	// topLevel is where following starts: a window reaches some 4 pixels there, and
	// twice as many with each level down.
	topLevel = 3
	// maxSteps bounds the iterations at one level.
	maxSteps = 6
	// smallStep in pixels ends them.
	smallStep = 0.02
	// minGradient is the least smaller eigenvalue of a window's gradient matrix, per
	// pixel in squared grey levels, that fixes both coordinates.
	minGradient = 2.0
	// maxResidual is the most variance that may remain between two windows, as a
	// part of the window's own.
	maxResidual = 0.35
)

// window is what Lucas-Kanade needs of the first picture: 9×9 grey values around
// a pixel, their gradients (doubled: differences over two pixels), and the
// inverse of the gradient matrix. The mean is taken out of everything, so that a
// change of exposure does not look like motion.
type window struct {
	grey, dx, dy   [area]int32
	ixx, ixy, iyy  float64 // inverse of the matrix of doubled gradients, times 2
	meanDX, meanDY float64
	variance       float64
}

// load reads the window around pixel (x, y), which must be half+1 pixels away
// from every border. It reports whether the window has enough texture.
func (w *window) load(p *plane, x, y int) bool {
	var sum, sum2, sx, sy, sxx, sxy, syy int64
	for i := range side {
		at := (y-half+i)*p.width + x - half
		up := (*[side]byte)(p.pix[at-p.width:])
		mid := (*[side + 2]byte)(p.pix[at-1:])
		down := (*[side]byte)(p.pix[at+p.width:])
		grey := (*[side]int32)(w.grey[i*side:])
		dx := (*[side]int32)(w.dx[i*side:])
		dy := (*[side]int32)(w.dy[i*side:])
		for j := range side {
			v := int64(mid[j+1])
			gx := int64(mid[j+2]) - int64(mid[j])
			gy := int64(down[j]) - int64(up[j])
			grey[j], dx[j], dy[j] = int32(v), int32(gx), int32(gy)
			sum, sum2 = sum+v, sum2+v*v
			sx, sy = sx+gx, sy+gy
			sxx, sxy, syy = sxx+gx*gx, sxy+gx*gy, syy+gy*gy
		}
	}
	w.meanDX, w.meanDY = float64(sx)/area, float64(sy)/area
	w.variance = float64(sum2) - float64(sum)*float64(sum)/area
	xx := float64(sxx) - float64(sx)*w.meanDX
	xy := float64(sxy) - float64(sx)*w.meanDY
	yy := float64(syy) - float64(sy)*w.meanDY
	if smallerEigenvalue(xx, xy, yy) < 4*minGradient*area {
		return false
	}
	k := 2 / (xx*yy - xy*xy)
	w.ixx, w.ixy, w.iyy = yy*k, -xy*k, xx*k
	return true
}

// step compares the window at pixel (x, y) with the one at (x+dx, y+dy) of
// another picture. It returns the displacement to add and the variance that
// remains between the windows; ok is false where the second leaves its picture.
func (w *window) step(p *plane, x, y int, dx, dy float64) (stepX, stepY, residual float64, ok bool) {
	const one = 256
	fx, fy := int(math.Floor(dx*one+0.5)), int(math.Floor(dy*one+0.5))
	left, top := x-half+fx>>8, y-half+fy>>8
	fx, fy = fx&(one-1), fy&(one-1)
	if left < 0 || top < 0 || left+side >= p.width || top+side >= p.height {
		return 0, 0, 0, false
	}
	var upper, lower [side]int
	blend(&upper, p.pix[top*p.width+left:], fx)
	var sum, sum2, bx, by int
	for i := range side {
		blend(&lower, p.pix[(top+i+1)*p.width+left:], fx)
		grey := (*[side]int32)(w.grey[i*side:])
		gx := (*[side]int32)(w.dx[i*side:])
		gy := (*[side]int32)(w.dy[i*side:])
		for j := range side {
			// Grey levels times 256.
			v := (upper[j]*(one-fy) + lower[j]*fy + one/2) >> 8
			diff := int(grey[j])<<8 - v
			sum += diff
			sum2 += diff * diff
			bx += diff * int(gx[j])
			by += diff * int(gy[j])
		}
		upper = lower
	}
	x0 := (float64(bx) - float64(sum)*w.meanDX) / one
	y0 := (float64(by) - float64(sum)*w.meanDY) / one
	residual = (float64(sum2) - float64(sum)*float64(sum)/area) / (one * one)
	return w.ixx*x0 + w.ixy*y0, w.ixy*x0 + w.iyy*y0, residual, true
}

// blend interpolates between neighbours of a row: fx/256 of the way, times 256.
func blend(out *[side]int, row []byte, fx int) {
	in := (*[side + 1]byte)(row)
	for j := range out {
		out[j] = int(in[j])<<8 + (int(in[j+1])-int(in[j]))*fx
	}
}

// follow finds where the window around pixel (x, y) of the lowest level of a
// pyramid has gone in another, by the pyramidal iterative method of Lucas and
// Kanade (An Iterative Image Registration Technique, 1981; pyramids: Bouguet,
// 2000), starting from the displacement (dx, dy). ok is false where there is no
// texture, the window leaves the picture, or what is found does not look the same.
func (w *window) follow(from, to pyramid, x, y int, dx, dy float64) (_, _ float64, ok bool) {
	top := min(len(from)-1, topLevel)
	for top > 0 && min(from[top].width, from[top].height) < side+2 {
		top--
	}
	scale := 1 / float64(int(1)<<top)
	dx, dy = dx*scale, dy*scale
	for level := top; level >= 0; level-- {
		if level < top {
			dx, dy = 2*dx, 2*dy
		}
		p := &from[level]
		px, py := inside(x>>level, p.width), inside(y>>level, p.height)
		if !w.load(p, px, py) {
			if level == 0 {
				return 0, 0, false
			}
			continue
		}
		nx, ny, good := w.descend(&to[level], px, py, dx, dy)
		switch {
		case good:
			dx, dy = nx, ny
		case level == 0:
			return 0, 0, false
		}
	}
	return dx, dy, true
}

// descend iterates at one level.
func (w *window) descend(p *plane, x, y int, dx, dy float64) (_, _ float64, ok bool) {
	residual := 0.0
	for range maxSteps {
		sx, sy, r, ok := w.step(p, x, y, dx, dy)
		if !ok {
			return 0, 0, false
		}
		dx, dy, residual = dx+sx, dy+sy, r
		if sx*sx+sy*sy < smallStep*smallStep {
			break
		}
	}
	return dx, dy, residual < maxResidual*w.variance
}

// inside moves a coordinate to where a window around it lies within the picture.
func inside(at, size int) int { return min(max(at, half+1), size-half-2) }
