// Each output row is made in two passes. The vertical one averages the source
// rows under it into one row of source width: neighbours in memory get the same
// weights. The horizontal one averages the pixels of that row. Values have 16
// bits, 8 of them fractional, and a product keeps its upper half, so that every
// step is one instruction for a whole vector. Everything is unsigned integer
// arithmetic that cannot overflow (the weights of a pixel sum to 1): every
// machine gets the same bits.

#include "resize.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

INLINE uint16_t times(uint16_t value, uint16_t weight)
{
	return (uint32_t)value * weight >> 16;
}

INLINE const uint8_t *row_of(struct picture src, int row)
{
	return src.pixels + (row < src.height ? row : src.height - 1) * src.stride;
}

// average_rows puts the weighted mean of the rows under output row r into out.
INLINE void average_rows(uint16_t *restrict out, struct picture src, struct axis y, int r)
{
	const int n = 3 * src.width;
	const uint16_t *w = y.weights + r * y.taps;

	for (int i = 0; i < n; i++)
		out[i] = y.bias;
	for (int k = 0; k < y.taps; k += ROW_BLOCK) {
		const int row = y.first[r] + k;
		const uint8_t *a = row_of(src, row), *b = row_of(src, row + 1);
		const uint8_t *c = row_of(src, row + 2), *d = row_of(src, row + 3);
		const uint16_t wa = w[k], wb = w[k + 1], wc = w[k + 2], wd = w[k + 3];
		for (int i = 0; i < n; i++)
			out[i] += times(a[i] << 8, wa) + times(b[i] << 8, wb) +
			          times(c[i] << 8, wc) + times(d[i] << 8, wd);
	}
}

typedef uint16_t vector __attribute__((vector_size(2 * VECTOR)));

// weighted is one vector's values by their weights.
INLINE vector weighted(const uint16_t *values, const uint16_t *weights)
{
#ifdef __SSE2__
	return (vector)_mm_mulhi_epu16(_mm_loadu_si128((const __m128i *)values),
	                               _mm_loadu_si128((const __m128i *)weights));
#else
	vector v;
	for (int i = 0; i < VECTOR; i++)
		v[i] = times(values[i], weights[i]);
	return v;
#endif
}

// average_pixels is the weighted mean of the pixels under output pixel c, in whole
// levels: blue, green, red, and five values of no meaning.
INLINE vector average_pixels(const uint16_t *row, struct axis x, int c)
{
	const uint16_t *p = row + 3 * (ptrdiff_t)x.first[c];
	const uint16_t *w = x.weights + c * (x.taps / PIXEL_BLOCK) * VECTOR;
	const uint16_t half = 128 + x.bias;
	vector sum = {half, half, half};
	for (int k = 0; k < x.taps; k += PIXEL_BLOCK, p += 3 * PIXEL_BLOCK, w += VECTOR)
		sum += weighted(p, w);
	return (sum + __builtin_shufflevector(sum, sum, 3, 4, 5, 3, 4, 5, 3, 4)) >> 8;
}

FOR_EACH_CPU
void resize_uint8(struct picture src, struct axis x, struct axis y, uint16_t *scratch,
                  uint8_t *dst, struct place at)
{
	for (int r = 0; r < y.size; r++) {
		uint8_t *out = dst + r * at.row;
		average_rows(scratch, src, y, r);
		for (int c = 0; c < x.size; c++, out += at.pixel) {
			vector v = average_pixels(scratch, x, c);
			out[at.blue] = v[0];
			out[at.green] = v[1];
			out[at.red] = v[2];
		}
	}
}

// RESIZE_BY_TABLE defines a function whose tensor holds not the levels, but what a
// table has for them.
#define RESIZE_BY_TABLE(name, element)                                                  \
FOR_EACH_CPU                                                                            \
void name(struct picture src, struct axis x, struct axis y, uint16_t *scratch,          \
          element *dst, struct place at, const element *table)                          \
{                                                                                       \
	for (int r = 0; r < y.size; r++) {                                              \
		element *out = dst + r * at.row;                                        \
		average_rows(scratch, src, y, r);                                       \
		for (int c = 0; c < x.size; c++, out += at.pixel) {                     \
			vector v = average_pixels(scratch, x, c);                       \
			out[at.blue] = table[v[0]];                                     \
			out[at.green] = table[256 + v[1]];                              \
			out[at.red] = table[512 + v[2]];                                \
		}                                                                       \
	}                                                                               \
}

RESIZE_BY_TABLE(resize_float, float)
RESIZE_BY_TABLE(resize_half, uint16_t)
