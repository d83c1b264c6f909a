/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "alloc.h"
#include "item.h"
#include "job.h"
#include "suite.h"

#define MAX_PAYLOAD 20000u

/* ------------------------------------------------------------------ helpers */

/* Takes no memory, as Check's assertions may. */
#define hold(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s does not hold", #condition); \
	} while (0)

/* A source of `count` integers, or strings of `bytes`, with its troubles. */
struct trouble {
	uint64_t count, next;
	size_t bytes;
	uint64_t at;  /* before this one ... */
	int code;     /* ... it says so; PRUN_SOURCE_WAIT: once */
	bool nothing; /* it says 1 and packs nothing */
	uint64_t run; /* after so many the function changes; 0: never */
	unsigned calls, freed;
};

static int source(struct prun_item *item, void *payload)
{
	static const char text[2 * MAX_PAYLOAD];
	struct trouble *t = payload;
	int code = t->code;

	t->calls++;
	hold(prun_item_index(item) == t->next);
	if (code && t->next == t->at) {
		prun_item_str(item, "to be rolled back", 17);
		prun_item_wait_fd(item, 7);
		if (code == PRUN_SOURCE_WAIT)
			t->code = 0;
		return code;
	}
	if (t->next == t->count)
		return 0;
	prun_item_cookie(item, t + t->next);
	if (t->run && t->next / t->run % 2)
		hold(prun_item_func(item, "other") == 0);
	hold(prun_item_func(item, "unknown") == PRUN_ENOFUNC);
	t->next++;
	if (t->nothing)
		return 1;
	if (t->bytes)
		prun_item_bin(item, text, t->bytes);
	else
		prun_item_int(item, (int64_t)t->next - 1);
	return 1;
}

static void free_payload(void *payload)
{
	((struct trouble *)payload)->freed++;
}

/* The function of the jobs has the number 4. */
static struct prun_func func_rows[] = {
	{.name = "a"}, {.name = "other"}, {.name = "c"},
	{.name = "d"}, {.name = "e"},
};
static struct func_table funcs;

static int unused(struct prun_task *task)
{
	(void)task;
	return 0;
}

static struct chunk_cache cache;
static struct blocks *blocks; /* until drop() */
static struct trouble trouble;
static struct prun_call call;
static struct prun_job *job;
static struct prun_result scratch;
static bool handle = true;

/* Fields of `call` and `trouble` are set before make(). */
static void set_up(void)
{
	static const struct prun_call init = PRUN_CALL_INIT;

	call = init;
	call.source = source;
	call.source_payload = &trouble;
	call.payload = &trouble;
	call.payload_free = free_payload;
	memset(&trouble, 0, sizeof(trouble));
	if (!blocks)
		blocks = blocks_new();
	ck_assert_ptr_nonnull(blocks);
	if (funcs.count > 0)
		return;
	for (size_t i = 0; i < sizeof(func_rows) / sizeof(func_rows[0]); i++)
		func_rows[i].fn = unused;
	ck_assert_int_eq(func_table_init(&funcs, func_rows, 5), 0);
}

static void tear_down(void)
{
	func_table_release(&funcs);
}

static int make(enum prun_order order)
{
	struct job_config config = {.func = 4,
				    .funcs = &funcs,
				    .workers = 2,
				    .max_payload = MAX_PAYLOAD,
				    .cache = &cache,
				    .blocks = blocks,
				    .scratch = &scratch,
				    .handle = handle};

	call.order = order;
	return job_new(&job, &call, &config);
}

static void made(enum prun_order order)
{
	ck_assert_int_eq(make(order), 0);
	ck_assert_uint_eq(trouble.freed, 0);
}

/* How many chunks wait for their next use. */
static unsigned cached(void)
{
	const struct chunk *c;
	unsigned count = 0;

	for (c = cache.free; c; c = c->next)
		count++;
	return count;
}

static void drop(void)
{
	job_destroy(job);
	ck_assert_uint_eq(trouble.freed, 1);
	chunk_cache_release(&cache);
	blocks_free(blocks);
	blocks = NULL;
}

static struct chunk *pull(uint32_t want, uint32_t count)
{
	struct chunk *c;

	ck_assert(job_pullable(job));
	c = job_pull(job, want);
	if (!count) {
		ck_assert_ptr_null(c);
		return NULL;
	}
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->count, count);
	ck_assert_uint_eq(c->left, count);
	ck_assert_uint_eq(c->func, 4);
	ck_assert_ptr_eq(c->job, job);
	return c;
}

/* Task i of the chunk is done: its value is a string of its letter. */
static void finish(struct chunk *c, uint32_t i, int status)
{
	struct engine_worker who = {1, 99, 0, -1};
	char text[3] = {'\xa1', (char)('a' + c->index + i), '\0'};
	struct engine_result r = {status, status ? text + 1 : text,
				  status ? 1 : 2, 10, 20};

	ck_assert(job_done(job, c, i, 1, &r, &who));
}

static void finish_all(struct chunk *c)
{
	uint32_t i;

	for (i = 0; i < c->count; i++)
		finish(c, i, 0);
}

static void expect_result(uint64_t index, int status)
{
	const struct prun_result *r = job->result;
	int64_t argument = -1;
	char letter = (char)('a' + index);

	ck_assert_uint_eq(r->index, index);
	ck_assert_int_eq(r->status, status);
	ck_assert_ptr_eq(r->cookie, &trouble + index);
	ck_assert_int_eq(prun_unpack(r->argument, r->argument_size, NULL, "I",
				     &argument),
			 0);
	ck_assert_int_eq(argument, (int64_t)index);
	if (status) {
		ck_assert_ptr_null(r->value);
		ck_assert_uint_eq(strlen(r->message), r->message_size);
	} else {
		ck_assert_ptr_null(r->message);
		ck_assert_uint_eq(r->value_size, 2);
		ck_assert_int_eq(((const char *)r->value)[1], letter);
		ck_assert_int_eq(r->worker_id, 1);
		ck_assert_int_eq(r->worker_pid, 99);
		ck_assert_uint_eq(r->start_ns, 10);
		ck_assert_uint_eq(r->run_ns, 20);
	}
}

static void take(uint64_t index)
{
	ck_assert(job_take(job));
	expect_result(index, 0);
}

/* -------------------------------------------------------------------- pulling */

START_TEST(chunksize)
{
	struct chunk *c;
	uint64_t i;

	trouble.count = 10;
	call.chunksize = 3;
	made(PRUN_ORDER_MAP);
	for (i = 0; i < 3; i++) {
		c = pull(1, 3);
		ck_assert_uint_eq(c->index, 3 * i);
		ck_assert(c->exact);
	}
	ck_assert(!job->ended);
	c = pull(1000, 1);
	ck_assert_uint_eq(c->index, 9);
	ck_assert(job->ended);
	ck_assert(!job_pullable(job));
	ck_assert_uint_eq(job->pulled, 10);
	ck_assert_int_eq(job->error, 0);
	ck_assert_uint_eq(trouble.calls, 11);
	ck_assert(!job_all_done(job));
	drop();
}
END_TEST

START_TEST(an_even_end)
{
	trouble.count = 6;
	call.chunksize = 3;
	made(PRUN_ORDER_IMAP);
	pull(1, 3);
	pull(1, 3);
	pull(1, 0);
	ck_assert(job->ended);
	ck_assert_ptr_null(job->building);
	drop();
}
END_TEST

START_TEST(adapted)
{
	struct chunk *c;

	trouble.count = 5000;
	made(PRUN_ORDER_MAP);
	c = pull(7, 7);
	ck_assert(!c->exact);
	c = pull(100000, 1024);
	ck_assert_uint_eq(c->index, 7);
	drop();
	set_up();
	/* By bytes: the seventh is beyond 64 KiB. */
	trouble.count = 100;
	trouble.bytes = 10000;
	made(PRUN_ORDER_MAP);
	pull(1000, 7);
	drop();
}
END_TEST

START_TEST(length_is_a_hint)
{
	uint32_t shares[] = {26, 19, 14};
	unsigned i, chunks = 0;
	struct chunk *c;

	trouble.count = 103;
	call.length = 100;
	made(PRUN_ORDER_MAP);
	for (i = 0; i < 3; i++)
		pull(1000, shares[i]);
	pull(5, 5); /* never more than wanted */
	while (job->pulled < 100) {
		c = job_pull(job, 1000);
		ck_assert_ptr_nonnull(c);
		chunks++;
	}
	ck_assert_uint_ge(chunks, 6);
	ck_assert_uint_eq(job->pulled, 100);
	/* And never a limit. */
	pull(1000, 3);
	ck_assert(job->ended);
	drop();
}
END_TEST

START_TEST(buffersize)
{
	struct chunk *c;

	trouble.count = 100;
	call.buffersize = 5;
	made(PRUN_ORDER_IMAP);
	c = pull(100, 5);
	ck_assert(!job_pullable(job));
	ck_assert(!job_stuck(job));
	finish_all(c);
	ck_assert(job_stuck(job));
	take(0);
	take(1);
	ck_assert(!job_stuck(job));
	pull(100, 2);
	ck_assert(!job_pullable(job));
	drop();
	set_up();
	/* A whole chunk, or nothing. */
	trouble.count = 100;
	call.buffersize = 5;
	call.chunksize = 3;
	made(PRUN_ORDER_IMAP);
	c = pull(100, 3);
	ck_assert(!job_pullable(job));
	finish_all(c);
	take(0);
	pull(100, 3);
	drop();
}
END_TEST

START_TEST(bufferbytes)
{
	struct chunk *c;

	trouble.count = 100;
	trouble.bytes = 10000;
	call.bufferbytes = 25000;
	made(PRUN_ORDER_UNORDERED);
	c = pull(2, 2);
	ck_assert(job_pullable(job));
	pull(1, 1);
	ck_assert(!job_pullable(job));
	finish_all(c);
	ck_assert(!job_pullable(job));
	ck_assert(job_take(job));
	ck_assert(job_pullable(job));
	drop();
	set_up();
	/* One is always pulled; a map has no such limit. */
	trouble.count = 100;
	trouble.bytes = 10000;
	call.bufferbytes = 1;
	made(PRUN_ORDER_IMAP);
	c = pull(1, 1);
	ck_assert(!job_pullable(job));
	finish_all(c);
	ck_assert(job_take(job));
	/* All bytes are given back with the last one. */
	ck_assert_uint_eq(job->bytes, 0);
	drop();
	set_up();
	trouble.count = 100;
	trouble.bytes = 10000;
	call.bufferbytes = 1;
	made(PRUN_ORDER_MAP);
	pull(1, 1);
	pull(1, 1);
	drop();
}
END_TEST

/* Where the source fails: at its first, third, in a chunk, at its end. */
static const struct {
	uint64_t at;
	uint32_t size, chunks[4];
} failures[] = {
	{0, 1, {0}},	{0, 4, {0}},	   {2, 1, {1, 1, 0}},  {2, 4, {2}},
	{6, 4, {4, 2}}, {8, 4, {4, 4, 0}}, {10, 5, {5, 5, 0}},
};

static void fail_source(int code, int expected)
{
	struct chunk *c;
	size_t i = (size_t)(trouble.at ? 4 : 0), n;

	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		set_up();
		trouble.count = 10;
		trouble.at = failures[i].at;
		trouble.code = code;
		call.chunksize = failures[i].size;
		made(PRUN_ORDER_IMAP);
		for (n = 0; !job->ended; n++) {
			c = pull(1, failures[i].chunks[n]);
			if (c)
				finish_all(c);
		}
		ck_assert_int_eq(job->error, expected);
		ck_assert_uint_eq(job->pulled, failures[i].at);
		ck_assert(job_all_done(job));
		for (n = 0; n < failures[i].at; n++)
			take(n);
		ck_assert(!job_take(job));
		drop();
	}
}

START_TEST(source_fails)
{
	fail_source(-EIO, -EIO);
	fail_source(PRUN_EVALUE, PRUN_EVALUE);
	fail_source(5, PRUN_EINVAL);
}
END_TEST

START_TEST(source_lies)
{
	trouble.count = 10;
	trouble.nothing = true;
	made(PRUN_ORDER_MAP);
	pull(3, 0);
	ck_assert_int_eq(job->error, PRUN_EVALUE);
	drop();
	set_up();
	trouble.count = 10;
	trouble.bytes = MAX_PAYLOAD;
	made(PRUN_ORDER_MAP);
	pull(3, 0);
	ck_assert_int_eq(job->error, PRUN_ETOOBIG);
	ck_assert(job_all_done(job));
	drop();
	set_up();
	/* As large as may be, several times. */
	trouble.count = 3;
	trouble.bytes = MAX_PAYLOAD - 3;
	made(PRUN_ORDER_MAP);
	pull(10, 3);
	ck_assert_int_eq(job->error, 0);
	drop();
}
END_TEST

START_TEST(source_waits)
{
	struct chunk *c;

	trouble.count = 6;
	trouble.at = 2;
	trouble.code = PRUN_SOURCE_WAIT;
	call.chunksize = 4;
	made(PRUN_ORDER_IMAP);
	pull(1, 0);
	ck_assert(job->waiting);
	ck_assert_int_eq(job->wait_fd, 7);
	ck_assert(!job_pullable(job));
	ck_assert(!job_stuck(job));
	ck_assert(!job_all_done(job));
	job->waiting = false;
	/* What had come is in it, once. */
	c = pull(1, 4);
	finish_all(c);
	take(0);
	take(1);
	take(2);
	take(3);
	pull(1, 2);
	drop();
	set_up();
	trouble.count = 6;
	trouble.at = 2;
	trouble.code = PRUN_SOURCE_WAIT;
	made(PRUN_ORDER_IMAP);
	pull(4, 2); /* adapted chunks do not wait */
	ck_assert(job->waiting);
	job->waiting = false;
	c = pull(4, 4);
	ck_assert_uint_eq(c->index, 2);
	drop();
}
END_TEST

/* ------------------------------------------------------- functions that change */

/* The next chunk, which is of one function, as all its tasks; they are done,
 * and their results taken. NULL: there is none. */
static struct chunk *pull_one_function(void)
{
	uint64_t index = job->delivered;
	struct chunk *c = job_pull(job, 1000);
	uint32_t i;

	if (!c)
		return NULL;
	ck_assert_uint_eq(c->index, index);
	for (i = 0; i < c->count; i++)
		ck_assert_uint_eq(c->func,
				  (index + i) / trouble.run % 2 ? 1 : 4);
	chunk_ref(c);
	finish_all(c);
	for (i = 0; i < c->count; i++)
		take(index + i);
	return c;
}

static const uint64_t runs[] = {1, 2, 7, 8, 9, 30, 1000};

START_TEST(a_chunk_has_one_function)
{
	static const uint32_t sizes[] = {0, 1, 8, 100, 3000};
	uint32_t room = 0;
	unsigned n, k;

	for (n = 0; n < 7; n++)
		for (k = 0; k < 5; k++) {
			set_up();
			trouble.count = 3000;
			trouble.run = runs[n];
			call.chunksize = sizes[k];
			made(PRUN_ORDER_IMAP);
			for (room = 0; job_pullable(job);) {
				struct chunk *c = pull_one_function();

				if (!c)
					break;
				room += c->capacity;
				chunk_unref(job->cache, c);
			}
			ck_assert(job->ended);
			ck_assert_uint_eq(job->delivered, 3000);
			ck_assert_uint_eq(job->bytes, 0);
			/* However often it changes, little room stays empty.
			 * Of the first chunks nothing was known. */
			ck_assert_uint_le(room, 10 * 3000 + 6000);
			drop();
		}
}
END_TEST

/* The chunk that was begun by another function is there when the source has
 * nothing, has ended, or the job ends. */
START_TEST(a_chunk_that_was_begun)
{
	struct chunk *c;

	trouble.count = 4;
	trouble.run = 3;
	trouble.at = 4;
	trouble.code = PRUN_SOURCE_WAIT;
	made(PRUN_ORDER_IMAP);
	c = job_pull(job, 100);
	ck_assert_uint_eq(c->count, 3);
	ck_assert_uint_eq(job->next_func, 1);
	ck_assert(job_pullable(job));
	ck_assert_uint_eq(job->pulled, 4);
	c = job_pull(job, 100);
	ck_assert_uint_eq(c->count, 1);
	ck_assert_uint_eq(c->index, 3);
	ck_assert_uint_eq(c->func, 1);
	ck_assert(job->waiting);
	drop();
	set_up();
	trouble.count = 4;
	trouble.run = 3;
	made(PRUN_ORDER_IMAP);
	c = job_pull(job, 100);
	finish_all(c);
	ck_assert(job_end(job, PRUN_ECANCELLED, "cancelled"));
	ck_assert(job_all_done(job));
	take(0);
	take(1);
	take(2);
	ck_assert(job_take(job));
	expect_result(3, PRUN_ECANCELLED);
	drop();
}
END_TEST

/* A second try is of the same function. */
START_TEST(a_try_keeps_its_function)
{
	struct chunk *c;

	trouble.count = 2;
	trouble.run = 1;
	call.retries = 1;
	call.retry_on = PRUN_RETRY_ERROR;
	made(PRUN_ORDER_IMAP);
	finish(job_pull(job, 100), 0, 0);
	finish(job_pull(job, 100), 0, PRUN_EFAILED);
	c = job_pull_retry(job, UINT64_MAX - 1);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->func, 1);
	finish(c, 0, 0);
	take(0);
	take(1);
	drop();
}
END_TEST

/* ------------------------------------------------------------------- delivery */

START_TEST(in_order)
{
	struct chunk *a, *b;

	trouble.count = 5;
	made(PRUN_ORDER_IMAP);
	a = pull(3, 3);
	b = pull(3, 2);
	ck_assert(!job_take(job));
	finish(b, 1, 0);
	finish(a, 1, 0);
	ck_assert(!job_take(job));
	finish(a, 0, 0);
	take(0);
	take(1);
	ck_assert(!job_take(job));
	finish(b, 0, 0);
	ck_assert(!job_take(job));
	finish(a, 2, -EIO);
	ck_assert(job_take(job));
	expect_result(2, -EIO);
	ck_assert_str_eq(job->result->message, "c");
	take(3);
	take(4);
	expect_result(4, 0); /* borrowed, though its chunk is delivered */
	ck_assert(!job_take(job));
	ck_assert(job_all_done(job));
	ck_assert_uint_eq(job->failed, 1);
	ck_assert_uint_eq(job->bytes, 0);
	drop();
}
END_TEST

START_TEST(as_they_come)
{
	struct chunk *a, *b;

	trouble.count = 5;
	made(PRUN_ORDER_UNORDERED);
	a = pull(3, 3);
	b = pull(3, 2);
	finish(b, 1, 0);
	finish(a, 2, 0);
	take(4);
	finish(b, 0, 0);
	take(2);
	take(3);
	ck_assert(!job_take(job));
	finish(a, 1, 0);
	finish(a, 0, 0);
	take(1);
	take(0);
	ck_assert(!job_take(job));
	ck_assert_uint_eq(job->bytes, 0);
	drop();
}
END_TEST

/* The ring of what is ready grows while it is wrapped around. */
START_TEST(many_are_ready)
{
	struct chunk *old, *c;
	uint32_t i, round;

	trouble.count = 100000;
	made(PRUN_ORDER_UNORDERED);
	old = pull(40, 40);
	for (round = 0; round < 8; round++) {
		for (i = 0; i < 40; i++)
			finish(old, i, 0);
		for (i = 0; i < 30; i++)
			ck_assert(job_take(job));
		old = job_pull(job, 40);
		ck_assert_ptr_nonnull(old);
	}
	c = pull(1000, 1000);
	for (i = 0; i < 1000; i++)
		finish(c, i, 0);
	for (i = 0; i < 8 * 10 + 1000; i++) {
		ck_assert(job_take(job));
		ck_assert_ptr_eq(job->result->cookie,
				 &trouble + job->result->index);
		if (i >= 80)
			ck_assert_uint_eq(job->result->index, 360 + i - 80);
	}
	ck_assert(!job_take(job));
	drop();
}
END_TEST

START_TEST(kept)
{
	struct chunk *c[20];
	uint64_t i;

	trouble.count = 20;
	call.chunksize = 1;
	made(PRUN_ORDER_MAP);
	for (i = 0; i < 20; i++)
		c[i] = pull(1, 1);
	pull(1, 0);
	ck_assert(!job_look_failed(job->result, job));
	for (i = 20; i-- > 0;)
		finish(c[i], 0, i % 7 == 5 ? -EIO : 0);
	ck_assert(job_all_done(job));
	/* By the list, then by the index. */
	for (job->completed = false;; job->completed = true) {
		for (i = 0; i < 20; i++) {
			ck_assert(job_look(job->result, job, i));
			expect_result(i, i % 7 == 5 ? -EIO : 0);
		}
		ck_assert(!job_look(job->result, job, 20));
		ck_assert(!job_look(job->result, job, UINT64_MAX));
		if (job->completed)
			break;
	}
	ck_assert_ptr_nonnull(job->index);
	ck_assert(job_look_failed(job->result, job));
	expect_result(5, -EIO);
	for (i = 0; i < 20; i++) {
		ck_assert(job_take(job));
		expect_result(i, i % 7 == 5 ? -EIO : 0);
	}
	ck_assert(!job_take(job));
	drop();
}
END_TEST

START_TEST(who_ran_it)
{
	static const struct engine_worker who[] = {
		{0, 100, 0, -1}, {0, 100, 0, -1}, {1, 101, 9, -1},
		{0, 100, 0, 3},	 {-1, 0, 0, -1},
	};
	struct engine_result r = {PRUN_EWORKER, "dead", 4, 10, 20};
	struct chunk *c;
	int i;

	trouble.count = 5;
	made(PRUN_ORDER_MAP);
	c = pull(5, 5);
	for (i = 0; i < 5; i++)
		job_done(job, c, (uint32_t)i, 1, &r, &who[i]);
	for (i = 0; i < 5; i++) {
		ck_assert(job_look(job->result, job, (uint64_t)i));
		ck_assert_int_eq(job->result->worker_id, who[i].id);
		ck_assert_int_eq(job->result->worker_pid, who[i].pid);
		ck_assert_int_eq(job->result->worker_signal, who[i].signal);
		ck_assert_int_eq(job->result->worker_exit, who[i].exit_code);
		ck_assert_str_eq(job->result->message, "dead");
		ck_assert_int_eq(job->result->status, PRUN_EWORKER);
	}
	drop();
}
END_TEST

START_TEST(no_msgpack)
{
	struct engine_worker who = {1, 99, 0, -1};
	struct engine_result r[] = {
		{0, "\x01", 1, 0, 0},
		{0, "\x92\x01", 2, 0, 0}, /* half an array */
		{0, "\x01\x02", 2, 0, 0}, /* two values */
		{0, "", 0, 0, 0},
		{-EIO, "\xff\xff", 2, 0, 0}, /* a text may be anything */
	};
	struct chunk *c;
	int i;

	trouble.count = 5;
	made(PRUN_ORDER_IMAP);
	c = pull(5, 5);
	ck_assert(!job_done(job, c, 0, 5, r, &who));
	for (i = 0; i < 5; i++) {
		ck_assert(job_take(job));
		ck_assert_int_eq(job->result->status, i == 0 ? 0 :
						      i == 4 ? -EIO :
							       PRUN_EPROTO);
	}
	ck_assert_uint_eq(job->failed, 4);
	drop();
}
END_TEST

/* Strings around the size that lies in a result itself; and one that a failure
 * of that size is not taken for. */
START_TEST(values_of_any_size)
{
	static const char text[] =
		"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa";
	struct engine_worker who = {1, 99, 0, -1};
	struct chunk *c;
	uint32_t i, n = 10;

	trouble.count = 2 * n;
	made(PRUN_ORDER_IMAP);
	c = pull(2 * n, 2 * n);
	for (i = 0; i < n; i++) {
		unsigned char value[16];
		struct engine_result r = {0, (char *)value, i + 1, 0, 0};

		memset(value, 'v', sizeof(value));
		value[0] = (unsigned char)text[i];
		ck_assert(job_done(job, c, 2 * i, 1, &r, &who));
		r.status = -EIO;
		ck_assert(job_done(job, c, 2 * i + 1, 1, &r, &who));
	}
	for (i = 0; i < 2 * n; i++) {
		const struct prun_result *r = job->result;
		const char *shown;

		ck_assert(job_take(job));
		shown = i % 2 ? r->message : r->value;
		ck_assert_int_eq(r->status, i % 2 ? -EIO : 0);
		ck_assert_uint_eq(i % 2 ? r->message_size : r->value_size,
				  i / 2 + 1);
		ck_assert_int_eq(shown[0], text[i / 2]);
		ck_assert_mem_eq(shown + 1, "vvvvvvvvvvvvvvv", i / 2);
		ck_assert_int_eq(shown[i / 2 + 1], '\0');
	}
	drop();
}
END_TEST

/* Exact up to a second, and nearly so up to 30 years. */
START_TEST(times)
{
	static const uint64_t exact[] = {
		0, 1, 999, 1000000, (1 << 30) - 1, 1 << 30, 5000 * 1024,
	};
	struct chunk_result r;
	uint64_t ns, got;
	size_t i;

	for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		r.run = chunk_run_pack(exact[i]);
		ck_assert_uint_eq(chunk_run_ns(&r), exact[i]);
	}
	for (ns = 1; ns < (uint64_t)1 << 59; ns += ns / 3 + 1) {
		r.run = chunk_run_pack(ns);
		got = chunk_run_ns(&r);
		ck_assert_uint_le(got, ns);
		ck_assert_uint_le(ns - got, ns < 1 << 30 ? 0 : ns / 1000000);
	}
	r.run = chunk_run_pack(UINT64_MAX); /* the largest that there is */
	ck_assert_uint_gt(chunk_run_ns(&r), (uint64_t)1 << 59);
}
END_TEST

/* ---------------------------------------------------------------------- the end */

START_TEST(cancelled)
{
	struct chunk *c;
	uint64_t i;

	trouble.count = 100;
	trouble.at = 6;
	trouble.code = PRUN_SOURCE_WAIT;
	call.chunksize = 4;
	made(PRUN_ORDER_IMAP);
	c = pull(1, 4);
	finish(c, 0, 0);
	pull(1, 0); /* two are in the chunk that is being built */
	ck_assert(job_end(job, PRUN_ECANCELLED, "no more"));
	ck_assert(!job_pullable(job));
	ck_assert(!job_all_done(job));
	finish(c, 1, 0); /* it had been running */
	job_withdrawn(job, c, 2, 2);
	ck_assert(job_all_done(job));
	take(0);
	take(1);
	for (i = 2; i < 6; i++) {
		ck_assert(job_take(job));
		expect_result(i, PRUN_ECANCELLED);
		ck_assert_str_eq(job->result->message, "no more");
		ck_assert_int_eq(job->result->worker_id, -1);
		ck_assert_int_eq(job->result->worker_pid, 0);
	}
	ck_assert(!job_take(job));
	ck_assert_int_eq(job->error, PRUN_ECANCELLED);
	ck_assert(!job_end(job, -EIO, "again"));
	ck_assert_int_eq(job->error, PRUN_ECANCELLED);
	drop();
}
END_TEST

START_TEST(discarded)
{
	struct chunk *a, *b;

	trouble.count = 6;
	made(PRUN_ORDER_UNORDERED);
	a = pull(3, 3);
	b = pull(3, 3);
	pull(3, 0);
	finish_all(a);
	finish(b, 0, 0);
	take(0);
	job_discard(job);
	ck_assert_ptr_eq(job->first, b);
	ck_assert_ptr_eq(job->last, b);
	ck_assert_uint_eq(cached(), 2); /* a, and the one in vain */
	ck_assert(!job_take(job));
	ck_assert(!job_look(job->result, job, 0));
	finish(b, 1, 0);
	finish(b, 2, -EIO);
	ck_assert_ptr_null(job->first);
	ck_assert_uint_eq(cached(), 3);
	ck_assert(job_all_done(job));
	ck_assert_uint_eq(job->bytes, 0);
	drop();
}
END_TEST

START_TEST(chunks_are_used_again)
{
	struct chunk *c, *again;

	trouble.count = 50;
	made(PRUN_ORDER_IMAP);
	c = pull(4, 4);
	finish_all(c);
	take(0);
	take(1);
	take(2);
	take(3);
	again = pull(4, 4); /* the first is borrowed still */
	ck_assert_ptr_ne(again, c);
	finish_all(again);
	take(4); /* the first is given back now */
	again = pull(3, 3);
	ck_assert_ptr_eq(again, c);
	ck_assert_uint_eq(again->taken, 0);
	ck_assert_uint_eq(again->index, 8);
	finish_all(again);
	drop();
}
END_TEST

START_TEST(apply)
{
	size_t size;

	made(PRUN_ORDER_APPLY);
	ck_assert_uint_eq(job->pulled, 1);
	ck_assert_mem_eq(chunk_argument(pull(1, 1), 0, &size), "\xc0", 1);
	ck_assert_uint_eq(size, 1);
	ck_assert(!job_pullable(job));
	finish(job->first, 0, 0);
	ck_assert(job_all_done(job));
	ck_assert(job_look(job->result, job, 0));
	ck_assert_ptr_ne(job->result, &scratch);
	ck_assert_uint_eq(job->result->value_size, 2);
	drop();
	set_up();
	handle = false;
	made(PRUN_ORDER_APPLY);
	ck_assert_ptr_eq(job->result, &scratch);
	drop();
	handle = true;
	set_up();
	call.argument = "\x91";
	call.argument_size = 1;
	ck_assert_int_eq(make(PRUN_ORDER_APPLY), PRUN_EVALUE);
	call.argument_size = MAX_PAYLOAD + 1;
	ck_assert_int_eq(make(PRUN_ORDER_APPLY), PRUN_ETOOBIG);
	ck_assert_uint_eq(trouble.freed, 0); /* the caller's, until success */
}
END_TEST

/* --------------------------------------------------------------------- no memory */

/* A job from start to end: as good as it can be without the n-th piece. */
static void run_job(enum prun_order order, unsigned *results)
{
	struct engine_worker who = {1, 99, 0, -1};
	struct engine_result r = {0, "\x01", 1, 10, 20};
	struct chunk *c;
	uint32_t i;

	if (make(order) < 0)
		return;
	while (job_pullable(job)) {
		c = job_pull(job, 4);
		for (i = 0; c && i < c->count; i++)
			job_done(job, c, i, 1, &r, &who);
	}
	while (job_take(job))
		if (job->result->status == 0)
			++*results;
	job->completed = true;
	for (i = 0; !job_is_stream(job) && i < job->pulled; i++)
		job_look(job->result, job, i);
}

START_TEST(no_memory)
{
	enum prun_order order = (enum prun_order)_i;
	unsigned all = order == PRUN_ORDER_APPLY ? 1 : 100;
	unsigned long n;
	bool failed = true;

	for (n = 1; failed; n++) {
		unsigned results = 0;

		set_up();
		trouble.count = 100;
		trouble.run = order == PRUN_ORDER_MAP ? 0 : 3;
		job = NULL;
		call.buffersize = 1000;
		alloc_fail_at(n);
		run_job(order, &results);
		failed = alloc_failed();
		alloc_fail_at(0);
		if (!failed)
			ck_assert_uint_eq(results, all);
		if (!job) {
			ck_assert(failed);
			ck_assert_uint_eq(trouble.freed, 0);
			continue;
		}
		ck_assert(job_all_done(job));
		ck_assert(job->error == 0 || job->error == -ENOMEM);
		/* Nothing is lost without a word. */
		if (results < all && !job->error)
			ck_assert_uint_ge(results, all - 1);
		drop();
	}
	ck_assert_uint_gt(n, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("job");
	TCase *tc = suite_case(s, "pull");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, chunksize);
	tcase_add_test(tc, an_even_end);
	tcase_add_test(tc, adapted);
	tcase_add_test(tc, length_is_a_hint);
	tcase_add_test(tc, buffersize);
	tcase_add_test(tc, bufferbytes);
	tcase_add_test(tc, source_fails);
	tcase_add_test(tc, source_lies);
	tcase_add_test(tc, source_waits);
	tc = suite_case(s, "functions");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_chunk_has_one_function);
	tcase_add_test(tc, a_chunk_that_was_begun);
	tcase_add_test(tc, a_try_keeps_its_function);
	tc = suite_case(s, "deliver");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, as_they_come);
	tcase_add_test(tc, many_are_ready);
	tcase_add_test(tc, kept);
	tcase_add_test(tc, who_ran_it);
	tcase_add_test(tc, no_msgpack);
	tcase_add_test(tc, values_of_any_size);
	tcase_add_test(tc, times);
	tc = suite_case(s, "end");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, cancelled);
	tcase_add_test(tc, discarded);
	tcase_add_test(tc, chunks_are_used_again);
	tcase_add_test(tc, apply);
	tcase_add_loop_test(tc, no_memory, PRUN_ORDER_MAP,
			    PRUN_ORDER_APPLY + 1);
	return suite_main(s);
}
