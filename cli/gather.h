/* SPDX-License-Identifier: MIT */
#ifndef GATHER_H
#define GATHER_H

/*
 * What a command writes on one of its streams: the last part in memory, what
 * was before it in blocks of the spool. Memory is bounded by one block.
 */

#include <stdint.h>

#include "spool.h"

struct gather {
	struct spool *spool;
	uint32_t owner; /* of its blocks */
	uint32_t *blocks;
	uint32_t nblocks, blocks_room;
	char *data;
	size_t size, room;
	int error; /* why there is no more of it, and none of it counts */
};

void gather_init(struct gather *g, struct spool *spool);
void gather_release(struct gather *g);
/* Nothing, and of this owner; the blocks that were there are somebody else's
 * business. */
void gather_start(struct gather *g, uint32_t owner);

/* Read once from a descriptor that has something: the bytes, 0 at its end, or
 * a negative error, which stays in ->error but for that of the read. */
int64_t gather_read(struct gather *g, int fd);
/* The first `size` bytes in memory are dealt with, and all blocks. */
void gather_drop(struct gather *g, size_t size);

#endif
