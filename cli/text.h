/* SPDX-License-Identifier: MIT */
#ifndef TEXT_H
#define TEXT_H

/* Any msgpack value as a text for people; see format.h. */

#include <stddef.h>

#include "prun_msgpack.h"

/* The shortest decimal text that reads back as the same number; its length. */
int text_of_double(char *text, size_t size, double value);

/* *text is malloc'd, yours to free; not on error: -ENOMEM, or PRUN_ETOOBIG
 * for a nested value whose text is beyond 1 GiB. */
int text_of_value(char **text, size_t *len, const msgpack_object *o);
/* The same of a packed value; or PRUN_EVALUE. */
int text_of_bytes(char **text, size_t *len, const void *data, size_t size);

#endif
