//go:build gocv_specific_modules

package overlay

import "math"

// bgr is a colour in the byte order of OpenCV's pictures.
type bgr [3]byte

// Colours of everything that is not a track.
var (
	white  = bgr{255, 255, 255}
	grey   = bgr{200, 200, 200}
	dark   = bgr{80, 80, 80}
	black  = bgr{0, 0, 0}
	green  = bgr{120, 230, 120}
	blue   = bgr{240, 180, 90}
	orange = bgr{40, 160, 255}
	red    = bgr{70, 70, 255}
	alarm  = bgr{20, 20, 160}
)

// goldenAngle in degrees: stepping a hue by it keeps neighbours in the sequence
// far apart on the circle and never closes it.
const goldenAngle = 137.50776405003785

// palette holds the colours of the ids modulo its length.
var palette = makePalette()

// colorOf is the colour of a track id, the same in every run: golden-angle hues
// at three lightnesses in OKLCH, a space in which equal steps look equal.
func colorOf(id int) bgr { return palette[uint(id)%uint(len(palette))] }

func makePalette() (p [256]bgr) {
	lightness := [...]float64{0.72, 0.82, 0.63}
	for i := range p {
		p[i] = oklch(lightness[i%len(lightness)], 0.17, goldenAngle*float64(i))
	}
	return p
}

// oklch converts a colour of the OKLCH space (Björn Ottosson, "A perceptual
// color space for image processing", 2020) to sRGB: lightness 0..1, chroma, hue
// in degrees. Chroma that sRGB cannot show is reduced until it can.
func oklch(l, chroma, hue float64) bgr {
	sin, cos := math.Sincos(hue * math.Pi / 180)
	for ; ; chroma -= 0.005 {
		r, g, b := oklabToLinear(l, chroma*cos, chroma*sin)
		if lo, hi := min(r, g, b), max(r, g, b); lo >= 0 && hi <= 1 || chroma <= 0 {
			return bgr{gamma(b), gamma(g), gamma(r)}
		}
	}
}

// oklabToLinear returns linear sRGB, outside 0..1 where sRGB ends.
func oklabToLinear(l, a, b float64) (red, green, blue float64) {
	lms := [3]float64{
		l + 0.3963377774*a + 0.2158037573*b,
		l - 0.1055613458*a - 0.0638541728*b,
		l - 0.0894841775*a - 1.2914855480*b,
	}
	for i, v := range lms {
		lms[i] = v * v * v
	}
	return 4.0767416621*lms[0] - 3.3077115913*lms[1] + 0.2309699292*lms[2],
		-1.2684380046*lms[0] + 2.6097574011*lms[1] - 0.3413193965*lms[2],
		-0.0041960863*lms[0] - 0.7034186147*lms[1] + 1.7076147010*lms[2]
}

// gamma encodes a linear sRGB component (IEC 61966-2-1).
func gamma(v float64) byte {
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return byte(math.Round(255 * v))
}

// luminance is the relative luminance of a colour, 0..1 (WCAG 2).
func luminance(c bgr) float64 {
	linear := func(v byte) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.0722*linear(c[0]) + 0.7152*linear(c[1]) + 0.2126*linear(c[2])
}

// contrast is the contrast ratio of two colours, 1..21 (WCAG 2); 4.5 reads well.
func contrast(a, b bgr) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// textOn is black or white, whichever reads better on a background.
func textOn(background bgr) bgr {
	if contrast(background, black) >= contrast(background, white) {
		return black
	}
	return white
}
