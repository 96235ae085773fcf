package detect

import (
	"errors"
	"fmt"
	"math"
)

// SSDConfig describes the head of a Single Shot MultiBox Detector (Liu et al.
// 2016) as its training laid it out; the JSON keys are those of a model manifest.
type SSDConfig struct {
	// FeatureMaps is the number of cells along each side, finest map first.
	FeatureMaps []int `json:"feature_maps"`
	// MinScale and MaxScale are the anchor sizes of the first and last map, as a
	// fraction of the input side; those between are spaced evenly.
	MinScale float64 `json:"min_scale"`
	MaxScale float64 `json:"max_scale"`
	// AspectRatios (width over height) give one anchor each per cell.
	AspectRatios []float64 `json:"aspect_ratios"`
	// InterpolatedRatio, if positive, adds an anchor of that ratio at the geometric
	// mean of this map's scale and the next one's.
	InterpolatedRatio float64 `json:"interpolated_ratio"`
	// ReduceLowest gives the finest map three anchors only: ratio 1 at scale 0.1,
	// then 2 and ½ at its own scale.
	ReduceLowest bool `json:"reduce_lowest"`
	// BoxOrder is the order of a box's four numbers: "yxhw" or "xywh".
	BoxOrder string `json:"box_order"`
	// BoxScales are the variances' inverses for y, x, h, w (10, 10, 5, 5).
	BoxScales [4]float64 `json:"box_scales"`
	// Activation of the class scores: "sigmoid" or "none" (already 0..1).
	Activation string `json:"activation"`
	// Background says that class 0 of the scores is "nothing here".
	Background bool `json:"background"`
}

// anchor is a reference box, centre and size as fractions of the input.
type anchor struct{ cx, cy, w, h float64 }

// SSD decodes the raw outputs of an SSD head. It holds no state between calls.
type SSD struct {
	anchors    []anchor
	scales     [4]float64
	ix         [4]int // where cy, cx, h, w stand in a box's four numbers
	inW, inH   float64
	channels   int // classes in the scores, background included
	background int // 1 where class 0 is background, else 0
	sigmoid    bool
}

var ssdBoxOrders = map[string][4]int{"yxhw": {0, 1, 2, 3}, "xywh": {1, 0, 3, 2}}

// NewSSD builds the anchors for an input of inW×inH pixels and a model of the
// given number of labels (background not counted).
func NewSSD(cfg SSDConfig, inW, inH, labels int) (*SSD, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if inW <= 0 || inH <= 0 || labels <= 0 {
		return nil, fmt.Errorf("ssd head: input %d×%d with %d labels: all must be positive", inW, inH, labels)
	}
	d := &SSD{
		anchors: cfg.anchors(), scales: cfg.BoxScales, ix: ssdBoxOrders[cfg.BoxOrder],
		inW: float64(inW), inH: float64(inH), channels: labels, sigmoid: cfg.Activation == "sigmoid",
	}
	if cfg.Background {
		d.background, d.channels = 1, labels+1
	}
	return d, nil
}

// maxAnchors bounds what a configuration can ask for; detectors have thousands.
const maxAnchors = 1 << 20

// Validate checks the ranges of the settings and reports every fault, without
// building the anchors.
func (c SSDConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ssd head: "+format, args...)) }
	if len(c.FeatureMaps) == 0 || len(c.FeatureMaps) > 16 {
		bad("feature_maps has %d entries, want 1 to 16", len(c.FeatureMaps))
	}
	cells := 0
	for _, n := range c.FeatureMaps {
		if n < 1 || n > 512 {
			bad("feature map of %d cells a side, want 1 to 512", n)
			continue
		}
		cells += n * n
	}
	if shapes := len(c.AspectRatios) + 1; cells > 0 && shapes > maxAnchors/cells {
		bad("%d cells with up to %d anchors each, want at most %d anchors", cells, shapes, maxAnchors)
	}
	if !(c.MinScale > 0 && c.MaxScale >= c.MinScale && c.MaxScale <= 2) {
		bad("scales %g to %g, want 0 < min_scale ≤ max_scale ≤ 2", c.MinScale, c.MaxScale)
	}
	if len(c.AspectRatios) == 0 {
		bad("no aspect_ratios")
	}
	for _, r := range append([]float64{max(c.InterpolatedRatio, 1e-3)}, c.AspectRatios...) {
		if !(r > 0 && r <= 100) {
			bad("aspect ratio %g, want above 0 and at most 100", r)
		}
	}
	for _, s := range c.BoxScales {
		if !(s > 0) || math.IsInf(s, 0) {
			bad("box scale %g, want a positive number", s)
		}
	}
	if _, ok := ssdBoxOrders[c.BoxOrder]; !ok {
		bad("box_order %q, want \"yxhw\" or \"xywh\"", c.BoxOrder)
	}
	if c.Activation != "sigmoid" && c.Activation != "none" {
		bad("activation %q, want \"sigmoid\" or \"none\"", c.Activation)
	}
	return errors.Join(errs...)
}

// anchors lists the anchors in the order of the network's output: by map, row,
// column, then shape.
func (c SSDConfig) anchors() []anchor {
	var out []anchor
	for level, cells := range c.FeatureMaps {
		shapes := c.shapes(level)
		for y := range cells {
			for x := range cells {
				for _, s := range shapes {
					s.cx = (float64(x) + 0.5) / float64(cells)
					s.cy = (float64(y) + 0.5) / float64(cells)
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// shapes gives the anchor sizes of one cell of a feature map.
func (c SSDConfig) shapes(level int) []anchor {
	shape := func(scale, ratio float64) anchor {
		r := math.Sqrt(ratio)
		return anchor{w: scale * r, h: scale / r}
	}
	scale, next := c.scale(level), c.scale(level+1)
	if level == 0 && c.ReduceLowest {
		return []anchor{shape(0.1, 1), shape(scale, 2), shape(scale, 0.5)}
	}
	var out []anchor
	for _, r := range c.AspectRatios {
		out = append(out, shape(scale, r))
	}
	if c.InterpolatedRatio > 0 {
		out = append(out, shape(math.Sqrt(scale*next), c.InterpolatedRatio))
	}
	return out
}

// scale of a feature map; the one past the last counts as the whole picture.
func (c SSDConfig) scale(level int) float64 {
	last := len(c.FeatureMaps) - 1
	switch {
	case level > last:
		return 1
	case last == 0:
		return (c.MinScale + c.MaxScale) / 2
	}
	return c.MinScale + (c.MaxScale-c.MinScale)*float64(level)/float64(last)
}

// Shapes are those of boxes and scores.
func (d *SSD) Shapes() [][]int { return [][]int{{len(d.anchors), 4}, {len(d.anchors), d.channels}} }

// Decode implements Decoder; the outputs are boxes, then scores.
func (d *SSD) Decode(dst []Detection, outputs [][]float32, conf float64, wanted []bool) ([]Detection, error) {
	boxes, scores, err := pair(outputs)
	if err != nil {
		return dst, fmt.Errorf("decode ssd outputs: %w", err)
	}
	if len(boxes) != 4*len(d.anchors) || len(scores) != d.channels*len(d.anchors) {
		return dst, fmt.Errorf("decode ssd outputs: %d box and %d score values, want %d and %d for %d anchors",
			len(boxes), len(scores), 4*len(d.anchors), d.channels*len(d.anchors), len(d.anchors))
	}
	floor := d.rawThreshold(conf)
	for i := range d.anchors {
		class, raw := bestClass(scores[i*d.channels+d.background:(i+1)*d.channels], floor, wanted)
		if class < 0 {
			continue
		}
		box := d.box(&d.anchors[i], boxes[4*i:4*i+4])
		if !box.Valid() {
			continue
		}
		dst = append(dst, Detection{Box: box, Score: d.score(raw), Class: class})
	}
	return dst, nil
}

// rawThreshold turns a confidence into what the raw scores compare with, so that
// only survivors pay for an exponential.
func (d *SSD) rawThreshold(conf float64) float32 {
	if !d.sigmoid {
		return float32(conf)
	}
	switch {
	case conf <= 0:
		return float32(math.Inf(-1))
	case conf >= 1:
		return float32(math.Inf(1))
	}
	return float32(math.Log(conf / (1 - conf)))
}

func (d *SSD) score(raw float32) float64 {
	if !d.sigmoid {
		return float64(raw)
	}
	return 1 / (1 + math.Exp(-float64(raw)))
}

// box applies the network's four numbers to an anchor; input pixels.
func (d *SSD) box(a *anchor, t []float32) Box {
	cy := float64(t[d.ix[0]])/d.scales[0]*a.h + a.cy
	cx := float64(t[d.ix[1]])/d.scales[1]*a.w + a.cx
	h := math.Exp(float64(t[d.ix[2]])/d.scales[2]) * a.h
	w := math.Exp(float64(t[d.ix[3]])/d.scales[3]) * a.w
	return Box{
		X1: (cx - w/2) * d.inW, Y1: (cy - h/2) * d.inH,
		X2: (cx + w/2) * d.inW, Y2: (cy + h/2) * d.inH,
	}
}
