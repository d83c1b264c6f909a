/* SPDX-License-Identifier: MIT */

#include "items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prun_msgpack.h"

static int add_text(struct items *items, const char *text, size_t len)
{
	if (items->count == items->room) {
		size_t room = items->room ? items->room * 2 : 8;
		struct text *texts =
			realloc(items->texts, room * sizeof(*texts));

		if (!texts)
			return -ENOMEM;
		items->texts = texts;
		items->room = room;
	}
	items->texts[items->count++] = (struct text){text, len};
	return 0;
}

static int add(struct items *items, const msgpack_object *o)
{
	if (o->type != MSGPACK_OBJECT_BIN && o->type != MSGPACK_OBJECT_STR)
		return PRUN_ETYPE;
	return add_text(items, o->via.bin.ptr, o->via.bin.size);
}

static int add_all(struct items *items, const msgpack_object *o)
{
	int rc = 0;

	if (o->type != MSGPACK_OBJECT_ARRAY)
		return add(items, o);
	for (uint32_t i = 0; i < o->via.array.size && rc == 0; i++)
		rc = add(items, &o->via.array.ptr[i]);
	return rc;
}

int items_unpack(struct items *items, const void *argument,
		 size_t argument_size)
{
	msgpack_zone zone;
	msgpack_object o;
	int rc;

	items->count = 0;
	if (!msgpack_zone_init(&zone, 512))
		return -ENOMEM;
	rc = prun_value_object(&o, &zone, argument, argument_size);
	if (rc == 0)
		rc = add_all(items, &o);
	msgpack_zone_destroy(&zone);
	return rc;
}

int items_unpack_record(struct items *items, struct columns *columns,
			const void *argument, size_t argument_size)
{
	int rc = columns_read(columns, argument, argument_size, NULL);

	items->count = 0;
	for (size_t i = 0; i < columns->count && rc == 0; i++)
		rc = add_text(items, columns->list[i].text,
			      columns->list[i].len);
	return rc;
}

void items_release(struct items *items)
{
	free(items->texts);
	*items = (struct items){.texts = NULL};
}

char *items_join(const struct items *items, char between, size_t *len)
{
	size_t size = 1;
	char *joined, *p;

	for (size_t i = 0; i < items->count; i++)
		size += items->texts[i].len + 1;
	joined = malloc(size);
	if (!joined)
		return NULL;
	p = joined;
	for (size_t i = 0; i < items->count; i++) {
		if (i > 0)
			*p++ = between;
		/* Of no bytes there may be no place. */
		if (items->texts[i].len > 0)
			memcpy(p, items->texts[i].text, items->texts[i].len);
		p += items->texts[i].len;
	}
	*p = '\0';
	*len = (size_t)(p - joined);
	return joined;
}
