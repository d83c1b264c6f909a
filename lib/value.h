/* SPDX-License-Identifier: MIT */
#ifndef VALUE_H
#define VALUE_H

/*
 * msgpack values as bytes: packed into a buffer with a maximum, checked and
 * read where they lie, without allocating. Knows no frame and no descriptor.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prun.h"

#define VALUE_DEPTH_MAX 32

struct prun_packer {
	unsigned char *data;
	size_t size;
	size_t capacity;
	size_t base; /* what is below is not its user's */
	size_t max;  /* size never exceeds it: PRUN_ETOOBIG */
	int error; /* sticky until packer_truncate(p, 0) / prun_packer_clear */
};

/* Takes no memory yet. */
void packer_init(struct prun_packer *p, size_t max);
void packer_release(struct prun_packer *p);
/* Room for `size` more bytes at p->data + p->size; 0, -ENOMEM, PRUN_ETOOBIG. */
int packer_reserve(struct prun_packer *p, size_t size);
/* Back to an earlier size; clears the error. */
void packer_truncate(struct prun_packer *p, size_t size);

/* The bytes of the first value in data: > 0, or PRUN_EVALUE. Iterative or
 * bounded by VALUE_DEPTH_MAX; every count is checked against the bytes left. */
int64_t value_length(const void *data, size_t size);

/* Whether the bytes are exactly one value, with a short way for the commonest:
 * small and sized integers, nil, booleans, floats. */
static inline bool value_is_whole(const void *data, size_t size)
{
	/* Sizes of 0xca (float 32) to 0xd3 (int 64). */
	static const unsigned char sized[] = {5, 9, 2, 3, 5, 9, 2, 3, 5, 9};
	const unsigned char *p = data;

	if (size == 0)
		return false;
	if (p[0] < 0x80 || p[0] >= 0xe0 || p[0] == 0xc0)
		return size == 1;
	if (p[0] >= 0xca && p[0] <= 0xd3)
		return size == sized[p[0] - 0xca];
	return value_length(data, size) == (int64_t)size;
}

/* The head of an array or a map, in a checked value: its bytes, and the count
 * of what follows; 0: it is none. */
#define VALUE_ARRAY 0x90dcu
#define VALUE_MAP 0x80deu
size_t value_container(const void *data, unsigned kind, uint32_t *count);

/* Read a whole value of one kind: 0 or PRUN_ETYPE. The bytes must have passed
 * value_length() or prun_value_check(). */
int value_str(const void *data, size_t size, const char **s, size_t *len);
int value_int(const void *data, size_t size, int64_t *value);
int value_double(const void *data, size_t size, double *value);
/* "an integer", "a string", ... of a checked value, for messages. */
const char *value_kind(const void *data, size_t size);

#endif
