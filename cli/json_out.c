/* SPDX-License-Identifier: MIT */

#include "json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "utf8.h"

bool json_is_text(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	while (len > 0) {
		size_t n = utf8_length(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static bool map_can_say(const msgpack_object_map *map)
{
	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object *key = &map->ptr[i].key;

		if (key->type != MSGPACK_OBJECT_STR &&
		    key->type != MSGPACK_OBJECT_BIN)
			return false;
		if (!json_can_say(key) || !json_can_say(&map->ptr[i].val))
			return false;
	}
	return true;
}

bool json_can_say(const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_STR:
		return json_is_text(o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_BIN:
		return json_is_text(o->via.bin.ptr, o->via.bin.size);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return isfinite(o->via.f64);
	case MSGPACK_OBJECT_ARRAY:
		for (uint32_t i = 0; i < o->via.array.size; i++)
			if (!json_can_say(&o->via.array.ptr[i]))
				return false;
		return true;
	case MSGPACK_OBJECT_MAP:
		return map_can_say(&o->via.map);
	case MSGPACK_OBJECT_EXT:
		return false;
	default:
		return true;
	}
}

static void put(const struct json_out *out, const char *text)
{
	out->put(out->to, text, strlen(text));
}

static void put_escape(const struct json_out *out, unsigned char c)
{
	static const char letters[] = "btn\0fr"; /* from 8 on */
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else if (c >= '\b' && c <= '\r' && letters[c - '\b'])
		snprintf(text, sizeof(text), "\\%c", letters[c - '\b']);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put(out, text);
}

void json_put_string(const struct json_out *out, const char *s, size_t len)
{
	const char *end;

	if (len == 0) { /* of which msgpack-c has NULL for its bytes */
		put(out, "\"\"");
		return;
	}
	end = s + len;
	put(out, "\"");
	while (s < end) {
		size_t n = 0;

		while (s + n < end && (unsigned char)s[n] >= ' ' &&
		       s[n] != '"' && s[n] != '\\')
			n++;
		out->put(out->to, s, n);
		s += n;
		if (s < end)
			put_escape(out, (unsigned char)*s++);
	}
	put(out, "\"");
}

static void put_double(const struct json_out *out, double value)
{
	char text[32];

	text_of_double(text, sizeof(text), value);
	put(out, text);
	if (!strpbrk(text, ".e"))
		put(out, ".0");
}

static void put_scalar(const struct json_out *out, const msgpack_object *o)
{
	char text[32];

	switch (o->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		put(out, o->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		snprintf(text, sizeof(text), "%" PRIu64, o->via.u64);
		put(out, text);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		snprintf(text, sizeof(text), "%" PRId64, o->via.i64);
		put(out, text);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		put_double(out, o->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		json_put_string(out, o->via.str.ptr, o->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		json_put_string(out, o->via.bin.ptr, o->via.bin.size);
		break;
	default:
		put(out, "null");
	}
}

void json_put(const struct json_out *out, const msgpack_object *o)
{
	if (o->type == MSGPACK_OBJECT_ARRAY) {
		for (uint32_t i = 0; i < o->via.array.size; i++) {
			put(out, i == 0 ? "[" : ",");
			json_put(out, &o->via.array.ptr[i]);
		}
		put(out, o->via.array.size == 0 ? "[]" : "]");
	} else if (o->type == MSGPACK_OBJECT_MAP) {
		for (uint32_t i = 0; i < o->via.map.size; i++) {
			put(out, i == 0 ? "{" : ",");
			json_put(out, &o->via.map.ptr[i].key);
			put(out, ":");
			json_put(out, &o->via.map.ptr[i].val);
		}
		put(out, o->via.map.size == 0 ? "{}" : "}");
	} else {
		put_scalar(out, o);
	}
}
