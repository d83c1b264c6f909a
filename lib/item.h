/* SPDX-License-Identifier: MIT */
#ifndef ITEM_H
#define ITEM_H

/* What a source fills in: one argument, its function, a cookie, a descriptor to
 * wait for. */

#include "func.h"
#include "value.h"

struct prun_item {
	struct prun_packer *packer; /* of the chunk being built */
	const struct func_table *funcs;
	uint32_t func; /* of these; the job's unless the source says more */
	uint64_t index;
	void *cookie;
	int wait_fd; /* -1: none */
};

#endif
