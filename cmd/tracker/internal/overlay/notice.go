//go:build gocv_specific_modules

package overlay

import (
	"image"

	"gocv.io/x/gocv"
)

// Notice writes a text on a bar across the lower edge of img, which must be 8-bit
// BGR: what the user must know of a picture that stands still.
func (o *Overlay) Notice(img *gocv.Mat, text string) error {
	c, err := canvasOf(img)
	if err != nil {
		return err
	}
	if err := o.fit(c); err != nil {
		return err
	}
	pad := o.face.capHeight
	bar := image.Rect(0, c.h-3*pad, c.w, c.h)
	c.fill(bar, alarm)
	line := o.face.fit([]byte(text), c.w-2*pad)
	o.face.draw(c, line, image.Pt((c.w-o.face.width(line))/2, bar.Max.Y-pad), white)
	return nil
}
