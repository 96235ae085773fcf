package mot

import (
	"math"
	"strconv"
	"testing"
)

// FuzzParseNumber wants what strconv reads, to the last bit.
func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{
		"0", "-0", "7.0", "1418.85009765625", "328.7249755859375", "9007199254740993", "0.1", "1e22", "-1.5E-3",
		"00000000000000000001", "18446744073709551616", "0.00000000000000000000000001", ".", "-", "+.5", "nan", "0x1p3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseNumber([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if ok && (err != nil || math.Float64bits(got) != math.Float64bits(want)) {
			t.Fatalf("%q = %v, strconv says %v, %v", text, got, want, err)
		}
		plain := true
		for _, c := range []byte(text) {
			plain = plain && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E')
		}
		if !ok && plain && err == nil {
			t.Fatalf("%q is refused, strconv says %v", text, want)
		}
	})
}
