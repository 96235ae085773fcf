//go:build gocv_specific_modules

package backbones

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// The same session read with other thresholds and labels gives what a model opened so
// gives, and lives until the last of them is closed.
func TestWith(t *testing.T) {
	img := gocv.IMRead(filepath.Join("testdata", "reference", "street.png"), gocv.IMReadColor)
	defer img.Close()
	look := func(m *Model) []detect.Detection {
		t.Helper()
		r := newRequest(t, m)
		if err := r.Load(&img); err != nil {
			t.Fatal(err)
		}
		if err := r.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		found, err := r.Detections(nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	low, high := Options{Threads: 1, Conf: 0.25, NMSIoU: 0.5}, Options{Threads: 1, Conf: 0.5, NMSIoU: 0.5}
	first, err := Open(shipped(t), low)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	all := look(first)
	labels := append([]string{"zebra"}, first.Labels()...)
	high.Labels = labels
	second, err := first.With(high)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	if got := second.Labels(); !slices.Equal(got, labels) {
		t.Errorf("labels %v", got)
	}
	var want []detect.Detection
	for _, d := range all {
		if d.Score >= 0.5 {
			d.Class++
			want = append(want, d)
		}
	}
	got := look(second)
	same := slices.EqualFunc(got, want, func(a, b detect.Detection) bool {
		return a.Box == b.Box && a.Score == b.Score && a.Class == b.Class
	})
	if len(want) == 0 || !same {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for name, o := range map[string]Options{
		"open the model again":        {Threads: 2, Conf: 0.5, NMSIoU: 0.5},
		"conf is 2":                   {Threads: 1, Conf: 2, NMSIoU: 0.5},
		`class "unicorn"`:             {Threads: 1, Conf: 0.5, NMSIoU: 0.5, Classes: []string{"unicorn"}},
		`label "person" is not among`: {Threads: 1, Conf: 0.5, NMSIoU: 0.5, Labels: []string{"zebra"}},
	} {
		if _, err := first.With(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
}
