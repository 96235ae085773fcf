//go:build gocv_specific_modules

package overlay

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"
)

func newGrid(t *testing.T, n int, size image.Point) *Grid {
	t.Helper()
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("camera %d", i))
	}
	g, err := NewGrid(names, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func plain(t *testing.T, value float64, size image.Point) *gocv.Mat {
	t.Helper()
	img := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(value, value, value, 0), size.Y, size.X, gocv.MatTypeCV8UC3)
	t.Cleanup(func() { img.Close() })
	return &img
}

// Tiles cover the picture without overlap, nearly as many in a row as rows.
func TestGridTiles(t *testing.T) {
	for n, want := range map[int]image.Point{1: {1, 1}, 2: {2, 1}, 3: {2, 2}, 4: {2, 2}, 5: {3, 2}, 9: {3, 3}, 10: {4, 3}} {
		g := newGrid(t, n, image.Pt(1001, 703))
		covered := 0
		for i := range g.tiles {
			cell := g.tiles[i].area.Union(g.tiles[i].caption)
			covered += cell.Dx() * cell.Dy()
			for j := range i {
				if g.tiles[j].area.Union(g.tiles[j].caption).Overlaps(cell) {
					t.Errorf("%d tiles: %d and %d overlap", n, i, j)
				}
			}
		}
		cell := g.tiles[0].area.Union(g.tiles[0].caption)
		if got := image.Pt(1001/cell.Dx(), 703/cell.Dy()); got != want {
			t.Errorf("%d tiles: %v columns and rows, want %v", n, got, want)
		}
		if free := 1001*703 - covered; free < 0 || free > (want.X*want.Y-n+1)*cell.Dx()*cell.Dy() {
			t.Errorf("%d tiles: %d pixels are covered", n, covered)
		}
	}
}

// A picture is shown whole and unstretched in its own tile, and darkened once when
// its stream is lost.
func TestGridLetterboxes(t *testing.T) {
	g := newGrid(t, 2, image.Pt(800, 400))
	for range 2 { // a second picture of another size leaves nothing of the first
		if err := g.Put(0, plain(t, 240, image.Pt(1000, 1000))); err != nil {
			t.Fatal(err)
		}
		if err := g.Put(0, plain(t, 200, image.Pt(640, 160))); err != nil {
			t.Fatal(err)
		}
	}
	area := g.tiles[0].area
	at := func(x, y int) int { return int(g.picture.GetUCharAt(y, 3*x)) }
	middle := area.Min.Y + area.Dy()/2
	for _, p := range []struct {
		what       string
		x, y, want int
	}{
		{"the middle", 200, middle, 200}, {"the left edge", 0, middle, 200}, {"the right edge", 399, middle, 200},
		{"above", 200, middle - 55, 0}, {"below", 200, middle + 55, 0}, {"the other tile", 401, middle, 0},
	} {
		if got := at(p.x, p.y); got != p.want {
			t.Errorf("%s is %d, want %d", p.what, got, p.want)
		}
	}
	for range 3 {
		g.State(0, "lost")
	}
	g.State(0, "ended")
	if got := at(200, middle); got != 50 {
		t.Errorf("a lost picture is %d, want 50", got)
	}
	if err := g.Put(0, plain(t, 200, image.Pt(640, 160))); err != nil || !g.State(0, "") || at(200, middle) != 200 {
		t.Errorf("a picture after that is %d, error %v", at(200, middle), err)
	}
}

func TestGridRefuses(t *testing.T) {
	if _, err := NewGrid(nil, image.Pt(10, 10)); err == nil {
		t.Error("a grid without tiles was made")
	}
	g := newGrid(t, 1, image.Pt(5, 3)) // too small for anything
	if err := g.Put(0, plain(t, 1, image.Pt(64, 64))); err != nil {
		t.Error(err)
	}
	empty := gocv.NewMat()
	defer empty.Close()
	if err := g.Put(0, &empty); err == nil {
		t.Error("an empty picture was shown")
	}
}

func TestGridAllocatesNothing(t *testing.T) {
	g, img := newGrid(t, 4, image.Pt(1280, 720)), plain(t, 99, image.Pt(768, 576))
	if n := testing.AllocsPerRun(10, func() { _ = g.Put(2, img) }); n > 0 {
		t.Errorf("%v allocations a picture", n)
	}
}

// TestGridPicture leaves a grid in $OVERLAY_PICTURES to look at.
func TestGridPicture(t *testing.T) {
	dir := os.Getenv("OVERLAY_PICTURES")
	if dir == "" {
		t.Skip("OVERLAY_PICTURES names no folder for the pictures")
	}
	scene := loadScene(t, 3)
	g := newGrid(t, 3, image.Pt(1280, 720))
	for i, size := range []image.Point{{768, 576}, {1920, 1080}, {480, 640}} {
		img := gocv.NewMat()
		if err := gocv.Resize(scene.frames[i], &img, size, 0, 0, gocv.InterpolationCubic); err != nil {
			t.Fatal(err)
		}
		if err := New(Options{}).Draw(&img, scaled(scene.tracks[i], size), []string{"person"}, demoPanel(size)); err != nil {
			t.Fatal(err)
		}
		if err := g.Put(i, &img); err != nil {
			t.Fatal(err)
		}
		_ = img.Close()
	}
	g.State(1, "lost: trying again")
	gocv.IMWrite(filepath.Join(dir, "grid.png"), g.picture)
}
