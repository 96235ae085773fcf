package capture

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/iotest"
)

func box(kind string, body int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+body))
	return append(append(b, kind...), make([]byte, body)...)
}

func riff(kind string, body int) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+body))
	return append(append(b, kind...), make([]byte, body)...)
}

// transport is an MPEG transport stream of n packets, whose first byte is at first.
func transport(first, length, n int) []byte {
	b := make([]byte, n*length)
	for at := first; at < len(b); at += length {
		b[at] = 0x47
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestInspect(t *testing.T) {
	wide := join([]byte{0, 0, 0, 1}, []byte("mdat"), binary.BigEndian.AppendUint64(nil, 116), make([]byte, 100))
	ebml := join(ebmlMagic, []byte{0x83, 1, 2, 3}, segmentID)
	for _, c := range []struct {
		name string
		data []byte
		want container
	}{
		{"mp4, longer than a buffer", join(box("moov", 9000), box("mdat", 70000), box("mdat", 8)), container{format: "mp4", end: 79032, index: true}},
		{"mp4, index in front", join(box("ftyp", 16), box("moov", 50), box("mdat", 100)), container{format: "mp4", end: 190, index: true}},
		{"mp4, index behind", join(box("ftyp", 16), box("mdat", 100), box("moov", 50)), container{format: "mp4", end: 190, index: true}},
		{"mp4, large box", join(box("ftyp", 16), box("moov", 50), wide), container{format: "mp4", end: 24 + 58 + 116, index: true}},
		{"mp4, no index", join(box("ftyp", 16), box("mdat", 100)), container{format: "mp4", end: 132, index: false}},
		{"mp4, last box to the end", join(box("ftyp", 16), box("moov", 8), []byte("\x00\x00\x00\x00mdat1234")), container{format: "mp4", end: 40, index: true}},
		{"mp4, index to the end", join(box("ftyp", 16), box("mdat", 8), []byte("\x00\x00\x00\x00moov1234")), container{format: "mp4", end: 40, index: true}},
		{"mp4, tail of something else", join(box("moov", 8), box("mdat", 8), []byte("\x7f\xff\xff\xffSEFT")), container{format: "mp4", end: 32, index: true}},
		{"avi", riff("AVI ", 100), container{format: "avi", end: 112}},
		{"avi, two parts", join(riff("AVI ", 101), []byte{0}, riff("AVIX", 20)), container{format: "avi", end: 114 + 32}},
		{"avi, odd end without padding", riff("AVI ", 101), container{format: "avi", end: 113}},
		{"avi, never finished", join([]byte("RIFF\x00\x00\x00\x00AVI "), make([]byte, 50)), container{format: "avi"}},
		{"avi, written to a pipe", join([]byte("RIFF\xff\xff\xff\xffAVI "), make([]byte, 50)), container{format: "avi"}},
		{"wav", riff("WAVE", 100), container{}},
		{"matroska", join(ebml, []byte{0x85, 1, 2, 3, 4, 5}), container{format: "matroska", end: 18}},
		{"matroska, eight byte length", join(ebml, []byte{1, 0, 0, 0, 0, 0, 1, 0}), container{format: "matroska", end: 12 + 8 + 256}},
		{"matroska, streamed", join(ebml, []byte{1, 255, 255, 255, 255, 255, 255, 255, 9}), container{format: "matroska"}},
		{"mpegts", transport(0, 188, 5), container{format: "mpegts", end: 940}},
		{"mpegts, with time stamps", transport(4, 192, 5), container{format: "mpegts", end: 960}},
		{"mpegts, with error correction", transport(0, 204, 5), container{format: "mpegts", end: 1020}},
		{"mpegts, cut", transport(0, 188, 6)[:1000], container{format: "mpegts", end: 1128}},
		{"mpegts, bytes missing within", join(transport(0, 188, 4)[:700], transport(0, 188, 6)), container{format: "mpegts", end: 1828}},
		{"mpegts, other bytes behind it", join(transport(0, 188, 6), make([]byte, 900)), container{format: "mpegts"}},
		{"H.264", []byte("\x00\x00\x00\x01\x67pictures"), container{format: "mpeg"}},
		{"MPEG program stream", []byte("\x00\x00\x01\xbapictures"), container{format: "mpeg"}},
		{"mpegts, one packet", transport(0, 188, 1), container{}},
		{"text in G", []byte("Gruß aus dem Film"), container{format: "text"}},
		{"text", []byte("Grüße,\n\tnicht Film"), container{format: "text"}},
		{"noise", []byte{0xff, 0xfe, 0, 1, 2, 3}, container{}},
		{"nothing", nil, container{}},
	} {
		if got := inspect(bytes.NewReader(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if c.want.format == "mpegts" {
			c.want.end = 0 // only its end would tell
		}
		if got := inspectPassing(iotest.OneByteReader(bytes.NewReader(c.data))); got != c.want {
			t.Errorf("%s, passing: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A file that was cut anywhere is noticed, and a whole one never suspected.
func TestTruncated(t *testing.T) {
	for name, data := range map[string][]byte{
		"mp4": join(box("ftyp", 16), box("moov", 50), box("mdat", 100)),
		"avi": riff("AVI ", 100),
		"ts":  transport(0, 188, 7),
		"mkv": join(ebmlMagic, []byte{0x80}, segmentID, []byte{0xa0}, make([]byte, 32)),
	} {
		for _, cut := range []int{0, 1, 30} {
			size := int64(len(data) - cut)
			c := inspect(bytes.NewReader(data[:size]), size)
			if c.truncated(size) != (cut > 0) {
				t.Errorf("%s without its last %d bytes: truncated = %v (%+v)", name, cut, cut == 0, c)
			}
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(join(box("ftyp", 4), box("moov", 4), box("mdat", 4)))
	f.Add([]byte("\x00\x00\x00\x01ftyp\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(join(riff("AVI ", 9), riff("AVIX", 2)))
	f.Add(join(ebmlMagic, []byte{0x81, 0}, segmentID, []byte{0x40, 1}))
	f.Add([]byte(strings.Repeat("text ", 9)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := inspect(bytes.NewReader(data), int64(len(data)))
		if c.end < 0 {
			t.Errorf("end %d is negative", c.end)
		}
		if p := inspectPassing(bytes.NewReader(data)); p.format != c.format || p.index != c.index {
			t.Errorf("passing, it is %+v; else %+v", p, c)
		}
	})
}
