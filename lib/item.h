/* SPDX-License-Identifier: MIT */
#ifndef ITEM_H
#define ITEM_H

/* What a source fills in: one argument, a cookie, a descriptor to wait for. */

#include "value.h"

struct prun_item {
	struct prun_packer *packer; /* of the chunk being built */
	uint64_t index;
	void *cookie;
	int wait_fd; /* -1: none */
};

#endif
