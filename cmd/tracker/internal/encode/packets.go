//go:build gocv_specific_modules

package encode

// #include <libavcodec/avcodec.h>
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// A video can be made in pieces: an Encoder for each, with Options.Packets, and one
// Join of all they wrote. Every piece begins with a key frame, so that it depends
// on no other, and a piece that was lost can be made again. The pieces must have the
// same Options.

// packetHead comes before a packet's bytes, each number little-endian.
type packetHead struct {
	PTS, DTS    int64 // units of time of the Encoder
	Flags, Size uint32
}

// maxPacket bounds a packet: larger ones are damage.
const maxPacket = 1 << 28

// log writes the packet as it comes from the codec.
func (e *Encoder) log() error {
	p := e.packet
	head := packetHead{int64(p.pts), int64(p.dts), uint32(p.flags), uint32(p.size)}
	if err := binary.Write(e.packets, binary.LittleEndian, head); err != nil {
		return err
	}
	_, err := e.packets.Write(unsafe.Slice((*byte)(p.data), int(p.size)))
	return err
}

// Join writes the video of all packets that Encoders with these Options wrote. The
// pictures are not encoded again.
func Join(opt Options, packets io.Reader) (err error) {
	opt.Packets = nil
	e, err := Open(opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for {
		var head packetHead
		switch err := binary.Read(packets, binary.LittleEndian, &head); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read packet: %w", err)
		case head.Size > maxPacket:
			return fmt.Errorf("read packet: %d bytes; it is damaged", head.Size)
		}
		if rc := C.av_new_packet(e.packet, C.int(head.Size)); rc < 0 {
			return failure(rc)
		}
		if _, err := io.ReadFull(packets, unsafe.Slice((*byte)(e.packet.data), int(head.Size))); err != nil {
			return fmt.Errorf("read packet of %d bytes: %w", head.Size, err)
		}
		e.packet.pts, e.packet.dts, e.packet.flags = C.int64_t(head.PTS), C.int64_t(head.DTS), C.int(head.Flags)
		rc := e.mux()
		C.av_packet_unref(e.packet)
		if rc < 0 {
			return failure(rc)
		}
	}
}
