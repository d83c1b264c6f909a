/* SPDX-License-Identifier: MIT */

#include "columns.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "text.h"

static bool is_text(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_STR || o->type == MSGPACK_OBJECT_BIN;
}

/* Both kinds have their text in the same place of the union, but to rely on
 * that would be too clever. An empty one may be NULL to msgpack-c. */
static const char *text_of(const msgpack_object *o, size_t *len)
{
	bool is_str = o->type == MSGPACK_OBJECT_STR;
	const char *text = is_str ? o->via.str.ptr : o->via.bin.ptr;

	*len = is_str ? o->via.str.size : o->via.bin.size;
	return *len > 0 ? text : "";
}

static void json_collect(void *to, const char *text, size_t len)
{
	fwrite(text, 1, len, to);
}

static int json_set(struct column *column, const msgpack_object *o)
{
	struct json_out out = {.put = json_collect};
	FILE *f = open_memstream(&column->owned, &column->len);

	if (!f)
		return -ENOMEM;
	out.to = f;
	json_put(&out, o);
	if (fclose(f) == 0)
		return 0;
	free(column->owned);
	column->owned = NULL;
	return -ENOMEM;
}

static bool is_nested(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_ARRAY || o->type == MSGPACK_OBJECT_MAP;
}

static int column_set(struct column *column, const msgpack_object *o)
{
	int rc;

	*column = (struct column){.text = NULL};
	if (is_text(o)) {
		column->text = text_of(o, &column->len);
		return 0;
	}
	rc = is_nested(o) && json_can_say(o) ?
		     json_set(column, o) :
		     text_of_value(&column->owned, &column->len, o);
	column->text = column->owned;
	return rc;
}

static void texts_release(struct columns *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i].owned);
	c->count = 0;
	if (c->zone_made)
		msgpack_zone_clear(&c->zone);
}

static int room_make(struct columns *c, size_t count)
{
	struct column *list;

	if (!c->zone_made && !msgpack_zone_init(&c->zone, 4096))
		return -ENOMEM;
	c->zone_made = true;
	if (count <= c->room)
		return 0;
	list = realloc(c->list, count * sizeof(*list));
	if (!list)
		return -ENOMEM;
	c->list = list;
	c->room = count;
	return 0;
}

static int array_read(struct columns *c, const msgpack_object *elements,
		      size_t count, const struct fields *names)
{
	int rc = room_make(c, count);

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct column *column = &c->list[i];

		rc = column_set(column, &elements[i]);
		if (rc == 0 && names && i < names->count)
			column->name = fields_at(names, i, &column->name_len);
		c->count += rc == 0;
	}
	return rc;
}

static int map_read(struct columns *c, const msgpack_object_map *map)
{
	int rc = room_make(c, map->size);

	for (size_t i = 0; i < map->size && rc == 0; i++) {
		struct column *column = &c->list[i];
		const msgpack_object *key = &map->ptr[i].key;

		rc = column_set(column, &map->ptr[i].val);
		if (rc == 0 && is_text(key))
			column->name = text_of(key, &column->name_len);
		c->count += rc == 0;
	}
	return rc;
}

int columns_read(struct columns *c, const void *data, size_t size,
		 const struct fields *names)
{
	msgpack_object o;
	int rc;

	texts_release(c);
	rc = room_make(c, 1);
	if (rc == 0)
		rc = prun_value_object(&o, &c->zone, data, size);
	if (rc < 0)
		return rc;
	if (o.type == MSGPACK_OBJECT_MAP)
		return map_read(c, &o.via.map);
	if (o.type == MSGPACK_OBJECT_ARRAY)
		return array_read(c, o.via.array.ptr, o.via.array.size, names);
	return array_read(c, &o, 1, names);
}

void columns_release(struct columns *c)
{
	texts_release(c);
	free(c->list);
	if (c->zone_made)
		msgpack_zone_destroy(&c->zone);
	*c = (struct columns){.list = NULL};
}

const struct column *columns_at(const struct columns *c, long place)
{
	size_t from = place < 0 ? -(size_t)place : (size_t)place;

	if (from == 0 || from > c->count)
		return NULL;
	return &c->list[place < 0 ? c->count - from : from - 1];
}

const struct column *columns_named(const struct columns *c, const char *name,
				   size_t len)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct column *column = &c->list[i];

		if (column->name && column->name_len == len &&
		    memcmp(column->name, name, len) == 0)
			return column;
	}
	return NULL;
}
