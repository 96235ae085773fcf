//go:build gocv_specific_modules

// The kernel that resizes a BGR picture straight into a tensor's memory. See
// resize.c for the method and resize.go for the tables it reads.

#ifndef TRACKER_RESIZE_H
#define TRACKER_RESIZE_H

#include <stddef.h>
#include <stdint.h>

// Taps come in blocks: of rows that are added at once, and of neighbouring pixels
// in one vector. Unused taps weigh nothing.
enum { ROW_BLOCK = 4, PIXEL_BLOCK = 2, VECTOR = 8 };

// An axis says which source pixels make each output pixel: taps of them from
// first on, by weights in 1/65536. Vertically there is one weight a tap, row after
// row. Horizontally a vector holds those of two pixels, value by value:
// a, a, a, b, b, b, 0, 0.
struct axis {
	const int32_t *first;
	const uint16_t *weights;
	int size; // output pixels
	int taps; // a multiple of the block
	uint16_t bias; // what rounding down loses on average, in 1/256 level
};

// A picture is interleaved 8-bit BGR; stride is bytes from row to row.
struct picture {
	const uint8_t *pixels;
	ptrdiff_t stride;
	int width, height;
};

// A place says how a tensor's elements lie: from pixel to pixel, from row to row,
// and from a pixel's first element to those of its channels.
struct place {
	ptrdiff_t pixel, row, blue, green, red;
};

// All write y.size × x.size pixels from dst on. scratch holds a row of the
// source, and zeros for x.taps pixels and a vector after it.
// resize_float and resize_half, whose elements are float16, look each 8-bit level up
// in table, [3][256] in the order B, G, R.
void resize_uint8(struct picture src, struct axis x, struct axis y, uint16_t *scratch,
                  uint8_t *dst, struct place at);
void resize_float(struct picture src, struct axis x, struct axis y, uint16_t *scratch,
                  float *dst, struct place at, const float *table);
void resize_half(struct picture src, struct axis x, struct axis y, uint16_t *scratch,
                 uint16_t *dst, struct place at, const uint16_t *table);

#endif
