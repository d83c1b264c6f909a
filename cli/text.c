/* SPDX-License-Identifier: MIT */

#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PRINT_MAX ((size_t)1 << 30)

int text_of_double(char *text, size_t size, double value)
{
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, size, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return n;
}

static int number_text(char *text, size_t size, const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		return snprintf(text, size, "%s",
				o->via.boolean ? "true" : "false");
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return snprintf(text, size, "%" PRIu64, o->via.u64);
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return snprintf(text, size, "%" PRId64, o->via.i64);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return text_of_double(text, size, o->via.f64);
	default: /* nil, in an array */
		return 0;
	}
}

static bool is_nested(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_ARRAY ||
	       o->type == MSGPACK_OBJECT_MAP || o->type == MSGPACK_OBJECT_EXT;
}

static bool holds_nested(const msgpack_object *o)
{
	if (o->type != MSGPACK_OBJECT_ARRAY)
		return is_nested(o);
	for (uint32_t i = 0; i < o->via.array.size; i++)
		if (is_nested(&o->via.array.ptr[i]))
			return true;
	return false;
}

/* msgpack-c cuts what does not fit and says only how much it has written. */
static int print_nested(char **text, size_t *len, const msgpack_object *o)
{
	for (size_t size = 1024; size <= PRINT_MAX; size *= 4) {
		char *p = malloc(size);
		int n;

		if (!p)
			return -ENOMEM;
		n = msgpack_object_print_buffer(p, size, *o);
		if (n >= 0 && (size_t)n + 1 < size) {
			*text = p;
			*len = (size_t)n;
			return 0;
		}
		free(p);
	}
	return PRUN_ETOOBIG;
}

/* An array's elements as fields, or one scalar, as a line of memory. */
static int print_fields(char **text, size_t *len, const msgpack_object *o)
{
	const msgpack_object *fields = o;
	FILE *m = open_memstream(text, len);
	uint32_t count = 1;

	if (!m)
		return -ENOMEM;
	if (o->type == MSGPACK_OBJECT_ARRAY) {
		fields = o->via.array.ptr;
		count = o->via.array.size;
	}
	for (uint32_t i = 0; i < count; i++) {
		char number[64] = "";

		if (i > 0)
			putc('\t', m);
		if (fields[i].type == MSGPACK_OBJECT_STR ||
		    fields[i].type == MSGPACK_OBJECT_BIN)
			fwrite(fields[i].via.str.ptr, 1, fields[i].via.str.size,
			       m);
		else
			fwrite(number, 1,
			       (size_t)number_text(number, sizeof(number),
						   &fields[i]),
			       m);
	}
	return fclose(m) == 0 ? 0 : -ENOMEM;
}

int text_of_value(char **text, size_t *len, const msgpack_object *o)
{
	return holds_nested(o) ? print_nested(text, len, o) :
				 print_fields(text, len, o);
}

int text_of_bytes(char **text, size_t *len, const void *data, size_t size)
{
	msgpack_object o;
	msgpack_zone zone;
	int rc;

	if (!msgpack_zone_init(&zone, 1024))
		return -ENOMEM;
	rc = prun_value_object(&o, &zone, data, size);
	if (rc == 0)
		rc = text_of_value(text, len, &o);
	msgpack_zone_destroy(&zone);
	return rc;
}
