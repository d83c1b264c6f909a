/* SPDX-License-Identifier: MIT */

#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void fields_clear(struct fields *f)
{
	f->size = 0;
	f->count = 0;
}

void fields_release(struct fields *f)
{
	free(f->text);
	free(f->ends);
	*f = (struct fields){.text = NULL};
}

int fields_put(struct fields *f, const char *data, size_t size)
{
	if (size > f->room - f->size) {
		size_t room = f->size + size + f->room / 2 + 64;
		char *text = realloc(f->text, room);

		if (!text)
			return -ENOMEM;
		f->text = text;
		f->room = room;
	}
	if (size > 0)
		memcpy(f->text + f->size, data, size);
	f->size += size;
	return 0;
}

int fields_end(struct fields *f)
{
	if (f->count == f->ends_room) {
		size_t room = f->ends_room * 2 + 16;
		size_t *ends = realloc(f->ends, room * sizeof(*ends));

		if (!ends)
			return -ENOMEM;
		f->ends = ends;
		f->ends_room = room;
	}
	f->ends[f->count++] = f->size;
	return 0;
}

int fields_add(struct fields *f, const char *data, size_t size)
{
	int rc = fields_put(f, data, size);

	return rc < 0 ? rc : fields_end(f);
}

const char *fields_at(const struct fields *f, size_t place, size_t *len)
{
	size_t start = place > 0 ? f->ends[place - 1] : 0;

	*len = f->ends[place] - start;
	return f->text ? f->text + start : "";
}

size_t fields_find(const struct fields *f, const char *text, size_t len)
{
	for (size_t i = 0; i < f->count; i++) {
		size_t size;
		const char *s = fields_at(f, i, &size);

		if (size == len && (len == 0 || memcmp(s, text, len) == 0))
			return i;
	}
	return FIELDS_NONE;
}
