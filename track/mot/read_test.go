package mot_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tracker-go/tracker/track/mot"
)

func TestRead(t *testing.T) {
	box := mot.Row{Frame: 3, ID: 7, Left: 1.5, Top: -2, Width: 30, Height: 80.25, Conf: 1, Class: -1, Visibility: -1}
	with := func(change func(*mot.Row)) mot.Row {
		r := box
		change(&r)
		return r
	}
	tests := []struct {
		name, text string
		want       []mot.Row
	}{
		{"empty", "", []mot.Row{}},
		{"only blank lines", "\n\r\n  \n", []mot.Row{}},
		{"shortest", "3,7,1.5,-2,30,80.25", []mot.Row{box}},
		{"results", "3,7,1.5,-2,30,80.25,0.875,-1,-1,-1\n", []mot.Row{with(func(r *mot.Row) { r.Conf = 0.875 })}},
		{"truth", "3,7,1.5,-2,30,80.25,0,12,0.3\n", []mot.Row{with(func(r *mot.Row) {
			r.Conf, r.Class, r.Visibility = 0, 12, 0.3
		})}},
		{"truth of MOT15", "3,7,1.5,-2,30,80.25,1,-3.9,16.34,0.45", []mot.Row{with(func(r *mot.Row) {
			r.Class, r.Visibility = -3, 16.34
		})}},
		{"decimal integers", "3.0,7.00,1.5,-2,30,80.25", []mot.Row{box}},
		{"exponents", "3e0,7E+0,15e-1,-2,3e1,80.25", []mot.Row{box}},
		{"more digits than a float64 has", "3,7,1.50000000000000000000001,-2,30,80.25", []mot.Row{box}},
		{"spaces, tabs, plus signs", " 3,\t7 , 1.5,-2.,+30,80.25 ", []mot.Row{box}},
		{"comma at the end", "3,7,1.5,-2,30,80.25,1,\n", []mot.Row{box}},
		{"CRLF and blank lines", "\r\n3,7,1.5,-2,30,80.25\r\n\r\n3,7,1.5,-2,30,80.25\r\n", []mot.Row{box, box}},
		{"byte order mark", "\ufeff3,7,1.5,-2,30,80.25", []mot.Row{box}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := mot.Read(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	const good = "1,1,0,0,10,10\n"
	tests := []struct {
		text string
		want string // what the error must say
	}{
		{good + "\nx,1,0,0,1,1", `line 3: frame "x": expected an integer of 1 or more`},
		{"0,1,0,0,1,1", `line 1: frame "0"`},
		{"1.5,1,0,0,1,1", `frame "1.5"`},
		{"2147483647,1,0,0,1,1", `frame "2147483647"`},
		{"1,9999999999,0,0,1,1", `id "9999999999": expected an integer of at most 32 bits`},
		{"1,1,NaN,0,1,1", `left "NaN": expected a number of pixels`},
		{"1,1,0,inf,1,1", `top "inf"`},
		{"1,1,0,0,1e400,1", `width "1e400"`},
		{"1,1,0,0,1,-1e10", `height "-1e10"`},
		{"1,1,0,0,0x10,1", `width "0x10"`},
		{"1,1,0,0,1_0,1", `width "1_0"`},
		{"1,1,0,0,1,1,high", `confidence "high": expected a finite number`},
		{"1,1,0,0,1,1,1,1e300", `class "1e300"`},
		{"1,1,0,0,1,1,1,1,?", `visibility "?"`},
		{"1,1,0,,1,1", `top ""`},
		{"1,1,0,0,1", "expected 6 to 10 columns separated by commas (frame,id,left,top,width,height,…), not 5"},
		{"1 1 0 0 1 1", `frame "1 1 0 0 1 1"`},
		{"1,1,0,0,1,1,1,1,1,1,1", "not more"},
		{"1,-,0,0,1,1", `id "-"`},
		{"1,.,0,0,1,1", `id "."`},
		{"1,1.2.3,0,0,1,1", `id "1.2.3"`},
		{strings.Repeat("z", 100) + ",1,0,0,1,1", `"` + strings.Repeat("z", 40) + `…"`},
	}
	for _, test := range tests {
		rows, err := mot.Read(strings.NewReader(test.text))
		var syntax *mot.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, %v, want a SyntaxError", test.text, rows, err)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %q does not say %q", test.text, err, test.want)
		}
	}
}

func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "det.txt")
	if _, err := mot.ReadFile(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("1,2,3,4,5,6\n1,2,3,wide,5,6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mot.ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+":2: top \"wide\"") {
		t.Errorf("bad line: %v", err)
	}
}

func TestReadPassesErrorsOn(t *testing.T) {
	broken := errors.New("cable pulled")
	if _, err := mot.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzRead wants rows that can be written to be read back as they were, within
// the decimals written.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"1,1,912,484,97,109,0,7,0.000000\n2,1,912,484,97,109,0,7,0\r\n",
		"1,-1,889.7,422.6,137.7,520.4,0.94,-1,-1,-1\n",
		"1,1,212,204,20,57,0,-3.1784,16.34,0.45739\n",
		"1.0,2,1418.85009765625,430.6500244140625,175.5,328.7249755859375,1,-1,-1,-1",
		"1,1,1e2,-0,+3.,.5\n\n , \n", "\ufeff,,,,,", "1,1,NaN,inf,0x1p4,1_0", "9007199254740993,1,0,0,1,1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := mot.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		text := write(t, rows)
		again, err := mot.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", data, text, err)
		}
		if second := write(t, again); !bytes.Equal(text, second) {
			t.Fatalf("%q was written as %q, then as %q", data, text, second)
		}
	})
}

func write(t *testing.T, rows []mot.Row) []byte {
	t.Helper()
	var out bytes.Buffer
	w := mot.NewWriter(&out)
	for _, r := range rows {
		if err := w.WriteRow(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkRead(b *testing.B) {
	line := "600,12,1418.85009765625,430.6500244140625,175.5,328.7249755859375,0.9375,-1,-1,-1\n"
	text := strings.Repeat(line, 10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := mot.Read(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
