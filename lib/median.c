/* SPDX-License-Identifier: MIT */

#include "median.h"

/* Those below 16 have a cell each; then the four bits behind the first one
 * tell the cells of a power of two apart. */
static unsigned cell_of(uint64_t value)
{
	unsigned power;

	if (value < MEDIAN_STEPS)
		return (unsigned)value;
	power = 63 - (unsigned)__builtin_clzll(value); /* 4 to 63 */
	return (power - 3) * MEDIAN_STEPS +
	       ((unsigned)(value >> (power - 4)) & (MEDIAN_STEPS - 1));
}

/* The largest value that goes there. */
static uint64_t cell_end(unsigned cell)
{
	unsigned power = cell / MEDIAN_STEPS + 3;
	uint64_t step = cell % MEDIAN_STEPS;

	if (cell < MEDIAN_STEPS)
		return cell;
	return ((MEDIAN_STEPS + step + 1) << (power - 4)) - 1;
}

void median_add(struct median *m, uint64_t value)
{
	m->cells[cell_of(value)]++;
	m->count++;
}

uint64_t median_value(const struct median *m)
{
	uint64_t below = 0;
	unsigned cell = 0;

	if (m->count == 0)
		return 0;
	for (;; cell++) {
		below += m->cells[cell];
		if (below * 2 >= m->count)
			return cell_end(cell);
	}
}
