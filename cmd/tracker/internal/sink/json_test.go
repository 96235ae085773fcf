package sink

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestAppendDecimals(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 2, "0"}, {12, 2, "12"}, {7.25, 2, "7.25"}, {7.5, 2, "7.5"}, {100, 2, "100"}, {-3.999, 2, "-4"},
		{0.87654, 4, "0.8765"}, {1e6, 2, "1000000"}, {-0.001, 2, "-0"},
	} {
		if got := string(appendDecimals(nil, c.v, c.decimals)); got != c.want {
			t.Errorf("appendDecimals(%v, %d) = %s, want %s", c.v, c.decimals, got, c.want)
		}
	}
	if got := string(appendSeconds(nil, 33*time.Millisecond+333*time.Microsecond)); got != "0.033333" {
		t.Errorf("appendSeconds = %s", got)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "person", `a "quoted" \ back`, "tab\tnul\x00del\x7f", "größe", "\xff\xfe", "</script>\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		line := appendString(nil, s)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q became %s: %v", s, line, err)
		}
		if want := string([]rune(s)); got != want { // each broken byte a U+FFFD
			t.Errorf("%q came back as %q, want %q", s, got, want)
		}
	})
}

func FuzzAppendDecimals(f *testing.F) {
	f.Add(1.5)
	f.Add(-1e300)
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Skip()
		}
		var got float64
		text := appendDecimals(nil, v, 2)
		if err := json.Unmarshal(text, &got); err != nil || math.Abs(got-v) > 0.00501+math.Abs(v)*1e-15 {
			t.Errorf("%v became %s", v, text)
		}
	})
}
