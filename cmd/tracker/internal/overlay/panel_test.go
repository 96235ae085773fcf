//go:build gocv_specific_modules

package overlay

import (
	"image"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// The panel darkens its own area, writes on it, and touches nothing else; it is
// whole from 640×360 on and never takes more than a third of the picture.
func TestPanelKeepsToItsPlace(t *testing.T) {
	for _, tt := range []struct {
		size image.Point
		full bool
	}{
		{image.Pt(160, 120), false}, {image.Pt(320, 240), false},
		{image.Pt(640, 360), true}, {image.Pt(640, 480), true}, {image.Pt(768, 576), true},
		{image.Pt(720, 1280), true}, {image.Pt(1920, 1080), true}, {image.Pt(3840, 2160), true},
	} {
		o := New(Options{})
		c := draw(t, o, picture(t, tt.size.X, tt.size.Y), nil, demoPanel(tt.size))
		area := changed(c, ground)
		if area != (image.Rectangle{Max: o.panel.size}) {
			t.Errorf("%v: painted %v, the panel is %v", tt.size, area, o.panel.size)
		}
		share := float64(area.Dx()*area.Dy()) / float64(c.w*c.h)
		if share > 1.0/3 {
			t.Errorf("%v: the panel covers %.0f %% of the picture", tt.size, 100*share)
		}
		if full := len(o.panel.cells) > 2; full != tt.full {
			t.Errorf("%v: full panel %v, want %v", tt.size, full, tt.full)
		}
		if corner := c.at(1, 1); corner != (bgr{25, 25, 25}) {
			t.Errorf("%v: panel's ground is %v, want a quarter of the picture's", tt.size, corner)
		}
		if white := brightest(c, area); white < 250 {
			t.Errorf("%v: the brightest text is only %d", tt.size, white)
		}
	}
}

// brightest is the largest green value in r.
func brightest(c canvas, r image.Rectangle) (v byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			v = max(v, c.at(x, y)[1])
		}
	}
	return v
}

func TestPanelSizeDoesNotFollowTheNumbers(t *testing.T) {
	size := image.Pt(640, 360)
	o := New(Options{})
	draw(t, o, picture(t, 640, 360), nil, demoPanel(size))
	want := o.panel.size
	p := demoPanel(size)
	p.FPS, p.Frame, p.Tracks, p.Time = 3, 99999999, 1, 100*time.Hour
	for i := range p.Rows {
		p.Rows[i].Current *= 50
		p.Rows[i].P95 *= 100
	}
	draw(t, o, picture(t, 640, 360), nil, p)
	if o.panel.size != want {
		t.Errorf("panel is %v, was %v", o.panel.size, want)
	}
}

func TestLongTitleIsCut(t *testing.T) {
	size := image.Pt(640, 360)
	o, p := New(Options{}), demoPanel(size)
	p.Title = strings.Repeat("a very long model name ", 20)
	c := draw(t, o, picture(t, 640, 360), nil, p)
	if len(o.panel.cells) <= 2 {
		t.Error("a long title drove out the panel")
	}
	if area := changed(c, ground); area.Max.X != o.panel.size.X {
		t.Errorf("the title reaches to %v, the panel to %v", area.Max.X, o.panel.size.X)
	}
}

// A panel without most of its content must not fail.
func TestEmptyPanel(t *testing.T) {
	draw(t, New(Options{}), picture(t, 640, 360), nil, Panel{})
}

func TestTextScale(t *testing.T) {
	for _, tt := range []struct {
		scale float64
		want  int
	}{{1, 8}, {2, 16}, {0.1, minCapHeight}, {1e9, 45}, {math.Inf(1), 45}, {math.NaN(), minCapHeight}} {
		if got := capHeightFor(640, 360, tt.scale); got != tt.want {
			t.Errorf("capital height at scale %v = %d, want %d", tt.scale, got, tt.want)
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:             "0:00.0",
		19149 * time.Millisecond: "0:19.1",
		time.Hour - 1:            "59:59.9",
		2*time.Hour + 3*time.Minute + 4*time.Second: "2:03:04.0",
		12*time.Hour + 45*time.Minute:               "12:45:00.0",
	} {
		if got := string(appendClock(nil, d)); got != want {
			t.Errorf("clock of %v = %q, want %q", d, got, want)
		}
	}
}

func TestFaceMetrics(t *testing.T) {
	for _, height := range []int{7, 8, 9, 18, 31} {
		f, err := newFace(height)
		if err != nil {
			t.Fatal(err)
		}
		digit := f.width([]byte("0"))
		for _, d := range "123456789" {
			if got := f.width([]byte(string(d))); got != digit {
				t.Errorf("height %d: digit %c is %d wide, 0 is %d: numbers would not line up", height, d, got, digit)
			}
		}
		if got := inkRows(&f.glyphs['E'-firstChar]); got != height {
			t.Errorf("height %d: E is %d high", height, got)
		}
		if got, want := f.width([]byte("Zoë")), f.width([]byte("Zo?")); got != want {
			t.Errorf("height %d: a character outside the face is %d wide, want that of '?'", height, got-want)
		}
		if got := string(f.fit([]byte("abc"), f.width([]byte("ab"))+1)); got != "ab" {
			t.Errorf("height %d: fit = %q, want ab", height, got)
		}
	}
}

// inkRows counts the rows of a glyph that hold a pixel more than half covered.
func inkRows(g *glyph) (n int) {
	for y := range g.h {
		if slices.Max(g.coverage[y*g.w:(y+1)*g.w]) > 127 {
			n++
		}
	}
	return n
}
