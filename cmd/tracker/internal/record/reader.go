package record

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads a record from its first frame to its last. Not safe for concurrent
// use.
type Reader struct {
	Header Header

	r      io.Reader
	closer io.Closer // nil where the caller closes
	name   string    // for errors
	block  bytes.Buffer
	raw    bytes.Buffer // frames of the block, not compressed
	flate  io.ReadCloser
	left   decoder
	frame  Frame // that was given out last
	frames int
	err    error
}

// CutError says that a record ends early: the frames before it are good.
type CutError struct {
	Name   string
	Frames int // that could be read
	Cause  error
}

func (e *CutError) Error() string {
	return fmt.Sprintf("read %s: after %d frames: %v", e.Name, e.Frames, e.Cause)
}
func (e *CutError) Unwrap() error { return e.Cause }

// Open opens the record at path and reads its header. The caller closes it.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	r, err := NewReader(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = f
	return r, nil
}

// NewReader reads the header; name is for messages.
func NewReader(r io.Reader, name string) (*Reader, error) {
	reader := &Reader{r: r, name: name, flate: flate.NewReader(bytes.NewReader(nil))}
	if err := reader.open(); err != nil {
		return nil, fmt.Errorf("read record %s: %w", name, err)
	}
	return reader, nil
}

func (r *Reader) open() error {
	start := make([]byte, len(signature))
	if _, err := io.ReadFull(r.r, start); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(start) != signature {
		return errors.New("this is no record of 'tracker --record'; detections as text are given with --detections")
	}
	kind, payload, err := readBlock(r.r, &r.block)
	switch {
	case errors.Is(err, errCut):
		return errors.New("it ends before its first frame")
	case err != nil:
		return err
	case kind != kindHeader:
		return errDamaged
	}
	if err := json.Unmarshal(payload, &r.Header); err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	if v := r.Header.Version; v < 1 || v > Version {
		return fmt.Errorf("it has version %d of the format, and this program reads up to %d: use the program that wrote it (%s), or a newer one", v, Version, r.Header.Program)
	}
	return nil
}

// Next is the next frame, which is valid until the next call; [io.EOF] after the
// last. A record that ends early, or is damaged, has a *[CutError] instead.
func (r *Reader) Next() (*Frame, error) {
	for r.err == nil && len(r.left.b) == 0 {
		r.err = r.nextBlock()
	}
	if r.err == nil {
		r.err = r.decode()
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.frame, nil
}

func (r *Reader) decode() error {
	if err := r.left.frame(&r.frame); err != nil {
		return r.cut(fmt.Errorf("a block of frames: %w", err))
	}
	r.frames++
	return nil
}

func (r *Reader) cut(err error) error { return &CutError{r.name, r.frames, err} }

func (r *Reader) nextBlock() error {
	kind, payload, err := readBlock(r.r, &r.block)
	if err != nil {
		return r.cut(err)
	}
	switch kind {
	case kindFrames:
		return r.inflate(payload)
	case kindEnd:
		return r.end(payload)
	}
	return nil // of a later version
}

func (r *Reader) inflate(payload []byte) error {
	if err := r.flate.(flate.Resetter).Reset(bytes.NewReader(payload), nil); err != nil {
		return r.cut(err)
	}
	r.raw.Reset()
	n, err := io.Copy(&r.raw, io.LimitReader(r.flate, maxBlock+1))
	switch {
	case err != nil:
		return r.cut(fmt.Errorf("a block of frames: %w", err))
	case n > maxBlock:
		return r.cut(fmt.Errorf("a block of frames is larger than %d bytes", maxBlock))
	}
	r.left = decoder{b: r.raw.Bytes()}
	return nil
}

func (r *Reader) end(payload []byte) error {
	n, length := binary.Uvarint(payload)
	if length <= 0 || n != uint64(r.frames) {
		return r.cut(fmt.Errorf("its end mark speaks of %d frames", n))
	}
	return io.EOF
}

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Is says whether the file at path begins as a record does; not where it cannot be
// read.
func Is(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false // a pipe can be read only once
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(signature))
	_, err = io.ReadFull(f, start)
	return err == nil && string(start) == signature
}
