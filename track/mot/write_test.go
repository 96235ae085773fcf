package mot_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/mot"
)

func TestWriteRow(t *testing.T) {
	var out bytes.Buffer
	w := mot.NewWriter(&out)
	for _, score := range []float64{1, 0, 0.5, 0.87654, 0.99999, 10, -0.25} {
		row := mot.FromBox(12, 3, detect.Box{X1: 1.005, Y1: -2, X2: 31.25, Y2: 80}, score)
		if err := w.WriteRow(row); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() != 0 {
		t.Error("rows are not buffered")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	box := "12,3,1.00,-2.00,30.25,82.00,"
	want := ""
	for _, score := range []string{"1", "0", "0.5", "0.8765", "1", "10", "-0.25"} {
		want += box + score + ",-1,-1,-1\n"
	}
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWriteRowRefuses(t *testing.T) {
	good := mot.Row{Frame: 4, ID: 9, Width: 1, Height: 1}
	for want, change := range map[string]func(*mot.Row){
		"id 9: left is NaN":       func(r *mot.Row) { r.Left = math.NaN() },
		"id 9: height is -Inf":    func(r *mot.Row) { r.Height = math.Inf(-1) },
		"id 9: confidence is NaN": func(r *mot.Row) { r.Conf = math.NaN() },
		"frame is 0, want":        func(r *mot.Row) { r.Frame = 0 },
		"frame is 2.147483648e":   func(r *mot.Row) { r.Frame = 1 << 31 },
		"id is 2.147483648e":      func(r *mot.Row) { r.ID = 1 << 31 },
		"left is 2e+09":           func(r *mot.Row) { r.Left = 2e9 },
	} {
		row := good
		change(&row)
		var out bytes.Buffer
		w := mot.NewWriter(&out)
		if err := w.WriteRow(row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := w.Flush(); err != nil || out.Len() > 0 {
			t.Errorf("%s: wrote %q, %v", want, &out, err)
		}
	}
}

type fullDisk struct{ err error }

func (d fullDisk) Write([]byte) (int, error) { return 0, d.err }

func TestWriterPassesErrorsOn(t *testing.T) {
	full := errors.New("disk full")
	w := mot.NewWriter(fullDisk{full})
	if err := w.WriteRow(mot.Row{Frame: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); !errors.Is(err, full) {
		t.Errorf("flush: %v", err)
	}
	if err := w.WriteRow(mot.Row{Frame: 1}); !errors.Is(err, full) {
		t.Errorf("write after a failure: %v", err)
	}
}

func TestWriteRowAllocatesNothing(t *testing.T) {
	w := mot.NewWriter(io.Discard)
	row := mot.Row{Frame: 123456, ID: 789, Left: 1234.5678, Top: -0.125, Width: 1e9, Height: 80, Conf: 0.98765}
	if n := testing.AllocsPerRun(10_000, func() {
		if err := w.WriteRow(row); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
