/* SPDX-License-Identifier: MIT */

#include "cell.h"

#include <string.h>

static void put(const struct json_out *out, const char *text)
{
	out->put(out->to, text, strlen(text));
}

void cell_open(struct cell *c)
{
	const char *s;
	size_t len;

	if (!c->value)
		return;
	if (prun_unpack(c->value, c->size, NULL, "s#", &s, &len) == 0)
		*c = (struct cell){.text = s, .size = len};
	else if (prun_unpack(c->value, c->size, NULL, "n") == 0)
		*c = (struct cell){.text = NULL};
}

bool cell_decode(msgpack_object *o, msgpack_zone *zone, const struct cell *c)
{
	msgpack_zone_clear(zone);
	return prun_value_object(o, zone, c->value, c->size) == 0 &&
	       json_can_say(o);
}

void cell_put_base64(const struct json_out *out, const void *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				     "pqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	while (size > 0) {
		size_t n = size < 3 ? size : 3;
		unsigned bits = (unsigned)p[0] << 16 |
				(n > 1 ? (unsigned)p[1] << 8 : 0) |
				(n > 2 ? p[2] : 0u);
		char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
				n > 1 ? digits[bits >> 6 & 63] : '=',
				n > 2 ? digits[bits & 63] : '='};

		out->put(out->to, four, 4);
		p += n;
		size -= n;
	}
}

void cell_put(const struct json_out *out, msgpack_zone *zone, const char *name,
	      struct cell c)
{
	msgpack_object o;

	cell_open(&c);
	put(out, "\"");
	put(out, name);
	if (c.text && json_is_text(c.text, c.size)) {
		put(out, "\":");
		json_put_string(out, c.text, c.size);
	} else if (c.text) {
		put(out, "_b64\":\"");
		cell_put_base64(out, c.text, c.size);
		put(out, "\"");
	} else if (!c.value) {
		put(out, "\":null");
	} else if (cell_decode(&o, zone, &c)) {
		put(out, "\":");
		json_put(out, &o);
	} else {
		put(out, "_msgpack_b64\":\"");
		cell_put_base64(out, c.value, c.size);
		put(out, "\"");
	}
}
