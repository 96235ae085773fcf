//go:build gocv_specific_modules

package overlay

import (
	"image"
	"math"
	"strconv"
	"time"
)

// layout arranges the panel's texts: begin, then cells line by line, then
// arrange, then draw. Hershey fonts are proportional, so every cell gets a place
// of its own. The slices are kept from frame to frame.
type layout struct {
	face  *face
	text  []byte // of all cells
	cells []cell
	y     float64 // of the next line, in lines

	pad   int             // around the text and between columns, pixels
	inner int             // width without padding, pixels
	size  image.Point     // with padding, pixels
	edges [numColumns]int // right edges of columns of numbers, left edge of bars
}

// cell is one text of the panel, or one bar.
type cell struct {
	from, to int // in layout.text
	at       column
	color    bgr
	y        float64 // in lines
	width    int     // pixels
	share    float64 // of the bar that is filled, 0..1
}

// column is the place of a cell in its line.
type column int

const (
	left  column = iota // of the panel
	right               // of the panel, right-aligned
	name                // first column of the table
	now                 // columns of numbers, right-aligned
	p50
	p95
	bars
	numColumns
)

// Columns are made for these texts: columns that followed the actual ones would
// twitch.
const widestName, widestNumber = "postprocess", "000.00"

// barCaps is the length of a full bar in capital heights.
const barCaps = 6

func (l *layout) begin(f *face) {
	l.face, l.text, l.cells, l.y = f, l.text[:0], l.cells[:0], 0
}

// start begins a cell whose text the caller appends to l.text, until end.
func (l *layout) start(at column, col bgr) {
	l.cells = append(l.cells, cell{from: len(l.text), at: at, color: col, y: l.y})
}

func (l *layout) end() { l.cells[len(l.cells)-1].to = len(l.text) }

func (l *layout) str(at column, col bgr, s string) {
	if s == "" {
		return
	}
	l.start(at, col)
	l.text = append(l.text, s...)
	l.end()
}

// number is a count of things, in the plural where it is not 1.
func (l *layout) number(at column, col bgr, n int, thing string) {
	l.start(at, col)
	l.text = append(strconv.AppendInt(l.text, int64(n), 10), ' ')
	l.text = append(l.text, thing...)
	if n != 1 {
		l.text = append(l.text, 's')
	}
	l.end()
}

// ms is a duration in milliseconds, without decimals when it is long.
func (l *layout) ms(at column, col bgr, d time.Duration) {
	v, decimals := float64(d)/float64(time.Millisecond), 2
	if v >= 1000 {
		decimals = 0
	}
	l.start(at, col)
	l.text = strconv.AppendFloat(l.text, v, 'f', decimals, 64)
	l.end()
}

func (l *layout) bar(col bgr, share float64) {
	l.start(bars, col)
	l.end()
	l.cells[len(l.cells)-1].share = min(max(share, 0), 1)
}

// newLine ends a line; less than 1 makes a gap.
func (l *layout) newLine(lines float64) { l.y += lines }

// arrange measures all cells and gives the columns and the panel their size.
func (l *layout) arrange() {
	f := l.face
	l.pad = f.capHeight
	tabular := false
	for i := range l.cells {
		c := &l.cells[i]
		c.width = f.width(l.text[c.from:c.to])
		tabular = tabular || c.at == name
	}
	l.inner = l.widestLine()
	if tabular {
		number := f.width([]byte(widestNumber)) + l.pad
		l.edges[now] = f.width([]byte(widestName)) + number
		l.edges[p50] = l.edges[now] + number
		l.edges[p95] = l.edges[p50] + number
		l.edges[bars] = l.edges[p95] + l.pad
		table := l.edges[bars] + barCaps*f.capHeight
		// A long title may widen the panel a little; beyond that it is cut.
		l.inner = max(table, min(l.inner, table*5/4))
	}
	height := int(float64(f.line)*(l.y-1)) + f.capHeight
	l.size = image.Pt(l.inner+2*l.pad, height+2*l.pad)
}

// widestLine is the most room that a left and a right text need side by side.
func (l *layout) widestLine() int {
	widest := 0
	for i := range l.cells {
		if c := &l.cells[i]; c.at <= right {
			widest = max(widest, c.width+l.beside(i))
		}
	}
	return widest
}

// beside is the room that cell i must leave to a right-aligned text after it.
func (l *layout) beside(i int) int {
	if i+1 < len(l.cells) {
		if next := &l.cells[i+1]; next.at == right && next.y == l.cells[i].y {
			return next.width + l.pad
		}
	}
	return 0
}

// draw paints the panel in the top-left corner.
func (l *layout) draw(c canvas) {
	c.dim(image.Rectangle{Max: l.size})
	for i := range l.cells {
		cell := &l.cells[i]
		baseline := l.pad + l.face.capHeight + int(float64(l.face.line)*cell.y)
		if cell.at == bars {
			l.drawBar(c, cell, baseline)
			continue
		}
		text := l.text[cell.from:cell.to]
		x := l.edges[cell.at] - cell.width
		switch cell.at {
		case left, name:
			x = 0
			text = l.face.fit(text, l.inner-l.beside(i))
		case right:
			x = l.inner - cell.width
		}
		l.face.draw(c, text, image.Pt(l.pad+x, baseline), cell.color)
	}
}

// drawBar fills the cell's share of a bar that reaches to the panel's right
// padding.
func (l *layout) drawBar(c canvas, cell *cell, baseline int) {
	inset := l.face.capHeight / 6
	r := image.Rect(l.pad+l.edges[bars], baseline-l.face.capHeight+inset, l.pad+l.inner, baseline-inset)
	c.fill(r, dark)
	r.Max.X = r.Min.X + int(math.Round(cell.share*float64(r.Dx())))
	c.fill(r, cell.color)
}
