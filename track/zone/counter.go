package zone

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tracker-go/tracker/track"
)

// Margin is how far beyond a border a track's feet must be to have crossed it, as a
// share of its box's height. Raising it ignores more trembling, and counts later.
const Margin = 0.05

// forgetAfter is for how many frames a track that is not reported is remembered at
// least: some trackers are silent about one that they see. After that it is forgotten
// once the tracker has ended it. Lookups for those to forget are as rare.
const forgetAfter = 3000

// Count is what has happened at a zone so far. Of an area: Inside now, Entered and Left
// across its border, and Tracks that were ever in it, those that began there included.
// Of a line: Right and Left, crossings to the right and to the left of who looks from
// its first point to its second. What does not apply is 0.
type Count struct {
	Zone    Zone `json:"zone"`
	Inside  int  `json:"inside"`
	Entered int  `json:"entered"`
	Left    int  `json:"left"`
	Right   int  `json:"right"`
	Tracks  int  `json:"tracks"`
	// Classes are the shares of those classes of which there were any, in their order.
	Classes []ClassCount `json:"classes,omitempty"`
	// Crossed is who was counted in this frame as Entered, Left or Right.
	Crossed []Crossing `json:"-"`
}

// ClassCount is what has happened at a zone with tracks of one class. Each is what it
// was when it was counted.
type ClassCount struct {
	Class   int    `json:"class"`
	Label   string `json:"label,omitempty"` // as Name sets it
	Entered int    `json:"entered"`
	Left    int    `json:"left"`
	Right   int    `json:"right"`
	Tracks  int    `json:"tracks"`
}

// Name gives the classes of counts their labels, by number.
func Name(counts []Count, labels []string) {
	for _, n := range counts {
		for k := range n.Classes {
			n.Classes[k].Label = Label(n.Classes[k].Class, labels)
		}
	}
}

// Label is that of a class, its number where it has none.
func Label(class int, labels []string) string {
	if class >= 0 && class < len(labels) {
		return labels[class]
	}
	return fmt.Sprintf("class %d", class)
}

// Crossing is a track that crosses a border.
type Crossing struct {
	ID, Class int // of the track
	Way       Way
}

// Way is the count that a crossing belongs to.
type Way string

// The ways across a border. Left is out of an area, or to the left of a line.
const (
	Entered Way = "entered"
	Left    Way = "left"
	Right   Way = "right"
)

// cross counts a track that goes a way.
func (n *Count) cross(t *track.Track, way Way) {
	own := n.of(t.Class)
	switch way {
	case Entered:
		n.Entered++
		own.Entered++
	case Left:
		n.Left++
		own.Left++
	case Right:
		n.Right++
		own.Right++
	}
	n.Crossed = append(n.Crossed, Crossing{t.ID, t.Class, way})
}

// of is the share of a class. It is good until the next one is asked for.
func (n *Count) of(class int) *ClassCount {
	at, there := slices.BinarySearchFunc(n.Classes, class, func(c ClassCount, class int) int { return cmp.Compare(c.Class, class) })
	if !there {
		n.Classes = slices.Insert(n.Classes, at, ClassCount{Class: class})
	}
	return &n.Classes[at]
}

// Counter counts at the zones of one source. It is not safe for concurrent use.
type Counter struct {
	zones  []counted
	counts []Count // of zones
	life   track.Config
	frame  int
	size   [2]int // of the picture, in pixels
}

// counted is a zone at work.
type counted struct {
	border []Point // in pixels
	size   Point   // of the picture, in pixels
	tracks map[int]presence
}

// presence is what is known of a track at a zone.
type presence struct {
	Feet Point         // where it was last, clear of the border, in fractions of the picture
	On   int8          // 1 inside or right, -1 outside or left, 0 not known
	Been bool          // inside, ever
	Seen int           // the last frame in which it was
	At   time.Duration // its media time
}

// NewCounter counts at zones, which Parse has made, the tracks of a tracker that has
// those settings: they say for how long a track may be out of sight and come back.
func NewCounter(zones []Zone, life track.Config) *Counter {
	c := &Counter{life: life}
	for _, z := range zones {
		c.zones = append(c.zones, counted{border: make([]Point, len(z.Points)), tracks: make(map[int]presence)})
		c.counts = append(c.counts, Count{Zone: z})
	}
	return c
}

// Follow is a counter of other zones, or after a change of the tracker's settings. A
// zone that is the same here goes on with its counts; c must not be used any more.
func (c *Counter) Follow(zones []Zone, life track.Config) *Counter {
	next := NewCounter(zones, life)
	if c == nil {
		return next
	}
	next.frame = c.frame
	for i, z := range zones {
		same := func(n Count) bool { return n.Zone.Name == z.Name && slices.Equal(n.Zone.Points, z.Points) }
		if k := slices.IndexFunc(c.counts, same); k >= 0 {
			next.zones[i].tracks, next.counts[i] = c.zones[k].tracks, c.counts[k]
		}
	}
	return next
}

// Update takes in the tracks of the next frame, at that media time, of a picture of that
// size in pixels. The counts are good until the next Update.
func (c *Counter) Update(tracks []track.Track, at time.Duration, width, height int) []Count {
	if size := [2]int{width, height}; size != c.size {
		c.fit(size)
	}
	c.frame++
	for i := range c.zones {
		z, n := &c.zones[i], &c.counts[i]
		n.Inside, n.Crossed = 0, n.Crossed[:0]
		for k := range tracks {
			t := &tracks[k]
			if !t.Box.Valid() {
				continue
			}
			feet := Point{(t.Box.X1 + t.Box.X2) / 2, t.Box.Y2}
			p := z.tracks[t.ID]
			p.Seen, p.At = c.frame, at
			if way := z.look(n, &p, t.Class, feet, Margin*(t.Box.Y2-t.Box.Y1)); way != "" {
				n.cross(t, way)
			}
			z.tracks[t.ID] = p
		}
		if c.frame%forgetAfter == 0 {
			c.forget(z.tracks, at)
		}
	}
	return c.counts
}

// Counts are those up to now; they are good until the next Update.
func (c *Counter) Counts() []Count { return c.counts }

// fit brings the borders to a size of picture.
func (c *Counter) fit(size [2]int) {
	c.size = size
	for i, n := range c.counts {
		c.zones[i].size = Point{float64(size[0]), float64(size[1])}
		for k, p := range n.Zone.Points {
			c.zones[i].border[k] = Point{p.X * float64(size[0]), p.Y * float64(size[1])}
		}
	}
}

// look sees where a track is, and says whether it crosses.
func (z *counted) look(n *Count, p *presence, class int, feet Point, margin float64) Way {
	if n.Zone.IsLine() {
		return z.atLine(n, p, feet, margin)
	}
	return z.atArea(n, p, class, feet, margin)
}

// atArea counts who is in an area, and says who crosses its border. Who is cut off by the
// edge of the picture, or is taken to be beyond it, stands at the edge.
func (z *counted) atArea(n *Count, p *presence, class int, feet Point, margin float64) (way Way) {
	feet = Point{within(feet.X, z.size.X), within(feet.Y, z.size.Y)}
	on := int8(-1)
	if inside(z.border, feet) {
		on = 1
	}
	switch {
	case p.On == 0: // it begins here, on whichever side
		p.On = on
	case on != p.On && z.clear(feet, margin):
		if p.On, way = on, Left; on > 0 {
			way = Entered
		}
	}
	if p.On > 0 {
		n.Inside++
		if !p.Been {
			p.Been = true
			n.Tracks++
			n.of(class).Tracks++
		}
	}
	return way
}

// clear says that the border is farther away than the margin. Where it is the edge of
// the picture, nobody crosses it.
func (z *counted) clear(p Point, margin float64) bool {
	for i, a := range z.border {
		b := z.border[(i+1)%len(z.border)]
		edge := along(a.X, b.X, z.size.X) || along(a.Y, b.Y, z.size.Y)
		if !edge && distance(a, b, p) <= margin {
			return false
		}
	}
	return true
}

// along says whether a way from a to b, of which these are the X or the Y, runs along an
// edge of the picture.
func along(a, b, size float64) bool { return a == b && (a == 0 || a == size) }

// within is the place nearest to p in a picture of that size.
func within(p, size float64) float64 { return min(max(p, 0), math.Nextafter(size, 0)) }

// atLine says who crosses a line. Who walks around its end has not.
func (z *counted) atLine(n *Count, p *presence, feet Point, margin float64) (way Way) {
	a, b := z.border[0], z.border[1]
	s := side(a, b, feet)
	if math.Abs(s) <= margin*math.Hypot(b.X-a.X, b.Y-a.Y) {
		return ""
	}
	on := int8(1)
	if s < 0 {
		on = -1
	}
	feet = Point{feet.X / z.size.X, feet.Y / z.size.Y}
	if ends := n.Zone.Points; p.On == -on && cross(ends[0], ends[1], p.Feet, feet) {
		if way = Left; on > 0 {
			way = Right
		}
	}
	p.On, p.Feet = on, feet
	return way
}

// forget removes the tracks that will not come back.
func (c *Counter) forget(tracks map[int]presence, now time.Duration) {
	for id, p := range tracks {
		if unseen := c.frame - p.Seen; unseen > forgetAfter && c.life.Ended(unseen, now-p.At) {
			delete(tracks, id)
		}
	}
}

// state is what Snapshot keeps.
type state struct {
	Frame  int
	Counts []Count
	Tracks []map[int]presence
}

// Snapshot is all that a Counter of the same zones needs to go on.
func (c *Counter) Snapshot() ([]byte, error) {
	s := state{Frame: c.frame, Counts: c.counts}
	for _, z := range c.zones {
		s.Tracks = append(s.Tracks, z.tracks)
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("keep the counts of zones: %w", err)
	}
	return b.Bytes(), nil
}

// Restore takes up what Snapshot kept of the same zones.
func (c *Counter) Restore(data []byte) error {
	var s state
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("take up the counts of zones: %w", err)
	}
	if len(s.Tracks) != len(c.zones) || len(s.Counts) != len(c.zones) {
		return fmt.Errorf("take up the counts of zones: they are of %d zones, not of %d", len(s.Counts), len(c.zones))
	}
	c.frame, c.counts = s.Frame, s.Counts
	for i := range c.zones {
		if s.Tracks[i] != nil {
			c.zones[i].tracks = s.Tracks[i]
		}
	}
	return nil
}
