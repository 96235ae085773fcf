//go:build gocv_specific_modules

package overlay

import (
	"image"
	"math"

	"github.com/tracker-go/tracker/track"
)

// dashes are how many line widths a dash of a coasted track's box is long; gaps
// are as long.
const dashes = 4

// drawBox frames a track. The frame lies outside the box, so that it does not
// cover a small object. A box that was only predicted is dashed.
func (o *Overlay) drawBox(c canvas, t *track.Track, r image.Rectangle) {
	col, w := colorOf(t.ID), o.lineWidth
	out := r.Inset(-w)
	sides := [4]image.Rectangle{
		{out.Min, image.Pt(out.Max.X, r.Min.Y)},
		{image.Pt(out.Min.X, r.Max.Y), out.Max},
		{image.Pt(out.Min.X, r.Min.Y), image.Pt(r.Min.X, r.Max.Y)},
		{image.Pt(r.Max.X, r.Min.Y), image.Pt(out.Max.X, r.Max.Y)},
	}
	for _, side := range sides {
		if t.Detection < 0 {
			dash(c, side, w, col)
		} else {
			c.fill(side, col)
		}
	}
}

// dash fills every other piece of a horizontal or vertical bar.
func dash(c canvas, bar image.Rectangle, width int, col bgr) {
	step := image.Pt(dashes*width, 0)
	if bar.Dy() > bar.Dx() {
		step = image.Pt(0, dashes*width)
	}
	piece := image.Rectangle{bar.Min, image.Pt(bar.Max.X, bar.Min.Y+step.Y)}
	if step.Y == 0 {
		piece.Max = image.Pt(bar.Min.X+step.X, bar.Max.Y)
	}
	for ; piece.Overlaps(bar); piece = piece.Add(step.Mul(2)) {
		c.fill(piece.Intersect(bar), col)
	}
}

// pixelRect rounds a box to pixels. Edges outside the picture are moved to just
// beyond what a line of the given width could show, which keeps any finite box
// within an int. It is false where nothing of the box can be seen.
func pixelRect(c canvas, t *track.Track, lineWidth int) (image.Rectangle, bool) {
	if !t.Box.Valid() {
		return image.Rectangle{}, false
	}
	round := func(v float64, size int) int {
		edge := float64(2 * lineWidth)
		return int(math.Round(min(max(v, -edge), float64(size)+edge)))
	}
	r := image.Rect(
		round(t.Box.X1, c.w), round(t.Box.Y1, c.h),
		round(t.Box.X2, c.w), round(t.Box.Y2, c.h),
	)
	return r, r.Inset(-lineWidth).Overlaps(c.bounds())
}
