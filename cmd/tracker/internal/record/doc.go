// Package record keeps what a run gave its tracker, frame by frame: detections,
// times and the motion of the camera. From that everything behind the detector can
// be repeated, bit for bit, without the video and the network.
//
// # Format
//
// A record is a signature of 8 bytes, then blocks:
//
//	kind      1 byte: H header, F frames, E end
//	length    uint32: bytes of the payload
//	checksum  uint32: CRC-32C of kind, length and payload
//	payload
//
// Numbers of fixed size are little-endian; varint and uvarint are those of
// encoding/binary. The first block is the header, JSON of [Header], and says the
// version of the format. A reader passes over blocks of kinds that it does not know.
//
// A block of frames is a DEFLATE stream (RFC 1951) of one frame after the other,
// and can be read without those before it:
//
//	index     varint: the source's index, less that of the frame before in the block
//	time      varint: media time, nanoseconds, less that of the frame before
//	flags     1 byte: 1 a motion follows, 2 a wall clock follows, 4 a size follows
//	wall      varint: nanoseconds since 1970 UTC, less that of the frame before
//	size      2 varints, since version 2: width and height of the picture, pixels;
//	          where it is not that of the frame before in the block, or known for the first
//	motion    6 float64: a11, a12, tx, a21, a22, ty
//	count     uvarint: detections
//
// and for each detection, in the order in which the tracker got them:
//
//	widths    1 byte: bit i says that number i below is a float32, else a float64
//	numbers   5: score, x1, y1, x2, y2
//	class     varint
//	length    uvarint: of the embedding, 0 for none
//	embedding so many float32
//
// A number is a float32 only where that is exact. So nothing is rounded, and equal
// frames make equal bytes.
//
// The payload of the end block is a uvarint, the number of frames. A record without
// one was cut short, or is still being written: blocks are written whole, one about
// every second of media time, so that it can be read up to the last of them.
package record
