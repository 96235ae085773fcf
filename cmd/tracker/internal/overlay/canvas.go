//go:build gocv_specific_modules

package overlay

import (
	"encoding/binary"
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"
)

// canvas is a picture's bytes: rows of w BGR pixels without gaps. What is drawn
// outside the picture is cut off.
type canvas struct {
	pix  []byte
	w, h int
}

// canvasOf borrows the pixels of img: the canvas is valid until img is closed.
func canvasOf(img *gocv.Mat) (canvas, error) {
	if img == nil || img.Empty() {
		return canvas{}, fmt.Errorf("overlay: draw: the picture is empty")
	}
	if t := img.Type(); t != gocv.MatTypeCV8UC3 {
		return canvas{}, fmt.Errorf("overlay: draw: the picture is of type %v, want 8-bit BGR (CV8UC3): convert it first", t)
	}
	pix, err := img.DataPtrUint8()
	if err != nil {
		return canvas{}, fmt.Errorf("overlay: draw: the picture is a part of a larger one (%w): clone it first", err)
	}
	return canvas{pix: pix, w: img.Cols(), h: img.Rows()}, nil
}

func (c canvas) bounds() image.Rectangle { return image.Rect(0, 0, c.w, c.h) }

// row is the bytes of r's row y; r must lie inside the picture.
func (c canvas) row(r image.Rectangle, y int) []byte {
	return c.pix[3*(y*c.w+r.Min.X) : 3*(y*c.w+r.Max.X)]
}

// fill paints r in one colour.
func (c canvas) fill(r image.Rectangle, col bgr) {
	if r = r.Intersect(c.bounds()); r.Empty() {
		return
	}
	first := c.row(r, r.Min.Y)
	for n := copy(first, col[:]); n < len(first); n *= 2 {
		copy(first[n:], first[:n])
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(c.row(r, y), first)
	}
}

// dim darkens r to a quarter of its brightness, eight bytes at a time: whatever
// is below, white text on it has a contrast of at least 9.
func (c canvas) dim(r image.Rectangle) {
	if r = r.Intersect(c.bounds()); r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.row(r, y)
		for ; len(row) >= 8; row = row[8:] {
			v := binary.LittleEndian.Uint64(row)
			binary.LittleEndian.PutUint64(row, v>>2&0x3f3f3f3f3f3f3f3f)
		}
		for i := range row {
			row[i] >>= 2
		}
	}
}

// mask paints col through an 8-bit coverage mask of w×h pixels whose top-left
// corner is at p.
func (c canvas) mask(coverage []byte, w, h int, p image.Point, col bgr) {
	r := image.Rect(p.X, p.Y, p.X+w, p.Y+h).Intersect(c.bounds())
	if r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		dst := c.row(r, y)
		src := coverage[(y-p.Y)*w+r.Min.X-p.X:][:r.Dx()]
		for x, a := range src {
			if a != 0 {
				mix(dst[3*x:3*x+3], col, uint32(a))
			}
		}
	}
}

// mix moves a pixel towards col by a, 0..255.
func mix(px []byte, col bgr, a uint32) {
	_ = px[2]
	a += a >> 7 // 255 becomes 256, so that full coverage is exact
	px[0] = byte((uint32(px[0])*(256-a) + uint32(col[0])*a) >> 8)
	px[1] = byte((uint32(px[1])*(256-a) + uint32(col[1])*a) >> 8)
	px[2] = byte((uint32(px[2])*(256-a) + uint32(col[2])*a) >> 8)
}

// point is a position in pixels; pixel (0,0) has its centre at (0.5,0.5).
type point struct{ x, y float64 }

// segment paints an anti-aliased line with a round end at b, leaving out the
// disc around a: where a is the end of the segment painted before, every pixel
// is painted once and a translucent chain shows no knots. alpha is 0..1.
func (c canvas) segment(a, b point, radius float64, col bgr, alpha float64) {
	reach := radius + 1
	r := image.Rect(
		int(math.Floor(min(a.x, b.x)-reach)), int(math.Floor(min(a.y, b.y)-reach)),
		int(math.Ceil(max(a.x, b.x)+reach)), int(math.Ceil(max(a.y, b.y)+reach)),
	).Intersect(c.bounds())
	dx, dy := b.x-a.x, b.y-a.y
	if r.Empty() || dx == 0 && dy == 0 {
		return
	}
	perLength2 := 1 / (dx*dx + dy*dy)
	pen := newPen(radius)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row, py := c.row(r, y), float64(y)+0.5-a.y
		lo, hi := rowSpan(a, b, float64(y)+0.5, reach)
		for x := max(r.Min.X, lo); x < min(r.Max.X, hi); x++ {
			px := float64(x) + 0.5 - a.x
			t := min(max((px*dx+py*dy)*perLength2, 0), 1)
			cov := pen.coverage(px-t*dx, py-t*dy)
			if cov == 0 {
				continue
			}
			if cov -= pen.coverage(px, py); cov > 0 {
				i := 3 * (x - r.Min.X)
				mix(row[i:i+3], col, uint32(255*alpha*cov))
			}
		}
	}
}

// rowSpan bounds the columns that a line from a to b of the given reach touches
// in the row with centre y, so that a long slanted line does not cost its whole
// bounding box.
func rowSpan(a, b point, y, reach float64) (lo, hi int) {
	left, right := min(a.x, b.x), max(a.x, b.x)
	if dy := b.y - a.y; math.Abs(dy) > 2*reach {
		slope := (b.x - a.x) / dy
		// Within ±reach rows of y the line stays between these two columns.
		x0, x1 := a.x+slope*(y-reach-a.y), a.x+slope*(y+reach-a.y)
		left, right = max(left, min(x0, x1)), min(right, max(x0, x1))
	}
	return int(math.Floor(left - reach)), int(math.Ceil(right + reach))
}

// pen is a round one; most pixels lie wholly in or out of it, which the squares
// tell without a root.
type pen struct{ radius, inner2, outer2 float64 }

func newPen(radius float64) pen {
	inner, outer := max(radius-0.5, 0), radius+0.5
	return pen{radius, inner * inner, outer * outer}
}

// coverage of a pixel at (dx,dy) from the middle of the pen, 0..1.
func (p *pen) coverage(dx, dy float64) float64 {
	switch d2 := dx*dx + dy*dy; {
	case d2 >= p.outer2:
		return 0
	case d2 <= p.inner2:
		return min(1, p.radius+0.5)
	default:
		return min(1, p.radius+0.5-math.Sqrt(d2))
	}
}
