package motion

import (
	"math/rand/v2"
	"testing"
)

// naive is the mean that the shrinker must come to.
func naive(p Pixels, factor, x, y int) byte {
	sum, n := 0, 0
	for _, row := range [...]int{factor / 4, factor/4 + factor/2} {
		at := ((y*factor+row)*p.Width + x*factor) * p.Channels
		for _, b := range p.Pix[at : at+factor*p.Channels] {
			sum += int(b)
			n++
		}
	}
	return byte((sum + n/2) / n)
}

func TestShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for factor := 1; factor <= 32; factor++ {
		for channels := 1; channels <= 4; channels++ {
			w, h := 5*factor+factor/2, 4*factor
			p := Pixels{make([]byte, w*h*channels), w, h, channels}
			for i := range p.Pix {
				p.Pix[i] = byte(r.IntN(256))
				if factor%5 == 0 {
					p.Pix[i] = 255 // the largest sums
				}
			}
			s := newShrinker(factor, channels)
			got := newPlane(w/factor, h/factor)
			s.picture(&got, p)
			for y := range got.height {
				for x := range got.width {
					if g, want := got.pix[y*got.width+x], naive(p, factor, x, y); g != want {
						t.Fatalf("factor %d, %d channels: pixel (%d, %d) is %d, want %d", factor, channels, x, y, g, want)
					}
				}
			}
			var part [2]byte
			s.row(part[:], p, 3, 2)
			if want := got.pix[2*got.width+3 : 2*got.width+5]; part != [2]byte(want) {
				t.Fatalf("factor %d, %d channels: row part %v, want %v", factor, channels, part, want)
			}
		}
	}
}
