//go:build gocv_specific_modules

package backbones

import (
	"context"
	"errors"
	"image"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// newBatch makes a batch of a model and the requests for it.
func newBatch(t testing.TB, model *Model, most int) (*Batch, []*Request) {
	t.Helper()
	b, err := model.NewBatch(most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	requests := make([]*Request, most)
	for i := range requests {
		requests[i] = newRequest(t, model)
	}
	return b, requests
}

// scenes are pictures of different sizes, the demo's among them, so that no two
// give the same boxes.
func scenes(t testing.TB, n int) []gocv.Mat {
	t.Helper()
	demo := gocv.IMRead(filepath.Join("..", "docs", "demo.jpg"), gocv.IMReadColor)
	defer demo.Close()
	if demo.Empty() {
		t.Fatal("docs/demo.jpg cannot be read")
	}
	list := make([]gocv.Mat, n)
	for i := range list {
		list[i] = gocv.NewMat()
		if err := gocv.Resize(demo, &list[i], image.Pt(400+90*i, 300+20*i), 0, 0, gocv.InterpolationArea); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { list[i].Close() })
	}
	return list
}

// With one thread a batch of any size gives every picture the bits that it gets
// alone; with several threads the same boxes but for rounding.
func TestBatchEqualsSingle(t *testing.T) {
	const most = 4
	for threads, tolerance := range map[int]float64{1: 0, 2: 1e-3} {
		model := openModel(t, Options{Threads: threads, Conf: 0.2, NMSIoU: 0.5})
		batch, requests := newBatch(t, model, most)
		pictures := scenes(t, most)
		var want [most][]detect.Detection
		alone := newRequest(t, model)
		for i := range pictures {
			want[i] = infer(t, alone, &pictures[i])
		}
		if len(want[0]) == 0 || near(want[0], want[1], 1) {
			t.Fatalf("the pictures do not tell right from wrong: %v", want)
		}
		for n := 2; n <= most; n++ {
			for i, r := range requests[:n] {
				if err := r.Load(&pictures[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Run(requests[:n]); err != nil {
				t.Fatal(err)
			}
			for i, r := range requests[:n] {
				got, err := r.Detections(nil)
				if err != nil {
					t.Fatal(err)
				}
				if !near(got, want[i], tolerance) {
					t.Errorf("%d threads, picture %d of %d: %v, alone %v", threads, i+1, n, got, want[i])
				}
			}
		}
	}
}

func infer(t testing.TB, r *Request, img *gocv.Mat) []detect.Detection {
	t.Helper()
	if err := errors.Join(r.Load(img), r.Run(context.Background())); err != nil {
		t.Fatal(err)
	}
	got, err := r.Detections(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// near compares detections; 0 asks for the same bits.
func near(a, b []detect.Detection, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(a, b detect.Detection) bool {
		for _, d := range [...]float64{a.Box.X1 - b.Box.X1, a.Box.Y1 - b.Box.Y1, a.Box.X2 - b.Box.X2, a.Box.Y2 - b.Box.Y2, a.Score - b.Score} {
			if !(math.Abs(d) <= tolerance) {
				return false
			}
		}
		return a.Class == b.Class
	})
}

// A graph with a batch axis of 1 says so when asked, not in the middle of a run.
func TestBatchOfOnePicture(t *testing.T) {
	model, err := Open(writeModel(t, constantModel(5, 5)), Options{NMSIoU: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if b, err := model.NewBatch(2); !errors.Is(err, ErrOnePicture) {
		t.Errorf("batch %v, error %v", b, err)
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	batch, requests := newBatch(t, openModel(t, Options{Threads: 1, Conf: 0.4, NMSIoU: 0.5}), 2)
	img := scenes(t, 1)[0]
	var err error
	step := func() {
		err = errors.Join(requests[0].Load(&img), requests[1].Load(&img), batch.Run(requests))
	}
	step()
	if n := testing.AllocsPerRun(3, step); err != nil || n != 0 {
		t.Errorf("%v allocations, error %v", n, err)
	}
}

func BenchmarkBatch(b *testing.B) {
	const most = 4
	batch, requests := newBatch(b, openModel(b, Options{Threads: 2, Shared: true, Conf: 0.4, NMSIoU: 0.5}), most)
	b.Run("pictures=1", func(b *testing.B) {
		for b.Loop() {
			if err := requests[0].Run(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for n := 2; n <= most; n++ {
		b.Run("pictures="+string(rune('0'+n)), func(b *testing.B) {
			for b.Loop() {
				if err := batch.Run(requests[:n]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*n), "ms/picture")
		})
	}
}
