package record

import (
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// When a block of frames ends: after so much media time, or so many bytes. They do
// not depend on how fast the run is, so that equal runs make equal records.
const (
	blockTime  = time.Second
	blockBytes = 256 << 10
)

// Writer writes a record. Each block is one Write, so that whoever reads along sees
// whole blocks. Not safe for concurrent use.
type Writer struct {
	w       io.Writer
	frames  int64 // written
	pending int64 // more of them in raw
	since   int64 // media time of their first, nanoseconds
	base    base
	raw     []byte // of the block to come, not compressed
	block   buffer
	flate   *flate.Writer
	err     error // of a write; nothing is written after it
}

// buffer is a block being made.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// NewWriter writes the signature and the header. It sets the header's version.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = Version
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write the record's header: %w", err)
	}
	block := append(make(buffer, head, head+len(text)), text...)
	seal(block, kindHeader)
	if _, err := w.Write(append([]byte(signature), block...)); err != nil {
		return nil, err
	}
	return newWriter(w)
}

func newWriter(w io.Writer) (r *Writer, err error) {
	r = &Writer{w: w}
	r.flate, err = flate.NewWriter(&r.block, flate.BestSpeed)
	return r, err
}

// Snapshot is what Resume needs to go on after the last frame: the frames of the block
// that is not written yet among it.
func (r *Writer) Snapshot() []byte {
	b := make([]byte, 0, 64+len(r.raw))
	for _, v := range r.state() {
		b = binary.AppendVarint(b, *v)
	}
	return append(b, r.raw...)
}

// Resume goes on with a record whose Writer gave the snapshot, behind the bytes that it had
// written by then. The whole is the same as without the break.
func Resume(w io.Writer, snapshot []byte) (*Writer, error) {
	r, err := newWriter(w)
	if err != nil {
		return nil, err
	}
	for _, v := range r.state() {
		n := 0
		if *v, n = binary.Varint(snapshot); n <= 0 {
			return nil, errors.New("resume a record: its state is damaged")
		}
		snapshot = snapshot[n:]
	}
	r.raw = append(r.raw, snapshot...)
	return r, nil
}

// state are the numbers of a snapshot.
func (r *Writer) state() [8]*int64 {
	b := &r.base
	return [...]*int64{&r.frames, &r.pending, &r.since, &b.index, &b.time, &b.wall, &b.width, &b.height}
}

// Write adds a frame, of which it keeps nothing. In steady state it allocates
// nothing.
func (r *Writer) Write(f *Frame) error {
	if r.err != nil {
		return r.err
	}
	if r.pending == 0 {
		r.since, r.base = int64(f.Time), base{}
	}
	r.raw = r.base.appendFrame(r.raw, f)
	r.pending++
	if len(r.raw) > maxBlock {
		r.err = fmt.Errorf("frame %d with %d detections is too large for a record", f.Index, len(f.Detections))
		return r.err
	}
	if len(r.raw) >= blockBytes || f.Time-time.Duration(r.since) >= blockTime {
		return r.Flush()
	}
	return nil
}

// Flush ends the block that is being filled, if any, and writes it.
func (r *Writer) Flush() error {
	if r.pending == 0 || r.err != nil {
		return r.err
	}
	r.block = append(r.block[:0], make([]byte, head)...)
	r.flate.Reset(&r.block)
	_, err := r.flate.Write(r.raw)
	r.err = errors.Join(err, r.flate.Close()) // neither fails in memory
	r.write(kindFrames)
	r.frames += r.pending
	r.pending, r.raw = 0, r.raw[:0]
	return r.err
}

// Close writes what is left and the end mark. It does not close what is below.
func (r *Writer) Close() error {
	if err := r.Flush(); err != nil {
		return err
	}
	r.block = binary.AppendUvarint(append(r.block[:0], make([]byte, head)...), uint64(r.frames))
	r.write(kindEnd)
	return r.err
}

func (r *Writer) write(kind byte) {
	if r.err == nil {
		seal(r.block, kind)
		_, r.err = r.w.Write(r.block)
	}
}
