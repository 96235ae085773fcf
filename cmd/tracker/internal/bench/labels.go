package bench

import "math"

// rect is an area of the picture, lengths in points, y upwards.
type rect struct{ x1, y1, x2, y2 float64 }

// overlap is the area that two rectangles share.
func (r rect) overlap(other rect) float64 {
	w := min(r.x2, other.x2) - max(r.x1, other.x1)
	h := min(r.y2, other.y2) - max(r.y1, other.y1)
	return max(w, 0) * max(h, 0)
}

// outside is the area of r that lies outside of frame.
func (r rect) outside(frame rect) float64 {
	return (r.x2-r.x1)*(r.y2-r.y1) - r.overlap(frame)
}

// labelled is a point with the size of its label.
type labelled struct{ x, y, width, height float64 }

// Where a label may stand: directions from its point, the preferred first, and
// distances between the two in points, each tried in all directions before the next.
var (
	directions = [...][2]float64{{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}}
	distances  = [...]float64{7, 16, 28, 42, 60}
)

// placeLabels gives every point a place for its label that touches neither another
// label, nor a point (a square of side marker), nor any of the taken areas, and is
// within the frame; where there is none, the place where it touches least.
func placeLabels(points []labelled, marker float64, taken []rect, frame rect) []rect {
	obstacles := append([]rect(nil), taken...)
	for _, p := range points {
		obstacles = append(obstacles, rect{p.x - marker/2, p.y - marker/2, p.x + marker/2, p.y + marker/2})
	}
	places := make([]rect, len(points))
	for i, p := range points {
		places[i] = freest(p, obstacles, frame)
		obstacles = append(obstacles, places[i])
	}
	return places
}

// freest is the first place that touches nothing, or that which touches least.
func freest(p labelled, obstacles []rect, frame rect) (best rect) {
	least := math.Inf(1)
	for _, distance := range distances {
		for _, d := range directions {
			place := p.beside(d, distance)
			touched := place.outside(frame)
			for _, o := range obstacles {
				touched += place.overlap(o)
			}
			if touched < least {
				least, best = touched, place
			}
		}
		if least < 1e-6 {
			return best
		}
	}
	return best
}

// beside is the label in a direction from its point, with a gap between them.
func (p labelled) beside(direction [2]float64, gap float64) rect {
	x := p.x + direction[0]*(gap+p.width/2)
	y := p.y + direction[1]*(gap+p.height/2)
	return rect{x - p.width/2, y - p.height/2, x + p.width/2, y + p.height/2}
}
