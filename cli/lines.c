/* SPDX-License-Identifier: MIT */

#include "lines.h"

#include <string.h>

static void put(struct lines *l, const char *data, size_t size)
{
	if (size > 0 && !l->error)
		l->error = l->put(l->to, data, size);
}

static void put_tagged(struct lines *l, const char *data, size_t size)
{
	const char *end = data + size;

	while (data < end) {
		const char *p = memchr(data, l->end, (size_t)(end - data));
		const char *next = p ? p + 1 : end;

		if (!l->within) {
			put(l, l->tag, l->tag_len);
			put(l, "\t", 1);
		}
		put(l, data, (size_t)(next - data));
		l->within = !p;
		data = next;
	}
}

void lines_put(struct lines *l, const char *data, size_t size)
{
	if (size == 0)
		return;
	if (l->tag) {
		put_tagged(l, data, size);
	} else {
		put(l, data, size);
		l->within = data[size - 1] != l->end;
	}
}

void lines_put_blocks(struct lines *l, const struct spool *spool,
		      const uint32_t *blocks, uint32_t count)
{
	static char block[SPOOL_BLOCK];

	for (uint32_t i = 0; i < count && !l->error; i++) {
		int rc = spool_get(spool, block, blocks[i]);

		if (rc < 0)
			l->error = rc;
		else
			lines_put(l, block, sizeof(block));
	}
}

void lines_end(struct lines *l)
{
	if (l->within && l->whole)
		put(l, &l->end, 1);
	l->within = false;
}
