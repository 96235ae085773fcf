//go:build gocv_specific_modules

package overlay

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"unicode/utf8"

	"gocv.io/x/gocv"
)

// Characters of a face: printable ASCII, which is what OpenCV's Hershey fonts
// hold. Any other character is drawn as '?'.
const firstChar, lastChar = ' ', '~'

// hersheyCap is the height of a capital letter of FontHersheySimplex at scale 1,
// in pixels, measured along the middle of its strokes.
const hersheyCap = 21

// face is a font at one size, as coverage masks. OpenCV draws its vector fonts
// badly at the sizes a 360-line picture needs, so each glyph is drawn several
// times too large and averaged down.
type face struct {
	capHeight int // height of a capital letter in pixels
	line      int // distance between baselines in pixels
	glyphs    [lastChar - firstChar + 1]glyph
}

type glyph struct {
	coverage []byte // w·h, 0..255
	w, h     int
	left     int // from the pen to the mask's first column
	top      int // from the baseline up to the mask's first row
	advance  int // from this pen to the next
}

// newFace renders all glyphs for a capital height in pixels.
func newFace(capHeight int) (*face, error) {
	f := &face{capHeight: capHeight, line: int(math.Round(1.75 * float64(capHeight)))}
	p := newPress(capHeight)
	defer p.close()
	for i := range f.glyphs {
		g, err := p.glyph(string(rune(firstChar + i)))
		if err != nil {
			return nil, fmt.Errorf("overlay: render character %q: %w", rune(firstChar+i), err)
		}
		f.glyphs[i] = g
	}
	return f, nil
}

// glyph finds the glyph of the character at the start of text, and its bytes.
func (f *face) glyph(text []byte) (*glyph, int) {
	r, size := utf8.DecodeRune(text)
	if r < firstChar || r > lastChar {
		r = '?'
	}
	return &f.glyphs[r-firstChar], size
}

// width is the length of a text in pixels.
func (f *face) width(text []byte) int {
	w := 0
	for len(text) > 0 {
		g, n := f.glyph(text)
		w += g.advance
		text = text[n:]
	}
	return w
}

// fit is the longest start of text that is at most width pixels long.
func (f *face) fit(text []byte, width int) []byte {
	for end, w := 0, 0; end < len(text); {
		g, n := f.glyph(text[end:])
		if w += g.advance; w > width {
			return text[:end]
		}
		end += n
	}
	return text
}

// draw writes text with its baseline starting at p.
func (f *face) draw(c canvas, text []byte, p image.Point, col bgr) {
	for len(text) > 0 {
		g, n := f.glyph(text)
		c.mask(g.coverage, g.w, g.h, p.Add(image.Pt(g.left, -g.top)), col)
		p.X += g.advance
		text = text[n:]
	}
}

// press renders glyphs times too large and averages them down.
type press struct {
	times     int // oversampling
	scale     float64
	thickness int         // of a stroke, oversampled pixels
	cell      image.Point // size of a glyph's cell, final pixels
	pen       image.Point // in the cell, final pixels; y is the baseline
	large     gocv.Mat
	small     gocv.Mat
}

func newPress(capHeight int) *press {
	p := &press{times: max(2, 96/capHeight)}
	// Strokes widen more slowly than letters grow, or small text would fade.
	stroke := 0.35 + 0.115*float64(capHeight)
	p.thickness = max(1, int(math.Round(stroke*float64(p.times))))
	// The outer edges of a capital's strokes, smoothed over a pixel each, fall on
	// pixel boundaries: crisp tops and feet.
	p.scale = float64(capHeight*p.times-p.thickness-2) / hersheyCap
	p.pen = image.Pt(capHeight/2+1, capHeight+capHeight/2+1)
	p.cell = image.Pt(2*capHeight+2*p.pen.X, p.pen.Y+capHeight/2+2)
	p.large = gocv.NewMatWithSize(p.cell.Y*p.times, p.cell.X*p.times, gocv.MatTypeCV8UC1)
	p.small = gocv.NewMat()
	return p
}

func (p *press) close() {
	_ = p.large.Close()
	_ = p.small.Close()
}

func (p *press) glyph(s string) (glyph, error) {
	p.large.SetTo(gocv.NewScalar(0, 0, 0, 0))
	org := image.Pt(p.pen.X*p.times, p.pen.Y*p.times-(p.thickness+3)/2)
	err := gocv.PutTextWithParams(&p.large, s, org, gocv.FontHersheySimplex, p.scale,
		color.RGBA{R: 255, G: 255, B: 255}, p.thickness, gocv.LineAA, false)
	if err != nil {
		return glyph{}, err
	}
	if err := gocv.Resize(p.large, &p.small, p.cell, 0, 0, gocv.InterpolationArea); err != nil {
		return glyph{}, err
	}
	pix, err := p.small.DataPtrUint8()
	if err != nil {
		return glyph{}, err
	}
	g := trim(pix, p.cell)
	g.left -= p.pen.X
	g.top = p.pen.Y - g.top
	g.advance = p.advance(s)
	return g, nil
}

// advance is the pen's way over s: what a second s adds to the width of a text,
// which leaves out the stroke that OpenCV adds once.
func (p *press) advance(s string) int {
	const fine = 8 // text sizes are whole pixels; measure larger than drawn
	measure := func(s string) int {
		return gocv.GetTextSize(s, gocv.FontHersheySimplex, fine*p.scale, 1).X
	}
	return int(math.Round(float64(measure(s+s)-measure(s)) / float64(fine*p.times)))
}

// trim cuts a cell to the pixels that are set; left and top are the corner of
// what remains, in the cell.
func trim(pix []byte, cell image.Point) glyph {
	var r image.Rectangle
	for i, v := range pix {
		if v != 0 {
			r = r.Union(image.Rect(i%cell.X, i/cell.X, i%cell.X+1, i/cell.X+1))
		}
	}
	g := glyph{w: r.Dx(), h: r.Dy(), left: r.Min.X, top: r.Min.Y}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		g.coverage = append(g.coverage, pix[y*cell.X+r.Min.X:y*cell.X+r.Max.X]...)
	}
	return g
}
