// Package zone counts what tracks do at places of the picture: who enters, leaves and
// stays in an area, and who crosses a line in which direction.
//
// A track is where its feet are: in the middle of the bottom of its box. It changes
// sides only once its feet are [Margin] of its box's height beyond the border, so that
// a box that trembles at a border counts once.
package zone

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Point is a place in the picture, in fractions of its width and height: 0,0 is the
// upper left corner, 1,1 the lower right one.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Zone is a line of two points, which is crossed, or an area of three or more, whose
// border may be crossed and which closes itself. The border must not cross itself.
type Zone struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// IsLine says that the zone is crossed, not entered.
func (z Zone) IsLine() bool { return len(z.Points) == 2 }

// String is what Parse takes.
func (z Zone) String() string {
	b := []byte(z.Name + "=")
	for i, p := range z.Points {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendFloat(b, p.X, 'g', -1, 64)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, p.Y, 'g', -1, 64)
	}
	return string(b)
}

const example = "as in door=0.1 0.5 0.4 0.5 (a line) or yard=0 0.6 1 0.6 1 1 0 1 (an area)"

// Parse reads a zone from NAME=X Y X Y ….
func Parse(text string) (Zone, error) {
	name, numbers, found := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !found || name == "" {
		return Zone{}, fmt.Errorf("zone %q is not NAME=X Y X Y …, %s", text, example)
	}
	if !utf8.ValidString(name) {
		return Zone{}, fmt.Errorf("zone %q has a name that is not UTF-8, which results are", name)
	}
	if strings.Contains(numbers, ",") {
		return Zone{}, commas(name)
	}
	z := Zone{Name: name}
	fields := strings.Fields(numbers)
	if len(fields) < 4 || len(fields)%2 != 0 {
		return Zone{}, fmt.Errorf("zone %s has %d numbers, want 4 for a line, or 6, 8, … for an area, %s", name, len(fields), example)
	}
	for i := 0; i < len(fields); i += 2 {
		x, err := fraction(name, fields[i])
		if err != nil {
			return Zone{}, err
		}
		y, err := fraction(name, fields[i+1])
		if err != nil {
			return Zone{}, err
		}
		z.Points = append(z.Points, Point{x, y})
	}
	return z, z.check()
}

func commas(name string) error {
	return fmt.Errorf("zone %s: separate numbers by spaces, not commas, %s", name, example)
}

// onlyNumbers says whether a text is what commas between the numbers of a zone leave behind
// where they divide a list.
func onlyNumbers(text string) bool {
	fields := strings.Fields(text)
	for _, f := range fields {
		if _, err := strconv.ParseFloat(f, 64); err != nil {
			return false
		}
	}
	return len(fields) > 0
}

// dividedName is the name of which commas have made the first texts of a list, empty where
// the first is no such part, or has numbers.
func dividedName(texts []string) string {
	if words := strings.Fields(texts[0]); len(words) == 0 || onlyNumbers(words[len(words)-1]) {
		return ""
	}
	for i, text := range texts {
		if name, _, found := strings.Cut(text, "="); found && i > 0 {
			return strings.TrimSpace(strings.Join(append(slices.Clip(texts[:i]), name), ","))
		} else if found {
			return ""
		}
	}
	return ""
}

func fraction(name, text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("zone %s has %s, want a fraction of the picture's width or height, 0 to 1", name, text)
	}
	return v, nil
}

// ParseAll reads zones, whose names must differ.
func ParseAll(texts []string) ([]Zone, error) {
	var zones []Zone
	seen := make(map[string]bool)
	for i, text := range texts {
		if whole := dividedName(texts[i:]); whole != "" {
			return nil, fmt.Errorf(`zone %q is without numbers; put a zone whose name has a comma in double quotes: '"%s=0.1 0.5 0.4 0.5"'`, text, whole)
		}
		if i+1 < len(texts) && onlyNumbers(texts[i+1]) {
			name, _, _ := strings.Cut(text, "=")
			return nil, commas(strings.TrimSpace(name))
		}
		z, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if seen[z.Name] {
			return nil, fmt.Errorf("zone %s comes twice; give each its own name", z.Name)
		}
		seen[z.Name] = true
		zones = append(zones, z)
	}
	return zones, nil
}

// check refuses what has no inside, or no sides.
func (z Zone) check() error {
	n := len(z.Points)
	for i, p := range z.Points {
		if p == z.Points[(i+1)%n] {
			return fmt.Errorf("zone %s has the point %g %g twice in a row", z.Name, p.X, p.Y)
		}
	}
	for i := range z.Points {
		for k := i + 1; k < n && !z.IsLine(); k++ {
			beside := k == i+1 || (k+1)%n == i
			if !beside && cross(z.Points[i], z.Points[i+1], z.Points[k], z.Points[(k+1)%n]) {
				return fmt.Errorf("the border of zone %s crosses itself: name its corners in their order around it", z.Name)
			}
		}
	}
	if !z.IsLine() && math.Abs(area(z.Points)) < 1e-6 {
		return fmt.Errorf("zone %s is an area without a content: its points are on one line", z.Name)
	}
	return nil
}

// area is twice the signed content of a polygon.
func area(p []Point) (sum float64) {
	for i := range p {
		q := p[(i+1)%len(p)]
		sum += p[i].X*q.Y - q.X*p[i].Y
	}
	return sum
}

// side is positive where p lies to the right of who walks from a to b, negative to the
// left: its distance from their straight line, times the length of that way.
func side(a, b, p Point) float64 { return (b.X-a.X)*(p.Y-a.Y) - (b.Y-a.Y)*(p.X-a.X) }

// cross says whether the ways from a to b and from c to d meet; touching is meeting.
func cross(a, b, c, d Point) bool {
	apart := func(s, t float64) bool { return s > 0 && t > 0 || s < 0 && t < 0 }
	if apart(side(a, b, c), side(a, b, d)) || apart(side(c, d, a), side(c, d, b)) {
		return false
	}
	// On one straight line they meet where their spans do.
	return max(a.X, b.X) >= min(c.X, d.X) && max(c.X, d.X) >= min(a.X, b.X) &&
		max(a.Y, b.Y) >= min(c.Y, d.Y) && max(c.Y, d.Y) >= min(a.Y, b.Y)
}

// inside says whether p is in the polygon, by the parity of borders to its right.
func inside(border []Point, p Point) (in bool) {
	for i, a := range border {
		b := border[(i+1)%len(border)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < a.X+(p.Y-a.Y)/(b.Y-a.Y)*(b.X-a.X) {
			in = !in
		}
	}
	return in
}

// distance is how far p is from the way from a to b.
func distance(a, b, p Point) float64 {
	dx, dy := b.X-a.X, b.Y-a.Y
	t := ((p.X-a.X)*dx + (p.Y-a.Y)*dy) / (dx*dx + dy*dy)
	t = min(max(t, 0), 1)
	return math.Hypot(p.X-a.X-t*dx, p.Y-a.Y-t*dy)
}
