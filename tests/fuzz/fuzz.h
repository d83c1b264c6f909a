/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H

/*
 * What the fuzz targets share. A target is one file with one function, which
 * any of three programs calls: libFuzzer's, AFL++'s (main_afl.c), and the
 * short one of `make check` (main_short.c). It asserts what holds for all
 * input; to fail is to abort, which all three see.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(condition) \
	do { \
		if (!(condition)) \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)

static inline void __attribute__((noreturn))
fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* The input, taken from the front; at its end there are zeros. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < bytes && in->size > 0; i++) {
		value |= (uint64_t)*in->data++ << (8 * i);
		in->size--;
	}
	return value;
}

/* In memory of its own, so that a sanitizer sees a read beyond the end. */
static inline void *fuzz_copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	FUZZ_ASSERT(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The text up to a NUL or the end; yours to free. */
static inline char *fuzz_take_text(struct fuzz_input *in)
{
	size_t len = in->size ? strnlen((const char *)in->data, in->size) : 0;
	char *text = malloc(len + 1);

	FUZZ_ASSERT(text);
	if (len)
		memcpy(text, in->data, len);
	text[len] = '\0';
	in->data += len;
	in->size -= len;
	(void)fuzz_take(in, 1);
	return text;
}

/* splitmix64: the same numbers everywhere and in every run. */
static inline uint64_t fuzz_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

#endif
