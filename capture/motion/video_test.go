//go:build gocv_specific_modules

package motion

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gocv.io/x/gocv"
)

// footage is real video of a camera that stands still.
type footage struct {
	name  string
	skip  int
	truth string  // MOTChallenge file with the people's boxes; empty without
	limit float64 // of the error, see TestKnownPaths
}

var footages = []footage{
	{"vtest.avi", 0, "mot/MOT15-train/PETS09-S2L1/gt/gt.txt", 0.3},
	{"one-by-one-person-detection.mp4", 100, "", 0.6},
	{"car-detection.mp4", 0, "", 1.1}, // the camera trembles, by up to a pixel
}

// dataFile is a file of the shared test data, which is not part of the
// repository: $TRACKER_DATA, or shared/data beside it.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TRACKER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: set TRACKER_DATA to a folder with %s", name)
	}
	return path
}

// frames reads n frames from a footage; the caller closes them.
func (f footage) frames(t *testing.T, n int) []gocv.Mat {
	t.Helper()
	// Debian's opencv-doc has the first.
	path := filepath.Join("/usr/share/doc/opencv-doc/examples/data", f.name)
	if _, err := os.Stat(path); err != nil {
		path = dataFile(t, "video/"+f.name)
	}
	video, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	video.Grab(f.skip)
	var all []gocv.Mat
	t.Cleanup(func() {
		for i := range all {
			all[i].Close()
		}
	})
	for range n {
		m := gocv.NewMat()
		all = append(all, m)
		if !video.Read(&all[len(all)-1]) {
			t.Fatalf("%s has fewer than %d frames", path, f.skip+n)
		}
	}
	return all
}

// boxes are those of the people in each frame.
func (f footage) boxes(t *testing.T) map[int][][4]float64 {
	t.Helper()
	if f.truth == "" {
		return nil
	}
	file, err := os.Open(dataFile(t, f.truth))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[int][][4]float64{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var frame, id int
		var x, y, w, h float64
		if _, err := fmt.Sscanf(lines.Text(), "%d,%d,%f,%f,%f,%f", &frame, &id, &x, &y, &w, &h); err != nil {
			t.Fatal(err)
		}
		i := frame - 1 - f.skip
		all[i] = append(all[i], [4]float64{x - 1, y - 1, x - 1 + w, y - 1 + h})
	}
	return all
}

// film is what a camera in front of the footage would see: its frames moved by
// the camera, the boxes along with them.
func film(src gocv.Mat, dst *gocv.Mat, camera Affine, size image.Point) {
	m := gocv.NewMatWithSize(2, 3, gocv.MatTypeCV64F)
	defer m.Close()
	// OpenCV counts from the centre of the first pixel.
	x, y := camera.Apply(0.5, 0.5)
	for i, v := range [...]float64{camera.A11, camera.A12, x - 0.5, camera.A21, camera.A22, y - 0.5} {
		m.SetDoubleAt(i/3, i%3, v)
	}
	gocv.WarpAffineWithParams(src, dst, m, size, gocv.InterpolationCubic, gocv.BorderReplicate, color.RGBA{})
}

func moved(boxes [][4]float64, camera Affine) [][4]float64 {
	var out [][4]float64
	for _, b := range boxes {
		r := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for _, c := range [...][2]float64{{b[0], b[1]}, {b[2], b[1]}, {b[0], b[3]}, {b[2], b[3]}} {
			x, y := camera.Apply(c[0], c[1])
			r = [4]float64{min(r[0], x), min(r[1], y), max(r[2], x), max(r[3], y)}
		}
		out = append(out, r)
	}
	return out
}

// path is how the camera moves, in pixels of what it films.
type path struct {
	name string
	pose func(r *rand.Rand, i int) pose
}

// swing goes to and fro between −reach and reach.
func swing(i int, step, reach float64) float64 {
	v := math.Mod(float64(i)*step+reach, 4*reach)
	return math.Min(v, 4*reach-v) - reach
}

func jitter(r *rand.Rand, sd float64) float64 {
	return math.Min(math.Max(r.NormFloat64()*sd, -2.5*sd), 2.5*sd)
}

var paths = []path{
	{"still", func(*rand.Rand, int) pose { return pose{zoom: 1} }},
	{"shake 1 px", func(r *rand.Rand, i int) pose { return pose{1, jitter(r, 0.001), jitter(r, 1), jitter(r, 1)} }},
	{"shake 5 px", func(r *rand.Rand, i int) pose { return pose{1, jitter(r, 0.003), jitter(r, 5), jitter(r, 5)} }},
	{"shake 15 px", func(r *rand.Rand, i int) pose { return pose{1, jitter(r, 0.01), jitter(r, 15), jitter(r, 15)} }},
	{"pan 2 px", func(r *rand.Rand, i int) pose { return pose{zoom: 1, x: swing(i, 1.9, 80), y: swing(i, 0.7, 40)} }},
	{"pan 40 px", func(r *rand.Rand, i int) pose { return pose{zoom: 1, x: swing(i, 40, 80)} }},
	{"zoom 1 %", func(r *rand.Rand, i int) pose { return pose{zoom: math.Exp(0.1 + swing(i, 0.01, 0.1))} }},
	{"turn 1°", func(r *rand.Rand, i int) pose { return pose{zoom: 1, turn: swing(i, math.Pi/180, 0.1)} }},
	{"all", func(r *rand.Rand, i int) pose {
		return pose{1.05 + swing(i, 0.004, 0.05), swing(i, 0.004, 0.05), swing(i, 6, 60) + jitter(r, 2), swing(i, 4, 30) + jitter(r, 2)}
	}},
}

// TestKnownPaths moves real video along known paths, and asks for them back. Run
// it with -v for the table: the worst corner's distance from where it should be,
// in source pixels. The limits hold for the 95th percentile, at 576×324; a larger
// picture of the same scene has as many times the error as it has pixels a side.
func TestKnownPaths(t *testing.T) {
	const frames = 10
	for _, f := range footages {
		t.Run(f.name, func(t *testing.T) {
			real, people := f.frames(t, frames), f.boxes(t)
			type variant struct {
				width int
				mask  bool
			}
			variants := []variant{{576, false}}
			if people != nil {
				variants = []variant{{576, false}, {576, true}, {1920, true}}
			}
			for _, v := range variants {
				for _, p := range paths {
					misses, refused := f.run(t, real, people, p, v.width, v.mask)
					slices.Sort(misses)
					p50, p95, worst := misses[len(misses)/2], misses[len(misses)*95/100], misses[len(misses)-1]
					t.Logf("%4d wide, %-11s boxes %-5v  median %.2f  p95 %.2f  worst %.2f px, %d refused", v.width, p.name, v.mask, p50, p95, worst, refused)
					if limit := f.limit * float64(v.width) / 576; p95 > limit || refused > 0 {
						t.Errorf("%d wide, %s: p95 %.2f px, limit %.2f; %d refused", v.width, p.name, p95, limit, refused)
					}
				}
			}
		})
	}
}

// run returns by how much each frame's motion is off, in pixels at its worst corner.
func (f footage) run(t *testing.T, real []gocv.Mat, people map[int][][4]float64, p path, width int, mask bool) (misses []float64, refused int) {
	t.Helper()
	w, h := real[0].Cols(), real[0].Rows()
	size := image.Pt(width, width*9/16)
	scale := float64(width) / 576
	crop := Affine{A11: scale, A22: scale, TX: (float64(size.X) - scale*float64(w)) / 2, TY: (float64(size.Y) - scale*float64(h)) / 2}
	r := rand.New(rand.NewPCG(1, 1))
	view := gocv.NewMat()
	defer view.Close()
	e, last, boxes := New(Options{}), Identity, [][4]float64(nil)
	for i, frame := range real {
		at := p.pose(r, i)
		at.x, at.y = at.x/scale, at.y/scale // pixels of the view
		camera := at.camera(w, h).Then(crop)
		film(frame, &view, camera, size)
		got, ok, err := e.Estimate(&view, boxes)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			misses = append(misses, cornerError(got, inverse(last).Then(camera), size.X, size.Y))
			if !ok {
				refused++
			}
		}
		last = camera
		if mask {
			boxes = moved(people[i], camera)
		}
	}
	return misses, refused
}

// TestRealCuts joins footages: no motion leads from one to another.
func TestRealCuts(t *testing.T) {
	var views []gocv.Mat
	for _, f := range footages {
		for _, frame := range f.frames(t, 1) {
			view := gocv.NewMat()
			defer view.Close()
			gocv.Resize(frame, &view, image.Pt(768, 432), 0, 0, gocv.InterpolationArea)
			views = append(views, view)
		}
	}
	for i := range views {
		for j := range views {
			if i == j {
				continue
			}
			e := New(Options{})
			for _, v := range []*gocv.Mat{&views[i], &views[j]} {
				if m, ok, err := e.Estimate(v, nil); ok || err != nil {
					t.Errorf("from %s to %s: %+v, %v", footages[i].name, footages[j].name, m, err)
				}
			}
		}
	}
}

// TestRealCar: a car that crosses a car park without texture, and fills a third of
// the picture, does not pass for the camera, even where nobody excludes it.
func TestRealCar(t *testing.T) {
	e := New(Options{})
	frames := footages[2].frames(t, 100)
	refused := 0
	for i := 60; i < len(frames); i++ {
		m, ok, err := e.Estimate(&frames[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			refused++
		}
		if shift := m.Shift(float64(frames[i].Cols()), float64(frames[i].Rows())); shift > 2 {
			t.Errorf("frame %d: moved by %.1f px", i, shift)
		}
	}
	if refused > 5 {
		t.Errorf("refused %d of %d frames", refused, len(frames)-60)
	}
}

// TestRealRest: a camera that stands still is found to, whoever walks past.
func TestRealRest(t *testing.T) {
	for _, f := range footages[:2] {
		e := New(Options{Auto: true})
		looks := 0
		const n = 75
		for i, frame := range f.frames(t, n) {
			before := e.from
			if _, ok, err := e.Estimate(&frame, nil); err != nil || !ok && i > 0 {
				t.Fatalf("%s, frame %d: ok %v, %v", f.name, i, ok, err)
			}
			if i > settleLooks && !e.Still() {
				t.Errorf("%s, frame %d: does not rest", f.name, i)
			}
			if i > settleLooks && len(before) > 0 && &before[0].pix[0] != &e.from[0].pix[0] {
				looks++
			}
		}
		if want := (n - 1 - settleLooks) / restLooks; looks > want+1 {
			t.Errorf("%s: measured %d frames while at rest, want %d", f.name, looks, want)
		}
	}
}

func TestBadMats(t *testing.T) {
	e := New(Options{})
	empty := gocv.NewMat()
	defer empty.Close()
	deep := gocv.NewMatWithSize(100, 100, gocv.MatTypeCV16UC3)
	defer deep.Close()
	whole := gocv.NewMatWithSize(200, 200, gocv.MatTypeCV8UC3)
	defer whole.Close()
	part := whole.Region(image.Rect(10, 10, 110, 110))
	defer part.Close()
	for name, m := range map[string]*gocv.Mat{"empty": &empty, "16 bits": &deep, "part": &part} {
		if _, ok, err := e.Estimate(m, nil); ok || err == nil {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		} else {
			t.Log(err)
		}
	}
	if _, _, err := e.Estimate(&whole, nil); err != nil {
		t.Error(err)
	}
}
