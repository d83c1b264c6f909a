/* SPDX-License-Identifier: MIT */
#ifndef VALUES_H
#define VALUES_H

/*
 * A stream of msgpack values, one behind the other, as prun_source_lines()
 * gives lines: never read ahead of a block, and a pipe without bytes does not
 * block. A value is kept up to VALUES_MAX bytes; of a longer one the rest is
 * read and dropped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "walk.h"

#define VALUES_MAX ((size_t)256 << 20)
#define VALUES_BLOCK ((size_t)64 << 10)

struct values {
	int fd;
	bool regular;	  /* poll says nothing about it */
	struct walk walk; /* over the value in hand */
	/* The value in hand, as far as it is there. */
	char *value;
	size_t size, room;
	bool too_long;
	/* A block of the input. */
	size_t at, have;
	char block[VALUES_BLOCK];
};

/* NULL: out of memory. */
struct values *values_new(int fd);
void values_free(struct values *v);

/*
 * The next value, borrowed until the next call. 1; 0 at the end;
 * PRUN_SOURCE_WAIT; PRUN_ETOOBIG, and the next call goes on behind it;
 * PRUN_EVALUE: no value begins here, or the input ends within one; -errno.
 * Whether it is nested too deep is the caller's to see.
 */
int values_next(const char **value, size_t *size, struct values *v);

#endif
