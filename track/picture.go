package track

import "github.com/tracker-go/tracker/detect"

// picture is the size of the last picture in pixels, 0 while it is not known.
//
// Where a stream goes on with pictures of another size, its objects are where they
// were, in other pixels: all that a tracker measured is brought to the new ones.
type picture struct{ width, height int }

// resized takes in the size of the next picture: by how much it is wider and higher
// than the last one, where it is another.
func (p *picture) resized(in *Input) (sx, sy float64, yes bool) {
	before, now := *p, picture{in.Width, in.Height}
	if now == before || now.width <= 0 || now.height <= 0 {
		return 1, 1, false
	}
	*p = now
	if before == (picture{}) {
		return 1, 1, false
	}
	return float64(now.width) / float64(before.width), float64(now.height) / float64(before.height), true
}

// cutAt is how near to the picture's edge, in sides of it, a box ends there.
const cutAt = 0.005

// cuts says whether the edge of the picture cuts what is in the box; not where its size
// is not known.
func (p *picture) cuts(b *detect.Box) bool {
	w, h := float64(p.width), float64(p.height)
	x, y := cutAt*w, cutAt*h
	return w > 0 && h > 0 && (b.X1 < x || b.Y1 < y || b.X2 > w-x || b.Y2 > h-y)
}

// fit brings the tracks to the size of in's picture.
func (s *SORT) fit(in *Input) {
	if sx, sy, resized := s.resized(in); resized {
		for i := range s.tracks {
			t := &s.tracks[i]
			t.raw = scaled(t.raw, sx, sy)
			t.filter.scale(sx, sy)
		}
	}
}

// fit brings the tracks to the size of in's picture.
func (b *ByteTrack) fit(in *Input) {
	if sx, sy, resized := b.resized(in); resized {
		for i := range b.tracks {
			t := &b.tracks[i]
			t.raw, t.last = scaled(t.raw, sx, sy), scaled(t.last, sx, sy)
			f := &t.filter
			f.cx.scale(sx)
			f.cy.scale(sy)
			f.aspect.scale(sx / sy)
			f.height.scale(sy)
		}
	}
}

// fit brings the tracks to the size of in's picture. Directions stay, which they do
// where it has the shape of the last one.
func (o *OCSORT) fit(in *Input) {
	if sx, sy, resized := o.resized(in); resized {
		for i := range o.tracks {
			t := &o.tracks[i]
			t.raw = scaled(t.raw, sx, sy)
			t.filter.scale(sx, sy)
			t.frozen.scale(sx, sy)
			for k := range t.history.boxes {
				t.history.boxes[k] = scaled(t.history.boxes[k], sx, sy)
			}
		}
	}
}

// fit brings the tracks, and the pace of the camera, to the size of in's picture.
func (t *Tempo) fit(in *Input) {
	if sx, sy, resized := t.resized(in); resized {
		t.camera.vx, t.camera.vy = sx*t.camera.vx, sy*t.camera.vy
		for i := range t.tracks {
			k := &t.tracks[i]
			k.raw = scaled(k.raw, sx, sy)
			f := &k.motion
			f.cx.scale(sx)
			f.cy.scale(sy)
			f.w.scale(sx)
			f.h.scale(sy)
		}
	}
}

func (f *sortFilter) scale(sx, sy float64) {
	f.cx.scale(sx)
	f.cy.scale(sy)
	f.area.scale(sx * sy)
	f.aspect.scale(sx / sy)
}

// scale brings the axis to another unit, of which by make one of the old.
func (a *axis) scale(by float64) {
	a.x, a.v = by*a.x, by*a.v
	a.pxx, a.pxv, a.pvv = by*by*a.pxx, by*by*a.pxv, by*by*a.pvv
}

func scaled(b detect.Box, sx, sy float64) detect.Box {
	return detect.Box{X1: sx * b.X1, Y1: sy * b.Y1, X2: sx * b.X2, Y2: sy * b.Y2}
}

// Rescale brings the track to the pixels of a picture so many times as wide and high.
func (t *Track) Rescale(sx, sy float64) {
	t.Box, t.Raw = scaled(t.Box, sx, sy), scaled(t.Raw, sx, sy)
	if t.Covariance == nil {
		return
	}
	c, by := *t.Covariance, [4]float64{sx, sy, sx, sy}
	for i := range c {
		for k := range c[i] {
			c[i][k] *= by[i] * by[k]
		}
	}
	t.Covariance = &c
}
