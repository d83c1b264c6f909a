/* SPDX-License-Identifier: MIT */
#ifndef LINES_H
#define LINES_H

/*
 * What a command has written, on its way out: as it is, or in whole lines, with
 * a text before each.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool.h"

/* 0 or a negative error, which is kept, and after which nothing more. */
typedef int (*lines_put_fn)(void *to, const void *data, size_t size);

struct lines {
	lines_put_fn put;
	void *to;
	char end;	 /* of a line */
	bool whole;	 /* the last line is ended if it has no end */
	const char *tag; /* before each line; NULL: none */
	size_t tag_len;
	bool within; /* a line has begun */
	int error;
};

void lines_put(struct lines *l, const char *data, size_t size);
/* Blocks of the spool, which go on being in use. */
void lines_put_blocks(struct lines *l, const struct spool *spool,
		      const uint32_t *blocks, uint32_t count);
/* No more will come. */
void lines_end(struct lines *l);

#endif
