package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"unicode/utf8"
)

// container is what a video file's outermost structure says of itself, read
// without decoding anything. Of the many formats these are the ones that state
// their length, or have no header that could: of those FFmpeg infers it from the
// bytes there are.
type container struct {
	format string // "mp4", "avi", "matroska", "mpegts", "mpeg"; "text" for text; "" for anything else
	end    int64  // where the structure ends, in bytes; 0 where it does not say
	index  bool   // mp4: has the table (moov) without which nothing can be decoded
}

// truncated says whether the file stops before its own structure does.
func (c container) truncated(size int64) bool { return c.end > size }

// headless says whether the format, a transport or program stream or pictures alone, has
// no header that says how long the video is.
func (c container) headless() bool { return c.format == "mpegts" || c.format == "mpeg" }

// maxBoxes bounds the walk through a hostile or endless file.
const maxBoxes = 1 << 20

// inspect looks at a file of size bytes.
func inspect(r io.ReaderAt, size int64) container {
	head := make([]byte, 512)
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	switch {
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "AVI ":
		return container{format: "avi", end: riffEnd(r, size)}
	case len(head) >= 8 && isBox(head[4:8]):
		return inspectBoxes(r, size)
	case len(head) >= 4 && bytes.Equal(head[:4], ebmlMagic):
		return container{format: "matroska", end: segmentEnd(head)}
	case len(head) > 0 && isText(head):
		return container{format: "text"}
	case bytes.HasPrefix(head, []byte{0, 0, 1}), bytes.HasPrefix(head, []byte{0, 0, 0, 1}):
		return container{format: "mpeg"}
	}
	if p := packetsOf(head); p.length > 0 {
		return container{format: "mpegts", end: p.end(r, size)}
	}
	return container{}
}

// packets are those of an MPEG transport stream: how long each is, and where in it the
// byte is that all have. Some have a time stamp of 4 bytes before it, or 16 bytes of error
// correction after the 188 of the standard.
type packets struct{ length, sync int }

const packetSync = 0x47

// packetsOf tells from the first two or more; the length is 0 of anything else.
func packetsOf(head []byte) packets {
	for _, p := range []packets{{188, 0}, {192, 4}, {204, 0}} {
		n, at := 0, p.sync
		for ; at < len(head) && head[at] == packetSync; at += p.length {
			n++
		}
		if n > 1 && at >= len(head) {
			return p
		}
	}
	return packets{}
}

// end is where a stream of size bytes would end if it did not break off within a packet;
// 0 where its last packets do not tell. Bytes may be missing before them.
func (p packets) end(r io.ReaderAt, size int64) int64 {
	tail := make([]byte, 4*p.length)
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return 0
	}
	for first := range p.length { // of the bytes of a packet that was cut
		n := 0
		for at := first + p.sync; at < len(tail) && tail[at] == packetSync; at += p.length {
			n++
		}
		if n >= 3 {
			return size + int64((p.length-(len(tail)-first)%p.length)%p.length)
		}
	}
	return 0
}

// riffEnd is the end of the last RIFF chunk: large AVI files have several. A
// chunk was never finished by its writer, and promises nothing, if its length is
// 0 or, where FFmpeg wrote to a pipe, the largest there is.
func riffEnd(r io.ReaderAt, size int64) int64 {
	var head [8]byte
	var at, end int64
	for range maxBoxes {
		if _, err := r.ReadAt(head[:], at); err != nil || string(head[:4]) != "RIFF" {
			break
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		if length == 0 || length == math.MaxUint32 {
			return 0
		}
		end = at + 8 + length
		if end >= size {
			break
		}
		at = end + length%2 // chunks start at even offsets
	}
	return end
}

// isBox knows the types that may open an ISO base media file (MP4, MOV, 3GP).
func isBox(kind []byte) bool {
	switch string(kind) {
	case "ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide", "pnot", "sidx", "uuid":
		return true
	}
	return false
}

// inspectBoxes walks the outermost boxes. Only those that hold the film count
// as promises: what some cameras append after them is not made of boxes.
func inspectBoxes(r io.ReaderAt, size int64) container {
	c := container{format: "mp4"}
	var at int64
	for range maxBoxes {
		kind, length, ok := readBox(r, at)
		if !ok {
			break
		}
		c.index = c.index || kind == "moov"
		if length == 0 { // to the end of the file, wherever that is
			break
		}
		switch kind {
		case "moov", "mdat", "moof":
			c.end = max(c.end, at+length)
		}
		if length > size-at {
			break
		}
		at += length
	}
	return c
}

// readBox reads a box header: its length includes the header, or is 0.
func readBox(r io.ReaderAt, at int64) (kind string, length int64, ok bool) {
	var head [16]byte
	if _, err := r.ReadAt(head[:8], at); err != nil {
		return "", 0, false
	}
	length = int64(binary.BigEndian.Uint32(head[:4]))
	least := int64(8)
	switch length {
	case 0:
		least = 0
	case 1: // 64 bits follow
		if _, err := r.ReadAt(head[8:], at+8); err != nil {
			return "", 0, false
		}
		length, least = int64(binary.BigEndian.Uint64(head[8:])), 16
	}
	const absurd = 1 << 56 // keeps offsets from overflowing
	return string(head[4:8]), length, length >= least && length < absurd
}

var (
	ebmlMagic = []byte{0x1a, 0x45, 0xdf, 0xa3}
	segmentID = []byte{0x18, 0x53, 0x80, 0x67}
)

// segmentEnd is the end of a Matroska or WebM file's one segment, which follows
// a short header; 0 where it was written as a stream of unknown length.
func segmentEnd(head []byte) int64 {
	length, n := vint(head[4:])
	at := 4 + n
	if n == 0 || length < 0 || length > int64(len(head)-at) {
		return 0
	}
	at += int(length)
	if !bytes.HasPrefix(head[at:], segmentID) {
		return 0
	}
	at += len(segmentID)
	length, n = vint(head[at:])
	if n == 0 || length < 0 {
		return 0
	}
	return int64(at+n) + length
}

// vint reads an EBML length: the leading zero bits say how many bytes follow.
// It is −1 for the reserved value "unknown" and takes n = 0 bytes when broken.
func vint(b []byte) (value int64, n int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	n = 1
	for mask := byte(0x80); b[0]&mask == 0; mask >>= 1 {
		n++
	}
	if len(b) < n {
		return 0, 0
	}
	value = int64(b[0]) & (0xff >> n)
	for _, c := range b[1:n] {
		value = value<<8 | int64(c)
	}
	if value == 1<<(7*n)-1 {
		return -1, n
	}
	return value, n
}

// isText says whether the bytes read as text rather than as pictures.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax {
			return false
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}
