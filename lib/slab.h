/* SPDX-License-Identifier: MIT */
#ifndef SLAB_H
#define SLAB_H

/*
 * Memory for much that is freed as a whole: taken in pieces of some MiB for
 * which huge pages are asked, because the faults of small pages were a quarter
 * of the time of a map of a million no-ops.
 */

#include <stddef.h>

struct slab;

/* `size` bytes, aligned for anything, from the newest slab or another one;
 * NULL: none could be had, or too much is asked. */
void *slab_take(struct slab **slabs, size_t size);
void slab_release(struct slab **slabs);
/* The same, but one of them is kept, empty. */
void slab_clear(struct slab **slabs);

#endif
