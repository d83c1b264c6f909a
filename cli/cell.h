/* SPDX-License-Identifier: MIT */
#ifndef CELL_H
#define CELL_H

/*
 * A value that is told of an item, in a record, a trace: text or a packed one;
 * and how it is written where there is JSON:
 *
 *   NAME               a string that is UTF-8, any value JSON has, or null
 *   NAME_b64           a string that is not UTF-8, in base64
 *   NAME_msgpack_b64   a value for which there is no JSON (an infinity, an
 *                      ext, a map whose keys are no strings, a string inside
 *                      that is not UTF-8): its msgpack in base64
 */

#include <stdbool.h>
#include <stddef.h>

#include "json_out.h"

/* A string, a packed value, or neither: null. */
struct cell {
	const char *text;
	const void *value;
	size_t size;
};

/* Make a packed string a string, and nil null. */
void cell_open(struct cell *c);
/* A packed value as JSON can say it; false if it cannot, or there is no memory
 * for it. The zone is cleared first. */
bool cell_decode(msgpack_object *o, msgpack_zone *zone, const struct cell *c);
/* "NAME":VALUE, with a name that needs no escape. */
void cell_put(const struct json_out *out, msgpack_zone *zone, const char *name,
	      struct cell c);
void cell_put_base64(const struct json_out *out, const void *data, size_t size);

#endif
