/* SPDX-License-Identifier: MIT */
#ifndef JSON_OUT_H
#define JSON_OUT_H

/* Values as JSON texts, piece by piece, without making a tree of them first:
 * integers of 64 bits without a sign are none to jansson. */

#include <stdbool.h>
#include <stddef.h>

#include "prun_msgpack.h"

/* Takes a piece. */
typedef void (*json_put_fn)(void *to, const char *text, size_t len);

struct json_out {
	json_put_fn put;
	void *to;
};

/* Whether the bytes are UTF-8. */
bool json_is_text(const char *s, size_t len);
/* Whether JSON has a value like this one: strings of either kind are UTF-8, the
 * keys of maps are strings, no number is infinite or none, nothing is an ext. */
bool json_can_say(const msgpack_object *o);
/* Write one that it can. A float always has a point or an exponent. */
void json_put(const struct json_out *out, const msgpack_object *o);
/* Write a string that is UTF-8, with its quotes. */
void json_put_string(const struct json_out *out, const char *s, size_t len);

#endif
