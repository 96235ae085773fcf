package track

// covarianceOf is a covariance without correlations.
func covarianceOf(cx, cy, w, h float64) Covariance {
	return Covariance{{cx}, {0, cy}, {0, 0, w}, {0, 0, 0, h}}
}

// spread gives the covariance of width and height, which follow from two
// uncorrelated quantities: wa is the change of the width with the first, and so
// on.
func (c *Covariance) spread(va, vb, wa, wb, ha, hb float64) {
	c[2][2] = wa*wa*va + wb*wb*vb
	c[3][3] = ha*ha*va + hb*hb*vb
	c[2][3] = wa*ha*va + wb*hb*vb
	c[3][2] = c[2][3]
}

// covariance of SORT's box: width √(area·aspect), height √(area/aspect).
func (f *sortFilter) covariance() Covariance {
	b := f.box()
	w, h := b.Width(), b.Height()
	c := covarianceOf(f.cx.pxx, f.cy.pxx, 0, 0)
	c.spread(f.area.pxx, f.aspect.pxx,
		w/(2*f.area.x), w/(2*f.aspect.x), h/(2*f.area.x), -h/(2*f.aspect.x))
	return c
}

// covariance of ByteTrack's box: width aspect·height.
func (f *byteFilter) covariance() Covariance {
	c := covarianceOf(f.cx.pxx, f.cy.pxx, 0, 0)
	c.spread(f.height.pxx, f.aspect.pxx, f.aspect.x, f.height.x, 1, 0)
	return c
}

// covariances hands out the Covariance that reported tracks point to.
type covariances struct{ buf []Covariance }

// reset makes room for n, so that what was handed out stays where it is.
func (c *covariances) reset(n int, wanted bool) {
	c.buf = c.buf[:0]
	if wanted && cap(c.buf) < n {
		c.buf = make([]Covariance, 0, 2*n)
	}
}

func (c *covariances) keep(v Covariance) *Covariance {
	c.buf = append(c.buf, v)
	return &c.buf[len(c.buf)-1]
}
