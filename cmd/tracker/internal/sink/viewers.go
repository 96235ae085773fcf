//go:build gocv_specific_modules

package sink

import (
	"bytes"
	"context"
	"image"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
)

// Viewers shows the pictures to browsers, as many as a web.Feed has, and tells it of every
// frame. Pictures that nobody waits for cost nothing.
type Viewers struct {
	feed   *web.Feed
	warn   func(message string, args ...any)
	wanted bool     // the next picture
	failed bool     // to encode one, which is told once
	small  gocv.Mat // of a picture that is too wide
}

// What browsers get: wider pictures are made smaller. Raising either looks better and costs
// more time and network.
const (
	viewWidth   = 1280 // pixels
	viewQuality = 80   // of JPEG, 0..100
)

// NewViewers fills the feed. It warns of pictures that cannot be shown.
func NewViewers(feed *web.Feed, warn func(message string, args ...any)) *Viewers {
	return &Viewers{feed: feed, warn: warn, small: gocv.NewMat()}
}

// Wants says whether the next Write will show its picture, which may then be drawn on.
func (v *Viewers) Wants(now time.Time) bool {
	v.wanted = v.feed.Due(now)
	return v.wanted
}

// Write shows the picture where Wants said so. One that cannot be shown is no reason to end
// a run.
func (v *Viewers) Write(_ context.Context, r Result) error {
	v.feed.Note(web.Moment{
		Index: r.Frame.Index, Time: r.Frame.Time, Width: r.Width, Height: r.Height,
		Detections: len(r.Detections), Tracks: len(r.Tracks), Zones: r.Zones, Labels: r.Labels,
	})
	if !v.wanted {
		return nil
	}
	v.wanted = false
	jpeg, err := v.encode(&r.Frame.Mat)
	switch {
	case err == nil:
		v.feed.Show(jpeg, time.Now())
	case !v.failed:
		v.failed = true
		v.warn("browsers cannot be shown the pictures", "error", err)
	}
	return nil
}

func (v *Viewers) encode(picture *gocv.Mat) ([]byte, error) {
	if width := picture.Cols(); width > viewWidth {
		size := image.Pt(viewWidth, max(1, picture.Rows()*viewWidth/width))
		if err := gocv.Resize(*picture, &v.small, size, 0, 0, gocv.InterpolationArea); err != nil {
			return nil, err
		}
		picture = &v.small
	}
	native, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, *picture, []int{gocv.IMWriteJpegQuality, viewQuality})
	if err != nil {
		return nil, err
	}
	defer native.Close()
	return bytes.Clone(native.GetBytes()), nil
}

// Commit frees what encoding needs.
func (v *Viewers) Commit() error {
	if v.small.Closed() {
		return nil
	}
	return v.small.Close()
}

// Keep does as Commit: there is nothing to keep.
func (v *Viewers) Keep() (string, error) { return "", v.Commit() }
