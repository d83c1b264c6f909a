/* SPDX-License-Identifier: MIT */
#ifndef MEDIAN_H
#define MEDIAN_H

/*
 * The median of a stream of times, in constant memory: a count for each 16th
 * of a power of two, so that it is at most 7 per cent too large.
 */

#include <stdint.h>

#define MEDIAN_STEPS 16
#define MEDIAN_CELLS (61 * MEDIAN_STEPS)

struct median {
	uint64_t count;
	uint64_t cells[MEDIAN_CELLS];
};

void median_add(struct median *m, uint64_t value);
/* The upper end of the cell that it lies in; 0 when there is nothing. */
uint64_t median_value(const struct median *m);

#endif
