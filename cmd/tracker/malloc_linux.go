//go:build gocv_specific_modules

package main

/*
#include <malloc.h>
#include <stdlib.h>

// What the user has set stays.
static void limit(const char *variable, int parameter, int value) {
	if (!getenv(variable))
		mallopt(parameter, value);
}

static void tune_malloc(void) {
#ifdef __GLIBC__
	limit("MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, 128 << 10);
	limit("MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, 1 << 20);
	limit("MALLOC_ARENA_MAX", M_ARENA_MAX, 2);
#endif
}

static void trim_malloc(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

// The C library's allocator learns to keep ever larger freed blocks, in a heap for
// each few threads, and finds less and less use for the gaps between them: a
// program that reconnected and loaded models for two minutes grew from 140 to
// 490 MB. Without that learning, blocks of 128 KB and more go back to the system;
// the rest shares two heaps. In steady state nothing is allocated per frame, so
// that costs nothing.
func init() { C.tune_malloc() }

// returnMemory gives the gaps in the heaps back to the system, which takes some
// milliseconds: for when much was freed at once.
func returnMemory() { C.trim_malloc() }
