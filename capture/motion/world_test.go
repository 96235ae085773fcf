package motion

import (
	"math"
	"math/rand/v2"
)

// world is a flat scene that pictures are taken of, and that repeats for ever.
type world struct {
	size int
	grey []float32
}

// newWorld makes a scene with structure of many sizes.
func newWorld(seed uint64) world {
	const n = 1024
	w := world{n, make([]float32, n*n)}
	r := rand.New(rand.NewPCG(seed, 2))
	for size := 6; size <= 192; size *= 2 {
		for range 6 * n / size {
			x, y, v := r.IntN(n), r.IntN(n), float32(r.NormFloat64()*22)
			for j := range size {
				for i := range size {
					w.grey[(y+j)%n*n+(x+i)%n] += v
				}
			}
		}
	}
	return w.blurred()
}

// blurred is the mean over 2×2 blocks around each corner of four pixels: no edge
// is sharper than a lens would make it.
func (w world) blurred() world {
	b := world{w.size, make([]float32, len(w.grey))}
	mask := w.size - 1
	for y := range w.size {
		for x := range w.size {
			x1, y1 := (x+1)&mask, (y+1)&mask
			b.grey[y*w.size+x] = (w.grey[y*w.size+x] + w.grey[y*w.size+x1] + w.grey[y1*w.size+x] + w.grey[y1*w.size+x1]) / 4
		}
	}
	return b
}

// at is the grey value at a point, interpolated.
func (w world) at(x, y float64) float64 {
	x, y = x-0.5, y-0.5
	fx, fy := math.Floor(x), math.Floor(y)
	mask := w.size - 1
	x0, y0 := int(fx)&mask, int(fy)&mask
	x1, y1 := (x0+1)&mask, (y0+1)&mask
	a, b := float32(x-fx), float32(y-fy)
	up := w.grey[y0*w.size+x0]*(1-a) + w.grey[y0*w.size+x1]*a
	down := w.grey[y1*w.size+x0]*(1-a) + w.grey[y1*w.size+x1]*a
	return float64(up*(1-b) + down*b)
}

// object is a rectangle in front of the world, with a texture of its own, that
// moves in the picture. It is given by its edges.
type object [4]float64

// scene is what a camera sees.
type scene struct {
	world         world
	width, height int
	objects       []object
	noise         float64 // standard deviation of each pixel, in grey levels
	light         float64 // added to every pixel
}

// picture is taken by a camera that maps world coordinates to the picture's; the
// objects' coordinates are the picture's.
func (s scene) picture(camera Affine, seed uint64) Pixels {
	p := Pixels{make([]byte, s.width*s.height*3), s.width, s.height, 3}
	r := rand.New(rand.NewPCG(seed, 3))
	back := inverse(camera)
	for y := range s.height {
		for x := range s.width {
			px, py := float64(x)+0.5, float64(y)+0.5
			wx, wy := back.Apply(px, py)
			for i, o := range s.objects {
				if px >= o[0] && px < o[2] && py >= o[1] && py < o[3] {
					wx, wy = px-o[0]+float64(300*i+500), py-o[1]+400
				}
			}
			v := s.world.at(wx, wy) + 120 + s.light
			for c := range 3 {
				n := v
				if s.noise > 0 {
					n += r.NormFloat64() * s.noise
				}
				p.Pix[(y*s.width+x)*3+c] = byte(min(max(n+0.5, 0), 255))
			}
		}
	}
	return p
}

func (s scene) boxes() [][4]float64 {
	var all [][4]float64
	for _, o := range s.objects {
		all = append(all, o)
	}
	return all
}

func inverse(a Affine) Affine {
	d := a.A11*a.A22 - a.A12*a.A21
	b := Affine{A11: a.A22 / d, A12: -a.A12 / d, A21: -a.A21 / d, A22: a.A11 / d}
	x, y := b.Apply(a.TX, a.TY)
	b.TX, b.TY = -x, -y
	return b
}

// pose is a camera's place: about the middle of a w×h picture zoomed and turned
// (radians), then moved.
type pose struct{ zoom, turn, x, y float64 }

func (p pose) camera(w, h int) Affine {
	c, s := p.zoom*math.Cos(p.turn), p.zoom*math.Sin(p.turn)
	a := Affine{A11: c, A12: -s, A21: s, A22: c}
	mx, my := a.Apply(float64(w)/2, float64(h)/2)
	a.TX, a.TY = float64(w)/2-mx+p.x, float64(h)/2-my+p.y
	return a
}

// cornerError is how far the worst corner of a w×h picture is from where it
// should be, in pixels.
func cornerError(got, want Affine, w, h int) float64 {
	worst := 0.0
	for _, c := range [...][2]float64{{0, 0}, {float64(w), 0}, {0, float64(h)}, {float64(w), float64(h)}} {
		x, y := got.Apply(c[0], c[1])
		u, v := want.Apply(c[0], c[1])
		worst = max(worst, math.Hypot(x-u, y-v))
	}
	return worst
}
