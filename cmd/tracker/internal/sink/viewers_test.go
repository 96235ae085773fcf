//go:build gocv_specific_modules

package sink

import (
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
)

// BenchmarkViewers is a frame that somebody looks at, and one that nobody does.
func BenchmarkViewers(b *testing.B) {
	img := gocv.NewMatWithSize(576, 768, gocv.MatTypeCV8UC3)
	defer img.Close()
	gocv.RandU(&img, gocv.NewScalar(0, 0, 0, 0), gocv.NewScalar(60, 60, 60, 0))
	r := Result{Frame: &capture.Frame{Mat: img}, Width: 768, Height: 576}
	for _, looked := range []bool{true, false} {
		name := map[bool]string{true: "looked at", false: "alone"}[looked]
		b.Run(name, func(b *testing.B) {
			v := NewViewers(web.NewFeed(), func(string, ...any) {})
			defer v.Commit()
			b.ReportAllocs()
			for b.Loop() {
				v.Wants(time.Now())
				v.wanted = looked
				if err := v.Write(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
