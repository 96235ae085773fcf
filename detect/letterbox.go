package detect

import "math"

// Letterbox maps between a source picture and a network's input, for either way
// of fitting one into the other. Scales are input pixels per source pixel; the
// picture's content occupies W×H input pixels with its corner at (Left, Top).
type Letterbox struct {
	ScaleX, ScaleY float64
	Left, Top      int // padding before the content, input pixels
	W, H           int // content size, input pixels
	SrcW, SrcH     int // source size, source pixels
}

// FitLetterbox keeps the aspect ratio: the content is scaled by one factor,
// centred, and the rest of the input is padding. All sizes must be positive.
func FitLetterbox(srcW, srcH, dstW, dstH int) Letterbox {
	scale := min(float64(dstW)/float64(srcW), float64(dstH)/float64(srcH))
	w := clampInt(int(math.Round(float64(srcW)*scale)), 1, dstW)
	h := clampInt(int(math.Round(float64(srcH)*scale)), 1, dstH)
	return Letterbox{
		// The rounded content size decides the scale that boxes see.
		ScaleX: float64(w) / float64(srcW), ScaleY: float64(h) / float64(srcH),
		Left: (dstW - w) / 2, Top: (dstH - h) / 2,
		W: w, H: h, SrcW: srcW, SrcH: srcH,
	}
}

// FitTopLeft is FitLetterbox with the content in the top-left corner instead of
// the middle, as YOLOX was trained. All sizes must be positive.
func FitTopLeft(srcW, srcH, dstW, dstH int) Letterbox {
	l := FitLetterbox(srcW, srcH, dstW, dstH)
	l.Left, l.Top = 0, 0
	return l
}

// FitStretch fills the whole input, changing the aspect ratio, as SSD was
// trained. All sizes must be positive.
func FitStretch(srcW, srcH, dstW, dstH int) Letterbox {
	return Letterbox{
		ScaleX: float64(dstW) / float64(srcW), ScaleY: float64(dstH) / float64(srcH),
		W: dstW, H: dstH, SrcW: srcW, SrcH: srcH,
	}
}

// ToInput maps a box of the source picture to network input pixels.
func (l Letterbox) ToInput(b Box) Box {
	left, top := float64(l.Left), float64(l.Top)
	return Box{
		X1: b.X1*l.ScaleX + left, Y1: b.Y1*l.ScaleY + top,
		X2: b.X2*l.ScaleX + left, Y2: b.Y2*l.ScaleY + top,
	}
}

// ToSource maps a box of the network input to source pixels; the inverse of
// ToInput. It does not clip: a box may reach into the padding.
func (l Letterbox) ToSource(b Box) Box {
	left, top := float64(l.Left), float64(l.Top)
	return Box{
		X1: (b.X1 - left) / l.ScaleX, Y1: (b.Y1 - top) / l.ScaleY,
		X2: (b.X2 - left) / l.ScaleX, Y2: (b.Y2 - top) / l.ScaleY,
	}
}

func clampInt(v, lo, hi int) int { return min(max(v, lo), hi) }
