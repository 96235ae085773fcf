//go:build gocv_specific_modules

package overlay

import (
	"image"
	"math"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/track"
)

// Options of an Overlay; the zero value is what most users want.
type Options struct {
	// Trail is how long the trail behind each object is, in media time; 0 means
	// DefaultTrail, negative none. Longer shows more of a path and hides more of
	// the picture.
	Trail time.Duration
	// TextScale multiplies the size of all text and lines; 0 means 1.
	TextScale float64
	// HidePanel leaves the panel out.
	HidePanel bool
}

// DefaultTrail is the trail's length where Options do not say.
const DefaultTrail = 1500 * time.Millisecond

// minCapHeight is the least height of a capital letter in pixels that reads
// well.
const minCapHeight = 7

// Overlay draws the frames of one stream; it remembers trails from frame to
// frame. It is not safe for concurrent use.
type Overlay struct {
	options   Options
	trails    trails
	face      *face
	lineWidth int // of boxes, pixels

	items []item // visible in this frame
	text  []byte // scratch of one label
	panel layout // scratch of the panel
}

// New makes an Overlay for one stream.
func New(options Options) *Overlay {
	if options.Trail == 0 {
		options.Trail = DefaultTrail
	}
	if options.TextScale <= 0 {
		options.TextScale = 1
	}
	return &Overlay{
		options: options,
		trails:  trails{span: options.Trail, byID: make(map[int]*trail)},
	}
}

// ShowPanel says whether the panel is drawn from now on.
func (o *Overlay) ShowPanel(on bool) { o.options.HidePanel = !on }

// Draw paints tracks and the panel onto img, which must be 8-bit BGR. labels are
// the class names; a track whose class has none shows its id alone. A track
// whose box is not Valid is left out. panel.Time is the media time of the frame,
// by which trails fade.
//
// Draw keeps nothing of its arguments.
func (o *Overlay) Draw(img *gocv.Mat, tracks []track.Track, labels []string, panel Panel) error {
	c, err := canvasOf(img)
	if err != nil {
		return err
	}
	if err := o.fit(c); err != nil {
		return err
	}
	o.drawZones(c, panel.Zones)
	if o.options.Trail > 0 {
		o.drawTrails(c, tracks, panel.Time)
	}
	var panelArea image.Rectangle
	if !o.options.HidePanel {
		panelArea = o.panel.arrangePanel(c, o.face, &panel)
	}
	o.findItems(c, tracks)
	for i := range o.items {
		o.drawBox(c, &tracks[o.items[i].track], o.items[i].box)
	}
	// All labels after all boxes: no line may cross a text.
	o.drawCounts(c, panel.Zones, panelArea)
	o.placeLabels(c, tracks, labels, panelArea)
	for i := range o.items {
		o.drawLabel(c, &o.items[i], &tracks[o.items[i].track], labels)
	}
	if !o.options.HidePanel {
		o.panel.draw(c)
	}
	return nil
}

// findItems lists the tracks of which something can be seen.
func (o *Overlay) findItems(c canvas, tracks []track.Track) {
	o.items = o.items[:0]
	for i := range tracks {
		if box, ok := pixelRect(c, &tracks[i], o.lineWidth); ok {
			o.items = append(o.items, item{track: i, box: box})
		}
	}
}

func (o *Overlay) drawTrails(c canvas, tracks []track.Track, now time.Duration) {
	o.trails.begin(now)
	radius := 0.75 * float64(o.lineWidth)
	for i := range tracks {
		t := &tracks[i]
		if !t.Box.Valid() {
			continue
		}
		x, _ := t.Box.Center()
		foot := nearby(point{x / float64(c.w), t.Box.Y2 / float64(c.h)})
		o.trails.add(t.ID, foot).draw(c, &o.trails, radius, colorOf(t.ID))
	}
}

// nearby keeps a point, in fractions of the picture, within one picture's size of it.
func nearby(p point) point { return point{min(max(p.x, -1), 2), min(max(p.y, -1), 2)} }

// fit chooses text and line sizes for the picture; a new size of picture costs
// rendering the face again.
func (o *Overlay) fit(c canvas) error {
	height := capHeightFor(c.w, c.h, o.options.TextScale)
	if o.face != nil && o.face.capHeight == height {
		return nil
	}
	f, err := newFace(height)
	if err != nil {
		return err
	}
	o.face, o.lineWidth = f, max(1, int(math.Round(float64(height)/5)))
	return nil
}

// capHeightFor is the height of a capital letter for a picture: 8 pixels at
// 640×360, and growing more slowly than the picture, because a larger picture is
// also looked at larger. A picture that is not wide counts as the 16:9 picture
// of its width.
func capHeightFor(w, h int, scale float64) int {
	lines := min(float64(h), float64(w)*9/16)
	height := math.Round(scale * 8 * math.Pow(lines/360, 0.75))
	return max(minCapHeight, int(min(height, lines/8))) // more than lines/8 shows nothing else
}
