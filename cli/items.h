/* SPDX-License-Identifier: MIT */
#ifndef ITEMS_H
#define ITEMS_H

/* The items of one task: its argument is one of them, as a bin, or an array
 * of several. */

#include <stddef.h>

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
void items_release(struct items *items);

/* As one text, with blanks between them; malloc'd and terminated. NULL: no
 * memory. */
char *items_join(const struct items *items, size_t *len);

#endif
