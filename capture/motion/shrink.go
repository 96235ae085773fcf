package motion

import "encoding/binary"

// Pixels is a picture in memory: Height rows of Width pixels of Channels bytes
// each, without gaps. The mean of the channels serves as grey, so that their
// order does not matter.
type Pixels struct {
	Pix                     []byte
	Width, Height, Channels int
}

// shrinker makes one grey pixel of a block of factor×factor source pixels: the
// mean over two of its rows, half a block apart, which removes what would
// otherwise alias most, and costs less than reading a large picture whole. It
// sums eight bytes at a time.
type shrinker struct {
	factor int
	span   int    // bytes in a row of a block
	groups int    // of eight bytes that hold a row of a block
	last   uint64 // mask of the bytes of the last group that belong to the block
	scale  uint64 // 2^32 / bytes summed, rounded up
}

func newShrinker(factor, channels int) shrinker {
	span := factor * channels
	groups := (span + 7) / 8
	n := uint64(2 * span)
	return shrinker{factor, span, groups, ^uint64(0) >> (64*groups - 8*span), (1<<32 + n - 1) / n}
}

// picture fills dst with the small grey picture of src.
func (s *shrinker) picture(dst *plane, src Pixels) {
	for y := range dst.height {
		s.row(dst.pix[y*dst.width:][:dst.width], src, 0, y)
	}
}

// row fills out with pixels of the small picture, from (x, y) to the right.
func (s *shrinker) row(out []byte, src Pixels, x, y int) {
	stride := src.Width * src.Channels
	upper := src.Pix[(y*s.factor+s.factor/4)*stride+x*s.span:]
	lower := src.Pix[(y*s.factor+s.factor/4+s.factor/2)*stride+x*s.span:]
	// At the end of the picture the last groups reach over it.
	inside := min(len(out), max(0, (len(lower)-8*s.groups)/s.span+1))
	switch s.groups {
	case 1:
		s.narrow(out[:inside], upper, lower)
	default:
		s.wide(out[:inside], upper, lower)
	}
	for i := inside; i < len(out); i++ {
		sum := uint64(0)
		for j := i * s.span; j < (i+1)*s.span; j++ {
			sum += uint64(upper[j]) + uint64(lower[j])
		}
		out[i] = s.mean(sum)
	}
}

// narrow is for blocks whose rows fit into eight bytes.
func (s *shrinker) narrow(out, upper, lower []byte) {
	for i := range out {
		a := binary.LittleEndian.Uint64(upper) & s.last
		b := binary.LittleEndian.Uint64(lower) & s.last
		out[i] = s.mean(total(pairs(a) + pairs(b)))
		upper, lower = upper[s.span:], lower[s.span:]
	}
}

func (s *shrinker) wide(out, upper, lower []byte) {
	at, last := 0, 8*(s.groups-1)
	for i := range out {
		a := binary.LittleEndian.Uint64(upper[at+last:]) & s.last
		b := binary.LittleEndian.Uint64(lower[at+last:]) & s.last
		lanes := pairs(a) + pairs(b)
		for j := at; j < at+last; j += 8 {
			lanes += pairs(binary.LittleEndian.Uint64(upper[j:])) + pairs(binary.LittleEndian.Uint64(lower[j:]))
		}
		out[i] = s.mean(total(lanes))
		at += s.span
	}
}

// pairs adds the bytes of each pair: four sums of 16 bits.
func pairs(v uint64) uint64 {
	const even = 0x00ff00ff00ff00ff
	return v&even + v>>8&even
}

// total adds four sums of 16 bits, whose sum must fit 16 bits too.
func total(lanes uint64) uint64 { return lanes * 0x0001000100010001 >> 48 }

func (s *shrinker) mean(sum uint64) byte { return byte((sum*s.scale + 1<<31) >> 32) }
