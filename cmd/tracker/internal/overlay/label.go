//go:build gocv_specific_modules

package overlay

import (
	"image"
	"strconv"

	"github.com/tracker-go/tracker/track"
)

// item is a visible track of this frame.
type item struct {
	track int             // index among the frame's tracks
	box   image.Rectangle // pixels
	label image.Rectangle // the ground of its label, empty until it has one
	place int             // of the label, see labelGround
	full  bool            // the label is the whole one, not just the id
}

// appendLabel writes "person #12 0.87", or "#12" where it is not to be full. A
// track that was only predicted has no score of this frame.
func appendLabel(b []byte, t *track.Track, labels []string, full bool) []byte {
	if full && t.Class >= 0 && t.Class < len(labels) {
		b = append(append(b, labels[t.Class]...), ' ')
	}
	b = strconv.AppendInt(append(b, '#'), int64(t.ID), 10)
	if full && t.Detection >= 0 {
		b = strconv.AppendFloat(append(b, ' '), t.Score, 'f', 2, 64)
	}
	return b
}

// placeLabels finds room for the labels of all items. First every id gets the
// first place in which it covers nothing; one that finds none, in a dense crowd,
// stands above its box over what is there. Then each label becomes the full text
// where nothing is in the way of that.
func (o *Overlay) placeLabels(c canvas, tracks []track.Track, labels []string, panel image.Rectangle) {
	for i := range o.items {
		it := &o.items[i]
		size := o.labelSize(&tracks[it.track], labels, false)
		for place := range labelPlaces {
			if r := o.labelGround(c, it.box, size, place); !r.Overlaps(panel) && !o.covers(r, i) {
				it.place = place
				break
			}
		}
		it.label = o.labelGround(c, it.box, size, it.place)
	}
	for i := range o.items {
		it := &o.items[i]
		size := o.labelSize(&tracks[it.track], labels, true)
		if r := o.labelGround(c, it.box, size, it.place); !r.Overlaps(panel) && !o.covers(r, i) {
			it.label, it.full = r, true
		}
	}
}

// covers says whether r overlaps the label of any item but the i-th.
func (o *Overlay) covers(r image.Rectangle, i int) bool {
	for j := range o.items {
		if j != i && r.Overlaps(o.items[j].label) {
			return true
		}
	}
	return false
}

func (o *Overlay) labelSize(t *track.Track, labels []string, full bool) image.Point {
	o.text = appendLabel(o.text[:0], t, labels, full)
	origin := o.labelOrigin()
	return image.Pt(o.face.width(o.text)+2*origin.X, origin.Y+origin.X)
}

// labelOrigin is where the text's baseline starts in the label.
func (o *Overlay) labelOrigin() image.Point {
	pad := o.face.capHeight / 2
	return image.Pt(pad, pad+o.face.capHeight)
}

// labelPlaces is how many places labelGround knows.
const labelPlaces = 3

// labelGround is the area of a label in one of its places: above the box (below
// its upper edge where the picture ends) and flush with the left side, the same
// with the right side, or below the box. It always lies inside the picture,
// unless it is larger.
func (o *Overlay) labelGround(c canvas, box image.Rectangle, size image.Point, place int) image.Rectangle {
	frame := box.Inset(-o.lineWidth)
	at := image.Pt(frame.Min.X, frame.Min.Y-size.Y)
	if at.Y < 0 {
		at.Y = box.Min.Y
	}
	switch place {
	case 1:
		at.X = frame.Max.X - size.X
	case 2:
		at.Y = frame.Max.Y
	}
	at.X = max(0, min(at.X, c.w-size.X))
	at.Y = max(0, min(at.Y, c.h-size.Y))
	return image.Rectangle{at, at.Add(size)}
}

// drawLabel writes an item's label in black or white on the track's colour; that
// of a predicted track in the track's colour on a dimmed ground.
func (o *Overlay) drawLabel(c canvas, it *item, t *track.Track, labels []string) {
	col := colorOf(t.ID)
	if t.Detection < 0 {
		c.dim(it.label)
	} else {
		c.fill(it.label, col)
		col = textOn(col)
	}
	o.text = appendLabel(o.text[:0], t, labels, it.full)
	o.face.draw(c, o.text, it.label.Min.Add(o.labelOrigin()), col)
}
