package bench

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The picture, in inches.
const (
	plotWidth  = 9 * vg.Inch
	plotHeight = 6 * vg.Inch
	plotDPI    = 130
)

// logFrom is the ratio of the slowest to the fastest model from which on a linear
// axis would crowd the fast ones.
const logFrom = 4

// palette is Okabe and Ito's, which the colour-blind can tell apart, without the
// yellow, which white paper swallows. Backbones take turns.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.Black,
}

var (
	grey = color.Gray{0x90}
	red  = color.RGBA{0xb0, 0x10, 0x10, 0xff}
)

// Plot writes accuracy over latency as a PNG: a marker and a name for each model,
// the Pareto front as steps, the budget as a line. Models of unknown accuracy are
// left out; it is an error if that leaves none.
func (r *Report) Plot(w io.Writer) error {
	s := r.scatter()
	if len(s.points) == 0 {
		return fmt.Errorf("plot accuracy over latency: no model's accuracy is known; give --input VIDEO and --gt TRUTH")
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s over latency on %s, %s, threads: %d", r.Metric, r.Machine, r.Device, r.Threads)
	p.Title.TextStyle.Font, p.Title.Padding = sans(12), vg.Points(10)
	p.X.Label.Text, p.Y.Label.Text = "whole frame, p95 (ms); filled: on the Pareto front", r.accuracyLabel()
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font, axis.Tick.Label.Font = sans(10), sans(9)
		axis.Label.Padding, axis.Padding = vg.Points(5), vg.Points(4)
		axis.Tick.Marker = plot.TickerFunc(linearTicks)
	}
	s.fitAxes(p)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe6}, color.Gray{0xe6}
	p.Add(grid, s)

	img := vgimg.NewWith(vgimg.UseWH(plotWidth, plotHeight), vgimg.UseDPI(plotDPI))
	canvas := draw.New(img)
	p.Draw(draw.Crop(canvas, vg.Points(10), -vg.Points(14), vg.Points(8), -vg.Points(8)))
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

func sans(points vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: points}
}

func (r *Report) accuracyLabel() string {
	if r.Metric == HOTA {
		return "HOTA (%) on " + r.Truth
	}
	return string(r.Metric) + " (%) of the manifest"
}

// point is a model in the plot: milliseconds and percent.
type point struct {
	x, y  float64
	name  string
	color color.Color
	front bool
}

// scatter is what the plot shows, from fast to slow.
type scatter struct {
	points []point
	budget float64 // milliseconds, 0 for none
}

func (r *Report) scatter() *scatter {
	s := &scatter{budget: r.Budget}
	var backbones []string
	for i := range r.Models {
		m := &r.Models[i]
		value, known := r.Metric.accuracy(m)
		if !known {
			continue
		}
		n := slices.Index(backbones, m.Backbone)
		if n < 0 {
			n = len(backbones)
			backbones = append(backbones, m.Backbone)
		}
		name := fmt.Sprintf("%s %s", m.Model, m.Size())
		s.points = append(s.points, point{m.Frame.P95, 100 * value, name, palette[n%len(palette)], m.Front})
	}
	return s
}

// fitAxes leaves room around the points for their names; the latency axis starts
// at 0 where it is linear.
func (s *scatter) fitAxes(p *plot.Plot) {
	fast, slow := s.points[0].x, s.points[len(s.points)-1].x
	low, high := s.points[0].y, s.points[0].y
	for _, pt := range s.points {
		low, high = min(low, pt.y), max(high, pt.y)
	}
	room := max(0.15*(high-low), 1)
	p.Y.Min, p.Y.Max = low-room, high+room
	logarithmic := slow > logFrom*fast
	if s.budget > 0 {
		fast, slow = min(fast, s.budget), max(slow, s.budget)
	}
	if logarithmic {
		p.X.Min, p.X.Max = fast/1.25, slow*1.5
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
		return
	}
	p.X.Min, p.X.Max = 0, slow*1.2
}

// linearTicks are 5 to 11 multiples of 1, 2 or 5 times a power of ten.
func linearTicks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, digit := range []float64{5, 2} {
		if digit*step*5 <= high-low {
			step *= digit
			break
		}
	}
	var ticks []plot.Tick
	for n := math.Ceil(low / step); n*step <= high; n++ {
		ticks = append(ticks, plot.Tick{Value: n * step, Label: fmt.Sprintf("%.4g", n*step)})
	}
	return ticks
}

// logTicks are 1, 2 and 5 times the powers of ten.
func logTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for power := math.Floor(math.Log10(low)); math.Pow(10, power) <= high; power++ {
		for _, digit := range []float64{1, 2, 5} {
			if v := digit * math.Pow(10, power); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", v)})
			}
		}
	}
	return ticks
}

const markerRadius = 4 // points

// Plot draws lines, then markers, then names, so that nothing covers a name. It
// makes scatter a plot.Plotter.
func (s *scatter) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	at := func(ms, percent float64) vg.Point { return vg.Point{X: x(ms), Y: y(percent)} }
	taken := append(s.drawFront(c, at), s.drawBudget(c, x)...)
	style := p.X.Tick.Label
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	labels := make([]labelled, len(s.points))
	for i, pt := range s.points {
		where, size := at(pt.x, pt.y), style.Rectangle(pt.name).Size()
		labels[i] = labelled{float64(where.X), float64(where.Y), float64(size.X), float64(size.Y)}
		glyph := draw.GlyphStyle{Color: pt.color, Radius: markerRadius, Shape: draw.RingGlyph{}}
		if pt.front {
			glyph.Shape = draw.CircleGlyph{}
		}
		c.DrawGlyph(glyph, where)
	}
	for i, place := range placeLabels(labels, 2*markerRadius, taken, canvasRect(c)) {
		style.Color = s.points[i].color
		middle := vg.Point{X: vg.Length(place.x1+place.x2) / 2, Y: vg.Length(place.y1+place.y2) / 2}
		s.drawLeader(c, labels[i], place)
		c.FillText(style, middle, s.points[i].name)
	}
}

// drawFront draws steps: up to the next model's latency the last accuracy is what
// can be had. It says which areas that takes.
func (s *scatter) drawFront(c draw.Canvas, at func(ms, percent float64) vg.Point) (taken []rect) {
	var line []vg.Point
	last := math.Inf(-1)
	for _, pt := range s.points {
		if !pt.front {
			continue
		}
		if len(line) > 0 {
			line = append(line, at(pt.x, last))
		}
		line = append(line, at(pt.x, pt.y))
		last = pt.y
	}
	if len(line) > 0 {
		line = append(line, vg.Point{X: c.Max.X, Y: line[len(line)-1].Y})
	}
	c.StrokeLines(draw.LineStyle{Color: grey, Width: 1.2, Dashes: []vg.Length{4, 3}}, line)
	for i := 1; i < len(line); i++ {
		taken = append(taken, around(line[i-1], line[i]))
	}
	return taken
}

// around is the area of a line to the right, up or down.
func around(from, to vg.Point) rect {
	const margin = 1.5
	return rect{
		float64(from.X) - margin, float64(min(from.Y, to.Y)) - margin,
		float64(to.X) + margin, float64(max(from.Y, to.Y)) + margin,
	}
}

// drawBudget draws the budget's line and says which area that takes.
func (s *scatter) drawBudget(c draw.Canvas, x func(float64) vg.Length) []rect {
	if s.budget == 0 {
		return nil
	}
	at := x(s.budget)
	c.StrokeLine2(draw.LineStyle{Color: red, Width: 1.2}, at, c.Min.Y, at, c.Max.Y)
	style := draw.TextStyle{Color: red, Font: sans(9), XAlign: draw.XRight, YAlign: draw.YTop, Handler: plot.DefaultTextHandler}
	text := fmt.Sprintf("budget %g ms", s.budget)
	corner := vg.Point{X: at - 4, Y: c.Max.Y - 2}
	size := style.Rectangle(text).Size()
	c.FillText(style, corner, text)
	return []rect{
		around(vg.Point{X: at, Y: c.Min.Y}, vg.Point{X: at, Y: c.Max.Y}),
		{float64(corner.X - size.X), float64(corner.Y - size.Y), float64(corner.X), float64(corner.Y)},
	}
}

// drawLeader joins a label to its point where it stands far off.
func (s *scatter) drawLeader(c draw.Canvas, from labelled, to rect) {
	x, y := min(max(from.x, to.x1), to.x2), min(max(from.y, to.y1), to.y2)
	if math.Hypot(x-from.x, y-from.y) < 2*distances[0] {
		return
	}
	c.StrokeLine2(draw.LineStyle{Color: grey, Width: 0.6}, vg.Length(from.x), vg.Length(from.y), vg.Length(x), vg.Length(y))
}

func canvasRect(c draw.Canvas) rect {
	return rect{float64(c.Min.X), float64(c.Min.Y), float64(c.Max.X), float64(c.Max.Y)}
}
