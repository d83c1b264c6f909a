/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prun.h"

#define FIRST_CAPACITY ((size_t)64 << 10)
/* What is reserved: room for a first buffer's content and as much again. */
#define RESERVED_CAPACITY (2 * FIRST_CAPACITY)
/* Buffers grow by doubling, up to so much. What is larger is one frame, whose
 * size is known. */
#define DOUBLED_CAPACITY ((size_t)1 << 20)
/* A buffer that a large frame made grow beyond this is given back. */
#define KEEP_CAPACITY ((size_t)256 << 10)

#define TAG_SIZE_MASK (((uint64_t)1 << 56) - 1)

uint32_t frame_value_size(const struct frame *f, uint32_t i)
{
	uint32_t size;

	memcpy(&size, f->sizes + (size_t)i * sizeof(size), sizeof(size));
	return size;
}

void frame_reader_init(struct frame_reader *r, uint64_t max)
{
	memset(r, 0, sizeof(*r));
	r->max = max;
	r->least = FIRST_CAPACITY;
}

void frame_reader_release(struct frame_reader *r)
{
	free(r->data);
	frame_reader_init(r, r->max);
}

void frame_reader_reset(struct frame_reader *r)
{
	r->start = 0;
	r->end = 0;
	r->skip = 0;
	r->error = 0;
}

/* The next capacity that holds `size` bytes. */
static size_t capacity_for(size_t capacity, size_t size)
{
	while (capacity < size && capacity < DOUBLED_CAPACITY)
		capacity *= 2;
	if (capacity < size)
		capacity = (size + FIRST_CAPACITY - 1) / FIRST_CAPACITY *
			   FIRST_CAPACITY;
	return capacity;
}

/* Move what is left to the front, in a buffer of `capacity` bytes. */
static int reader_resize(struct frame_reader *r, size_t capacity)
{
	size_t left = r->end - r->start;
	unsigned char *data = r->data;

	if (capacity != r->capacity) {
		data = malloc(capacity);
		if (!data)
			return -ENOMEM;
		if (left)
			memcpy(data, r->data + r->start, left);
		free(r->data);
	} else if (left) {
		memmove(data, data + r->start, left);
	}
	r->data = data;
	r->capacity = capacity;
	r->start = 0;
	r->end = left;
	return 0;
}

int frame_reader_reserve(struct frame_reader *r)
{
	r->least = RESERVED_CAPACITY;
	return reader_resize(r, r->least);
}

/* One that grew large for a frame, which is gone. */
static void reader_shrink(struct frame_reader *r, size_t min)
{
	r->start = 0;
	r->end = 0;
	/* Without memory for the smaller one the large one does. */
	if (r->capacity > KEEP_CAPACITY && min <= r->least)
		(void)reader_resize(r, r->least);
}

void frame_reader_trim(struct frame_reader *r)
{
	if (r->start == r->end)
		reader_shrink(r, 0);
}

unsigned char *frame_reader_space(struct frame_reader *r, size_t min,
				  size_t *room)
{
	size_t left = r->end - r->start;
	size_t capacity;

	if (!left)
		reader_shrink(r, min);
	capacity =
		capacity_for(r->capacity ? r->capacity : r->least, left + min);
	if (capacity != r->capacity || r->capacity - r->end < min)
		if (reader_resize(r, capacity) < 0)
			return NULL;
	*room = r->capacity - r->end;
	return r->data + r->end;
}

void frame_reader_fed(struct frame_reader *r, size_t size)
{
	unsigned char *at = r->data + r->end;
	size_t drop = r->skip < size ? (size_t)r->skip : size;

	if (drop) {
		r->skip -= drop;
		size -= drop;
		memmove(at, at + drop, size);
	}
	r->end += size;
}

/* The head's size by kind; 0: no such kind. */
static size_t head_size(uint64_t tag)
{
	switch (tag >> 56) {
	case FRAME_TASKS:
		return sizeof(struct frame_tasks);
	case FRAME_READY:
	case FRAME_RESULT:
		return sizeof(struct frame_result);
	case FRAME_STOP:
		return FRAME_TAG_SIZE;
	default:
		return 0;
	}
}

bool frame_peek_tasks(struct frame_tasks *head, const struct frame_reader *r)
{
	if (r->end - r->start < sizeof(*head))
		return false;
	memcpy(head, r->data + r->start, sizeof(*head));
	return head->tag >> 56 == FRAME_TASKS;
}

bool frame_reader_holds(const struct frame_reader *r)
{
	return r->start < r->end || r->skip;
}

bool frame_reader_skip(struct frame_result *head, struct frame_reader *r)
{
	size_t left = r->end - r->start;

	if (left < sizeof(*head))
		return false;
	memcpy(head, r->data + r->start, sizeof(*head));
	if (head->tag >> 56 != FRAME_RESULT)
		return false;
	r->skip = sizeof(*head) + (head->tag & TAG_SIZE_MASK) - left;
	r->start = 0;
	r->end = 0;
	return true;
}

size_t frame_reader_missing(const struct frame_reader *r)
{
	size_t left = r->end - r->start;
	uint64_t tag, whole;

	if (left < FRAME_TAG_SIZE)
		return FRAME_TAG_SIZE - left;
	memcpy(&tag, r->data + r->start, sizeof(tag));
	whole = head_size(tag) + (tag & TAG_SIZE_MASK);
	return whole > left ? (size_t)(whole - left) : 0;
}

/* The sizes in front of the values must fit and add up. */
static int parse_tasks(struct frame *f, const unsigned char *at, uint64_t size)
{
	uint64_t heads = (uint64_t)f->tasks.count * sizeof(uint32_t);
	uint64_t sum = 0;
	uint32_t i;

	if (heads > size || f->tasks.count == 0)
		return PRUN_EPROTO;
	f->sizes = at;
	f->body = at + heads;
	f->size = size - heads;
	for (i = 0; i < f->tasks.count; i++) {
		uint32_t one = frame_value_size(f, i);

		if (one > f->size - sum)
			return PRUN_EPROTO;
		sum += one;
	}
	return sum == f->size ? 1 : PRUN_EPROTO;
}

int frame_next(struct frame *f, struct frame_reader *r)
{
	size_t left = r->end - r->start;
	const unsigned char *at = r->data + r->start;
	uint64_t tag, size;
	size_t head;

	if (r->error)
		return r->error;
	if (left < FRAME_TAG_SIZE)
		return 0;
	memcpy(&tag, at, sizeof(tag));
	size = tag & TAG_SIZE_MASK;
	head = head_size(tag);
	if (!head || (head == FRAME_TAG_SIZE && size))
		return r->error = PRUN_EPROTO;
	if (size > r->max)
		return r->error = PRUN_ETOOBIG;
	if (left < head || left - head < size)
		return 0;

	f->kind = (enum frame_kind)(tag >> 56);
	f->body = at + head;
	f->size = size;
	f->sizes = NULL;
	if (f->kind == FRAME_TASKS) {
		memcpy(&f->tasks, at, sizeof(f->tasks));
		if (parse_tasks(f, f->body, size) < 0)
			return r->error = PRUN_EPROTO;
	} else if (f->kind != FRAME_STOP) {
		memcpy(&f->result, at, sizeof(f->result));
	}
	r->start += head + (size_t)size;
	return 1;
}

void frame_writer_release(struct frame_writer *w)
{
	free(w->data);
	memset(w, 0, sizeof(*w));
}

unsigned char *frame_writer_space(struct frame_writer *w, size_t size)
{
	size_t left = w->end - w->start;
	size_t capacity = w->capacity ? w->capacity : FIRST_CAPACITY;
	unsigned char *data;

	if (w->capacity - w->end >= size)
		return w->data + w->end;
	capacity = capacity_for(capacity, left + size);
	/* Moving pays only when it frees half the buffer; else it grows. */
	if (capacity == w->capacity && left > capacity / 2)
		capacity = capacity_for(capacity, capacity * 2);
	data = w->data;
	if (capacity == w->capacity) {
		memmove(data, data + w->start, left);
	} else {
		data = malloc(capacity);
		if (!data)
			return NULL;
		if (left)
			memcpy(data, w->data + w->start, left);
		free(w->data);
	}
	w->data = data;
	w->capacity = capacity;
	w->start = 0;
	w->end = left;
	return data + left;
}

void frame_writer_took(struct frame_writer *w, size_t size)
{
	w->start += size;
	if (w->start < w->end)
		return;
	if (w->capacity > KEEP_CAPACITY)
		frame_writer_release(w);
	w->start = 0;
	w->end = 0;
}

int frame_put_tasks(struct frame_writer *w, struct frame_tasks head,
		    const uint32_t *offsets, const void *data)
{
	size_t heads = (size_t)head.count * sizeof(uint32_t);
	uint64_t size = offsets[head.count] - offsets[0];
	unsigned char *at =
		frame_writer_space(w, sizeof(head) + heads + (size_t)size);
	uint32_t i;

	if (!at)
		return -ENOMEM;
	head.tag = frame_tag(FRAME_TASKS, heads + size);
	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	for (i = 0; i < head.count; i++) {
		uint32_t one = offsets[i + 1] - offsets[i];

		memcpy(at + i * sizeof(one), &one, sizeof(one));
	}
	memcpy(at + heads, (const char *)data + offsets[0], (size_t)size);
	w->end += sizeof(head) + heads + (size_t)size;
	return 0;
}

int frame_put_stop(struct frame_writer *w)
{
	uint64_t tag = frame_tag(FRAME_STOP, 0);
	unsigned char *at = frame_writer_space(w, sizeof(tag));

	if (!at)
		return -ENOMEM;
	memcpy(at, &tag, sizeof(tag));
	w->end += sizeof(tag);
	return 0;
}
