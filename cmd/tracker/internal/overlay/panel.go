//go:build gocv_specific_modules

package overlay

import (
	"image"
	"strconv"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/track/zone"
)

// Panel is what the panel in the top-left corner shows. Empty texts, and a Latency
// without a name, are left out.
type Panel struct {
	// Zones is drawn on the picture itself, with or without the panel.
	Zones []zone.Count

	Title         string // backbone and model
	Tracker       string
	Device        string // what the network runs on
	Width, Height int    // of the source, pixels
	FPS           float64
	Rows          []timing.Row // one per stage
	Latency       timing.Row
	Bound         string // what limits the rate
	Detections    int
	Tracks        int
	Frame         int           // number of the frame
	Time          time.Duration // media time of the frame
	Live          bool          // a camera or a stream
	Reconnects    int           // times that the source was lost and found again; shown when not 0
	Dropped       int           // frames given up so as not to fall behind; shown when not 0
}

// arrangePanel lays out the full panel where it leaves two thirds of the picture
// free, one line otherwise, and returns its place in the picture.
func (l *layout) arrangePanel(c canvas, f *face, p *Panel) image.Rectangle {
	l.begin(f)
	l.full(p)
	l.arrange()
	if 3*l.size.X*l.size.Y > c.w*c.h || l.size.X > c.w || l.size.Y > c.h {
		l.begin(f)
		l.compact(p)
		l.arrange()
	}
	return image.Rectangle{Max: l.size}
}

// full lays out the whole panel.
func (l *layout) full(p *Panel) {
	l.str(left, white, p.Title)
	l.fps(right, p)
	l.newLine(1)
	if p.Tracker != "" || p.Width > 0 {
		l.str(left, grey, p.Tracker)
		l.resolution(p)
		l.newLine(1)
	}
	if p.Device != "" {
		l.str(left, grey, p.Device)
		l.newLine(1)
	}
	if len(p.Rows) > 0 {
		l.table(p)
	}
	if p.Bound != "" {
		l.str(left, orange, p.Bound)
		l.newLine(1)
	}
	l.newLine(0.5)
	l.counts(p)
}

// table lays out the stages. The one that takes the longest has a bar of another
// colour; bars are in proportion to the whole frame.
func (l *layout) table(p *Panel) {
	l.newLine(0.5)
	for col, title := range [...]string{name: "stage, ms", now: "now", p50: "p50", p95: "p95"} {
		l.str(column(col), grey, title)
	}
	l.newLine(1)
	longest, sum := time.Duration(0), time.Duration(0)
	for i := range p.Rows {
		longest = max(longest, p.Rows[i].P50)
		sum += p.Rows[i].P50
	}
	whole := max(sum, p.Latency.P50)
	for i := range p.Rows {
		col := blue
		if p.Rows[i].P50 == longest {
			col = orange
		}
		l.row(&p.Rows[i], whole, col)
	}
	if p.Latency.Name != "" {
		l.row(&p.Latency, whole, grey)
	}
}

func (l *layout) row(r *timing.Row, whole time.Duration, barColor bgr) {
	l.str(name, white, r.Name)
	l.ms(now, grey, r.Current)
	l.ms(p50, white, r.P50)
	l.ms(p95, grey, r.P95)
	l.bar(barColor, float64(r.P50)/float64(max(whole, 1)))
	l.newLine(1)
}

func (l *layout) counts(p *Panel) {
	l.number(left, white, p.Tracks, "track")
	l.number(right, grey, p.Detections, "detection")
	l.newLine(1)
	l.start(left, grey)
	l.text = append(l.text, "frame "...)
	l.text = strconv.AppendInt(l.text, int64(p.Frame), 10)
	l.end()
	l.start(right, grey)
	l.text = appendClock(l.text, p.Time)
	l.end()
	l.newLine(1)
	if p.Live {
		l.str(left, red, "LIVE")
	}
	if p.Dropped > 0 {
		l.number(right, orange, p.Dropped, "dropped frame")
	}
	if p.Live || p.Dropped > 0 {
		l.newLine(1)
	}
	if p.Reconnects > 0 {
		l.number(right, orange, p.Reconnects, "reconnect")
		l.newLine(1)
	}
}

// compact lays out what matters most in one line.
func (l *layout) compact(p *Panel) {
	l.fps(left, p)
	l.number(right, white, p.Tracks, "track")
	l.newLine(1)
}

func (l *layout) fps(at column, p *Panel) {
	l.start(at, green)
	l.text = strconv.AppendFloat(l.text, p.FPS, 'f', 1, 64)
	l.text = append(l.text, " FPS"...)
	l.end()
}

func (l *layout) resolution(p *Panel) {
	l.start(right, grey)
	l.text = strconv.AppendInt(l.text, int64(p.Width), 10)
	l.text = strconv.AppendInt(append(l.text, 'x'), int64(p.Height), 10)
	l.end()
}

// appendClock writes d as m:ss.t or h:mm:ss.t.
func appendClock(b []byte, d time.Duration) []byte {
	tenths := int64(max(d, 0) / (100 * time.Millisecond))
	minutes := tenths / 600
	if minutes >= 60 {
		b = append(strconv.AppendInt(b, minutes/60, 10), ':')
		minutes %= 60
		b = append(b, byte('0'+minutes/10))
		minutes %= 10
	}
	b = append(strconv.AppendInt(b, minutes, 10), ':')
	seconds := tenths / 10 % 60
	return append(b, byte('0'+seconds/10), byte('0'+seconds%10), '.', byte('0'+tenths%10))
}
