/* SPDX-License-Identifier: MIT */
#ifndef FIELDS_H
#define FIELDS_H

/* The columns of one record, as texts, in memory that is used again for the
 * next one. */

#include <stddef.h>

#define FIELDS_NONE ((size_t)-1)

struct fields {
	char *text; /* of all, one behind the other */
	size_t size, room;
	size_t *ends; /* in the text */
	size_t count, ends_room;
};

/* Forget the columns and keep the memory; one that is all zero has none. */
void fields_clear(struct fields *f);
void fields_release(struct fields *f);

/* Each 0 or -ENOMEM. Bytes of the column in hand; and its end. */
int fields_put(struct fields *f, const char *data, size_t size);
int fields_end(struct fields *f);
/* The two in one. */
int fields_add(struct fields *f, const char *data, size_t size);

/* The column at a place below count, borrowed until the next change. */
const char *fields_at(const struct fields *f, size_t place, size_t *len);
/* The place of the first one that is this text, or FIELDS_NONE. */
size_t fields_find(const struct fields *f, const char *text, size_t len);

#endif
