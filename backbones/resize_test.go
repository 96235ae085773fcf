//go:build gocv_specific_modules

package backbones

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// The pictures of the tests: noise, the hardest contrast, and white, which
// overflows first.
var fillings = map[string]func(r *rand.Rand) uint8{
	"noise":   func(r *rand.Rand) uint8 { return uint8(r.Uint32()) },
	"extreme": func(r *rand.Rand) uint8 { return uint8(r.Uint32()&1) * 255 },
	"white":   func(*rand.Rand) uint8 { return 255 },
}

func fill(t testing.TB, w, h int, filling string) *gocv.Mat {
	t.Helper()
	r, value := rand.New(rand.NewPCG(uint64(w), uint64(h))), fillings[filling]
	img := gocv.NewMatWithSize(h, w, gocv.MatTypeCV8UC3)
	pixels, err := img.DataPtrUint8()
	if err != nil {
		t.Fatal(err)
	}
	for i := range pixels {
		pixels[i] = value(r)
	}
	t.Cleanup(func() { img.Close() })
	return &img
}

// resized runs the kernel on its own: stretched to w×h, interleaved BGR.
func resized(t testing.TB, img *gocv.Mat, w, h int) ([]uint8, *resizer) {
	t.Helper()
	r := &resizer{at: placeIn(&Input{Width: w, Height: h, Layout: "NHWC", Color: "BGR"})}
	r.plan(detect.FitStretch(img.Cols(), img.Rows(), w, h))
	src, err := pictureOf(img)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]uint8, w*h*3)
	r.toBytes(src, out)
	return out, r
}

// twin is the kernel in plain Go, one output value at a time.
func (r *resizer) twin(src []uint8, width, x, y, c int) uint8 {
	height := len(src) / 3 / width
	average := func(i int) uint32 { // of column i, 8 fractional bits
		if i >= width {
			return 0
		}
		sum := uint32(r.y.bias)
		for k := range r.y.taps {
			row := min(int(r.y.first[y])+k, height-1)
			sum += uint32(src[(row*width+i)*3+c]) << 8 * uint32(r.y.weights[y*r.y.taps+k]) >> 16
		}
		return sum
	}
	sum := 128 + uint32(r.x.bias)
	for k := range r.x.taps {
		weight := r.x.weights[(x*r.x.taps+k)/2*8+k%2*3]
		sum += average(int(r.x.first[x])+k) * uint32(weight) >> 16
	}
	return uint8(sum >> 8)
}

// weights is what the resizer's comment promises, in real numbers: the weight of
// each of n source pixels in pixel i of size.
func weights(i, n, size int) []float64 {
	w, scale := make([]float64, n), float64(n)/float64(size)
	if n < size {
		at := min(max((float64(i)+0.5)*scale-0.5, 0), float64(n-1))
		first := int(at)
		w[first] = 1 - (at - float64(first))
		w[min(first+1, n-1)] += at - float64(first)
		return w
	}
	from, to := float64(i)*scale, float64(i+1)*scale
	for j := int(from); j < min(n, int(math.Ceil(to))); j++ {
		w[j] = (min(to, float64(j+1)) - max(from, float64(j))) / scale
	}
	return w
}

// exact is the resized picture in real numbers.
func exact(src []uint8, width, height, w, h int) []float64 {
	rows := make([]float64, h*width*3)
	for y := range h {
		for j, weight := range weights(y, height, h) {
			if weight != 0 {
				for i := range width * 3 {
					rows[y*width*3+i] += weight * float64(src[j*width*3+i])
				}
			}
		}
	}
	out := make([]float64, h*w*3)
	for x := range w {
		for j, weight := range weights(x, width, w) {
			if weight != 0 {
				for i := range h * 3 {
					out[(i/3*w+x)*3+i%3] += weight * rows[(i/3*width+j)*3+i%3]
				}
			}
		}
	}
	return out
}

// sizes are source and output sizes: both ways on either axis, odd, single
// pixels, beyond a vector's width, and extremely long.
var sizes = [][4]int{
	{64, 36, 32, 18}, {65, 37, 32, 18}, {63, 35, 64, 36}, {100, 100, 100, 100}, {101, 7, 100, 7},
	{1, 1, 1, 1}, {1, 1, 16, 16}, {2, 1, 16, 9}, {1, 50, 16, 16}, {50, 1, 16, 16}, {3, 3, 1, 1},
	{97, 31, 200, 16}, {31, 97, 16, 200}, {767, 577, 300, 300}, {640, 480, 320, 240},
	{1279, 3, 320, 1}, {5, 3001, 1, 320}, {16 * maxShrink, 2, 16, 1}, {2, 1000*maxShrink - 7, 1, 1000}, {6400, 1, 101, 1},
}

// The kernel does what its plain twin does to the last bit, and that is the exact
// result, rounded, but for what so many products lose of their last bit.
func TestResizeIsExact(t *testing.T) {
	for _, s := range sizes {
		for filling := range fillings {
			img := fill(t, s[0], s[1], filling)
			src, _ := img.DataPtrUint8()
			out, r := resized(t, img, s[2], s[3])
			want := exact(src, s[0], s[1], s[2], s[3])
			for i, v := range out {
				if twin := r.twin(src, s[0], i/3%s[2], i/3/s[2], i%3); v != twin {
					t.Fatalf("%v %s: value %d is %d, its twin %d", s, filling, i, v, twin)
				}
				if math.Abs(float64(v)-want[i]) > 0.5+float64(r.x.taps+r.y.taps)/512 {
					t.Fatalf("%v %s: value %d is %d, want %f", s, filling, i, v, want[i])
				}
			}
		}
	}
}

// Where OpenCV has the same method, it gets the same picture within one level.
func TestResizeMatchesOpenCV(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	side := func() int { return 1 + random.IntN(1<<(1+random.IntN(9))) }
	cases := append([][4]int{{1920, 1080, 320, 180}, {768, 576, 300, 300}, {3840, 2160, 320, 180}, {320, 180, 640, 360}}, sizes...)
	for range 300 {
		cases = append(cases, [4]int{side(), side(), side(), side()})
	}
	compared := 0
	for i, s := range cases {
		method := gocv.InterpolationArea
		switch {
		case s[0] >= s[2] && s[1] >= s[3]:
		case s[0] <= s[2] && s[1] <= s[3]:
			method = gocv.InterpolationLinear
		default:
			continue // OpenCV blends its two methods where one axis grows
		}
		compared++
		img := fill(t, s[0], s[1], []string{"noise", "extreme", "white"}[i%3])
		out, _ := resized(t, img, s[2], s[3])
		for i, v := range opencv(t, img, s[2], s[3], method) {
			if d := int(v) - int(out[i]); d < -1 || d > 1 {
				t.Fatalf("%v: value %d is %d, OpenCV's %d", s, i, out[i], v)
			}
		}
	}
	if compared < 100 {
		t.Errorf("compared only %d pictures", compared)
	}
}

func opencv(t testing.TB, img *gocv.Mat, w, h int, method gocv.InterpolationFlags) []uint8 {
	t.Helper()
	dst := gocv.NewMat()
	defer dst.Close()
	if err := gocv.Resize(*img, &dst, image.Pt(w, h), 0, 0, method); err != nil {
		t.Fatal(err)
	}
	return dst.ToBytes()
}

func newTensor(t testing.TB, spec *Input) *inputTensor {
	t.Helper()
	if err := LoadRuntime(); err != nil {
		t.Fatal(err)
	}
	in, err := newInputTensor(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Destroy(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func tensorSpec(typ, layout, color string) *Input {
	return &Input{Name: "x", Width: 64, Height: 48, Resize: "letterbox", Type: typ, Layout: layout, Color: color}
}

// Every type, layout and colour order holds the pixels of the plain one, the
// content where the letterbox says and grey around it.
func TestLoadEveryLayout(t *testing.T) {
	box := detect.FitLetterbox(201, 77, 64, 48)
	img := fill(t, 201, 77, "noise")
	content, _ := resized(t, img, box.W, box.H)
	types := []string{"uint8", "float32", "float16"}
	for i := range 4 * len(types) {
		pick := func(bit int, a, b string) string { return []string{a, b}[i>>bit&1] }
		spec := tensorSpec(types[i/4], pick(0, "NHWC", "NCHW"), pick(1, "BGR", "RGB"))
		if spec.Type != "uint8" {
			spec.Mean, spec.Std = []float64{1, 20, 300}, []float64{1, 0.5, 2}
		}
		in := newTensor(t, spec)
		if err := in.load(img); err != nil {
			t.Fatal(err)
		}
		for y := range spec.Height {
			for x := range spec.Width {
				want := [3]uint8{padding, padding, padding}
				if p := image.Pt(x-box.Left, y-box.Top); p.In(image.Rect(0, 0, box.W, box.H)) {
					want = [3]uint8(content[(p.Y*box.W+p.X)*3:])
				}
				if got := in.at(x, y); got != spec.normal(want) {
					t.Fatalf("%s %s %s: (%d,%d) is %v, want %v", spec.Type, spec.Layout, spec.Color, x, y, got, spec.normal(want))
				}
			}
		}
	}
}

// normal is a BGR pixel as the tensor holds it.
func (in *Input) normal(px [3]uint8) (out [3]float32) {
	if in.Color == "RGB" {
		px[0], px[2] = px[2], px[0]
	}
	for c := range out {
		out[c] = float32(px[c])
		if in.Mean != nil {
			out[c] = float32((float64(px[c]) - in.Mean[c]) / in.Std[c])
		}
		if in.Type == "float16" {
			out[c] = floatOf(halfOf(out[c]))
		}
	}
	return out
}

// A region with gaps between its rows is read like a picture of its own.
func TestLoadRegion(t *testing.T) {
	whole := fill(t, 300, 200, "noise")
	for _, part := range []image.Rectangle{image.Rect(10, 20, 211, 97), image.Rect(0, 5, 300, 6), image.Rect(299, 0, 300, 200)} {
		region := whole.Region(part)
		clone := region.Clone()
		got, want := newTensor(t, tensorSpec("uint8", "NHWC", "BGR")), newTensor(t, tensorSpec("uint8", "NHWC", "BGR"))
		for _, err := range []error{got.load(&region), want.load(&clone), region.Close(), clone.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(got.bytes) != string(want.bytes) {
			t.Errorf("region %v: other pixels than its copy", part)
		}
	}
}

// A picture of another size leaves nothing of the one before, and once a size has
// been seen the next picture of it allocates nothing.
func TestLoadAfterAnotherSize(t *testing.T) {
	for _, typ := range []string{"uint8", "float32", "float16"} {
		in := newTensor(t, tensorSpec(typ, "NCHW", "RGB"))
		for _, s := range [][2]int{{64, 48}, {200, 20}, {20, 200}, {1, 1}, {500, 500}} {
			img, fresh := fill(t, s[0], s[1], "noise"), newTensor(t, tensorSpec(typ, "NCHW", "RGB"))
			if n := testing.AllocsPerRun(2, func() {
				if err := in.load(img); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s %v: %v allocations a picture", typ, s, n)
			}
			if err := fresh.load(img); err != nil {
				t.Fatal(err)
			}
			for i := range in.bytes {
				if in.bytes[i] != fresh.bytes[i] {
					t.Fatalf("%v: element %d is %d, in a fresh tensor %d", s, i, in.bytes[i], fresh.bytes[i])
				}
			}
			if !slices.Equal(in.halves, fresh.halves) {
				t.Fatalf("%v: other halves than in a fresh tensor", s)
			}
			for i := range in.floats {
				if in.floats[i] != fresh.floats[i] {
					t.Fatalf("%v: element %d is %v, in a fresh tensor %v", s, i, in.floats[i], fresh.floats[i])
				}
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	in := newTensor(t, tensorSpec("uint8", "NHWC", "BGR"))
	for _, tc := range []struct {
		w, h int
		typ  gocv.MatType
		want string
	}{
		{0, 0, gocv.MatTypeCV8UC3, "0×0 pixels"},
		{8, 8, gocv.MatTypeCV8UC1, "want 8-bit BGR (CV8UC3)"},
		{8, 8, gocv.MatTypeCV8UC4, "want 8-bit BGR (CV8UC3)"},
		{8, 8, gocv.MatTypeCV16UC3, "want 8-bit BGR (CV8UC3)"},
	} {
		img := gocv.NewMatWithSize(tc.h, tc.w, tc.typ)
		if err := in.load(&img); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d×%d of %v: %v, want %q", tc.w, tc.h, tc.typ, err, tc.want)
		}
		img.Close()
	}
}

// BenchmarkLoad is one core's work from a frame to a full tensor.
func BenchmarkLoad(b *testing.B) {
	for _, bc := range []struct {
		w, h int
		spec Input
	}{
		{1920, 1080, Input{Width: 320, Height: 320, Type: "uint8", Layout: "NHWC", Color: "BGR", Resize: "letterbox"}},
		{1920, 1080, Input{Width: 320, Height: 320, Type: "float32", Layout: "NCHW", Color: "RGB", Resize: "letterbox"}},
		{1920, 1080, Input{Width: 320, Height: 320, Type: "float32", Layout: "NHWC", Color: "RGB", Resize: "letterbox"}},
		{1920, 1080, Input{Width: 320, Height: 320, Type: "float16", Layout: "NCHW", Color: "RGB", Resize: "letterbox"}},
		{1920, 1080, Input{Width: 640, Height: 640, Type: "float32", Layout: "NCHW", Color: "RGB", Resize: "letterbox"}},
		{1920, 1080, Input{Width: 640, Height: 640, Type: "float16", Layout: "NCHW", Color: "RGB", Resize: "letterbox"}},
		{1280, 720, Input{Width: 320, Height: 320, Type: "uint8", Layout: "NHWC", Color: "BGR", Resize: "letterbox"}},
		{768, 576, Input{Width: 300, Height: 300, Type: "uint8", Layout: "NHWC", Color: "BGR", Resize: "stretch"}},
		{3840, 2160, Input{Width: 640, Height: 640, Type: "uint8", Layout: "NHWC", Color: "BGR", Resize: "letterbox"}},
	} {
		img, in := fill(b, bc.w, bc.h, "noise"), newTensor(b, &bc.spec)
		b.Run(fmt.Sprintf("%dx%d/%d/%s/%s", bc.w, bc.h, bc.spec.Width, bc.spec.Type, bc.spec.Layout), func(b *testing.B) {
			for b.Loop() {
				if err := in.load(img); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpenCV is what OpenCV takes on one core to resize alone.
func BenchmarkOpenCV(b *testing.B) {
	threads := gocv.GetNumThreads()
	gocv.SetNumThreads(1)
	defer gocv.SetNumThreads(threads)
	dst := gocv.NewMat()
	defer dst.Close()
	for _, s := range [][4]int{{1920, 1080, 320, 180}, {1280, 720, 320, 180}, {768, 576, 300, 300}, {3840, 2160, 640, 360}} {
		img := fill(b, s[0], s[1], "noise")
		b.Run(fmt.Sprintf("%dx%d/%d/area", s[0], s[1], s[2]), func(b *testing.B) {
			for b.Loop() {
				if err := gocv.Resize(*img, &dst, image.Pt(s[2], s[3]), 0, 0, gocv.InterpolationArea); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
