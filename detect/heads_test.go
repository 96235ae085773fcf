package detect

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	"end2end": func(_, _, labels int) (Decoder, error) { return EndToEnd{labels}, nil },
	"detr":    func(w, h, labels int) (Decoder, error) { return DETR{w, h, labels}, nil },
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

// The rows of an end-to-end output that are no detections, and those that cannot be.
func TestEndToEndRows(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	d := EndToEnd{Labels: 3}
	for _, c := range []struct {
		name string
		row  [6]float32
		conf float64
		want int // detections, −1 for an error
	}{
		{"a detection", [6]float32{1, 2, 30, 40, 0.5, 2}, 0.5, 1},
		{"below conf", [6]float32{1, 2, 30, 40, 0.49, 2}, 0.5, 0},
		{"found below conf by who asks for less", [6]float32{1, 2, 30, 40, 0.01, 0}, 0.01, 1},
		{"zeros", [6]float32{}, 0, 0},
		{"a box that scores 0", [6]float32{1, 2, 30, 40, 0, 2}, 0, 0},
		{"minus ones", [6]float32{-1, -1, -1, -1, -1, -1}, 0, 0},
		{"no area", [6]float32{30, 2, 1, 40, 0.9, 1}, 0.5, 0},
		{"a box that is not finite", [6]float32{1, 2, inf, 40, 0.9, 1}, 0.5, 0},
		{"a score that is no number", [6]float32{1, 2, 30, 40, nan, 1}, 0, 0},
		{"a class that is no number", [6]float32{1, 2, 30, 40, 0.9, nan}, 0, 0},
		{"a class that is not wanted", [6]float32{1, 2, 30, 40, 0.9, 1}, 0.5, 0},
		{"one class too many", [6]float32{1, 2, 30, 40, 0.9, 3}, 0.5, -1},
		{"a negative class", [6]float32{1, 2, 30, 40, 0.9, -1}, 0.5, -1},
		{"a class between two", [6]float32{1, 2, 30, 40, 0.9, 0.5}, 0.5, -1},
		{"no class that could be one", [6]float32{1, 2, 30, 40, 0.9, inf}, 0.5, -1},
		{"such a class below conf", [6]float32{1, 2, 30, 40, 0.4, 7}, 0.5, 0},
	} {
		dets, err := d.Decode(nil, [][]float32{c.row[:]}, c.conf, []bool{true, false, true})
		if (err != nil) != (c.want < 0) || err == nil && len(dets) != c.want {
			t.Errorf("%s: %v, error %v, want %d", c.name, dets, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), "below 3, the number of labels") {
			t.Errorf("%s: error %q does not say what is wanted", c.name, err)
		}
	}
}

// realistic is an output of full size, 640×640 and 80 classes, with few objects.
func realistic(tb testing.TB, name string) (Decoder, [][]float32) {
	d, err := foreignHeads[name](640, 640, 80)
	if err != nil {
		tb.Fatal(err)
	}
	n, boxes := 1, 8400
	if name == "end2end" || name == "detr" {
		boxes = 300
	}
	for _, size := range d.Shapes()[0] {
		if size == 0 {
			size = boxes
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
	if name == "end2end" {
		for at := 5; at < n; at += endToEndRow {
			out[at] = float32(at % 80)
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
	for _, name := range []string{"yolox", "yolov5", "yolov8", "nanodet", "end2end", "detr"} {
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
	// With a 0 before them: a box of an end-to-end head, two of no class, and a query of
	// a transformer.
	f.Add(floatBytes(2, 30, 40, 0.9, 1), 0.25)
	f.Add(floatBytes(2, 30, 40, 0.9, 1.5), 0.25)
	f.Add(floatBytes(2, 30, 40, 0.9, 1e30), 0.25)
	f.Add(floatBytes(0.5, 0.2, 0.2, 0.1, 0.9), 0.25)
	f.Fuzz(func(t *testing.T, data []byte, conf float64) {
		values := floatsOf(data)
		for name, make := range foreignHeads {
			d, err := make(64, 64, 2)
			if err != nil {
				t.Fatal(err)
			}
			dets, err := d.Decode(nil, [][]float32{filled(d.Shapes()[0], values)}, conf, nil)
			if err != nil && (name != "end2end" || !strings.Contains(err.Error(), "has class")) {
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

// floatBytes is the inverse of floatsOf.
func floatBytes(values ...float32) (data []byte) {
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
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
