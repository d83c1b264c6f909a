/* SPDX-License-Identifier: MIT */
/*
 * Frames: a reader that is fed arbitrary bytes in arbitrary pieces, against a
 * plain reading of docs/wire.md. The input is a byte for the reader's maximum,
 * eight for the sizes of the pieces, and the stream. For a piece of odd size more
 * room is asked for, so that the reader moves what it has, or grows.
 *
 * Whole or in pieces the same frames come, and the same end; what came as
 * TASKS and is put again is the same bytes, also when it is cut in two.
 */
#include "frame.h"
#include "fuzz.h"
#include "prun.h"

#define ROOM_MIN ((size_t)64 << 10)

struct stream {
	const uint8_t *data;
	size_t size;
	uint64_t max;
};

/* What the reader should say at a place of the stream. */
struct expected {
	int rc; /* 1, 0 or an error */
	unsigned kind;
	size_t head;
	uint64_t size; /* of what follows the head */
	uint64_t count;
};

static uint64_t load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static int expect_tasks(struct expected *e, const uint8_t *at)
{
	uint64_t sum = 0, i;

	e->count = load32(at + 24);
	if (e->count == 0 || e->count > e->size / 4)
		return PRUN_EPROTO;
	for (i = 0; i < e->count; i++) {
		sum += load32(at + 32 + 4 * i);
	}
	return sum == e->size - 4 * e->count ? 1 : PRUN_EPROTO;
}

static struct expected expect(const struct stream *s, size_t at)
{
	static const size_t heads[] = {0, 32, 8, 32, 32};
	struct expected e = {0};
	uint64_t tag;

	if (s->size - at < 8)
		return e;
	tag = load64(s->data + at);
	e.kind = (unsigned)(tag >> 56);
	e.size = tag & 0xffffffffffffffu;
	if (e.kind == 0 || e.kind > 4 || (e.kind == 2 && e.size > 0)) {
		e.rc = PRUN_EPROTO;
		return e;
	}
	e.head = heads[e.kind];
	if (e.size > s->max) {
		e.rc = PRUN_ETOOBIG;
		return e;
	}
	if (s->size - at < e.head || s->size - at - e.head < e.size)
		return e;
	e.rc = e.kind == 1 ? expect_tasks(&e, s->data + at) : 1;
	return e;
}

/* Put it again by two frames, cut behind the first `n` tasks, and read them:
 * the sizes and the values are those of before. */
static void check_cut(const struct frame *f, const uint32_t *offsets,
		      uint32_t n)
{
	struct frame_tasks first = f->tasks, second = f->tasks;
	struct frame_writer w = {0};
	struct frame_reader r;
	struct frame again;
	uint32_t i, done = 0;
	size_t room;

	first.count = n;
	second.count = f->tasks.count - n;
	FUZZ_ASSERT(frame_put_tasks(&w, first, offsets, f->body) == 0);
	FUZZ_ASSERT(frame_put_tasks(&w, second, offsets + n, f->body) == 0);
	FUZZ_ASSERT(frame_put_stop(&w) == 0);
	frame_reader_init(&r, f->size + 4 * (uint64_t)f->tasks.count);
	memcpy(frame_reader_space(&r, w.end - w.start, &room), w.data + w.start,
	       w.end - w.start);
	frame_reader_fed(&r, w.end - w.start);
	while (frame_next(&again, &r) == 1 && again.kind == FRAME_TASKS) {
		const uint8_t *at = again.body;

		for (i = 0; i < again.tasks.count; i++, done++) {
			uint64_t one = frame_value_size(&again, i);

			FUZZ_ASSERT(one == frame_value_size(f, done));
			FUZZ_ASSERT(memcmp(at, f->body + offsets[done],
					   (size_t)one) == 0);
			at += one;
		}
	}
	FUZZ_ASSERT(again.kind == FRAME_STOP && done == f->tasks.count);
	FUZZ_ASSERT(frame_next(&again, &r) == 0);
	frame_reader_release(&r);
	frame_writer_took(&w, w.end - w.start);
	frame_writer_release(&w);
}

static void check_put(const struct frame *f, const uint8_t *frame, size_t size)
{
	uint32_t *offsets =
		malloc(((size_t)f->tasks.count + 1) * sizeof(*offsets));
	struct frame_writer w = {0};
	uint32_t i;

	FUZZ_ASSERT(offsets);
	offsets[0] = 0;
	for (i = 0; i < f->tasks.count; i++)
		offsets[i + 1] = offsets[i] + frame_value_size(f, i);
	FUZZ_ASSERT(offsets[i] == f->size);
	FUZZ_ASSERT(frame_put_tasks(&w, f->tasks, offsets, f->body) == 0);
	FUZZ_ASSERT(w.end - w.start == size);
	FUZZ_ASSERT(memcmp(w.data + w.start, frame, size) == 0);
	frame_writer_release(&w);
	if (f->tasks.count > 1)
		check_cut(f, offsets,
			  1 + (uint32_t)(f->size % (f->tasks.count - 1)));
	free(offsets);
}

static void check_frame(const struct frame *f, const struct expected *e,
			const uint8_t *at)
{
	FUZZ_ASSERT((unsigned)f->kind == e->kind);
	if (f->kind == FRAME_TASKS) {
		FUZZ_ASSERT(memcmp(&f->tasks, at, e->head) == 0);
		FUZZ_ASSERT(f->size == e->size - 4 * e->count);
		FUZZ_ASSERT(memcmp(f->sizes, at + e->head,
				   4 * (size_t)e->count) == 0);
		FUZZ_ASSERT(f->body == f->sizes + 4 * e->count);
		check_put(f, at, e->head + (size_t)e->size);
		return;
	}
	FUZZ_ASSERT(f->size == e->size && !f->sizes);
	if (f->kind != FRAME_STOP)
		FUZZ_ASSERT(memcmp(&f->result, at, e->head) == 0);
	FUZZ_ASSERT(memcmp(f->body, at + e->head, (size_t)e->size) == 0);
}

/* Take all frames that have come: the bytes they are, and *rc the end. */
static size_t drain(struct frame_reader *r, const struct stream *s, size_t at,
		    int *rc)
{
	size_t before = at;
	struct frame f;

	while ((*rc = frame_next(&f, r)) == 1) {
		struct expected e = expect(s, at);

		FUZZ_ASSERT(e.rc == 1);
		check_frame(&f, &e, s->data + at);
		at += e.head + (size_t)e.size;
	}
	/* An error is sticky. */
	FUZZ_ASSERT(frame_next(&f, r) == *rc);
	return at - before;
}

/* What is fed when there is no frame yet: some bytes are missing, and the head
 * that is there is shown when it is one of tasks. */
static void check_waiting(const struct frame_reader *r, const struct stream *s,
			  size_t at, size_t fed)
{
	size_t left = fed - at;
	size_t missing = frame_reader_missing(r);
	struct frame_tasks head;
	bool tasks = left >= sizeof(head) && s->data[at + 7] == FRAME_TASKS;

	FUZZ_ASSERT(r->end - r->start == left);
	FUZZ_ASSERT(missing > 0);
	FUZZ_ASSERT(left < 8 ? missing == 8 - left :
			       left + missing <= FRAME_HEAD_MAX + s->max);
	FUZZ_ASSERT(frame_peek_tasks(&head, r) == tasks);
	FUZZ_ASSERT(!tasks || memcmp(&head, s->data + at, sizeof(head)) == 0);
	/* Memory is taken for what has come, not for what a head promises. */
	FUZZ_ASSERT(r->capacity <= 2 * (ROOM_MIN + left));
}

/* Room for a piece: just that; all there would be if what has come were moved
 * to the front; or more than there is at first. */
static size_t room_for(const struct frame_reader *r, size_t piece)
{
	size_t all = r->capacity - (r->end - r->start);

	if (piece % 4 == 1 && all > piece)
		return all;
	return piece % 4 == 3 ? ROOM_MIN : piece;
}

/* Pieces of the sizes that the input names, one after the other; 0: whole. */
static void feed(const struct stream *s, uint64_t pieces)
{
	size_t fed = 0, at = 0, room, min;
	struct frame_reader r;
	struct expected e;
	uint64_t left = 0;
	int rc = 0;

	frame_reader_init(&r, s->max);
	while (fed < s->size && rc == 0) {
		size_t piece = s->size - fed;
		unsigned char *to;

		if (pieces) {
			left = left ? left : pieces;
			piece = 1 + (size_t)(left & 0xff);
			left >>= 8;
		}
		piece = piece < s->size - fed ? piece : s->size - fed;
		min = room_for(&r, piece);
		to = frame_reader_space(&r, min, &room);
		FUZZ_ASSERT(to && room >= min);
		memcpy(to, s->data + fed, piece);
		frame_reader_fed(&r, piece);
		fed += piece;
		at += drain(&r, s, at, &rc);
		if (rc == 0)
			check_waiting(&r, s, at, fed);
	}
	e = expect(s, at);
	FUZZ_ASSERT(rc == e.rc);
	frame_reader_reset(&r);
	FUZZ_ASSERT(frame_reader_missing(&r) == 8);
	frame_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct stream s = {.max = (uint64_t)16 << fuzz_take(&in, 1) % 24};
	uint64_t pieces = fuzz_take(&in, 8);

	s.data = in.data;
	s.size = in.size;
	feed(&s, 0);
	feed(&s, pieces ? pieces : 1);
	feed(&s, 0x100); /* two bytes, one byte */
	return 0;
}
