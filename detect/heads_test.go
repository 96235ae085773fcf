package detect

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// foreignHeads are the decoders of heads that others train, for an input of w×h
// pixels.
var foreignHeads = map[string]func(w, h, labels int) (Decoder, error){
	"yolox":  func(w, h, labels int) (Decoder, error) { return NewYOLOX(w, h, labels, []int{8, 16, 32}) },
	"yolov5": func(_, _, labels int) (Decoder, error) { return YOLOv5{labels}, nil },
	"yolov8": func(_, _, labels int) (Decoder, error) { return YOLOv8{labels}, nil },
	"nanodet": func(w, h, labels int) (Decoder, error) {
		return NewNanoDet(w, h, labels, 7, []int{8, 16, 32, 64})
	},
}

// headFixture is what testdata/heads/generate.py writes.
type headFixture struct {
	Width, Height, Classes int
	Conf                   float64
	Shape                  []int
	Output                 []float32
	Detections             [][6]float64
}

func readHeadFixture(t testing.TB, name string) headFixture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "heads", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f headFixture
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// Every decoder gives what the head's own formulas in PyTorch give.
func TestForeignHeadsEqualPyTorch(t *testing.T) {
	for name, make := range foreignHeads {
		t.Run(name, func(t *testing.T) {
			f := readHeadFixture(t, name)
			d, err := make(f.Width, f.Height, f.Classes)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range d.Shapes()[0] {
				if n != 0 && n != f.Shape[i] {
					t.Errorf("shape %v, want %v", d.Shapes()[0], f.Shape)
				}
			}
			got, err := d.Decode(nil, [][]float32{f.Output}, f.Conf, nil)
			if err != nil || len(got) != len(f.Detections) {
				t.Fatalf("%d detections, want %d; error %v", len(got), len(f.Detections), err)
			}
			for i, want := range f.Detections {
				g := got[i]
				values := [6]float64{g.Box.X1, g.Box.Y1, g.Box.X2, g.Box.Y2, g.Score, float64(g.Class)}
				for k := range want {
					if math.Abs(values[k]-want[k]) > 1e-3 {
						t.Fatalf("detection %d is %v, want %v", i, values, want)
					}
				}
			}
		})
	}
}

// Classes that are not wanted leave their place to the next best.
func TestForeignHeadsWanted(t *testing.T) {
	for name, make := range foreignHeads {
		f := readHeadFixture(t, name)
		d, err := make(f.Width, f.Height, f.Classes)
		if err != nil {
			t.Fatal(err)
		}
		all, err := d.Decode(nil, [][]float32{f.Output}, f.Conf, nil)
		if err != nil {
			t.Fatal(err)
		}
		some, err := d.Decode(nil, [][]float32{f.Output}, f.Conf, []bool{false, true, true})
		if err != nil {
			t.Fatal(err)
		}
		none := slices.ContainsFunc(some, func(d Detection) bool { return d.Class == 0 })
		if none || len(some) >= len(all) || len(some) < len(all)/2 {
			t.Errorf("%s: %d detections of two classes, %d of three", name, len(some), len(all))
		}
	}
}

func TestForeignHeadsRefuse(t *testing.T) {
	for name, make := range foreignHeads {
		d, err := make(96, 64, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, outputs := range [][][]float32{nil, {{1, 2, 3}}, {{}, {}}} {
			if _, err := d.Decode(nil, outputs, 0.5, nil); err == nil {
				t.Errorf("%s: outputs %v were accepted", name, outputs)
			}
		}
	}
	for _, strides := range [][]int{nil, {0}, {4096}, {1, 1, 1, 1, 1, 1, 1, 1}} {
		if _, err := NewYOLOX(1024, 1024, 3, strides); err == nil {
			t.Errorf("strides %v were accepted", strides)
		}
	}
	if _, err := NewNanoDet(64, 64, 3, 0, []int{8}); err == nil {
		t.Error("a distribution of one bin was accepted")
	}
}

// realistic is an output of full size, 640×640 and 80 classes, with few objects.
func realistic(tb testing.TB, name string) (Decoder, [][]float32) {
	d, err := foreignHeads[name](640, 640, 80)
	if err != nil {
		tb.Fatal(err)
	}
	n := 1
	for _, size := range d.Shapes()[0] {
		if size == 0 {
			size = 8400
		}
		n *= size
	}
	rng, out := rand.New(rand.NewPCG(7, 8)), make([]float32, n)
	for i := range out {
		out[i] = rng.Float32() / 10
		if rng.IntN(5000) == 0 {
			out[i] = 0.9
		}
	}
	return d, [][]float32{out}
}

func TestForeignHeadsAllocateNothing(t *testing.T) {
	for name := range foreignHeads {
		d, outputs := realistic(t, name)
		var dst []Detection
		var err error
		step := func() { dst, err = d.Decode(dst[:0], outputs, 0.05, nil) }
		step()
		if n := testing.AllocsPerRun(5, step); n != 0 || err != nil {
			t.Errorf("%s: %v allocations a frame, error %v", name, n, err)
		}
	}
}

func BenchmarkForeignHeads(b *testing.B) {
	for _, name := range []string{"yolox", "yolov5", "yolov8", "nanodet"} {
		b.Run(name, func(b *testing.B) {
			d, outputs := realistic(b, name)
			var dst []Detection
			var err error
			for b.Loop() {
				if dst, err = d.Decode(dst[:0], outputs, 0.25, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// No values of a network may make a decoder panic or yield a box that is not one.
func FuzzForeignHeads(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 1, 2, 3, 4}, 0.5)
	f.Add([]byte{0, 0, 192, 127, 0, 0, 128, 127, 255, 255, 127, 127}, 0.0)
	f.Fuzz(func(t *testing.T, data []byte, conf float64) {
		values := floatsOf(data)
		for name, make := range foreignHeads {
			d, err := make(64, 64, 2)
			if err != nil {
				t.Fatal(err)
			}
			dets, err := d.Decode(nil, [][]float32{filled(d.Shapes()[0], values)}, conf, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, det := range dets {
				if !det.Box.Valid() || math.IsNaN(det.Score) || det.Class < 0 || det.Class > 1 {
					t.Fatalf("%s decoded %+v", name, det)
				}
			}
		}
	})
}

// floatsOf reads the bytes as float32, four each.
func floatsOf(data []byte) []float32 {
	values := []float32{0}
	for ; len(data) >= 4; data = data[4:] {
		bits := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		values = append(values, math.Float32frombits(bits))
	}
	return values
}

// filled is an output of that shape with the values again and again.
func filled(shape []int, values []float32) []float32 {
	n := 1
	for _, size := range shape {
		n *= max(size, 1)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = values[i%len(values)]
	}
	return out
}
