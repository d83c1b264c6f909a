/* SPDX-License-Identifier: MIT */
#ifndef FUNC_H
#define FUNC_H

/* The table of functions a pool's workers can run: checked and copied once,
 * looked up by name, then known by index. Names and ctx are borrowed. */

#include <stdint.h>

#include "prun.h"

struct func_table {
	struct prun_func *funcs;
	uint32_t count;
	uint32_t *buckets; /* open addressing: index + 1 by hash of the name */
	uint32_t nbuckets; /* a power of two */
};

/* nfuncs 0: up to the entry with a NULL name. 0; PRUN_EINVAL: no function at
 * all, a bad name, not exactly one of fn and batch, lanes out of range, or
 * lanes without batch; PRUN_EDUPFUNC; -ENOMEM. */
int func_table_init(struct func_table *t, const struct prun_func *funcs,
		    size_t nfuncs);
void func_table_release(struct func_table *t);
/* The index, or PRUN_ENOFUNC. */
int func_lookup(const struct func_table *t, const char *name);

#endif
