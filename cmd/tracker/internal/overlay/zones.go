//go:build gocv_specific_modules

package overlay

import (
	"image"
	"math"
	"strconv"

	"github.com/tracker-go/tracker/track/zone"
)

// zoneColor of borders and arrows: bright on any ground, and no track's.
var zoneColor = bgr{80, 230, 255}

// drawZones paints borders, and an arrow to the right of each line.
func (o *Overlay) drawZones(c canvas, zones []zone.Count) {
	radius := 0.6 * float64(o.lineWidth)
	for i := range zones {
		corners := zones[i].Zone.Points
		at := func(k int) point {
			p := corners[k%len(corners)]
			return point{p.X * float64(c.w), p.Y * float64(c.h)}
		}
		if zones[i].Zone.IsLine() {
			c.segment(at(0), at(1), radius, zoneColor, 1)
			o.drawArrow(c, at(0), at(1), radius)
			continue
		}
		for k := range corners {
			c.segment(at(k), at(k+1), radius, zoneColor, 0.8)
		}
	}
}

// drawArrow points to the right of who looks from a to b: the way that counts as right.
func (o *Overlay) drawArrow(c canvas, a, b point, radius float64) {
	length := max(math.Abs(b.x-a.x), math.Abs(b.y-a.y))
	if length == 0 {
		return
	}
	reach := 2 * float64(o.face.capHeight) / length
	along := point{(b.x - a.x) * reach, (b.y - a.y) * reach}
	foot := point{(a.x + b.x) / 2, (a.y + b.y) / 2}
	tip := point{foot.x - along.y, foot.y + along.x}
	c.segment(foot, tip, radius, zoneColor, 1)
	for _, way := range []float64{-0.35, 0.35} {
		barb := point{tip.x + 0.4*along.y + way*along.x, tip.y - 0.4*along.x + way*along.y}
		c.segment(tip, barb, radius, zoneColor, 1)
	}
}

// drawCounts writes what is counted at a zone's first point, on a dark ground and clear
// of the panel.
func (o *Overlay) drawCounts(c canvas, zones []zone.Count, panel image.Rectangle) {
	pad := o.face.capHeight / 2
	for i := range zones {
		o.text = appendCount(o.text[:0], &zones[i])
		first := zones[i].Zone.Points[0]
		w, h := o.face.width(o.text)+2*pad, o.face.capHeight+2*pad
		x := min(max(int(first.X*float64(c.w)), 0), max(c.w-w, 0))
		y := min(max(int(first.Y*float64(c.h))-h-o.lineWidth, 0), max(c.h-h, 0))
		if image.Rect(x, y, x+w, y+h).Overlaps(panel) {
			x = min(panel.Max.X, max(c.w-w, 0))
		}
		c.dim(image.Rect(x, y, x+w, y+h))
		o.face.draw(c, o.text, image.Pt(x+pad, y+h-pad), zoneColor)
	}
}

// appendCount appends a zone's label: its name and the counts that it has.
func appendCount(b []byte, n *zone.Count) []byte {
	number := func(text string, v int) {
		b = append(b, text...)
		b = strconv.AppendInt(b, int64(v), 10)
	}
	b = append(b, n.Zone.Name...)
	if n.Zone.IsLine() {
		number("  right ", n.Right)
		number("  left ", n.Left)
		return b
	}
	number("  ", n.Inside)
	number("  in ", n.Entered)
	number("  out ", n.Left)
	return b
}
