/* SPDX-License-Identifier: MIT */
#ifndef JSON_IN_H
#define JSON_IN_H

/*
 * JSON texts as msgpack values. A text is refused that is not UTF-8, has a name
 * twice in an object, or one with a NUL in it, an integer below -2^63 or beyond 2^63 - 1, a number
 * beyond doubles, or is nested deeper than a value may be (32).
 */

#include <stdbool.h>
#include <stddef.h>

#include "prun.h"

enum json_type {
	JSON_SCALAR,
	JSON_COLUMNS, /* an array */
	JSON_NAMED,   /* an object */
};

/* One that is read; see json_read(). */
struct json;

/*
 * Read a text: 0 and *json, yours to json_free(); or PRUN_EVALUE, and `why`
 * (size bytes) says what is wrong.
 */
int json_read(struct json **json, const char *text, size_t len, char *why,
	      size_t size);
void json_free(struct json *json);

enum json_type json_kind(const struct json *json);
/* Pack it, a string as str, or with `bin` as bin if it is the whole text. 0,
 * PRUN_ETOOBIG, -ENOMEM. */
int json_pack_value(struct prun_packer *packer, const struct json *json,
		    bool bin);

#endif
