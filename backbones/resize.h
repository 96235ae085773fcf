//go:build gocv_specific_modules

// The kernel that resizes a BGR picture straight into a tensor's memory. See
// resize.c for the method and resize.go for the tables it reads.

#ifndef TRACKER_RESIZE_H
#define TRACKER_RESIZE_H

#include <stddef.h>
#include <stdint.h>

// Fixed point, in fractional bits: a vertical and a horizontal weight of 1, and
// what a row keeps between the two passes.
enum { Y_BITS = 24, X_BITS = 16, ROW_BITS = 8 };

// A tap says which source pixels make one output pixel along one axis: first,
// last and all between them, the inner ones alike. When first is last, lead is 1
// and trail 0.
struct tap {
	int32_t first, last;
	uint32_t lead, inner, trail;
};

// An axis is the taps of all output pixels. inner weighs the sum of the inner
// pixels shifted right by shift, which keeps both factors inside 32 bits.
struct axis {
	const struct tap *taps;
	int size;
	int shift;
};

// A picture is interleaved 8-bit BGR; stride is bytes from row to row.
struct picture {
	const uint8_t *pixels;
	ptrdiff_t stride;
	int width;
};

// A place says how a tensor's elements lie: from pixel to pixel, from row to row,
// and from a pixel's first element to those of its channels.
struct place {
	ptrdiff_t pixel, row, blue, green, red;
};

// Both write y.size × x.size pixels from dst on. scratch holds 3·width+1 numbers.
// resize_float looks each 8-bit level up in table, [3][256] in the order B, G, R.
void resize_uint8(struct picture src, struct axis x, struct axis y, uint32_t *scratch,
                  uint8_t *dst, struct place at);
void resize_float(struct picture src, struct axis x, struct axis y, uint32_t *scratch,
                  float *dst, struct place at, const float *table);

#endif
