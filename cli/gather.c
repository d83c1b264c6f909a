/* SPDX-License-Identifier: MIT */

#include "gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_FIRST ((size_t)4 << 10)
/* More than that is not kept for the next one. */
#define ROOM_KEPT ((size_t)64 << 10)

void gather_init(struct gather *g, struct spool *spool)
{
	*g = (struct gather){.spool = spool};
}

static void blocks_drop(struct gather *g)
{
	for (uint32_t i = 0; i < g->nblocks; i++)
		spool_drop(g->spool, g->blocks[i]);
	g->nblocks = 0;
}

void gather_release(struct gather *g)
{
	free(g->blocks);
	free(g->data);
	*g = (struct gather){.spool = g->spool};
}

void gather_start(struct gather *g, uint32_t owner)
{
	if (g->room > ROOM_KEPT)
		gather_release(g);
	g->nblocks = 0;
	g->size = 0;
	g->error = 0;
	g->owner = owner;
}

static int block_add(struct gather *g, uint32_t block)
{
	if (g->nblocks == g->blocks_room) {
		uint32_t room = g->blocks_room ? g->blocks_room * 2 : 16;
		uint32_t *blocks = realloc(g->blocks, room * sizeof(*blocks));

		if (!blocks)
			return -ENOMEM;
		g->blocks = blocks;
		g->blocks_room = room;
	}
	g->blocks[g->nblocks++] = block;
	return 0;
}

static int spill(struct gather *g)
{
	int64_t block = spool_put(g->spool, g->owner, g->data);
	int rc;

	if (block < 0)
		return (int)block;
	rc = block_add(g, (uint32_t)block);
	if (rc < 0)
		spool_drop(g->spool, (uint32_t)block);
	g->size = 0;
	return rc;
}

static int make_room(struct gather *g)
{
	size_t room = g->room == 0		? ROOM_FIRST :
		      g->room < SPOOL_BLOCK / 4 ? g->room * 4 :
						  SPOOL_BLOCK;
	char *data;

	if (g->size < g->room)
		return 0;
	if (g->room == SPOOL_BLOCK)
		return spill(g);
	data = realloc(g->data, room);
	if (!data)
		return -ENOMEM;
	g->data = data;
	g->room = room;
	return 0;
}

static int give_up(struct gather *g, int rc)
{
	blocks_drop(g);
	g->size = 0;
	g->error = rc;
	return rc;
}

int64_t gather_read(struct gather *g, int fd)
{
	int rc = make_room(g);
	ssize_t n;

	if (rc < 0)
		return give_up(g, rc);
	do {
		n = read(fd, g->data + g->size, g->room - g->size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	g->size += (size_t)n;
	return n;
}

void gather_drop(struct gather *g, size_t size)
{
	blocks_drop(g);
	g->size -= size;
	memmove(g->data, g->data + size, g->size);
}
