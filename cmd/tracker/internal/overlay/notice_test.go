//go:build gocv_specific_modules

package overlay

import (
	"testing"

	"gocv.io/x/gocv"
)

// A notice is readable at the lower edge of any picture, and leaves the rest alone.
func TestNotice(t *testing.T) {
	o := New(Options{})
	for _, size := range [][2]int{{640, 360}, {1920, 1080}, {64, 48}, {1, 1}} {
		img := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(90, 90, 90, 0), size[1], size[0], gocv.MatTypeCV8UC3)
		if err := o.Notice(&img, "stream lost, reconnecting (attempt 3), last picture 3.2 s ago"); err != nil {
			t.Fatal(err)
		}
		pix, err := img.DataPtrUint8()
		if err != nil {
			t.Fatal(err)
		}
		counts := map[bgr]int{}
		for i := 0; i+2 < len(pix); i += 3 {
			counts[bgr{pix[i], pix[i+1], pix[i+2]}]++
		}
		all := size[0] * size[1]
		if red := counts[alarm]; red == 0 || all > 100 && (counts[white] == 0 || counts[bgr{90, 90, 90}] < all/4) {
			t.Errorf("%v: %d pixels of %d are red, %d white", size, red, all, counts[white])
		}
		img.Close()
	}
	empty := gocv.NewMat()
	defer empty.Close()
	if o.Notice(&empty, "text") == nil {
		t.Error("a notice on no picture")
	}
}
