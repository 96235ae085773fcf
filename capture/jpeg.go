package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"
	"io"
)

// JPEG's markers that matter here; each follows a byte of 0xff.
const (
	jpegAlone   = 0x01 // up to this, and from jpegRestart to jpegStart, no length follows
	jpegRestart = 0xd0
	jpegStart   = 0xd8
	jpegEnd     = 0xd9
	jpegScan    = 0xda // the picture's data follow
)

// cutJPEG says whether data is a JPEG file that stops before its picture does. libjpeg
// paints what is missing grey, and only warns.
func cutJPEG(data []byte) bool {
	if !bytes.HasPrefix(data, []byte{0xff, jpegStart}) {
		return false
	}
	scan := firstScan(data)
	if scan == len(data) {
		return true
	}
	// Not before the first scan: a thumbnail there has an end of its own. Within a scan
	// the encoder leaves no 0xff alone that could be taken for a marker's.
	end := []byte{0xff, jpegEnd}
	if bytes.LastIndex(data[scan:], end) >= 0 { // mostly the last bytes
		return false
	}
	// Some encoders forget the end, and the picture is whole.
	if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > maxChecked {
		return false
	}
	_, err := jpeg.Decode(io.MultiReader(bytes.NewReader(data), bytes.NewReader(end)))
	return errors.As(err, new(jpeg.FormatError)) || errors.Is(err, io.ErrUnexpectedEOF)
}

// maxChecked bounds the pixels that a header of a few bytes can ask room for.
const maxChecked = 1 << 25

// firstScan is where a JPEG file's first scan begins, or whatever is no segment; the
// length of data where it ends before.
func firstScan(data []byte) int {
	at := 2 // past the start
	for at+4 <= len(data) {
		switch kind := data[at+1]; {
		case data[at] != 0xff, kind == jpegScan, kind == jpegEnd:
			return at
		case kind == 0xff: // padding
			at++
		case kind <= jpegAlone, kind >= jpegRestart && kind <= jpegStart:
			at += 2
		default:
			at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		}
	}
	return len(data)
}
