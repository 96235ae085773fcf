package motion

import (
	"fmt"
	"testing"
)

// BenchmarkEstimate is the cost of a picture from a moving camera, of its parts,
// and of a picture from one that stands still.
func BenchmarkEstimate(b *testing.B) {
	for _, size := range [][2]int{{768, 576}, {1920, 1080}, {3840, 2160}} {
		s := scene{world: newWorld(1), width: size[0], height: size[1]}
		pictures := [2]Pixels{
			s.picture(Identity, 1),
			s.picture(pose{1.002, 0.002, float64(size[0]) / 200, 3}.camera(size[0], size[1]), 2),
		}
		e := New(Options{})
		for _, p := range pictures {
			mustEstimate(b, e, p, nil)
		}
		i := 0
		moving := func() {
			i++
			mustEstimate(b, e, pictures[i%2], nil)
		}
		still := New(Options{Auto: true})
		for range settleLooks + 1 {
			mustEstimate(b, still, pictures[0], nil)
		}
		corners := e.corners.find(&e.from[1])
		top := len(e.from) - 1
		dx, dy := e.search.find(e.from, e.to, top)
		for _, part := range []struct {
			name string
			run  func()
		}{
			{"moving", moving},
			{"still", func() { mustEstimate(b, still, pictures[0], nil) }},
			{"1-shrink", func() { e.shrink.picture(&e.to[0], pictures[i%2]) }},
			{"2-pyramid", e.to.build},
			{"3-corners", func() { e.corners.find(&e.from[1]) }},
			{"4-search", func() { e.search.find(e.from, e.to, top) }},
			{"5-follow", func() {
				for _, c := range corners {
					e.window.follow(e.from, e.to, c.x, c.y, float64(dx), float64(dy))
				}
			}},
			{"6-fit", func() { e.fitter.fit(e.matches, float64(e.from[0].width), float64(e.from[0].height)) }},
			{"retry", func() { e.search.find(e.from, e.to, top-1) }},
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", size[0], size[1], part.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					part.run()
				}
			})
		}
	}
}
