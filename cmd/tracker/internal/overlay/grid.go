//go:build gocv_specific_modules

package overlay

import (
	"errors"
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"
)

// Grid shows the pictures of several streams in one, side by side: as near to a
// square of tiles as their number allows, each picture whole, with the stream's
// name and what has become of it below. It is not safe for concurrent use.
type Grid struct {
	picture gocv.Mat
	canvas  canvas
	face    *face
	tiles   []gridTile
}

// gridTile is one stream's part of the picture.
type gridTile struct {
	name    string
	state   string          // empty while pictures come
	area    image.Rectangle // for pictures
	caption image.Rectangle
	source  image.Point // size of the pictures that region is for
	region  *gocv.Mat   // where they go, inside area; nil before the first
}

// NewGrid makes a black grid of that size, in pixels, with a tile for each name.
func NewGrid(names []string, size image.Point) (*Grid, error) {
	if len(names) == 0 || size.X < 1 || size.Y < 1 {
		return nil, fmt.Errorf("overlay: a grid of %d tiles and %v pixels", len(names), size)
	}
	columns := int(math.Ceil(math.Sqrt(float64(len(names)))))
	rows := (len(names) + columns - 1) / columns
	f, err := newFace(capHeightFor(size.X/columns, size.Y/rows, 1))
	if err != nil {
		return nil, err
	}
	g := &Grid{face: f, picture: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(0, 0, 0, 0), size.Y, size.X, gocv.MatTypeCV8UC3)}
	if g.canvas, err = canvasOf(&g.picture); err != nil {
		return nil, errors.Join(err, g.picture.Close())
	}
	for i, name := range names {
		c, r := i%columns, i/columns
		cell := image.Rect(size.X*c/columns, size.Y*r/rows, size.X*(c+1)/columns, size.Y*(r+1)/rows)
		t := gridTile{name: name, area: cell, caption: cell}
		t.area.Max.Y = max(cell.Max.Y-2*f.capHeight, cell.Min.Y)
		t.caption.Min.Y = t.area.Max.Y
		g.tiles = append(g.tiles, t)
		g.write(&g.tiles[i])
	}
	return g, nil
}

// Picture is what there is to show. It stays the Grid's.
func (g *Grid) Picture() *gocv.Mat { return &g.picture }

// Put shows a BGR picture of any size in tile i.
func (g *Grid) Put(i int, img *gocv.Mat) error {
	t := &g.tiles[i]
	if img.Empty() || img.Type() != gocv.MatTypeCV8UC3 {
		return fmt.Errorf("overlay: show %s: not an 8-bit BGR picture", t.name)
	}
	if size := image.Pt(img.Cols(), img.Rows()); size != t.source {
		if err := g.place(t, size); err != nil {
			return err
		}
	}
	if t.region == nil {
		return nil // no room for a picture
	}
	target := image.Pt(t.region.Cols(), t.region.Rows())
	method := gocv.InterpolationLinear
	if target.X < t.source.X {
		method = gocv.InterpolationArea
	}
	if err := gocv.Resize(*img, t.region, target, 0, 0, method); err != nil {
		return fmt.Errorf("overlay: show %s: %w", t.name, err)
	}
	return nil
}

// place finds the part of a tile that pictures of that size go to.
func (g *Grid) place(t *gridTile, size image.Point) error {
	if err := t.close(); err != nil {
		return err
	}
	t.source = size
	g.canvas.fill(t.area, black)
	room := t.area.Size()
	if room.X < 1 || room.Y < 1 {
		return nil
	}
	scale := min(float64(room.X)/float64(size.X), float64(room.Y)/float64(size.Y))
	fit := image.Pt(max(1, int(float64(size.X)*scale)), max(1, int(float64(size.Y)*scale)))
	corner := t.area.Min.Add(room.Sub(fit).Div(2))
	region := g.picture.Region(image.Rectangle{corner, corner.Add(fit)})
	t.region = &region
	return nil
}

// State says below tile i what has become of its stream, and darkens a picture that
// is none of now; empty while pictures come.
func (g *Grid) State(i int, state string) (changed bool) {
	t := &g.tiles[i]
	if t.state == state {
		return false
	}
	if t.state == "" {
		g.canvas.dim(t.area)
	}
	t.state = state
	g.write(t)
	return true
}

// write writes the caption: the name at the left, the state at the right.
func (g *Grid) write(t *gridTile) {
	g.canvas.fill(t.caption, black)
	pad := g.face.capHeight / 2
	baseline := t.caption.Max.Y - pad
	room := t.caption.Dx() - 2*pad
	state := g.face.fit([]byte(t.state), room)
	right := g.face.width(state)
	g.face.draw(g.canvas, state, image.Pt(t.caption.Max.X-pad-right, baseline), orange)
	name := g.face.fit([]byte(t.name), room-right-pad)
	g.face.draw(g.canvas, name, image.Pt(t.caption.Min.X+pad, baseline), white)
}

func (t *gridTile) close() error {
	if t.region == nil {
		return nil
	}
	err := t.region.Close()
	t.region = nil
	return err
}

// Close frees the picture.
func (g *Grid) Close() error {
	var errs []error
	for i := range g.tiles {
		errs = append(errs, g.tiles[i].close())
	}
	return errors.Join(append(errs, g.picture.Close())...)
}
