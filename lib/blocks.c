/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "slab.h"

/* So many live in malloc's memory, before the first slab is touched. */
#define MALLOC_MAX 256u
/* Sizes in slabs: multiples of this, up to so many of them. */
#define STEP ((size_t)64)
#define STEPS 16u
/* The kind of a block of malloc's; of others it is their size in steps. */
#define KIND_MALLOC 0u

struct free_block {
	struct free_block *next;
};

struct blocks {
	size_t live, live_in_slabs;
	struct slab *slabs;
	struct free_block *free[STEPS + 1]; /* by kind */
	bool orphaned;
};

struct blocks *blocks_new(void)
{
	return calloc(1, sizeof(struct blocks));
}

static void free_unused(struct blocks *b)
{
	if (!b->orphaned || b->live > 0)
		return;
	slab_release(&b->slabs);
	free(b);
}

void blocks_free(struct blocks *b)
{
	if (!b)
		return;
	b->orphaned = true;
	free_unused(b);
}

/* NULL: malloc's may do. */
static void *take_from_slabs(struct blocks *b, size_t steps)
{
	struct free_block *f;

	if (steps > STEPS)
		return NULL;
	f = b->free[steps];
	if (!f)
		return b->live < MALLOC_MAX ?
			       NULL :
			       slab_take(&b->slabs, steps * STEP);
	b->free[steps] = f->next;
	return f;
}

void *blocks_take(struct blocks *b, size_t size, unsigned char *kind)
{
	size_t steps = (size + STEP - 1) / STEP;
	void *block = take_from_slabs(b, steps);

	*kind = KIND_MALLOC;
	if (block) {
		*kind = (unsigned char)steps;
		b->live_in_slabs++;
	} else {
		block = malloc(size);
	}
	b->live += block != NULL;
	return block;
}

void blocks_give(struct blocks *b, void *block, unsigned char kind)
{
	struct free_block *f = block;

	b->live--;
	if (kind == KIND_MALLOC) {
		free(block);
	} else {
		f->next = b->free[kind];
		b->free[kind] = f;
		if (--b->live_in_slabs == 0) {
			memset(b->free, 0, sizeof(b->free));
			slab_clear(&b->slabs);
		}
	}
	free_unused(b);
}
