//go:build gocv_specific_modules

package backbones

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// halfCount is how many values 16 bits have.
const halfCount = 1 << 16

// floatOf is a float16 by the definition of IEEE 754: a sign, five bits of exponent,
// ten of fraction.
func floatOf(half uint16) float32 {
	sign, exponent, fraction := half>>15, int(half>>10&31), float64(half&1023)
	size := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 31 && fraction != 0:
		return float32(math.NaN())
	case exponent == 31:
		size = math.Inf(1)
	case exponent == 0:
		size = math.Ldexp(fraction, -24)
	}
	if sign == 1 {
		size = -size
	}
	return float32(size)
}

// sameFloat is equality of bits, but that all NaN are the same.
func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// Every float16 is its own nearest one, and what lies between two goes to the nearer,
// from the middle to the even one.
func TestHalfOf(t *testing.T) {
	for i := range halfCount {
		h := uint16(i)
		v := floatOf(h)
		if math.IsNaN(float64(v)) {
			if !math.IsNaN(float64(floatOf(halfOf(v)))) {
				t.Fatalf("%#04x: NaN became %#04x", h, halfOf(v))
			}
			continue
		}
		if got := halfOf(v); got != h {
			t.Fatalf("%g became %#04x, want %#04x", v, got, h)
		}
		if h&0x7fff >= 0x7c00 { // nothing beyond infinity
			continue
		}
		next := floatOf(h + 1)
		if h&0x7fff == 0x7bff { // beyond the largest, what would be next with more bits of exponent
			next = float32(math.Copysign(1<<16, float64(v)))
		}
		middle := (v + next) / 2 // exact in float32
		even := h + h&1
		for value, want := range map[float32]uint16{
			middle:                         even,
			math.Nextafter32(middle, v):    h,
			math.Nextafter32(middle, next): h + 1,
		} {
			if got := halfOf(value); got != want {
				t.Fatalf("%g, between %g and %g, became %#04x, want %#04x", value, v, next, got, want)
			}
		}
	}
	for v, want := range map[float32]uint16{
		float32(math.Inf(1)): 0x7c00, math.MaxFloat32: 0x7c00, -math.MaxFloat32: 0xfc00,
		math.SmallestNonzeroFloat32: 0, float32(math.Copysign(0, -1)): 0x8000, maxHalf: 0x7bff,
	} {
		if got := halfOf(v); got != want {
			t.Errorf("%g became %#04x, want %#04x", v, got, want)
		}
	}
}

// onnxHalves is a float16 constant of that shape.
func onnxHalves(name string, values []uint16, shape ...int64) []byte {
	var dims, raw []byte
	for _, d := range shape {
		dims = append(dims, pbInt(1, d)...)
	}
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint16(raw, v)
	}
	return pbBytes(5, dims, pbInt(2, onnxHalf), pbText(8, name), pbBytes(9, raw))
}

// Every float16 that a network can give arrives as what it is, and an output of
// float32 beside it as before.
func TestEveryHalfOutput(t *testing.T) {
	const boxes = halfCount / 4
	values := make([]uint16, halfCount)
	for i := range values {
		values[i] = uint16(i)
	}
	data := onnxModel(picture16, onnxHalves("boxes", values, 1, boxes, 4), onnxFloats("scores", 0.5, 1, boxes, 2),
		onnxValue(graphOutput, "boxes", onnxHalf, 1, -1, 4), onnxValue(graphOutput, "scores", onnxFloat, 1, boxes, 2))
	model, err := Open(writeModel(t, data), Options{NMSIoU: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	r := newRequest(t, model)
	img := gocv.NewMatWithSize(16, 16, gocv.MatTypeCV8UC3)
	defer img.Close()
	if err := errors.Join(r.Load(&img), r.Run(context.Background())); err != nil {
		t.Fatal(err)
	}
	for i, got := range r.values[0] {
		if want := floatOf(uint16(i)); !sameFloat(got, want) {
			t.Fatalf("%#04x arrives as %g, want %g", i, got, want)
		}
	}
	if len(r.values[0]) != halfCount || slices.ContainsFunc(r.values[1], func(v float32) bool { return v != 0.5 }) {
		t.Errorf("%d values of boxes, or other scores than 0.5", len(r.values[0]))
	}
}

// halfEcho is a network that gives the float16 values of its picture as they are:
// boxes of a YOLOv5 with one class.
func halfEcho(t *testing.T) *Model {
	t.Helper()
	data := onnxModel(onnxValue(graphInput, "images", onnxHalf, -1, 3, 16, 16), onnxInts("shape", 0, -1, 6),
		onnxNode("Reshape", []string{"images", "shape"}, "out", nil),
		onnxValue(graphOutput, "out", onnxHalf, -1, 128, 6))
	m := writeModel(t, data)
	m.Input.Type, m.Input.Layout, m.Input.Std = "float16", "NCHW", []float64{255, 255, 255}
	m.Head, m.Labels = Head{Format: "yolov5", Output: "out"}, []string{"person"}
	return opened(t, m, Options{Threads: 1, Conf: 0.5, NMSIoU: 0.5})
}

// Every level of a pixel goes in as its nearest float16, alone and in a batch, and
// neither allocates.
func TestHalfInput(t *testing.T) {
	model := halfEcho(t)
	batch, requests := newBatch(t, model, 3)
	img, flipped := gocv.NewMatWithSize(16, 16, gocv.MatTypeCV8UC3), gocv.NewMatWithSize(16, 16, gocv.MatTypeCV8UC3)
	defer img.Close()
	defer flipped.Close()
	for i := range 256 { // blue i, green and red others
		for c, level := range []int{i, 255 - i, i * 7 % 256} {
			img.SetUCharAt(i/16, i%16*3+c, uint8(level))
			flipped.SetUCharAt(i/16, i%16*3+c, uint8(255-level))
		}
	}
	check := func(name string, r *Request, level func(i int) int) {
		t.Helper()
		for i := range 256 {
			want := floatOf(halfOf(float32(level(i)) / 255))
			if got := r.values[0][i]; got != want {
				t.Fatalf("%s: level %d is %g, want %g", name, level(i), got, want)
			}
		}
	}
	up, down := func(i int) int { return i }, func(i int) int { return 255 - i }
	var err error
	alone := func() { err = errors.Join(requests[0].Load(&img), requests[0].Run(context.Background())) }
	alone()
	check("alone", requests[0], up)
	together := func() {
		err = errors.Join(err, requests[0].Load(&flipped), requests[1].Load(&img), batch.Run(requests[:2]))
	}
	together()
	check("first of two", requests[0], down)
	check("second of two", requests[1], up)
	if n := testing.AllocsPerRun(3, func() { alone(); together() }); n != 0 || err != nil {
		t.Errorf("%v allocations, error %v", n, err)
	}
}

// From picture to detections nothing is allocated, with float16 and without, where
// the network chooses its boxes.
func TestEndsAllocateNothing(t *testing.T) {
	img := readPicture(t, filepath.Join(foreignDir, "picture.png"))
	for _, name := range []string{"end2end", "end2end-half", "detr", "yolov8-half"} {
		m, err := FromFile(filepath.Join(foreignDir, name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		_, nmsIoU := m.Thresholds()
		r := newRequest(t, opened(t, m, Options{Threads: 1, Conf: 0.01, NMSIoU: nmsIoU}))
		var dets []detect.Detection
		step := func() {
			err = errors.Join(r.Load(img), r.Run(context.Background()))
			dets, _ = r.Detections(dets[:0])
		}
		step()
		if n := testing.AllocsPerRun(5, step); err != nil || n != 0 || len(dets) == 0 {
			t.Errorf("%s: %v allocations, %d detections, error %v", name, n, len(dets), err)
		}
	}
}

// What a network has chosen is not suppressed again unless somebody asks for it.
func TestEndsKeepWhatWasChosen(t *testing.T) {
	m, err := FromFile(filepath.Join(foreignDir, "end2end.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if conf, nmsIoU := m.Thresholds(); conf != 0.25 || nmsIoU != 1 {
		t.Errorf("thresholds %g and %g", conf, nmsIoU)
	}
	img := readPicture(t, filepath.Join(foreignDir, "picture.png"))
	all := len(findIn(t, m, img))
	m.NMSIoU = 0.2
	if fewer := len(findIn(t, m, img)); fewer == 0 || fewer >= all {
		t.Errorf("%d boxes after suppression, %d before", fewer, all)
	}
}

func TestWiden(t *testing.T) {
	model := onnxModel(picture16, onnxFloats("boxes", 4, 1, 5, 4))
	if got, err := widen(model, nil); err != nil || !bytes.Equal(got, model) {
		t.Errorf("changed without need: %q, %v", got, err)
	}
	kept := bytes.Clone(model)
	if got, err := widen(model, []string{"boxes"}); err != nil || bytes.Equal(got, model) || !bytes.Equal(model, kept) {
		t.Errorf("widened to %q, %v; the model itself must not change", got, err)
	}
	_, err := widen([]byte("no model"), []string{"boxes"})
	for _, want := range []string{"read float16 outputs boxes as float32", "export it with float32 outputs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("what is no model: error %v, want %q", err, want)
		}
	}
}

// float16 holds what its largest number bounds, on both sides.
func TestFitHalf(t *testing.T) {
	for value, want := range map[float32]bool{0: true, 65504: true, -65504: true, 65505: false, -65505: false} {
		var l levels
		l[2][255] = value
		if l.fitHalf() != want {
			t.Errorf("%g: %v, want %v", value, !want, want)
		}
	}
}

// A float16 input whose levels go beyond its range is refused on both sides, and one
// that is wrong otherwise says that alone.
func TestManifestOfHalves(t *testing.T) {
	for _, c := range []struct {
		mean, std []float64
		want      string
	}{
		{nil, []float64{1, 0.001, 1}, "beyond float16, whose largest is 65504"},
		{nil, []float64{1, -0.001, 1}, "beyond float16"},
		{[]float64{0, 0, 70000}, nil, "beyond float16"},
		{[]float64{-65249, 0, 65504}, nil, ""}, // to 65504 on either side
		{[]float64{-65250, 0, 0}, nil, "beyond float16"},
		{nil, []float64{1, 0, 1}, "input.std holds a zero"},
	} {
		in := Input{Name: "x", Type: "float16", Layout: "NCHW", Color: "RGB", Width: 64, Height: 64, Resize: "stretch", Mean: c.mean, Std: c.std}
		err := in.validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("mean %v, std %v: error %v, want %q", c.mean, c.std, err, c.want)
		}
	}
}
