/* SPDX-License-Identifier: MIT */
#ifndef WALK_H
#define WALK_H

/*
 * Where a msgpack value ends in bytes that come block by block, found head by
 * head in constant memory: a count of the values that are still to come takes
 * the place of a stack. Whether a value is nested too deep is not seen.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is still to come of a value. All zero, it has ended. */
struct walk {
	uint64_t pending; /* values */
	uint64_t payload; /* bytes of a string */
	unsigned char head[9];
	size_t head_size; /* of it, which is cut by the end of a block */
};

void walk_begin(struct walk *w);
/* How many of the next bytes are the value's own; PRUN_EVALUE: it is none. */
ssize_t walk_on(struct walk *w, const void *block, size_t size);
bool walk_ended(const struct walk *w);

#endif
