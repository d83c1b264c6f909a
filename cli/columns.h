/* SPDX-License-Identifier: MIT */
#ifndef COLUMNS_H
#define COLUMNS_H

/*
 * The columns of an item, as texts, for {1} and {name}: those of an array or,
 * with names of their own, of a map; anything else is one column. A number is
 * its text, nil is empty, and a nested value is its JSON or, where there is
 * none, as format.h says.
 */

#include "fields.h"
#include "prun_msgpack.h"

struct column {
	const char *text, *name; /* name: NULL without one */
	size_t len, name_len;
	char *owned; /* the text, if it had to be made */
};

struct columns {
	struct column *list;
	size_t count, room;
	bool zone_made;
	msgpack_zone zone;
};

/*
 * Read what input_source() has packed; `names` are those of the header, or
 * NULL. The texts are borrowed from `data`, or live until the next read. 0,
 * PRUN_EVALUE, PRUN_ETOOBIG or -ENOMEM. All zero at first.
 */
int columns_read(struct columns *c, const void *data, size_t size,
		 const struct fields *names);
void columns_release(struct columns *c);

/* The column at a place from 1 on, or from -1 on from behind; NULL: there is
 * none. */
const struct column *columns_at(const struct columns *c, long place);
/* The first one of that name; NULL: there is none. */
const struct column *columns_named(const struct columns *c, const char *name,
				   size_t len);

#endif
