package mot

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// Writer writes rows in the format of results,
//
//	frame,id,left,top,width,height,confidence,-1,-1,-1
//
// the box with two decimals, the confidence with up to four. It is buffered:
// call Flush at the end. It allocates nothing per row.
type Writer struct {
	w *bufio.Writer
}

// NewWriter makes a Writer that writes to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{bufio.NewWriterSize(w, 64<<10)}
}

// WriteRow writes one row. A row that Read would refuse (a frame below 1, a box
// that is not finite) is an error and is not written; an error of the underlying
// writer is returned by this call or a later one.
func (w *Writer) WriteRow(r Row) error {
	for i, v := range [...]float64{float64(r.Frame), float64(r.ID), r.Left, r.Top, r.Width, r.Height, r.Conf} {
		if c := &columns[i]; !c.takes(v) {
			return fmt.Errorf("write row of frame %d, id %d: %s is %g, want %s", r.Frame, r.ID, c.name, v, c.want)
		}
	}
	b := w.w.AvailableBuffer()
	b = strconv.AppendInt(b, int64(r.Frame), 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(r.ID), 10)
	for _, v := range [...]float64{r.Left, r.Top, r.Width, r.Height} {
		b = append(b, ',')
		b = strconv.AppendFloat(b, v, 'f', 2, 64)
	}
	b = append(b, ',')
	b = appendScore(b, r.Conf)
	b = append(b, ",-1,-1,-1\n"...)
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("write row of frame %d: %w", r.Frame, err)
	}
	return nil
}

// Flush hands what is buffered to the underlying writer.
func (w *Writer) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// appendScore writes up to four decimals: 0.9, 0.8765, 1.
func appendScore(b []byte, score float64) []byte {
	b = strconv.AppendFloat(b, score, 'f', 4, 64)
	end := len(b)
	for b[end-1] == '0' {
		end--
	}
	if b[end-1] == '.' {
		end--
	}
	return b[:end]
}
