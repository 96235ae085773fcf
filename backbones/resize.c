//go:build gocv_specific_modules

// Each output row is made in two passes. The vertical one averages the source
// rows under it, value by value, into one row of source width: neighbours in
// memory get the same weights, so the compiler turns its loops into vector code.
// The horizontal one averages the pixels of that row. Both add up the inner
// pixels of a span, which weigh the same, before they multiply once. Everything
// is unsigned integer arithmetic that cannot overflow (the weights of a tap sum
// to 1): every machine gets the same bits.

#include "resize.h"

#include <string.h>

// On x86 with glibc the machine chooses at start between code for AVX2 and for
// any CPU. arm64 always has its vectors. RESIZE_BASELINE builds the plain code
// alone, to test it.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(RESIZE_BASELINE)
#define FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

// What a cloned function calls has to be inlined to be compiled for that CPU.
#define INLINE static inline __attribute__((always_inline))

// average_rows puts the weighted mean of a tap's rows into out, as levels with
// ROW_BITS fractional bits.
INLINE void average_rows(uint32_t *restrict out, struct picture src, const struct tap *t)
{
	const int n = 3 * src.width;
	const uint8_t *first = src.pixels + t->first * src.stride;
	const uint8_t *last = src.pixels + t->last * src.stride;
	const uint8_t *a = first + src.stride;
	int inner = t->last - t->first - 1;

	memset(out, 0, n * sizeof *out);
	for (; inner >= 4; inner -= 4, a += 4 * src.stride) {
		const uint8_t *b = a + src.stride, *c = b + src.stride, *d = c + src.stride;
		for (int i = 0; i < n; i++)
			out[i] += (uint16_t)(a[i] + b[i] + c[i] + d[i]);
	}
	for (; inner > 0; inner--, a += src.stride)
		for (int i = 0; i < n; i++)
			out[i] += a[i];

	const uint32_t lead = t->lead, mid = t->inner, trail = t->trail;
	const uint32_t half = 1u << (Y_BITS - ROW_BITS - 1);
	for (int i = 0; i < n; i++)
		out[i] = (out[i] * mid + first[i] * lead + last[i] * trail + half) >> (Y_BITS - ROW_BITS);
}

// A bgr is the three values of a pixel; the fourth, its neighbour's, is ignored.
typedef uint32_t bgr __attribute__((vector_size(16)));

INLINE bgr load(const uint32_t *p)
{
	bgr v;
	memcpy(&v, p, sizeof v);
	return v;
}

// average_pixels is the weighted mean of a tap's pixels of row, in whole levels.
INLINE bgr average_pixels(const uint32_t *row, const struct tap *t, int shift)
{
	const uint32_t *p = row + 3 * (ptrdiff_t)t->first;
	const uint32_t *last = row + 3 * (ptrdiff_t)t->last;
	bgr ends = load(p) * t->lead + load(last) * t->trail;
	bgr inner = {0};
	for (p += 3; p < last; p += 3)
		inner += load(p);
	const uint32_t half = 1u << (X_BITS + ROW_BITS - 1);
	return (ends + (inner >> shift) * t->inner + half) >> (X_BITS + ROW_BITS);
}

FOR_EACH_CPU
void resize_uint8(struct picture src, struct axis x, struct axis y, uint32_t *scratch,
                  uint8_t *dst, struct place at)
{
	for (int r = 0; r < y.size; r++) {
		uint8_t *out = dst + r * at.row;
		average_rows(scratch, src, y.taps + r);
		for (int c = 0; c < x.size; c++, out += at.pixel) {
			bgr v = average_pixels(scratch, x.taps + c, x.shift);
			out[at.blue] = v[0];
			out[at.green] = v[1];
			out[at.red] = v[2];
		}
	}
}

FOR_EACH_CPU
void resize_float(struct picture src, struct axis x, struct axis y, uint32_t *scratch,
                  float *dst, struct place at, const float *table)
{
	for (int r = 0; r < y.size; r++) {
		float *out = dst + r * at.row;
		average_rows(scratch, src, y.taps + r);
		for (int c = 0; c < x.size; c++, out += at.pixel) {
			bgr v = average_pixels(scratch, x.taps + c, x.shift);
			out[at.blue] = table[v[0]];
			out[at.green] = table[256 + v[1]];
			out[at.red] = table[512 + v[2]];
		}
	}
}
