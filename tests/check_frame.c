/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "frame.h"
#include "prun.h"
#include "suite.h"

#define MAX ((uint64_t)1 << 20)
#define TASKS_HEAD sizeof(struct frame_tasks)
#define RESULT_HEAD sizeof(struct frame_result)

/* ------------------------------------------------------------------ helpers */

/* For loops: each ck_assert writes to Check's pipe, also when it holds. */
#define hold(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s does not hold", #condition); \
	} while (0)

static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void feed(struct frame_reader *r, const void *data, size_t size)
{
	size_t room = 0;
	unsigned char *at;

	if (size == 0)
		return;
	at = frame_reader_space(r, size, &room);
	hold(at && room >= size);
	memcpy(at, data, size);
	frame_reader_fed(r, size);
}

/* Bytes to feed, put together by hand. */
struct bytes {
	unsigned char data[4096];
	size_t size;
};

static void add(struct bytes *b, const void *data, size_t size)
{
	hold(b->size + size <= sizeof(b->data));
	memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void add_u64(struct bytes *b, uint64_t n)
{
	add(b, &n, sizeof(n));
}

static void add_u32(struct bytes *b, uint32_t n)
{
	add(b, &n, sizeof(n));
}

/* As frame.h draws it. */
static void add_result(struct bytes *b, enum frame_kind kind, uint32_t number,
		       int32_t status, const char *text)
{
	add_u64(b, (uint64_t)kind << 56 | strlen(text));
	add_u64(b, (uint64_t)1000 + number);
	add_u64(b, (uint64_t)2000 + number);
	add_u32(b, number);
	add_u32(b, (uint32_t)status);
	add(b, text, strlen(text));
}

static void add_tasks_head(struct bytes *b, uint64_t size, uint32_t count)
{
	add_u64(b, (uint64_t)1 << 56 | size);
	add_u64(b, 0x1122334455667788);
	add_u32(b, 3);
	add_u32(b, 0xfffffffe);
	add_u32(b, count);
	add_u32(b, FRAME_SOLO);
}

static void add_stop(struct bytes *b)
{
	add_u64(b, (uint64_t)2 << 56);
}

/* A good stream with every kind of frame. */
static void fill(struct bytes *b)
{
	b->size = 0;
	add_result(b, FRAME_READY, 0, 0, "");
	add_result(b, FRAME_RESULT, 7, 0, "seven");
	add_tasks_head(b, 3 * 4 + 5, 3);
	add_u32(b, 1);
	add_u32(b, 0);
	add_u32(b, 4);
	add(b, "abbbb", 5);
	add_result(b, FRAME_RESULT, 0xffffffff, PRUN_EFAILED, "bad");
	add_stop(b);
	add_result(b, FRAME_READY, 1, -ENOMEM, "no memory");
}

static const char filled[] = "3 0 0 1000 2000 ''\n"
			     "4 7 0 1007 2007 'seven'\n"
			     "1 1122334455667788 3 fffffffe 1: 'a' '' 'bbbb'\n"
			     "4 4294967295 -5016 4294968295 4294969295 'bad'\n"
			     "2\n"
			     "3 1 -12 1001 2001 'no memory'\n";

/* What was read, as text. */
struct transcript {
	char text[8192];
	size_t size;
};

static void PRUN_PRINTF(2, 3) say(struct transcript *t, const char *format, ...)
{
	size_t room = sizeof(t->text) - t->size;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->text + t->size, room, format, args);
	va_end(args);
	hold(n >= 0 && (size_t)n < room);
	t->size += (size_t)n;
}

static void say_tasks(struct transcript *t, const struct frame *f)
{
	const unsigned char *at = f->body;
	uint64_t sum = 0;
	uint32_t i;

	say(t, "1 %llx %u %x %u:", (unsigned long long)f->tasks.index,
	    f->tasks.func, f->tasks.first, f->tasks.flags);
	for (i = 0; i < f->tasks.count; i++) {
		uint64_t size = frame_value_size(f, i);

		say(t, " '%.*s'", (int)size, (const char *)at);
		at += size;
		sum += size;
	}
	hold(sum == f->size);
	say(t, "\n");
}

static void say_frame(struct transcript *t, const struct frame *f)
{
	if (f->kind == FRAME_STOP)
		say(t, "2\n");
	else if (f->kind == FRAME_TASKS)
		say_tasks(t, f);
	else
		say(t, "%d %u %d %llu %llu '%.*s'\n", (int)f->kind,
		    f->result.number, (int)f->result.status,
		    (unsigned long long)f->result.start_ns,
		    (unsigned long long)f->result.run_ns, (int)f->size,
		    (const char *)f->body);
}

/* All frames that are there; what frame_next said in the end. */
static int drain(struct transcript *t, struct frame_reader *r)
{
	struct frame f;
	int rc;

	while ((rc = frame_next(&f, r)) == 1)
		say_frame(t, &f);
	return rc;
}

/* ------------------------------------------------------------------- reader */

START_TEST(layout)
{
	ck_assert_uint_eq(TASKS_HEAD, 32);
	ck_assert_uint_eq(RESULT_HEAD, 32);
	ck_assert_uint_eq(offsetof(struct frame_tasks, index), 8);
	ck_assert_uint_eq(offsetof(struct frame_tasks, flags), 28);
	ck_assert_uint_eq(offsetof(struct frame_result, status), 28);
	ck_assert_uint_eq(frame_tag(FRAME_RESULT, 5), 0x0400000000000005);
}
END_TEST

START_TEST(at_once)
{
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct bytes b;

	fill(&b);
	frame_reader_init(&r, MAX);
	ck_assert_int_eq(drain(&t, &r), 0);
	feed(&r, b.data, b.size);
	ck_assert_int_eq(drain(&t, &r), 0);
	ck_assert_str_eq(t.text, filled);
	ck_assert_uint_eq(r.start, r.end);
	frame_reader_release(&r);
	ck_assert_ptr_null(r.data);
	frame_reader_release(&r);
}
END_TEST

START_TEST(byte_by_byte)
{
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct bytes b;
	size_t i;

	fill(&b);
	frame_reader_init(&r, MAX);
	for (i = 0; i < b.size; i++) {
		ck_assert_str_ne(t.text, filled);
		feed(&r, b.data + i, 1);
		ck_assert_int_eq(drain(&t, &r), 0);
	}
	ck_assert_str_eq(t.text, filled);
	frame_reader_release(&r);
}
END_TEST

START_TEST(cut_everywhere)
{
	struct frame_reader r;
	struct bytes b;
	size_t cut;

	fill(&b);
	for (cut = 0; cut <= b.size; cut++) {
		struct transcript t = {.size = 0};

		frame_reader_init(&r, MAX);
		feed(&r, b.data, cut);
		ck_assert_int_eq(drain(&t, &r), 0);
		if (cut < b.size)
			ck_assert_str_ne(t.text, filled);
		feed(&r, b.data + cut, b.size - cut);
		ck_assert_int_eq(drain(&t, &r), 0);
		ck_assert_str_eq(t.text, filled);
		frame_reader_release(&r);
	}
}
END_TEST

/* Who reads only what is said to be missing never reads into the next. */
START_TEST(missing_is_exact)
{
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct bytes b;
	struct frame f;
	size_t at = 0;

	fill(&b);
	frame_reader_init(&r, MAX);
	while (at < b.size) {
		size_t missing = frame_reader_missing(&r);

		ck_assert_uint_gt(missing, 0);
		ck_assert_uint_le(missing, b.size - at);
		feed(&r, b.data + at, missing);
		at += missing;
		if (frame_next(&f, &r) == 1) {
			say_frame(&t, &f);
			ck_assert_uint_eq(r.start, r.end);
		}
	}
	ck_assert_str_eq(t.text, filled);
	ck_assert_uint_eq(frame_reader_missing(&r), 8);
	feed(&r, b.data, 8);
	ck_assert_uint_eq(frame_reader_missing(&r), RESULT_HEAD - 8);
	feed(&r, b.data + 8, RESULT_HEAD - 8 + 1);
	ck_assert_uint_eq(frame_reader_missing(&r), 0);
	frame_reader_release(&r);
}
END_TEST

START_TEST(oversized)
{
	static const uint64_t kinds[] = {1, 3, 4};
	static const uint64_t sizes[] = {101, (uint64_t)1 << 32,
					 ((uint64_t)1 << 56) - 1};
	struct frame_reader r;
	struct frame f;
	size_t i, j;

	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++) {
			struct bytes b = {.size = 0};

			add_u64(&b, kinds[i] << 56 | sizes[j]);
			frame_reader_init(&r, 100);
			feed(&r, b.data, 7);
			ck_assert_int_eq(frame_next(&f, &r), 0);
			feed(&r, b.data + 7, 1);
			/* Known by the tag alone, and no memory is taken. */
			alloc_fail_at(0);
			ck_assert_int_eq(frame_next(&f, &r), PRUN_ETOOBIG);
			ck_assert_int_eq(frame_next(&f, &r), PRUN_ETOOBIG);
			ck_assert_uint_le(r.capacity, 65536);
			frame_reader_release(&r);
		}
	}
}
END_TEST

START_TEST(as_large_as_allowed)
{
	char text[101];
	struct frame_reader r;
	struct bytes b = {.size = 0};
	struct frame f;

	memset(text, 'x', 100);
	text[100] = '\0';
	add_result(&b, FRAME_RESULT, 1, 0, text);
	frame_reader_init(&r, 100);
	feed(&r, b.data, b.size);
	ck_assert_int_eq(frame_next(&f, &r), 1);
	ck_assert_uint_eq(f.size, 100);
	ck_assert_mem_eq(f.body, text, 100);
	frame_reader_reset(&r);
	r.max = 99;
	feed(&r, b.data, b.size);
	ck_assert_int_eq(frame_next(&f, &r), PRUN_ETOOBIG);
	frame_reader_release(&r);
}
END_TEST

/* Wrong, and so it stays until the reader is reset. */
static void expect_lie(const struct bytes *b)
{
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct bytes good;
	struct frame f;

	frame_reader_init(&r, MAX);
	feed(&r, b->data, b->size);
	ck_assert_int_eq(frame_next(&f, &r), PRUN_EPROTO);
	fill(&good);
	feed(&r, good.data, good.size);
	ck_assert_int_eq(frame_next(&f, &r), PRUN_EPROTO);
	frame_reader_reset(&r);
	ck_assert_int_eq(frame_next(&f, &r), 0);
	feed(&r, good.data, good.size);
	ck_assert_int_eq(drain(&t, &r), 0);
	ck_assert_str_eq(t.text, filled);
	frame_reader_release(&r);
}

START_TEST(lying_kinds)
{
	uint64_t kind;

	for (kind = 0; kind < 256; kind++) {
		struct bytes b = {.size = 0};

		if (kind >= FRAME_TASKS && kind <= FRAME_RESULT)
			continue;
		add_u64(&b, kind << 56);
		expect_lie(&b);
		b.size = 0;
		add_u64(&b, kind << 56 | 12345);
		expect_lie(&b);
	}
}
END_TEST

START_TEST(lying_stop)
{
	struct bytes b = {.size = 0};

	add_u64(&b, (uint64_t)2 << 56 | 1);
	expect_lie(&b);
}
END_TEST

/* A TASKS frame whose body is `size` bytes with these sizes in front. */
static void expect_lying_tasks(uint64_t size, uint32_t count,
			       const uint32_t *sizes, uint32_t nsizes)
{
	struct bytes b = {.size = 0};
	uint32_t i;

	add_tasks_head(&b, size, count);
	for (i = 0; i < nsizes; i++)
		add_u32(&b, sizes[i]);
	while (b.size < TASKS_HEAD + size)
		add(&b, "v", 1);
	expect_lie(&b);
}

START_TEST(lying_counts)
{
	static const uint32_t one[] = {0};

	expect_lying_tasks(0, 0, NULL, 0);
	expect_lying_tasks(5, 0, NULL, 0);
	expect_lying_tasks(0, 1, NULL, 0);
	expect_lying_tasks(3, 1, NULL, 0);
	expect_lying_tasks(4, 2, one, 1);
	expect_lying_tasks(7, 2, one, 1);
	expect_lying_tasks(4, UINT32_MAX, one, 1);
	/* count * 4 modulo 2^32 would be 4 */
	expect_lying_tasks(4, 0x40000001, one, 1);
}
END_TEST

START_TEST(lying_sizes)
{
	static const uint32_t lies[][2] = {
		{3, 3}, /* more than there is */
		{3, 1}, /* less */
		{6, 0},
		{0, 6},
		{0, 0},
		{UINT32_MAX, 6}, /* the right sum, modulo 2^32 */
		{6, UINT32_MAX},
		{UINT32_MAX - 1, 7},
		{4, UINT32_MAX},
		{(uint32_t)1 << 31, ((uint32_t)1 << 31) + 5},
	};
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		expect_lying_tasks(2 * 4 + 5, 2, lies[i], 2);
}
END_TEST

/* A frame lies within what was fed, and its sizes add up. */
static void check_bounds(const struct frame_reader *r, const struct frame *f)
{
	const unsigned char *end = r->data + r->start;
	uint64_t sum = 0;
	uint32_t i;

	hold(r->start <= r->end);
	hold(r->end <= r->capacity);
	hold(f->body >= r->data && f->body <= end);
	hold(f->size == (uint64_t)(end - f->body));
	hold(f->size <= r->max);
	if (f->kind != FRAME_TASKS)
		return;
	hold(f->tasks.count > 0);
	hold(f->sizes >= r->data &&
	     f->sizes + 4 * (size_t)f->tasks.count == f->body);
	for (i = 0; i < f->tasks.count; i++)
		sum += frame_value_size(f, i);
	hold(sum == f->size);
}

/* Feed in pieces of any size, and see what comes. Frames read. */
static unsigned feed_wildly(struct frame_reader *r, const struct bytes *b)
{
	unsigned frames = 0;
	struct frame f;
	size_t at = 0;
	int rc = 0;

	while (at < b->size) {
		size_t n = 1 + random_number() % (b->size - at);

		feed(r, b->data + at, n);
		at += n;
		while ((rc = frame_next(&f, r)) == 1) {
			check_bounds(r, &f);
			frames++;
		}
		hold(rc == 0 || rc == PRUN_EPROTO || rc == PRUN_ETOOBIG);
		if (rc < 0) {
			hold(r->error == rc);
			break;
		}
	}
	hold(r->capacity <= 65536);
	return frames;
}

START_TEST(random_bytes)
{
	unsigned frames = 0;
	int round;

	for (round = 0; round < 20000; round++) {
		struct frame_reader r;
		struct bytes b = {.size = 1 + random_number() % 200};
		size_t i;

		for (i = 0; i < b.size; i++)
			b.data[i] = (unsigned char)random_number();
		/* Else nearly all would end at their first tag. */
		if (b.size >= 8 && round % 2) {
			uint64_t tag = random_number() % 6 << 56 | b.data[0];

			memcpy(b.data, &tag, sizeof(tag));
		}
		frame_reader_init(&r, 100);
		frames += feed_wildly(&r, &b);
		frame_reader_release(&r);
	}
	ck_assert_uint_gt(frames, 100);
}
END_TEST

START_TEST(good_bytes_gone_bad)
{
	unsigned frames = 0;
	int round;

	for (round = 0; round < 20000; round++) {
		struct frame_reader r;
		struct bytes b;
		uint64_t i;

		fill(&b);
		for (i = random_number() % 4; i > 0; i--)
			b.data[random_number() % b.size] ^=
				(unsigned char)(1 << random_number() % 8);
		frame_reader_init(&r, 1000);
		frames += feed_wildly(&r, &b);
		frame_reader_release(&r);
	}
	ck_assert_uint_gt(frames, 20000);
}
END_TEST

/* A RESULT frame of `size` bytes, made of a letter. */
static void feed_large(struct frame_reader *r, size_t size, int letter)
{
	struct frame_result head = {.tag = frame_tag(FRAME_RESULT, size)};
	char *text = malloc(size);

	ck_assert_ptr_nonnull(text);
	memset(text, letter, size);
	feed(r, &head, sizeof(head));
	feed(r, text, size);
	free(text);
}

static void expect_large(struct frame_reader *r, size_t size, int letter)
{
	struct frame f;
	size_t i;

	ck_assert_int_eq(frame_next(&f, r), 1);
	ck_assert_uint_eq(f.size, size);
	for (i = 0; i < size; i++)
		hold(f.body[i] == letter);
}

START_TEST(capacity_is_given_back)
{
	struct frame_reader r;
	size_t room;

	frame_reader_init(&r, MAX);
	ck_assert_ptr_nonnull(frame_reader_space(&r, 1, &room));
	ck_assert_uint_eq(r.capacity, 65536);
	feed_large(&r, 200000, 'a');
	expect_large(&r, 200000, 'a');
	ck_assert_uint_eq(r.capacity, 262144);
	/* Not so large that it would be given back. */
	ck_assert_ptr_nonnull(frame_reader_space(&r, 1, &room));
	ck_assert_uint_eq(r.capacity, 262144);
	feed_large(&r, 1000000, 'b');
	ck_assert_uint_ge(r.capacity, 1000000);
	expect_large(&r, 1000000, 'b');
	/* While a large frame is on its way it is wanted. */
	ck_assert_ptr_nonnull(frame_reader_space(&r, 300000, &room));
	ck_assert_uint_gt(r.capacity, 262144);
	ck_assert_ptr_nonnull(frame_reader_space(&r, 1, &room));
	ck_assert_uint_eq(r.capacity, 65536);
	frame_reader_release(&r);
}
END_TEST

START_TEST(steady_capacity)
{
	struct frame_reader r;
	struct frame f;
	struct bytes b;
	int i;

	/* A part of a frame is always left, and moved along. */
	fill(&b);
	frame_reader_init(&r, MAX);
	feed(&r, b.data, 5);
	for (i = 0; i < 10000; i++) {
		struct transcript t = {.size = 0};

		feed(&r, b.data + 5, b.size - 5);
		feed(&r, b.data, 5);
		hold(drain(&t, &r) == 0);
		hold(strcmp(t.text, filled) == 0);
	}
	ck_assert_uint_eq(r.capacity, 65536);
	ck_assert_int_eq(frame_next(&f, &r), 0);
	frame_reader_release(&r);
}
END_TEST

START_TEST(reader_without_memory)
{
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct bytes b;
	unsigned char *at;
	size_t room;

	fill(&b);
	frame_reader_init(&r, MAX);
	alloc_fail_at(1);
	at = frame_reader_space(&r, 1, &room);
	alloc_fail_at(0);
	ck_assert_ptr_null(at);
	feed(&r, b.data, 60);
	alloc_fail_at(1);
	at = frame_reader_space(&r, 100000, &room);
	alloc_fail_at(0);
	ck_assert_ptr_null(at);
	feed(&r, b.data + 60, b.size - 60);
	ck_assert_int_eq(drain(&t, &r), 0);
	ck_assert_str_eq(t.text, filled);
	frame_reader_release(&r);
}
END_TEST

/* With its first buffer reserved it needs no memory for small frames, and one
 * that is too large for memory is dropped as it comes. */
START_TEST(reserved_and_skipped)
{
	struct frame_result large = {.tag = frame_tag(FRAME_RESULT, 500000),
				     .number = 77};
	static unsigned char body[500000];
	struct transcript t = {.size = 0};
	struct frame_reader r;
	struct frame_result head;
	struct bytes b;
	unsigned char *at;
	size_t room, i;

	fill(&b);
	frame_reader_init(&r, MAX);
	alloc_fail_at(1);
	i = (size_t)-frame_reader_reserve(&r);
	alloc_fail_at(0);
	ck_assert_uint_eq(i, ENOMEM);
	ck_assert_int_eq(frame_reader_reserve(&r), 0);
	alloc_fail_from(1);
	hold(!frame_reader_holds(&r) && !frame_reader_skip(&head, &r));
	feed(&r, &large, sizeof(large));
	feed(&r, body, 60000);
	hold(drain(&t, &r) == 0 && frame_reader_holds(&r));
	hold(frame_reader_space(&r, 65536, &room) != NULL);
	at = frame_reader_space(&r, frame_reader_missing(&r), &room);
	hold(!at && frame_reader_skip(&head, &r));
	hold(head.number == 77 && frame_reader_holds(&r));
	for (i = 60000; i < sizeof(body); i += 20000)
		feed(&r, body, 20000);
	hold(!frame_reader_holds(&r));
	feed(&r, b.data, b.size);
	hold(drain(&t, &r) == 0);
	alloc_fail_at(0);
	ck_assert_str_eq(t.text, filled);
	frame_reader_release(&r);
}
END_TEST

/* What a large frame took goes back when all of it was read, not before. */
START_TEST(large_buffers_go_back)
{
	struct frame_result head = {.tag = frame_tag(FRAME_RESULT, 500000)};
	static unsigned char body[500000];
	struct frame_reader r;
	struct frame f;
	struct bytes b;

	fill(&b);
	frame_reader_init(&r, MAX);
	ck_assert_int_eq(frame_reader_reserve(&r), 0);
	feed(&r, &head, sizeof(head));
	feed(&r, body, sizeof(body));
	feed(&r, b.data, 1);
	ck_assert_int_eq(frame_next(&f, &r), 1);
	frame_reader_trim(&r);
	ck_assert_uint_gt(r.capacity, sizeof(body));
	feed(&r, b.data + 1, b.size - 1);
	while (frame_next(&f, &r) > 0)
		;
	ck_assert(!frame_reader_holds(&r));
	frame_reader_trim(&r);
	ck_assert_uint_le(r.capacity, 131072);
	feed(&r, &head, sizeof(head));
	feed(&r, body, sizeof(body));
	ck_assert_int_eq(frame_next(&f, &r), 1);
	frame_reader_release(&r);
}
END_TEST

/* ------------------------------------------------------------------- writer */

/* Where the values lie, and the end of the last. */
static const uint32_t offsets[] = {2, 5, 5, 6, 11, 13};
static const char values[] = "..aaabcccccdd..";

START_TEST(put_and_read)
{
	struct frame_tasks head = {.index = 0x1122334455667788,
				   .func = 3,
				   .first = 0xfffffffe,
				   .count = 5,
				   .flags = FRAME_SOLO};
	struct transcript t = {.size = 0};
	struct frame_writer w = {0};
	struct frame_reader r;

	ck_assert_int_eq(frame_put_tasks(&w, head, offsets, values), 0);
	/* A run cut out of the middle. */
	head.index += 2;
	head.first = 0;
	head.count = 2;
	head.flags = 0;
	ck_assert_int_eq(frame_put_tasks(&w, head, offsets + 2, values), 0);
	ck_assert_int_eq(frame_put_stop(&w), 0);
	ck_assert_uint_eq(w.end - w.start,
			  32 + 5 * 4 + 11 + 32 + 2 * 4 + 6 + 8);
	frame_reader_init(&r, MAX);
	feed(&r, w.data + w.start, w.end - w.start);
	ck_assert_int_eq(drain(&t, &r), 0);
	ck_assert_str_eq(t.text, "1 1122334455667788 3 fffffffe 1:"
				 " 'aaa' '' 'b' 'ccccc' 'dd'\n"
				 "1 112233445566778a 3 0 0: 'b' 'ccccc'\n"
				 "2\n");
	frame_reader_release(&r);
	frame_writer_release(&w);
	ck_assert_ptr_null(w.data);
	frame_writer_release(&w);
}
END_TEST

/* Bytes leave in the order they came, however they are taken. */
START_TEST(writer_is_a_stream)
{
	struct frame_writer w = {0};
	unsigned char in = 0, out = 0;
	size_t held = 0, i;
	int round;

	for (round = 0; round < 20000; round++) {
		size_t put = 1 + random_number() % 3000;
		size_t take = random_number() % 3000;
		unsigned char *at = frame_writer_space(&w, put);

		hold(at);
		for (i = 0; i < put; i++)
			at[i] = in++;
		w.end += put;
		held += put;
		hold(w.end <= w.capacity);
		hold(w.end - w.start == held);
		if (take > held || held > 20000)
			take = held;
		for (i = 0; i < take; i++)
			hold(w.data[w.start + i] == out++);
		frame_writer_took(&w, take);
		held -= take;
	}
	ck_assert_uint_eq(w.capacity, 65536);
	frame_writer_release(&w);
}
END_TEST

START_TEST(writer_gives_back)
{
	static char large[300000];
	struct frame_tasks head = {.count = 1};
	struct frame_writer w = {0};
	uint32_t ends[] = {0, sizeof(large)};

	memset(large, 'x', sizeof(large));
	ck_assert_int_eq(frame_put_stop(&w), 0);
	ck_assert_int_eq(frame_put_tasks(&w, head, ends, large), 0);
	ck_assert_uint_gt(w.capacity, 262144);
	frame_writer_took(&w, 8 + 32 + 4);
	ck_assert_mem_eq(w.data + w.start, large, sizeof(large));
	frame_writer_took(&w, sizeof(large) - 1);
	ck_assert_uint_gt(w.capacity, 262144);
	frame_writer_took(&w, 1);
	ck_assert_uint_eq(w.capacity, 0);
	ck_assert_ptr_null(w.data);
	/* A small one is kept. */
	ck_assert_int_eq(frame_put_stop(&w), 0);
	frame_writer_took(&w, 8);
	ck_assert_uint_eq(w.capacity, 65536);
	ck_assert_uint_eq(w.end, 0);
	frame_writer_release(&w);
}
END_TEST

START_TEST(writer_without_memory)
{
	static char large[100000];
	struct frame_tasks head = {.count = 1};
	struct frame_writer w = {0};
	uint64_t stop = frame_tag(FRAME_STOP, 0);
	uint32_t ends[] = {0, sizeof(large)};
	int rc;

	alloc_fail_at(1);
	rc = frame_put_stop(&w);
	alloc_fail_at(0);
	ck_assert_int_eq(rc, -ENOMEM);
	ck_assert_uint_eq(w.end, 0);
	ck_assert_int_eq(frame_put_stop(&w), 0);
	alloc_fail_at(1);
	rc = frame_put_tasks(&w, head, ends, large);
	alloc_fail_at(0);
	ck_assert_int_eq(rc, -ENOMEM);
	/* What was there is there. */
	ck_assert_uint_eq(w.end - w.start, 8);
	ck_assert_int_eq(frame_put_tasks(&w, head, ends, large), 0);
	ck_assert_mem_eq(w.data + w.start, &stop, 8);
	frame_writer_release(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame");
	TCase *tc = suite_case(s, "reader");

	tcase_add_test(tc, layout);
	tcase_add_test(tc, at_once);
	tcase_add_test(tc, byte_by_byte);
	tcase_add_test(tc, cut_everywhere);
	tcase_add_test(tc, missing_is_exact);
	tcase_add_test(tc, oversized);
	tcase_add_test(tc, as_large_as_allowed);
	tcase_add_test(tc, lying_kinds);
	tcase_add_test(tc, lying_stop);
	tcase_add_test(tc, lying_counts);
	tcase_add_test(tc, lying_sizes);
	tcase_add_test(tc, random_bytes);
	tcase_add_test(tc, good_bytes_gone_bad);
	tcase_add_test(tc, capacity_is_given_back);
	tcase_add_test(tc, steady_capacity);
	tcase_add_test(tc, reader_without_memory);
	tcase_add_test(tc, reserved_and_skipped);
	tcase_add_test(tc, large_buffers_go_back);
	tc = suite_case(s, "writer");
	tcase_add_test(tc, put_and_read);
	tcase_add_test(tc, writer_is_a_stream);
	tcase_add_test(tc, writer_gives_back);
	tcase_add_test(tc, writer_without_memory);
	return suite_main(s);
}
