package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// signature begins every record. As in PNG, it is spoilt by a transfer that strips
// the eighth bit or changes line ends.
const signature = "\x89TRK\r\n\x1a\n"

// Kinds of blocks.
const (
	kindHeader = 'H'
	kindFrames = 'F'
	kindEnd    = 'E'
)

// head is the bytes before a payload.
const head = 1 + 4 + 4

// maxBlock bounds a payload, and the frames within before they are compressed, in
// bytes. It leaves one frame the room for 15,000 embeddings of 1,024 numbers.
const maxBlock = 1 << 26

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the head of a block, payload and all: its first bytes are room for it.
func seal(block []byte, kind byte) {
	block[0] = kind
	binary.LittleEndian.PutUint32(block[1:], uint32(len(block)-head))
	binary.LittleEndian.PutUint32(block[5:], checksum(block))
}

func checksum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:5], castagnoli), castagnoli, block[head:])
}

// Why a record cannot be read on.
var (
	errCut     = errors.New("it ends without its end mark: the run was killed, or is still going on")
	errDamaged = errors.New("it is damaged: a checksum does not fit; copy it again")
)

// readBlock reads a block into buf, whose memory is used again.
func readBlock(r io.Reader, buf *bytes.Buffer) (kind byte, payload []byte, err error) {
	buf.Reset()
	if _, err := io.CopyN(buf, r, head); err != nil {
		return 0, nil, cut(err)
	}
	length := binary.LittleEndian.Uint32(buf.Bytes()[1:])
	if length > maxBlock {
		return 0, nil, errDamaged
	}
	// Grows with what is there: a wrong length costs no memory.
	if _, err := io.CopyN(buf, r, int64(length)); err != nil {
		return 0, nil, cut(err)
	}
	block := buf.Bytes()
	if binary.LittleEndian.Uint32(block[5:]) != checksum(block) {
		return 0, nil, errDamaged
	}
	return block[0], block[head:], nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return fmt.Errorf("read: %w", err)
}
