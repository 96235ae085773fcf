package looks

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tracker-go/tracker/detect"
)

const width, height = 160, 120

// street is a picture in greys of all kinds, the same for the same seed.
func street(seed uint64) Picture {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := Picture{Width: width, Height: height, Stride: 3*width + 8}
	p.Pixels = make([]byte, height*p.Stride)
	for y := range height {
		for x := range width {
			v := byte(70 + rng.IntN(100))
			p.set(x, y, [3]byte{v, v, v})
		}
	}
	return p
}

func (p *Picture) set(x, y int, bgr [3]byte) { copy(p.Pixels[y*p.Stride+3*x:], bgr[:]) }

// dress puts somebody into a box.
func (p *Picture) dress(b detect.Box, shirt, trousers [3]byte) {
	for y := int(b.Y1); y < int(b.Y2); y++ {
		for x := int(b.X1); x < int(b.X2); x++ {
			if float64(y) < b.Y1+0.48*b.Height() {
				p.set(x, y, shirt)
			} else {
				p.set(x, y, trousers)
			}
		}
	}
}

var (
	red, blue, white = [3]byte{40, 40, 200}, [3]byte{190, 60, 30}, [3]byte{220, 220, 220}
	here, there      = detect.Box{X1: 10, Y1: 10, X2: 40, Y2: 100}, detect.Box{X1: 90, Y1: 20, X2: 130, Y2: 119}
)

func describe(t *testing.T, p Picture, boxes ...detect.Box) []detect.Detection {
	t.Helper()
	var list []detect.Detection
	for _, b := range boxes {
		list = append(list, detect.Detection{Box: b, Score: 0.9})
	}
	new(Describer).Describe(p, list)
	for i := range list {
		if e := list[i].Embedding; len(e) != Size || math.Abs(cosine(e, e)-1) > 0.02 {
			t.Fatalf("%d values of squared length %g; want %d of about 1", len(e), cosine(e, e), Size)
		}
	}
	return list
}

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestTheSameClothesAreAlikeAndOthersAreNot(t *testing.T) {
	for _, test := range []struct {
		name            string
		shirt, trousers [3]byte
		low, high       float64
	}{
		{"the same", red, blue, 0.98, 1},
		{"turned round", blue, red, 0, 0.8},
		{"another shirt", white, blue, 0.5, 0.85},
		{"nothing the same", white, white, 0, 0.75},
	} {
		p := street(1)
		p.dress(here, red, blue)
		p.dress(there, test.shirt, test.trousers)
		d := describe(t, p, here, there)
		if got := cosine(d[0].Embedding, d[1].Embedding); got < test.low || got > test.high {
			t.Errorf("%s: %.3f; want %.2f to %.2f", test.name, got, test.low, test.high)
		}
	}
}

func TestBoxesThatDifferLittleAreAlike(t *testing.T) {
	p := street(2)
	p.dress(here, red, blue)
	b := here
	b.X1, b.Y1, b.Y2 = b.X1-3, b.Y1-4, b.Y2+5
	d := describe(t, p, here, b)
	if got := cosine(d[0].Embedding, d[1].Embedding); got < 0.95 {
		t.Errorf("%.3f after a shift of the box; want 0.95", got)
	}
}

// Hues lie on a circle: neighbours are alike, wherever they are on it, and others are not.
func TestHuesLieOnACircle(t *testing.T) {
	colour := func(degrees float64) (bgr [3]byte) {
		for c, at := range [...]float64{240, 120, 0} {
			away := math.Abs(math.Remainder(degrees-at, 360)) / 60
			bgr[c] = byte(60 + 120*min(1, max(0, 2-away)))
		}
		return bgr
	}
	for degrees := 0.0; degrees < 360; degrees += 5 {
		p := street(8)
		p.dress(here, colour(degrees), colour(degrees))
		one := describe(t, p, here)[0].Embedding
		for turn, bounds := range map[float64][2]float64{10: {0.9, 1}, 90: {0, 0.8}, 180: {0, 0.8}} {
			p := street(8)
			p.dress(here, colour(degrees+turn), colour(degrees+turn))
			if got := cosine(one, describe(t, p, here)[0].Embedding); got < bounds[0] || got > bounds[1] {
				t.Errorf("hues %g° and %g°: %.3f; want %v", degrees, degrees+turn, got, bounds)
			}
		}
	}
}

// The hue of a tinge is the camera's rather than the object's.
func TestTingesAreNearlyGrey(t *testing.T) {
	p := street(9)
	p.dress(here, [3]byte{120, 120, 120}, [3]byte{90, 90, 90})
	p.dress(there, [3]byte{124, 120, 120}, [3]byte{90, 90, 93})
	d := describe(t, p, here, there)
	if got := cosine(d[0].Embedding, d[1].Embedding); got < 0.95 {
		t.Errorf("%.3f; want 0.95", got)
	}
}

// What was described before leaves no trace, nor does who is described beside.
func TestDescribeAgain(t *testing.T) {
	p := street(10)
	p.dress(here, red, blue)
	p.dress(there, white, red)
	fresh := describe(t, p, here, there)
	var d Describer
	for range 3 {
		again := []detect.Detection{{Box: there}, {Box: here}}
		d.Describe(p, again)
		for i := range again {
			e := again[i].Embedding
			if !slices.Equal(e, fresh[1-i].Embedding) || cap(e) != Size {
				t.Fatalf("%v of room for %d; want %v of room for %d", e, cap(e), fresh[1-i].Embedding, Size)
			}
		}
	}
}

// A camera that sets its exposure or white balance anew changes nobody's looks.
func TestLightingChangesNobody(t *testing.T) {
	p := street(3)
	p.dress(here, red, blue)
	before := describe(t, p, here)
	for y := range height {
		for x := range width {
			at := p.Pixels[y*p.Stride+3*x:]
			at[0], at[1], at[2] = byte(0.6*float64(at[0])), byte(0.75*float64(at[1])), byte(0.9*float64(at[2]))
		}
	}
	after := describe(t, p, here)
	if got := cosine(before[0].Embedding, after[0].Embedding); got < 0.95 {
		t.Errorf("%.3f after a change of light; want 0.95", got)
	}
}

func TestOneGreyIsInOneBinOfEachKind(t *testing.T) {
	p := street(4)
	for y := range height {
		for x := range width {
			p.set(x, y, [3]byte{60, 60, 60})
		}
	}
	e := describe(t, p, here)[0].Embedding
	for i, v := range e {
		switch bin := i % partSize; {
		case bin < hues && v != 0:
			t.Errorf("hue %d of a grey: %g", bin, v)
		case bin >= hues+lights && (v != 0) != (bin == hues+lights):
			t.Errorf("saturation %d of a grey: %g", bin-hues-lights, v)
		}
	}
}

func TestWhatHasAnEmbeddingOrLiesOutsideIsLeftAlone(t *testing.T) {
	own, nan := []float32{1, 0}, math.NaN()
	list := []detect.Detection{
		{Box: here, Embedding: own},
		{Box: detect.Box{X1: -50, Y1: 0, X2: -1, Y2: 50}},
		{Box: detect.Box{X1: width, Y1: 0, X2: width + 9, Y2: 50}},
		{Box: detect.Box{X1: nan, Y1: 0, X2: 9, Y2: 50}},
		{Box: detect.Box{X1: 30, Y1: 30, X2: 30, Y2: 50}},
	}
	var d Describer
	d.Describe(street(5), list)
	if &list[0].Embedding[0] != &own[0] {
		t.Error("a detector's own embedding was replaced")
	}
	for i := range list[1:] {
		if list[1+i].Embedding != nil {
			t.Errorf("%v has an embedding", list[1+i].Box)
		}
	}
}

// FuzzDescribe: no box and no size of picture takes it beyond the pixels.
func FuzzDescribe(f *testing.F) {
	f.Add(1, 1, 0.0, 0.0, 1.0, 1.0)
	f.Add(640, 2, -1e300, -5.0, 1e300, 1e9)
	f.Add(3, 480, 2.5, 479.9, 2.6, 1e12)
	f.Fuzz(func(t *testing.T, w, h int, x1, y1, x2, y2 float64) {
		w, h = 1+max(w, -w)%700, 1+max(h, -h)%500
		p := Picture{Width: w, Height: h, Stride: 3 * w, Pixels: make([]byte, 3*w*h)}
		for i := range p.Pixels {
			p.Pixels[i] = byte(i * 7)
		}
		list := []detect.Detection{{Box: detect.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}}}
		new(Describer).Describe(p, list)
		if e := list[0].Embedding; e != nil && !(math.Abs(cosine(e, e)-1) < 0.02) {
			t.Errorf("squared length %g", cosine(e, e))
		}
		p.Pixels = p.Pixels[:len(p.Pixels)-1]
		list[0].Embedding = nil
		if new(Describer).Describe(p, list); list[0].Embedding != nil {
			t.Error("described a picture that is not all there")
		}
	})
}

func TestDescribeAllocatesNothing(t *testing.T) {
	p, list := street(6), make([]detect.Detection, 30)
	var d Describer
	again := func() {
		for i := range list {
			list[i] = detect.Detection{Box: here}
		}
		d.Describe(p, list)
	}
	again()
	if n := testing.AllocsPerRun(20, again); n != 0 {
		t.Errorf("%g allocations a picture", n)
	}
}

// BenchmarkDescribe is of 10 objects in a picture.
func BenchmarkDescribe(b *testing.B) {
	p, list := street(7), make([]detect.Detection, 10)
	var d Describer
	for b.Loop() {
		for i := range list {
			list[i] = detect.Detection{Box: there}
		}
		d.Describe(p, list)
	}
}
