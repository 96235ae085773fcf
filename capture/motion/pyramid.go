package motion

// plane is a grey picture.
type plane struct {
	width, height int
	pix           []byte
}

func newPlane(width, height int) plane {
	return plane{width, height, make([]byte, width*height)}
}

// pyramid is a picture at full, half, quarter… size, down to coarseSide.
type pyramid []plane

func newPyramid(width, height int) pyramid {
	p := pyramid{newPlane(width, height)}
	for max(width, height) > coarseSide {
		width, height = width/2, height/2
		p = append(p, newPlane(width, height))
	}
	return p
}

// build fills the upper levels from the lowest.
func (p pyramid) build() {
	for i := 1; i < len(p); i++ {
		halve(p[i], p[i-1])
	}
}

// halve averages blocks of 2×2 pixels.
func halve(dst, src plane) {
	for y := range dst.height {
		out := dst.pix[y*dst.width:][:dst.width]
		a := src.pix[2*y*src.width:][:2*len(out)]
		b := src.pix[(2*y+1)*src.width:][:2*len(out)]
		for x := range out {
			out[x] = byte((uint(a[2*x]) + uint(a[2*x+1]) + uint(b[2*x]) + uint(b[2*x+1]) + 2) / 4)
		}
	}
}
