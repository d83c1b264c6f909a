/* SPDX-License-Identifier: MIT */

#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "environment.h"
#include "workers.h"

/* The kernel's own: a quarter of the stack, but not more nor less than so. */
#define EXEC_ROOM_LEAST ((size_t)128 << 10)
#define EXEC_ROOM_MOST ((size_t)6 << 20)
/* Kept free, for the name of the program, an interpreter and its argument. */
#define EXEC_ROOM_SPARE ((size_t)4 << 10)

/* The part of a list of items that is counted to be shared out. */
#define COUNTED_BYTES ((size_t)16 << 20)

size_t batch_exec_room(void)
{
	struct rlimit stack;
	size_t room = EXEC_ROOM_MOST;

	if (getrlimit(RLIMIT_STACK, &stack) == 0 &&
	    stack.rlim_cur / 4 < EXEC_ROOM_MOST)
		room = (size_t)(stack.rlim_cur / 4);
	if (room < EXEC_ROOM_LEAST)
		room = EXEC_ROOM_LEAST;
	return room - EXEC_ROOM_SPARE;
}

void batch_init(struct batch *b, const struct options *o,
		const struct template *t)
{
	*b = (struct batch){.template = t,
			    .many = o->many,
			    .most = o->max_args ? o->max_args : 1,
			    .room = batch_exec_room(),
			    .fixed = template_bound(t) + environment_bound(),
			    .ended = 1};
	if (o->many && !o->max_args)
		b->most = UINT64_MAX;
}

void batch_release(struct batch *b)
{
	free(b->bytes);
	free(b->lengths);
	b->bytes = NULL;
	b->lengths = NULL;
}

void batch_open(struct batch *b, struct input *in)
{
	b->in = in;
	if (b->many)
		input_count(in, COUNTED_BYTES);
}

/* -X is not to give all items to one worker, where it is known how many there
 * are. Asked when there are workers. */
static void share_out(struct batch *b)
{
	uint64_t total = input_total(b->in), workers = workers_count(), share;

	b->many = false;
	if (total == INPUT_UNKNOWN || workers == 0)
		return;
	share = (total + workers - 1) / workers;
	if (share > 0 && share < b->most)
		b->most = share;
}

/* --------------------------------------------------------------- those in hand */

static int length_add(struct batch *b, size_t len)
{
	if (b->count == b->lengths_room) {
		size_t room = b->lengths_room ? b->lengths_room * 2 : 64;
		size_t *lengths = realloc(b->lengths, room * sizeof(*lengths));

		if (!lengths)
			return -ENOMEM;
		b->lengths = lengths;
		b->lengths_room = room;
	}
	b->lengths[b->count++] = len;
	return 0;
}

static int item_add(struct batch *b, const char *text, size_t len)
{
	if (len > b->bytes_room - b->used) {
		size_t room = (b->used + len) * 2;
		char *bytes = realloc(b->bytes, room);

		if (!bytes)
			return -ENOMEM;
		b->bytes = bytes;
		b->bytes_room = room;
	}
	if (len > 0)
		memcpy(b->bytes + b->used, text, len);
	b->used += len;
	return length_add(b, len);
}

static size_t item_size(const struct batch *b, size_t len)
{
	return template_bound_item(b->template, len);
}

/* Forget the first ones. */
static void items_drop(struct batch *b, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += b->lengths[i];
	b->used -= size;
	b->count -= count;
	if (b->used > 0)
		memmove(b->bytes, b->bytes + size, b->used);
	memmove(b->lengths, b->lengths + count, b->count * sizeof(*b->lengths));
	b->size = b->fixed;
	for (size_t i = 0; i < b->count; i++)
		b->size += item_size(b, b->lengths[i]);
}

/* A task of those in hand, but for one that is for the next one. */
static int items_give(struct batch *b, struct prun_item *item)
{
	struct prun_packer *p = prun_item_packer(item);
	size_t count = b->closed ? b->count - 1 : b->count;
	const char *at = b->bytes;
	int rc = prun_pack_array(p, (uint32_t)count);

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = prun_pack_bin(p, b->lengths[i] > 0 ? at : "",
				   b->lengths[i]);
		at += b->lengths[i];
	}
	if (rc < 0)
		return rc;
	items_drop(b, count);
	b->closed = false;
	return 1;
}

static int too_long_give(struct batch *b, struct prun_item *item)
{
	int rc = prun_pack_nil(prun_item_packer(item));

	b->too_long = false;
	prun_item_cookie(item, INPUT_TOO_LONG);
	return rc < 0 ? rc : 1;
}

/* ------------------------------------------------------------------- the source */

/* The item that the input has just given moves from there into the hand. */
static int item_take(struct batch *b, struct prun_item *item)
{
	struct prun_packer *p = prun_item_packer(item);
	const char *text;
	size_t size, len;
	const void *data = prun_packer_data(p, &size);
	int rc;

	if (prun_unpack(data, size, NULL, "s#", &text, &len) < 0) {
		prun_item_cookie(item, NULL);
		b->too_long = true;
		rc = 0;
	} else {
		rc = item_add(b, text, len);
		if (rc == 0)
			b->size += item_size(b, len);
		b->closed = b->count > 1 && b->size > b->room;
	}
	prun_packer_clear(p);
	return rc;
}

static bool is_full(const struct batch *b)
{
	return b->closed || b->too_long || b->count >= b->most;
}

int batch_source(struct prun_item *item, struct batch *b)
{
	int rc;

	if (b->most == 1)
		return input_source(item, b->in);
	if (b->many)
		share_out(b);
	if (b->count == 0)
		b->size = b->fixed;
	if (b->count == 0 && b->too_long)
		return too_long_give(b, item);
	while (b->ended == 1 && !is_full(b)) {
		rc = input_source(item, b->in);
		if (rc == PRUN_SOURCE_WAIT)
			return rc;
		if (rc != 1)
			b->ended = rc;
		else if ((rc = item_take(b, item)) < 0)
			return rc;
	}
	if (b->count > 0)
		return items_give(b, item);
	return b->too_long ? too_long_give(b, item) : b->ended;
}
