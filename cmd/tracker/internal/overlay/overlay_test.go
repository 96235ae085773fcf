//go:build gocv_specific_modules

package overlay

import (
	"bytes"
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

var bare = Options{HidePanel: true, Trail: -1}

// picture is a plain grey one, closed at the end of the test.
func picture(t testing.TB, w, h int) *gocv.Mat {
	t.Helper()
	img := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(100, 100, 100, 0), h, w, gocv.MatTypeCV8UC3)
	t.Cleanup(func() { _ = img.Close() })
	return &img
}

func draw(t testing.TB, o *Overlay, img *gocv.Mat, tracks []track.Track, p Panel) canvas {
	t.Helper()
	if err := o.Draw(img, tracks, []string{"person"}, p); err != nil {
		t.Fatal(err)
	}
	c, err := canvasOf(img)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c canvas) at(x, y int) bgr { return bgr(c.pix[3*(y*c.w+x):]) }

// changed is the smallest rectangle around all pixels that are not col.
func changed(c canvas, col bgr) (r image.Rectangle) {
	for y := range c.h {
		for x := range c.w {
			if c.at(x, y) != col {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

var ground = bgr{100, 100, 100}

func TestBoxSurroundsItsObject(t *testing.T) {
	img := picture(t, 640, 360)
	c := draw(t, New(bare), img, []track.Track{{ID: 7, Box: detect.Box{X1: 100, Y1: 80, X2: 220.4, Y2: 299.6}, Score: 0.87}}, Panel{})
	col := colorOf(7)
	for _, p := range []image.Point{
		{98, 200}, {99, 200}, {220, 200}, {221, 200}, // two pixels left and right
		{150, 78}, {150, 79}, {150, 300}, {150, 301}, // and above and below
		{98, 78}, {221, 78}, {98, 301}, {221, 301}, // and the corners
	} {
		if got := c.at(p.X, p.Y); got != col {
			t.Errorf("pixel %v = %v, want the colour of the track, %v", p, got, col)
		}
	}
	for y := 80; y < 300; y++ {
		for x := 100; x < 220; x++ {
			if c.at(x, y) != ground {
				t.Fatalf("pixel (%d,%d) inside the box was painted", x, y)
			}
		}
	}
	if c.at(97, 200) != ground || c.at(222, 200) != ground || c.at(150, 302) != ground {
		t.Error("the frame is thicker than two pixels")
	}
	if label := image.Pt(100, 70); c.at(label.X, label.Y) == ground {
		t.Error("no label above the box")
	}
}

func TestPredictedBoxIsDashed(t *testing.T) {
	solid := func(detection int) float64 {
		img, n := picture(t, 640, 360), 0
		c := draw(t, New(bare), img, []track.Track{{ID: 3, Detection: detection, Box: detect.Box{X1: 100, Y1: 80, X2: 300, Y2: 280}}}, Panel{})
		for x := 100; x < 300; x++ {
			if c.at(x, 280) == colorOf(3) {
				n++
			}
		}
		return float64(n) / 200
	}
	if got := solid(0); got != 1 {
		t.Errorf("lower edge of an observed box is painted to %v, want 1", got)
	}
	if got := solid(-1); got < 0.4 || got > 0.6 {
		t.Errorf("lower edge of a predicted box is painted to %v, want about one half", got)
	}
}

// Whatever boxes arrive, nothing may crash, and what cannot be seen paints
// nothing.
func TestWildBoxes(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	invisible := []detect.Box{
		{X1: nan, Y1: 1, X2: 2, Y2: 3}, {X1: 1, Y1: 1, X2: inf, Y2: 9}, {X1: -inf, Y1: -inf, X2: inf, Y2: inf},
		{X1: 50, Y1: 50, X2: 40, Y2: 60}, {X1: 50, Y1: 50, X2: 50, Y2: 50}, {},
		{X1: -500, Y1: 10, X2: -400, Y2: 60}, {X1: 1e300, Y1: 10, X2: 2e300, Y2: 60},
		{X1: 10, Y1: 5000, X2: 60, Y2: 6000}, {X1: -1e308, Y1: 0, X2: 1e308, Y2: 10}, // a width of +Inf
	}
	for _, b := range invisible[:len(invisible)-1] {
		c := draw(t, New(bare), picture(t, 320, 240), []track.Track{{ID: 1, Box: b}}, Panel{})
		if r := changed(c, ground); !r.Empty() {
			t.Errorf("box %v painted %v", b, r)
		}
	}
	wild := append(invisible,
		detect.Box{X1: -1e9, Y1: -1e9, X2: 1e9, Y2: 1e9}, detect.Box{X1: 319.9, Y1: 239.9, X2: 1e6, Y2: 1e6},
		detect.Box{X1: 1e-9, Y1: 1e-9, X2: 2e-9, Y2: 2e-9}, detect.Box{X1: -0.4, Y1: -0.4, X2: 0.4, Y2: 0.4})
	for _, size := range []image.Point{{1, 1}, {2, 400}, {400, 2}, {31, 17}, {320, 240}} {
		o := New(Options{})
		for i := range 3 * len(wild) { // each id at one wild place after another
			tracks := make([]track.Track, len(wild))
			for j := range tracks {
				tracks[j] = track.Track{ID: j - 2, Box: wild[(i+j)%len(wild)], Class: j - 3, Detection: j%2 - 1, Score: nan}
			}
			draw(t, o, picture(t, size.X, size.Y), tracks, Panel{Time: time.Duration(i) * 40 * time.Millisecond})
		}
	}
}

func TestLabelsStayInThePicture(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	o := New(Options{})
	c := draw(t, o, picture(t, 640, 360), nil, Panel{})
	size := o.labelSize(&track.Track{ID: 12345, Score: 0.87}, []string{"motorcycle"}, true)
	for range 2000 {
		x, y := rng.IntN(800)-80, rng.IntN(500)-70
		box := image.Rect(x, y, x+rng.IntN(300), y+rng.IntN(300))
		for place := range labelPlaces {
			r := o.labelGround(c, box, size, place)
			if !r.In(c.bounds()) {
				t.Fatalf("label of box %v in place %d at %v, outside the picture", box, place, r)
			}
		}
	}
}

func TestLabelsDoNotCoverEachOther(t *testing.T) {
	tracks := []track.Track{ // three people side by side, one partly behind the panel
		{ID: 1, Box: detect.Box{X1: 300, Y1: 200, X2: 340, Y2: 300}},
		{ID: 2, Box: detect.Box{X1: 330, Y1: 202, X2: 370, Y2: 302}},
		{ID: 3, Box: detect.Box{X1: 265, Y1: 196, X2: 290, Y2: 296}},
		{ID: 4, Box: detect.Box{X1: 10, Y1: 100, X2: 200, Y2: 300}},
	}
	o := New(Options{})
	draw(t, o, picture(t, 640, 360), tracks, Panel{})
	panel := image.Rectangle{Max: o.panel.size}
	for i, a := range o.items {
		if a.label.Overlaps(panel) {
			t.Errorf("label %d lies under the panel", i)
		}
		for _, b := range o.items[i+1:] {
			if a.label.Overlaps(b.label) {
				t.Errorf("labels %v and %v overlap", a.label, b.label)
			}
		}
	}
	if !o.items[3].full || o.items[0].full {
		t.Error("want the full label where there is room, the id alone elsewhere")
	}
}

func TestColours(t *testing.T) {
	seen := make(map[bgr]int)
	for id := range palette {
		col := colorOf(id)
		if other, ok := seen[col]; ok {
			t.Errorf("ids %d and %d share a colour", id, other)
		}
		seen[col] = id
		if got := contrast(col, textOn(col)); got < 4.5 {
			t.Errorf("text on the colour of id %d has a contrast of %.1f, want 4.5", id, got)
		}
		next := colorOf(id + 1)
		if d := distance(col, next); d < 60 {
			t.Errorf("ids %d and %d look alike: %v and %v", id, id+1, col, next)
		}
	}
	// Fixed for good: recordings of different days must agree.
	if got, want := colorOf(12), colorOf(12+len(palette)); got != want {
		t.Errorf("colours do not repeat: %v and %v", got, want)
	}
	_ = colorOf(-1)
	_ = colorOf(math.MinInt)
}

func distance(a, b bgr) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

func TestPanelComesAndGoes(t *testing.T) {
	o := New(Options{})
	for _, on := range []bool{true, false, true} {
		o.ShowPanel(on)
		if r := changed(draw(t, o, picture(t, 640, 360), nil, Panel{Title: "mnasnet"}), ground); r.Empty() == on {
			t.Errorf("panel %v: painted %v", on, r)
		}
	}
}

func TestUnusablePictures(t *testing.T) {
	empty := gocv.NewMat()
	defer empty.Close()
	grey := gocv.NewMatWithSize(20, 20, gocv.MatTypeCV8UC1)
	defer grey.Close()
	part := picture(t, 100, 100).Region(image.Rect(10, 10, 50, 50))
	defer part.Close()
	for name, img := range map[string]*gocv.Mat{"none": nil, "empty": &empty, "grey": &grey, "part": &part} {
		if err := New(Options{}).Draw(img, nil, nil, Panel{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// busy is n moving tracks with trails and labels.
func busy(n, frame int, size image.Point) []track.Track {
	tracks := make([]track.Track, n)
	w, h := float64(size.X), float64(size.Y)
	for i := range tracks {
		x := math.Mod(float64(i)*w/math.Phi+float64(frame)*w/500, w)
		y := math.Mod(float64(i)*h*0.37, 0.8*h)
		tracks[i] = track.Track{
			ID: i + 1, Score: 0.87, Detection: i%5 - 1,
			Box: detect.Box{X1: x, Y1: y, X2: x + w/20, Y2: y + h/6},
		}
	}
	return tracks
}

func TestDrawIsDeterministic(t *testing.T) {
	run := func() []byte {
		o, size := New(Options{}), image.Pt(768, 576)
		var last []byte
		for i := range 60 {
			p := demoPanel(size)
			p.Time = time.Duration(i) * 40 * time.Millisecond
			c := draw(t, o, picture(t, size.X, size.Y), busy(20, i, size), p)
			last = bytes.Clone(c.pix)
		}
		return last
	}
	if !bytes.Equal(run(), run()) {
		t.Error("the same frames were drawn differently")
	}
}

// twoZones are a line from left to right and an area below it.
var twoZones = []zone.Count{
	{Zone: zone.Zone{Name: "door", Points: []zone.Point{{X: 0.5, Y: 0.25}, {X: 0.75, Y: 0.25}}}, Right: 3},
	{Zone: zone.Zone{Name: "yard", Points: []zone.Point{{X: 0.5, Y: 0.5}, {X: 1, Y: 0.5}, {X: 1, Y: 1}}}, Inside: 2},
}

// A line and its arrow to the right, the borders of an area and the counts are painted,
// these clear of the panel, and nothing else is.
func TestZones(t *testing.T) {
	img := picture(t, 800, 600)
	c := draw(t, New(bare), img, nil, Panel{Zones: twoZones})
	for _, p := range []image.Point{{500, 150}, {590, 150}, {500, 160}, {790, 300}, {799, 450}, {600, 450}} {
		if c.at(p.X, p.Y) == ground {
			t.Errorf("pixel %v was not painted", p)
		}
	}
	for _, p := range []image.Point{{620, 150}, {500, 200}, {500, 450}, {700, 400}} {
		if c.at(p.X, p.Y) != ground {
			t.Errorf("pixel %v was painted", p)
		}
	}
	if all := changed(c, ground); all.Min.X < 390 {
		t.Errorf("%v was painted", all)
	}
	// The same with a panel on the place of a count.
	at := []zone.Count{{Zone: zone.Zone{Name: "door", Points: []zone.Point{{X: 0.01, Y: 0.1}, {X: 0.99, Y: 0.1}}}}}
	size := image.Pt(800, 600)
	o := New(Options{Trail: -1})
	with, without := draw(t, o, picture(t, size.X, size.Y), nil, demoPanel(size)), demoPanel(size)
	without.Zones = at
	again := draw(t, o, picture(t, size.X, size.Y), nil, without)
	edge := o.panel.size.X
	painted := false
	for y := range 58 {
		for x := edge; x < size.X; x++ {
			painted = painted || with.at(x, y) != again.at(x, y)
		}
	}
	if !painted {
		t.Error("the count is under the panel")
	}
}

func TestDrawDoesNotAllocate(t *testing.T) {
	size := image.Pt(768, 576)
	o, img, p := New(Options{}), picture(t, size.X, size.Y), demoPanel(size)
	p.Zones = twoZones
	labels := []string{"person"}
	frames := make([][]track.Track, 64)
	for i := range frames {
		frames[i] = busy(10, i, size)
	}
	i := 0
	frame := func() {
		p.Time = time.Duration(i) * 40 * time.Millisecond
		if err := o.Draw(img, frames[i%len(frames)], labels, p); err != nil {
			t.Fatal(err)
		}
		i++
	}
	if n := testing.AllocsPerRun(100, frame); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, bench := range []struct {
		name   string
		size   image.Point
		tracks int
	}{
		{"640x360/tracks=10", image.Pt(640, 360), 10},
		{"768x576/tracks=10", image.Pt(768, 576), 10},
		{"1920x1080/tracks=10", image.Pt(1920, 1080), 10},
		{"1920x1080/tracks=200", image.Pt(1920, 1080), 200},
		{"3840x2160/tracks=10", image.Pt(3840, 2160), 10},
	} {
		b.Run(bench.name, func(b *testing.B) {
			o, img, p := New(Options{}), picture(b, bench.size.X, bench.size.Y), demoPanel(bench.size)
			frames := make([][]track.Track, 64)
			for i := range frames {
				frames[i] = busy(bench.tracks, i, bench.size)
			}
			labels := []string{"person"}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Time = time.Duration(i) * 40 * time.Millisecond
				if err := o.Draw(img, frames[i%len(frames)], labels, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A new picture size renders the face again.
func BenchmarkNewFace(b *testing.B) {
	for b.Loop() {
		if _, err := newFace(9); err != nil {
			b.Fatal(err)
		}
	}
}
