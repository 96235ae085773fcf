//go:build gocv_specific_modules && matprofile

package overlay

import (
	"image"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

// Needs -tags matprofile. Neither frames nor new picture sizes may leave a Mat.
func TestNoMatsLeft(t *testing.T) {
	o := New(Options{})
	before := gocv.MatProfile.Count()
	for i := range 50 {
		size := image.Pt(640+64*(i%5), 360+48*(i%5))
		img := gocv.NewMatWithSize(size.Y, size.X, gocv.MatTypeCV8UC3)
		p := demoPanel(size)
		p.Time = time.Duration(i) * 40 * time.Millisecond
		if err := o.Draw(&img, busy(10, i, size), nil, p); err != nil {
			t.Error(err)
		}
		_ = img.Close()
	}
	if after := gocv.MatProfile.Count(); after != before {
		t.Errorf("%d Mats live, %d before", after, before)
	}
}
