package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// Frame is what a tracker was given of one frame, and more detections where others
// could use them.
type Frame struct {
	Index      int           // the source's own, from 0
	Time       time.Duration // media time since the first frame
	Wall       time.Time     // when the picture was taken; zero where it was not live
	Width      int           // of the picture, pixels, 0 unknown
	Height     int
	Motion     *track.Affine // of the camera, from the frame before; nil for none
	Detections []detect.Detection

	// What the above points to, where the frame was read.
	motion     track.Affine
	embeddings []float32
}

// Clone is a copy that shares no memory.
func (f *Frame) Clone() Frame {
	c := Frame{Index: f.Index, Time: f.Time, Wall: f.Wall, Width: f.Width, Height: f.Height, Detections: slices.Clone(f.Detections)}
	if f.Motion != nil {
		motion := *f.Motion
		c.Motion = &motion
	}
	for i := range c.Detections {
		c.Detections[i].Embedding = slices.Clone(c.Detections[i].Embedding)
	}
	return c
}

const (
	hasMotion = 1 << iota
	hasWall
	hasSize
)

// base is the frame that the next one of its block is written relative to.
type base struct{ index, time, wall, width, height int64 }

// appendFrame appends f to a block and makes it the base of the next.
func (p *base) appendFrame(b []byte, f *Frame) []byte {
	next := base{int64(f.Index), int64(f.Time), p.wall, int64(f.Width), int64(f.Height)}
	var flags byte
	if next.width != p.width || next.height != p.height {
		flags |= hasSize
	}
	if f.Motion != nil {
		flags |= hasMotion
	}
	if !f.Wall.IsZero() {
		flags |= hasWall
		next.wall = f.Wall.UnixNano()
	}
	b = binary.AppendVarint(b, next.index-p.index)
	b = binary.AppendVarint(b, next.time-p.time)
	b = append(b, flags)
	if flags&hasWall != 0 {
		b = binary.AppendVarint(b, next.wall-p.wall)
	}
	if flags&hasSize != 0 {
		b = binary.AppendVarint(binary.AppendVarint(b, next.width), next.height)
	}
	if m := f.Motion; m != nil {
		for _, v := range [...]float64{m.A11, m.A12, m.TX, m.A21, m.A22, m.TY} {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(f.Detections)))
	for i := range f.Detections {
		b = appendDetection(b, &f.Detections[i])
	}
	*p = next
	return b
}

func appendDetection(b []byte, d *detect.Detection) []byte {
	at := len(b)
	b = append(b, 0)
	for i, v := range [...]float64{d.Score, d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2} {
		if short := float32(v); math.Float64bits(float64(short)) == math.Float64bits(v) {
			b[at] |= 1 << i
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(short))
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	b = binary.AppendVarint(b, int64(d.Class))
	b = binary.AppendUvarint(b, uint64(len(d.Embedding)))
	for _, v := range d.Embedding {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// decoder reads frames from the bytes of a block. The first error stays.
type decoder struct {
	base
	b   []byte
	err error
}

// frame reads one frame into f, whose memory is used again.
func (d *decoder) frame(f *Frame) error {
	d.index += d.varint()
	d.time += d.varint()
	flags := d.byte()
	if flags&^(hasMotion|hasWall|hasSize) != 0 {
		return fmt.Errorf("flags %#x are not known", flags)
	}
	f.Index, f.Time, f.Wall = int(d.index), time.Duration(d.time), time.Time{}
	if flags&hasWall != 0 {
		d.wall += d.varint()
		f.Wall = time.Unix(0, d.wall).UTC()
	}
	if flags&hasSize != 0 {
		d.width, d.height = d.varint(), d.varint()
	}
	f.Width, f.Height = int(d.width), int(d.height)
	f.Motion = nil
	if flags&hasMotion != 0 {
		f.motion = track.Affine{A11: d.float64(), A12: d.float64(), TX: d.float64(), A21: d.float64(), A22: d.float64(), TY: d.float64()}
		f.Motion = &f.motion
	}
	f.Detections, f.embeddings = f.Detections[:0], f.embeddings[:0]
	for range d.count(leastDetection) {
		f.Detections = append(f.Detections, d.detection(f))
	}
	return d.err
}

// leastDetection is how many bytes a detection has at least.
const leastDetection = 1 + 5*4 + 1 + 1

func (d *decoder) detection(f *Frame) (det detect.Detection) {
	widths := d.byte()
	for i, v := range [...]*float64{&det.Score, &det.Box.X1, &det.Box.Y1, &det.Box.X2, &det.Box.Y2} {
		if widths>>i&1 != 0 {
			*v = float64(d.float32())
		} else {
			*v = d.float64()
		}
	}
	det.Class = int(d.varint())
	first := len(f.embeddings)
	for range d.count(4) {
		f.embeddings = append(f.embeddings, d.float32())
	}
	if n := len(f.embeddings); n > first {
		det.Embedding = f.embeddings[first:n:n]
	}
	return det
}

var errShort = errors.New("it ends within a frame")

// count reads how many things follow, each of so many bytes or more.
func (d *decoder) count(size int) int {
	n, length := binary.Uvarint(d.b)
	if length <= 0 || n > uint64(len(d.b)-length)/uint64(size) {
		d.fail()
		return 0
	}
	d.b = d.b[length:]
	return int(n)
}

func (d *decoder) varint() int64 {
	v, length := binary.Varint(d.b)
	if length <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[length:]
	return v
}

// take gives the next n bytes, up to 8; zeros where there are not so many.
func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.fail()
		return make([]byte, 8)
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte { return d.take(1)[0] }

func (d *decoder) float32() float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(d.take(4)))
}

func (d *decoder) float64() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(d.take(8)))
}

func (d *decoder) fail() { d.err, d.b = errShort, nil }
