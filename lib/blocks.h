/* SPDX-License-Identifier: MIT */
#ifndef BLOCKS_H
#define BLOCKS_H

/*
 * Small blocks of which thousands may live at a time, each for a while of its
 * own: the jobs of applies. Few of them come from malloc. Many lie in slabs,
 * since to touch so much memory in small pages would be a third of their cost;
 * what is given back is taken again first, and when nothing lies in the slabs
 * any more, all but one go.
 */

#include <stddef.h>

struct blocks;

/* NULL: no memory. */
struct blocks *blocks_new(void);
/* No more will be taken. What is taken stays until it is given back. */
void blocks_free(struct blocks *b);
/* `size` bytes, aligned for anything; NULL: no memory. *kind is to be given
 * back with it. */
void *blocks_take(struct blocks *b, size_t size, unsigned char *kind);
void blocks_give(struct blocks *b, void *block, unsigned char kind);

#endif
