package mot

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// SeqInfo is what a sequence's seqinfo.ini says of its video. A field is zero
// where the file does not give it.
type SeqInfo struct {
	Name      string
	FrameRate float64 // frames a second
	Length    int     // frames
	Width     int     // of the picture, pixels
	Height    int
}

// ReadSeqInfo reads a seqinfo.ini: name, frameRate, seqLength, imWidth and
// imHeight of the section [Sequence]. Other keys and sections are skipped.
func ReadSeqInfo(path string) (SeqInfo, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return SeqInfo{}, err
	}
	return parseSeqInfo(path, string(data))
}

func parseSeqInfo(file, text string) (SeqInfo, error) {
	var info SeqInfo
	section := ""
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, string(utf8BOM))) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == ';' || line[0] == '#':
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			section = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return SeqInfo{}, &SyntaxError{file, number, "line", shorten([]byte(line)), "key=value or [section]"}
		}
		if section != "Sequence" {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if want := info.set(strings.ToLower(key), value); want != "" {
			return SeqInfo{}, &SyntaxError{file, number, key, shorten([]byte(value)), want}
		}
	}
	if info == (SeqInfo{}) {
		return SeqInfo{}, fmt.Errorf("read %s: no name, frameRate or seqLength in a section [Sequence]", file)
	}
	return info, nil
}

// set gives the field of key its value, or says what was expected of it.
func (s *SeqInfo) set(key, value string) (want string) {
	switch key {
	case "name":
		s.Name = value
		return ""
	case "framerate":
		rate, ok := parseNumber([]byte(value))
		if !ok || rate <= 0 || rate > 1e6 {
			return "a number of frames a second above 0"
		}
		s.FrameRate = rate
		return ""
	}
	fields := map[string]*int{"seqlength": &s.Length, "imwidth": &s.Width, "imheight": &s.Height}
	field, ok := fields[key]
	if !ok {
		return ""
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 {
		return "an integer of 1 or more"
	}
	*field = int(n)
	return ""
}
