package mot

import (
	"math"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/track"
)

func TestReadMotion(t *testing.T) {
	m, err := ReadMotion(strings.NewReader("1,1,0,2,0,1,3\r\n\n2\t0 -1 5 1 0 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 2 || m[1] != (track.Affine{A11: 1, TX: 2, A22: 1, TY: 3}) || m[2].A12 != -1 {
		t.Errorf("motion %v", m)
	}
	// BoT-SORT's own files count from 0.
	m, err = ReadMotion(strings.NewReader("0\t1\t0\t0\t0\t1\t0\n1\t1\t0\t2\t0\t1\t3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 2 || m[1] != (track.Affine{A11: 1, A22: 1}) || m[2].TX != 2 {
		t.Errorf("motion of frames from 0: %v", m)
	}
	for text, want := range map[string]string{
		"1,1,0,2,0,1":                      "line 1: 6 columns",
		"1,1,0,2,0,1,3\n0,1,0,2,0,1,3":     "line 2: frame 0 after frames counted from 1",
		"1,1,0,x,0,1,3":                    "column 4",
		"1,1,0,NaN,0,1,3":                  "column 4",
		"1,1,0,2,0,1,3\n1,1,0,2,0,1,3":     "twice",
		"1,1,0,2,0,1,3,9":                  "8 columns",
		"0,1,0,2,0,1,3\n0,1,0,2,0,1,3":     "frame 0 is there twice",
		"-1,1,0,2,0,1,3":                   "frame",
		"1.5,1,0,2,0,1,3":                  "frame",
		"99999999999999999999,1,0,0,0,1,0": "frame",
	} {
		if _, err := ReadMotion(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadMotion(f *testing.F) {
	f.Add("1,1,0,2,0,1,3\n")
	f.Add("\n1 1 0 1e309 0 1 3")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadMotion(strings.NewReader(text))
		if err != nil {
			return
		}
		for frame, a := range m {
			sum := a.A11 + a.A12 + a.TX + a.A21 + a.A22 + a.TY
			if huge := 1e300; frame < 1 || math.IsNaN(sum) && max(math.Abs(a.A11), math.Abs(a.A12), math.Abs(a.TX),
				math.Abs(a.A21), math.Abs(a.A22), math.Abs(a.TY)) < huge {
				t.Fatalf("frame %d: %+v", frame, a)
			}
		}
	})
}
