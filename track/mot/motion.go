package mot

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/tracker-go/tracker/track"
)

// Motion is how the camera moved, by frame: the affine from the frame before it,
// pixels. Of frames that are not in it nothing is known.
type Motion map[int]track.Affine

// ReadMotion reads camera motion as BoT-SORT's files have it: a row for each
// frame, "frame,a11,a12,tx,a21,a22,ty", separated by commas, tabs or spaces. Frames
// count from 1, or from 0 where the first row is frame 0, as in those files; the
// result counts from 1. Errors name the line.
func ReadMotion(r io.Reader) (Motion, error) {
	m := make(Motion)
	first := 1 // number of the first frame
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		frame, a, err := parseMotion(text)
		if err == nil && frame == 0 && len(m) == 0 {
			first = 0
		}
		if err == nil && frame < first {
			err = fmt.Errorf("frame %d after frames counted from 1", frame)
		}
		if err == nil {
			frame += 1 - first
			if _, twice := m[frame]; twice {
				err = fmt.Errorf("frame %d is there twice", frame-1+first)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		m[frame] = a
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// ReadMotionFile reads the file at path; errors name it.
func ReadMotionFile(path string) (Motion, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := ReadMotion(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func parseMotion(text string) (frame int, a track.Affine, err error) {
	fields := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '\t' || c == ' ' })
	if len(fields) != 7 {
		return 0, a, fmt.Errorf("%d columns, want frame,a11,a12,tx,a21,a22,ty", len(fields))
	}
	if frame, err = strconv.Atoi(fields[0]); err != nil || frame < 0 || frame == math.MaxInt {
		return 0, a, fmt.Errorf("frame %q, want a whole number from 0 or 1", fields[0])
	}
	for i, to := range []*float64{&a.A11, &a.A12, &a.TX, &a.A21, &a.A22, &a.TY} {
		*to, err = strconv.ParseFloat(fields[i+1], 64)
		if err != nil || math.IsNaN(*to) || math.IsInf(*to, 0) {
			return 0, a, fmt.Errorf("column %d is %q, want a number", i+2, fields[i+1])
		}
	}
	return frame, a, nil
}
