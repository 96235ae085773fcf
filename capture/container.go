package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"
)

// container is what a video file's outermost structure says of itself, read
// without decoding anything. Of the many formats these are the ones that state
// their length, or that of their parts; FLV and raw streams state none.
type container struct {
	format string // "mp4", "avi", "matroska", "mpegts"; "text" for text; "" for anything else
	end    int64  // where the structure ends, in bytes; 0 where it does not say
	packet int64  // mpegts: the length of a packet, in bytes; no file ends within one
	index  bool   // mp4: has the table (moov) without which nothing can be decoded
}

// declared is how many bytes there should be at least, of a file of size bytes.
func (c container) declared(size int64) int64 {
	if c.packet > 0 {
		return (size + c.packet - 1) / c.packet * c.packet
	}
	return c.end
}

// truncated says whether the file stops before its own structure does.
func (c container) truncated(size int64) bool { return c.declared(size) > size }

// promises says whether the format states how long the video is. Of others FFmpeg
// infers it from the bytes there are.
func (c container) promises() bool { return c.format != "" && c.format != "mpegts" }

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
	case packetLength(head) > 0:
		return container{format: "mpegts", packet: packetLength(head)}
	}
	return container{}
}

// packetLength is how long the packets of an MPEG transport stream are, by the byte
// that each begins with; 0 of anything else. Some have a time stamp of 4 bytes before
// it, or 16 bytes of error correction after the 188 of the standard.
func packetLength(head []byte) int64 {
	for _, p := range []struct{ first, length int }{{0, 188}, {4, 192}, {0, 204}} {
		at := p.first
		for at < len(head) && head[at] == 0x47 {
			at += p.length
		}
		if at > p.first+p.length && at >= len(head) { // there were two
			return int64(p.length)
		}
	}
	return 0
}

// riffEnd is the end of the last RIFF chunk: large AVI files have several. A
// chunk of length 0 was never finished by its writer and promises nothing.
func riffEnd(r io.ReaderAt, size int64) int64 {
	var head [8]byte
	var at, end int64
	for range maxBoxes {
		if _, err := r.ReadAt(head[:], at); err != nil || string(head[:4]) != "RIFF" {
			break
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		if length == 0 {
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
		kind, length, ok := readBox(r, at, size)
		if !ok {
			break
		}
		switch kind {
		case "moov":
			c.index = true
			c.end = max(c.end, at+length)
		case "mdat", "moof":
			c.end = max(c.end, at+length)
		}
		if length > size-at {
			break
		}
		at += length
	}
	return c
}

// readBox reads a box header: its length includes the header.
func readBox(r io.ReaderAt, at, size int64) (kind string, length int64, ok bool) {
	var head [16]byte
	if _, err := r.ReadAt(head[:8], at); err != nil {
		return "", 0, false
	}
	length = int64(binary.BigEndian.Uint32(head[:4]))
	least := int64(8)
	switch length {
	case 0: // to the end of the file
		length = size - at
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
