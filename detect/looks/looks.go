// Package looks describes what detected objects look like by their colours, so that a
// tracker can tell them apart where the detector itself gives no embeddings.
//
// A box is cut into an upper and a lower part: shirt and trousers where it holds a
// person. Of each part, the description says how its hues, lightness and saturation are
// spread. Pixels in the middle weigh more than those at the sides, which are mostly
// background (Comaniciu, Ramesh and Meer, "Kernel-based object tracking", PAMI 2003).
// The square roots of all shares make a vector of length 1, so that the scalar product
// of two is the Bhattacharyya coefficient of their colours: 1 for equal ones, 0 where
// they have none in common. Both are rounded to half a percent.
//
// Before that, the picture's mean colour is brought to grey (Buchsbaum, "A spatial
// processor model for object colour perception", 1980), so that a camera that sets its
// exposure or white balance anew changes nobody's looks.
package looks

import (
	"math"

	"github.com/tracker-go/tracker/detect"
)

// Picture is a picture as OpenCV holds it: rows of pixels of three bytes, blue, green
// and red, each row Stride bytes after the one before.
type Picture struct {
	Pixels                []byte
	Width, Height, Stride int // pixels, pixels, bytes
}

// whole says whether all of the picture is there.
func (p *Picture) whole() bool {
	return p.Width > 0 && p.Height > 0 && p.Stride >= 3*p.Width && len(p.Pixels) >= (p.Height-1)*p.Stride+3*p.Width
}

// Size is the number of an embedding's values.
const Size = len(parts) * partSize

// Bins of a part: hues first, then lightness, then saturation.
const (
	hues, lights, saturations = 12, 8, 4
	partSize                  = hues + lights + saturations
)

// parts of a box: their upper and lower edges, in heights of it.
var parts = [...]struct{ top, bottom float64 }{{0.12, 0.48}, {0.48, 0.88}}

const (
	columns, rows = 12, 12 // places of a part that are looked at, however large it is
	side          = 0.1    // widths of a box that are left out at either side
	grain         = 256    // values are multiples of 1/grain, which halves the size of records
	paleness      = 3.0    // a third of the full chroma gives a hue its full weight: cameras are pale
)

// Describer gives detections their embeddings. The zero value is ready. It is for one
// goroutine at a time, and allocates nothing once it has seen its fullest picture.
type Describer struct {
	balanced [3][256]byte // what a byte of each channel becomes
	memory   []float32
}

// Describe sets the Embedding of every detection that has none: Size values of unit
// length but for rounding, valid until the next call. Boxes, in pixels of p, that lie outside of it
// stay without.
func (d *Describer) Describe(p Picture, detections []detect.Detection) {
	if len(detections) == 0 || !p.whole() {
		return
	}
	d.balance(&p)
	if need := len(detections) * Size; cap(d.memory) < need {
		d.memory = make([]float32, 2*need)
	}
	left := d.memory[:cap(d.memory)]
	for i := range detections {
		to := &detections[i]
		if to.Embedding != nil || !p.shows(to.Box) {
			continue
		}
		d.describe((*[Size]float32)(left), &p, to.Box)
		to.Embedding, left = left[:Size:Size], left[Size:]
	}
}

// shows says whether any of the box lies in the picture.
func (p *Picture) shows(b detect.Box) bool {
	return b.Valid() && b.X2 > 0 && b.Y2 > 0 && b.X1 < float64(p.Width) && b.Y1 < float64(p.Height)
}

// grey is what the mean of each channel is brought to.
const grey = 110

// balance learns what to make of the picture's bytes.
func (d *Describer) balance(p *Picture) {
	const across, down = 64, 48 // pixels that speak for all
	var sums [3]int
	for y := range down {
		row := p.Pixels[(2*y+1)*p.Height/(2*down)*p.Stride:]
		for x := range across {
			at := (2*x + 1) * p.Width / (2 * across) * 3
			for c := range sums {
				sums[c] += int(row[at+c])
			}
		}
	}
	for c, sum := range sums {
		gain := grey * across * down / float64(max(sum, 1))
		for v := range d.balanced[c] {
			d.balanced[c][v] = byte(min(255, math.Round(float64(v)*gain)))
		}
	}
}

func (d *Describer) describe(bins *[Size]float32, p *Picture, b detect.Box) {
	clear(bins[:])
	for i, part := range parts {
		height := b.Height()
		b := detect.Box{
			X1: b.X1 + side*b.Width(), X2: b.X2 - side*b.Width(),
			Y1: b.Y1 + part.top*height, Y2: b.Y1 + part.bottom*height,
		}
		d.count((*[partSize]float32)(bins[i*partSize:]), p, b)
	}
}

// count fills the bins of a part, which lies in a box, and takes their roots.
func (d *Describer) count(bins *[partSize]float32, p *Picture, b detect.Box) {
	var across [columns]int // where the columns are in a row
	for x := range across {
		across[x] = 3 * nearest(b.X1+b.Width()*(float64(x)+0.5)/columns, p.Width)
	}
	for y := range rows {
		row := p.Pixels[nearest(b.Y1+b.Height()*(float64(y)+0.5)/rows, p.Height)*p.Stride:]
		for x, at := range across {
			add(bins, d.balanced[0][row[at]], d.balanced[1][row[at+1]], d.balanced[2][row[at+2]], weights[x])
		}
	}
	sum := float32(0)
	for _, v := range bins {
		sum += v
	}
	for i, v := range bins {
		bins[i] = float32(math.Round(grain*math.Sqrt(float64(v/sum/float32(len(parts))))) / grain)
	}
}

// nearest is the pixel that x lies in, or the nearest to it.
func nearest(x float64, size int) int { return int(min(max(x, 0), float64(size-1))) }

// weights of the columns, after Epanechnikov.
var weights = func() (w [columns]float32) {
	for x := range w {
		u := 2*(float32(x)+1)/(columns+1) - 1
		w[x] = 1 - u*u
	}
	return w
}()

// add counts a pixel.
func add(bins *[partSize]float32, blue, green, red byte, weight float32) {
	most := max(blue, green, red)
	chroma := float32(most - min(blue, green, red))
	between(bins[hues:hues+lights], float32(most)/255, weight)
	between(bins[hues+lights:], chroma/max(float32(most), 1), weight)
	if chroma > 0 {
		around(bins[:hues], hue(float32(blue), float32(green), float32(red), chroma), weight*min(1, paleness*chroma/255))
	}
}

// hue is an angle from red over green and blue, as a share of the circle, 0..1.
func hue(blue, green, red, chroma float32) float32 {
	switch most := max(blue, green, red); most {
	case red:
		return (6 + (green-blue)/chroma) / 6
	case green:
		return (2 + (blue-red)/chroma) / 6
	default:
		return (4 + (red-green)/chroma) / 6
	}
}

// between counts x, 0..1, in the two bins whose middles it lies between.
func between(bins []float32, x, weight float32) {
	at := min(max(x*float32(len(bins))-0.5, 0), float32(len(bins)-1))
	i := min(int(at), len(bins)-2)
	part := at - float32(i)
	bins[i] += weight * (1 - part)
	bins[i+1] += weight * part
}

// around does the same on a circle.
func around(bins []float32, x, weight float32) {
	at := (x+1)*float32(len(bins)) - 0.5
	part := at - float32(int(at))
	bins[int(at)%len(bins)] += weight * (1 - part)
	bins[(int(at)+1)%len(bins)] += weight * part
}
