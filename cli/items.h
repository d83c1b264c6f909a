/* SPDX-License-Identifier: MIT */
#ifndef ITEMS_H
#define ITEMS_H

/* The items of one task: its argument is one of them, as a bin, or an array
 * of several, or a record. */

#include <stddef.h>

#include "columns.h"

struct text {
	const char *text; /* not terminated */
	size_t len;
};

struct items {
	struct text *texts;
	size_t count, room;
};

/* Borrows from `argument`; uses the memory of `items` again. 0, -ENOMEM,
 * PRUN_EVALUE or PRUN_ETYPE. */
int items_unpack(struct items *items, const void *argument,
		 size_t argument_size);
/* The same of a record, whose columns are the items, and may have names; what
 * is borrowed lives as long as `columns` does. */
int items_unpack_record(struct items *items, struct columns *columns,
			const void *argument, size_t argument_size);
void items_release(struct items *items);

/* As one text, with `between` between them; malloc'd and terminated. NULL: no
 * memory. */
char *items_join(const struct items *items, char between, size_t *len);

#endif
