package motion

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// textured is a generated picture with structure of many sizes.
func textured(w, h, channels, dx, dy int) Pixels {
	const n = 1024
	base := make([]float32, n*n)
	r := rand.New(rand.NewPCG(1, 2))
	for size := 4; size <= 256; size *= 2 {
		for range 40000 / size {
			x, y, v := r.IntN(n), r.IntN(n), float32(r.NormFloat64()*25)
			for j := range size {
				for i := range size {
					base[(y+j)%n*n+(x+i)%n] += v
				}
			}
		}
	}
	p := Pixels{make([]byte, w*h*channels), w, h, channels}
	for y := range h {
		for x := range w {
			v := base[(y+dy+n)%n*n+(x+dx+n)%n]
			for c := range channels {
				p.Pix[(y*w+x)*channels+c] = byte(min(max(v+120, 0), 255))
			}
		}
	}
	return p
}

func BenchmarkEstimate(b *testing.B) {
	for _, size := range [][2]int{{768, 576}, {1920, 1080}, {3840, 2160}} {
		a := textured(size[0], size[1], 3, 0, 0)
		c := textured(size[0], size[1], 3, 7, 4)
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			e := New(Options{})
			e.EstimatePixels(a, nil)
			e.EstimatePixels(c, nil)
			b.Run("all", func(b *testing.B) {
				for b.Loop() {
					a, c = c, a
					e.EstimatePixels(a, nil)
				}
			})
			b.Run("shrink", func(b *testing.B) {
				for b.Loop() {
					e.shrink.picture(&e.to[0], a)
				}
			})
			b.Run("pyramid", func(b *testing.B) {
				for b.Loop() {
					e.to.build()
				}
			})
			b.Run("corners", func(b *testing.B) {
				for b.Loop() {
					e.corners.find(&e.from[1])
				}
			})
			b.Run("flow", func(b *testing.B) {
				e.shrink.picture(&e.to[0], a)
				e.to.build()
				e.shrink.picture(&e.from[0], c)
				e.from.build()
				cs := e.corners.find(&e.from[1])
				for b.Loop() {
					for _, c := range cs {
						e.window.follow(e.from, e.to, c.x, c.y, -7/float64(e.shrink.factor), -4/float64(e.shrink.factor))
					}
				}
			})
			b.Run("coarse", func(b *testing.B) {
				for b.Loop() {
					coarse(e.from, e.to, len(e.from)-1)
				}
			})
			b.Run("slow", func(b *testing.B) {
				for b.Loop() {
					coarse(e.from, e.to, len(e.from)-2)
				}
			})
			b.Run("fit", func(b *testing.B) {
				for b.Loop() {
					e.fitter.fit(e.matches, 480, 270)
				}
			})
		})
	}
}
