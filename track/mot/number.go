package mot

import (
	"math"
	"strconv"
)

// pow10 holds the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseNumber reads a decimal number, correctly rounded; false where b is not
// one or is not finite.
//
// Digits that fit a float64's 53 bits divided by an exact power of ten are one
// correctly rounded operation (Clinger, "How to Read Floating Point Numbers
// Accurately", 1990). Nearly every number in these files is of that kind;
// the others go to strconv.
func parseNumber(b []byte) (float64, bool) {
	digits, neg := b, false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		neg, digits = digits[0] == '-', digits[1:]
	}
	var mantissa uint64
	point := -1 // index of the decimal point
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + uint64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return parseSlow(b)
		}
	}
	count, decimals := len(digits), 0
	if point >= 0 {
		count, decimals = len(digits)-1, len(digits)-1-point
	}
	const safe = 19 // digits that cannot overflow a uint64
	if count == 0 || count > safe || mantissa > 1<<53 {
		return parseSlow(b)
	}
	x := float64(mantissa) / pow10[decimals]
	if neg {
		x = -x
	}
	return x, true
}

// parseSlow reads what parseNumber does not: exponents and very long numbers.
func parseSlow(b []byte) (float64, bool) {
	for _, c := range b {
		// strconv also knows hexadecimal, underscores, "inf" and "nan".
		if !(c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E') {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(string(b), 64)
	return x, err == nil && !math.IsInf(x, 0)
}
