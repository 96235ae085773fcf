package mot

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// SyntaxError is a line that cannot be read: where it is, what stands there and
// what should.
type SyntaxError struct {
	File  string // empty where the name is not known
	Line  int    // counts from 1
	Field string // what the value is, "width" for example
	Value string // as it stands in the file, shortened
	Want  string // what was expected
}

func (e *SyntaxError) Error() string {
	where := fmt.Sprintf("line %d", e.Line)
	if e.File != "" {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("%s: %s %q: expected %s", where, e.Field, e.Value, e.Want)
}

// Read reads rows in the order of the file, which need not be that of the
// frames. Numbers may be written as integers or decimals ("7", "7.0", "7e0"),
// empty lines are skipped, lines may end in CRLF, and the columns after height
// may be missing: confidence is then 1, class and visibility −1. The world
// coordinates that some files have as columns 8 to 10 are checked to be numbers
// and not kept.
//
// A line that does not fit is a [*SyntaxError]. NaN and infinities do not fit,
// nor do numbers that no frame or picture has (frames below 1, ids beyond 32
// bits, boxes beyond 1e9 pixels).
func Read(r io.Reader) ([]Row, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return parseRows("", data)
}

// ReadFile reads the rows of a file; see [Read]. Errors name the file and line.
func ReadFile(path string) ([]Row, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRows(path, data)
}

// A column is what one field of a line may hold.
type column struct {
	name     string
	want     string // the range in words, for the error
	min, max float64
	integer  bool
}

const (
	maxInt    = math.MaxInt32
	maxFrame  = maxInt - 1 // two years at 30 frames a second
	maxPixels = 1e9
)

var columns = [...]column{
	{"frame", "an integer of 1 or more", 1, maxFrame, true},
	{"id", "an integer of at most 32 bits", math.MinInt32, maxInt, true},
	{"left", "a number of pixels", -maxPixels, maxPixels, false},
	{"top", "a number of pixels", -maxPixels, maxPixels, false},
	{"width", "a number of pixels", -maxPixels, maxPixels, false},
	{"height", "a number of pixels", -maxPixels, maxPixels, false},
	{"confidence", "a finite number", -math.MaxFloat64, math.MaxFloat64, false},
	// Not "integer": the truth of MOT15 has a world coordinate here.
	{"class", "a number of at most 32 bits", math.MinInt32, maxInt, false},
	{"visibility", "a finite number", -math.MaxFloat64, math.MaxFloat64, false},
	{"z", "a finite number", -math.MaxFloat64, math.MaxFloat64, false},
}

func (c *column) takes(x float64) bool {
	return x >= c.min && x <= c.max && (!c.integer || x == math.Trunc(x))
}

const minColumns = 6 // up to height

var utf8BOM = []byte("\xef\xbb\xbf")

func parseRows(file string, data []byte) ([]Row, error) {
	data = bytes.TrimPrefix(data, utf8BOM)
	rows := make([]Row, 0, bytes.Count(data, []byte{'\n'})+1)
	for line := 1; len(data) > 0; line++ {
		var text []byte
		text, data, _ = bytes.Cut(data, []byte{'\n'})
		if text = trim(text); len(text) == 0 {
			continue
		}
		row, bad := parseRow(text)
		if bad != nil {
			bad.File, bad.Line = file, line
			return nil, bad
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// parseRow reads one line, which is not empty. The error lacks file and line.
func parseRow(text []byte) (Row, *SyntaxError) {
	v := [len(columns)]float64{6: 1, 7: -1, 8: -1} // the defaults of missing columns
	n := 0
	for rest, more := text, true; more; n++ {
		var field []byte
		field, rest, more = bytes.Cut(rest, []byte{','})
		field = trim(field)
		if len(field) == 0 && !more && n >= minColumns {
			break // a comma at the end of the line
		}
		if n == len(columns) {
			return Row{}, columnCount(text, "more")
		}
		x, ok := parseNumber(field)
		if c := &columns[n]; !ok || !c.takes(x) {
			return Row{}, &SyntaxError{Field: c.name, Value: shorten(field), Want: c.want}
		}
		v[n] = x
	}
	if n < minColumns {
		return Row{}, columnCount(text, strconv.Itoa(n))
	}
	return Row{
		Frame: int(v[0]), ID: int(v[1]),
		Left: v[2], Top: v[3], Width: v[4], Height: v[5],
		Conf: v[6], Class: int(v[7]), Visibility: v[8],
	}, nil
}

func columnCount(text []byte, found string) *SyntaxError {
	return &SyntaxError{Field: "row", Value: shorten(text), Want: fmt.Sprintf(
		"%d to %d columns separated by commas (frame,id,left,top,width,height,…), not %s",
		minColumns, len(columns), found)}
}

// shorten keeps an error to one line whatever the file holds.
func shorten(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// trim cuts blanks and a carriage return off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
