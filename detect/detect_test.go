package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// objectron is the head of SSD-MobileNetV2 as MediaPipe's Objectron ships it.
func objectron() SSDConfig {
	return SSDConfig{
		FeatureMaps: []int{19, 10, 5, 3, 2, 1}, MinScale: 0.2, MaxScale: 0.95,
		AspectRatios: []float64{1, 2, 0.5, 3, 1.0 / 3}, InterpolatedRatio: 1, ReduceLowest: true,
		BoxOrder: "yxhw", BoxScales: [4]float64{10, 10, 5, 5}, Activation: "sigmoid", Background: true,
	}
}

func TestBoxGeometry(t *testing.T) {
	a, b := Box{0, 0, 10, 10}, FromLTWH(5, 0, 10, 10)
	if got := a.IoU(b); math.Abs(got-1.0/3) > 1e-12 {
		t.Errorf("IoU = %v, want 1/3", got)
	}
	if got := a.IoU(Box{20, 20, 30, 30}); got != 0 {
		t.Errorf("IoU of distant boxes = %v", got)
	}
	if got := (Box{-5, 2, 50, 8}).Clip(10, 5); got != (Box{0, 2, 10, 5}) {
		t.Errorf("Clip = %v", got)
	}
	for _, bad := range []Box{{1, 1, 1, 2}, {2, 0, 1, 1}, {math.NaN(), 0, 1, 1}, {0, 0, math.Inf(1), 1}} {
		if bad.Valid() {
			t.Errorf("%v is called valid", bad)
		}
	}
}

func TestLetterboxKeepsTheAspectRatio(t *testing.T) {
	l := FitLetterbox(768, 576, 320, 320)
	if l.W != 320 || l.H != 240 || l.Left != 0 || l.Top != 40 {
		t.Fatalf("placement %+v", l)
	}
	if got := l.ToInput(Box{0, 0, 768, 576}); got != (Box{0, 40, 320, 280}) {
		t.Errorf("whole picture lands on %v", got)
	}
}

// Any source size must survive the way into the input and back.
func TestLetterboxRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		srcW, srcH := 1+rng.IntN(4000), 1+rng.IntN(4000)
		dstW, dstH := 16+rng.IntN(1000), 16+rng.IntN(1000)
		for _, l := range []Letterbox{FitLetterbox(srcW, srcH, dstW, dstH), FitStretch(srcW, srcH, dstW, dstH)} {
			if l.Left < 0 || l.Top < 0 || l.W < 1 || l.H < 1 || l.Left+l.W > dstW || l.Top+l.H > dstH {
				t.Fatalf("%dx%d into %dx%d: content leaves the input: %+v", srcW, srcH, dstW, dstH, l)
			}
			in := Box{rng.Float64() * 100, rng.Float64() * 100, 200 + rng.Float64(), 300 + rng.Float64()}
			out := l.ToSource(l.ToInput(in))
			for _, d := range []float64{out.X1 - in.X1, out.Y1 - in.Y1, out.X2 - in.X2, out.Y2 - in.Y2} {
				if math.Abs(d) > 1e-7 {
					t.Fatalf("%dx%d into %dx%d: %v came back as %v", srcW, srcH, dstW, dstH, in, out)
				}
			}
		}
	}
}

func TestSSDAnchors(t *testing.T) {
	d, err := NewSSD(objectron(), 300, 300, 23)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(d.Shapes(), [][]int{{1917, 4}, {1917, 24}}, slices.Equal) {
		t.Fatalf("shapes %v, want 1917 anchors of 24 channels", d.Shapes())
	}
	// The first cell's three shapes, then the last cell's six, by hand.
	near := func(i int, cx, cy, w, h float64) {
		a := d.anchors[i]
		for _, diff := range []float64{a.cx - cx, a.cy - cy, a.w - w, a.h - h} {
			if math.Abs(diff) > 1e-9 {
				t.Fatalf("anchor %d is %+v, want %v %v %v %v", i, a, cx, cy, w, h)
			}
		}
	}
	c := 0.5 / 19
	near(0, c, c, 0.1, 0.1)
	near(1, c, c, 0.2*math.Sqrt2, 0.2/math.Sqrt2)
	near(2, c, c, 0.2/math.Sqrt2, 0.2*math.Sqrt2)
	near(1911, 0.5, 0.5, 0.95, 0.95)
	near(1916, 0.5, 0.5, math.Sqrt(0.95), math.Sqrt(0.95))
}

// The anchors of a head with one feature map lie half way between the scales.
func TestSSDAnchorsOfOneMap(t *testing.T) {
	cfg := objectron()
	cfg.FeatureMaps, cfg.AspectRatios, cfg.ReduceLowest = []int{2}, []float64{1}, false
	cfg.MinScale, cfg.MaxScale, cfg.InterpolatedRatio = 0.25, 0.75, 1
	d, err := NewSSD(cfg, 300, 300, 23)
	if err != nil {
		t.Fatal(err)
	}
	want := []anchor{{0.25, 0.25, 0.5, 0.5}, {0.25, 0.25, math.Sqrt(0.5), math.Sqrt(0.5)}}
	if len(d.anchors) != 8 || !slices.Equal(d.anchors[:2], want) {
		t.Errorf("anchors %v, want 8, first %v", d.anchors, want)
	}
}

// Encoding a box against an anchor and decoding it again gives the box back.
func TestSSDDecode(t *testing.T) {
	d, err := NewSSD(objectron(), 300, 300, 23)
	if err != nil {
		t.Fatal(err)
	}
	boxes, scores := make([]float32, 1917*4), make([]float32, 1917*24)
	for i := range scores {
		scores[i] = -10
	}
	want := Box{30, 60, 90, 240}
	const at, class = 1500, 7
	a := d.anchors[at]
	cx, cy := want.Center()
	boxes[4*at+0] = float32((cy/300 - a.cy) / a.h * 10)
	boxes[4*at+1] = float32((cx/300 - a.cx) / a.w * 10)
	boxes[4*at+2] = float32(math.Log(want.Height()/300/a.h) * 5)
	boxes[4*at+3] = float32(math.Log(want.Width()/300/a.w) * 5)
	scores[24*at+1+class] = 2
	scores[24*at] = 9 // background does not count
	dets, err := d.Decode(nil, [][]float32{boxes, scores}, 0.5, nil)
	if err != nil || len(dets) != 1 {
		t.Fatalf("%v detections, error %v", dets, err)
	}
	got := dets[0]
	if got.Class != class || math.Abs(got.Score-1/(1+math.Exp(-2))) > 1e-6 {
		t.Errorf("class %d score %v", got.Class, got.Score)
	}
	for _, diff := range []float64{got.Box.X1 - want.X1, got.Box.Y1 - want.Y1, got.Box.X2 - want.X2, got.Box.Y2 - want.Y2} {
		if math.Abs(diff) > 1e-3 {
			t.Errorf("box %v, want %v", got.Box, want)
		}
	}
	wanted := make([]bool, 23)
	if dets, _ := d.Decode(nil, [][]float32{boxes, scores}, 0.5, wanted); len(dets) != 0 {
		t.Errorf("unwanted class came through: %v", dets)
	}
	if _, err := d.Decode(nil, [][]float32{boxes[:4], scores}, 0.5, nil); err == nil {
		t.Error("short outputs were accepted")
	}
}

func TestSSDConfigFaults(t *testing.T) {
	for name, spoil := range map[string]func(*SSDConfig){
		"feature_maps": func(c *SSDConfig) { c.FeatureMaps = nil },
		"feature map":  func(c *SSDConfig) { c.FeatureMaps = []int{0} },
		"scales":       func(c *SSDConfig) { c.MinScale = math.NaN() },
		"cells with":   func(c *SSDConfig) { c.FeatureMaps = []int{512} },
		"ratio":        func(c *SSDConfig) { c.AspectRatios = []float64{-1} },
		"box scale":    func(c *SSDConfig) { c.BoxScales[2] = 0 },
		"box_order":    func(c *SSDConfig) { c.BoxOrder = "hwxy" },
		"activation":   func(c *SSDConfig) { c.Activation = "softmax" },
	} {
		cfg := objectron()
		spoil(&cfg)
		if _, err := NewSSD(cfg, 300, 300, 23); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBoxesDecode(t *testing.T) {
	boxes := []float32{1, 2, 3, 4, 5, 5, 5, 9, float32(math.NaN()), 0, 1, 1}
	scores := []float32{0.2, 0.9, 0.9, 0.1, 0.9, 0.1}
	dets, err := Boxes{Labels: 2}.Decode(nil, [][]float32{boxes, scores}, 0.5, nil)
	if err != nil || len(dets) != 1 || dets[0].Class != 1 || dets[0].Box != (Box{1, 2, 3, 4}) {
		t.Errorf("detections %v, error %v; want the first box only", dets, err)
	}
	if _, err := (Boxes{Labels: 2}).Decode(nil, [][]float32{boxes[:5], scores}, 0.5, nil); err == nil {
		t.Error("ragged boxes were accepted")
	}
}

func TestSuppressor(t *testing.T) {
	dets := []Detection{
		{Box: Box{0, 0, 10, 10}, Score: 0.5, Class: 0},
		{Box: Box{1, 0, 11, 10}, Score: 0.9, Class: 0},
		{Box: Box{0, 0, 10, 10}, Score: 0.4, Class: 1},
		{Box: Box{50, 50, 60, 60}, Score: 0.3, Class: 0},
	}
	s := Suppressor{IoU: 0.5}
	got := s.Apply(slices.Clone(dets))
	if len(got) != 3 || got[0].Score != 0.9 || got[1].Class != 1 || got[2].Score != 0.3 {
		t.Errorf("kept %v", got)
	}
	half := []Detection{{Box: Box{0, 0, 10, 20}, Score: 0.9}, {Box: Box{0, 0, 10, 10}, Score: 0.8}}
	if got := s.Apply(half); len(got) != 2 {
		t.Errorf("an overlap of the limit dropped something: %v", got)
	}
	s.IoU = 1
	if got := s.Apply(slices.Clone(dets)); len(got) != 4 {
		t.Errorf("IoU 1 dropped something: %v", got)
	}
}

// No two kept boxes of a class overlap by more than the threshold, each dropped
// one is covered by a better one, and the order of the input does not matter.
func TestSuppressorProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var dets []Detection
		for range rng.IntN(60) {
			x, y := rng.Float64()*100, rng.Float64()*100
			dets = append(dets, Detection{Box: FromLTWH(x, y, 5+rng.Float64()*40, 5+rng.Float64()*40),
				Score: rng.Float64(), Class: rng.IntN(2)})
		}
		s := Suppressor{IoU: rng.Float64()}
		kept := slices.Clone(s.Apply(slices.Clone(dets)))
		for _, d := range dets {
			covered := false
			for _, k := range kept {
				same := d.Box == k.Box
				if !same && slices.ContainsFunc(kept, func(e Detection) bool { return e.Box == d.Box }) &&
					d.Class == k.Class && d.Box.IoU(k.Box) > s.IoU {
					t.Fatalf("kept %v and %v", d, k)
				}
				covered = covered || same || d.Class == k.Class && k.Score >= d.Score && d.Box.IoU(k.Box) > s.IoU
			}
			if !covered {
				t.Fatalf("%v was dropped for nothing", d)
			}
		}
		rng.Shuffle(len(dets), func(i, j int) { dets[i], dets[j] = dets[j], dets[i] })
		again := s.Apply(dets)
		if len(again) != len(kept) {
			t.Fatalf("shuffled input kept %d of %d", len(again), len(kept))
		}
		for i := range again {
			if again[i].Box != kept[i].Box {
				t.Fatal("the order of the input changed the result")
			}
		}
	}
}

func TestSelectClasses(t *testing.T) {
	labels := []string{"Person", "Car"}
	if got, err := SelectClasses(labels, []string{"person", " CAR "}); err != nil || !slices.Equal(got, []bool{true, true}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := SelectClasses(labels, nil); got != nil || err != nil {
		t.Errorf("no names: %v, %v", got, err)
	}
	if _, err := SelectClasses(labels, []string{"bus"}); err == nil || !strings.Contains(err.Error(), "Person, Car") {
		t.Errorf("unknown class: %v", err)
	}
}

// Decoding and suppression run for every frame and must not allocate.
func TestDecodeAllocatesNothing(t *testing.T) {
	d, err := NewSSD(objectron(), 300, 300, 23)
	if err != nil {
		t.Fatal(err)
	}
	boxes, scores := make([]float32, 1917*4), make([]float32, 1917*24)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range scores {
		scores[i] = float32(rng.NormFloat64())
	}
	outputs, s, dst := [][]float32{boxes, scores}, Suppressor{IoU: 0.5}, []Detection(nil)
	step := func() {
		dst, err = d.Decode(dst[:0], outputs, 0.9, nil)
		s.Apply(dst)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkSSDDecode(b *testing.B) {
	d, err := NewSSD(objectron(), 300, 300, 23)
	if err != nil {
		b.Fatal(err)
	}
	boxes, scores := make([]float32, 1917*4), make([]float32, 1917*24)
	for i := range scores {
		scores[i] = -5
	}
	for i := range 40 {
		scores[i*24*7+1] = 1
	}
	outputs, s, dst := [][]float32{boxes, scores}, Suppressor{IoU: 0.5}, []Detection(nil)
	for b.Loop() {
		if dst, err = d.Decode(dst[:0], outputs, 0.4, nil); err != nil {
			b.Fatal(err)
		}
		s.Apply(dst)
	}
}

// The decoder reads what a network gives; no values may make it panic or yield a
// box that is not one.
func FuzzSSDDecode(f *testing.F) {
	f.Add(float32(0), float32(0), float32(0), float32(0), float32(3), 0.5)
	f.Add(float32(math.Inf(1)), float32(math.NaN()), float32(1e30), float32(-1e30), float32(math.NaN()), 0.0)
	cfg := objectron()
	cfg.FeatureMaps = []int{1}
	d, err := NewSSD(cfg, 300, 300, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b, c, e, score float32, conf float64) {
		n := len(d.anchors)
		boxes, scores := make([]float32, 4*n), make([]float32, 2*n)
		for i := range n {
			copy(boxes[4*i:], []float32{a, b, c, e})
			scores[i*2+1] = score
		}
		dets, err := d.Decode(nil, [][]float32{boxes, scores}, conf, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, det := range dets {
			if !det.Box.Valid() || math.IsNaN(det.Score) {
				t.Fatalf("decoded %+v", det)
			}
		}
	})
}
