/* SPDX-License-Identifier: MIT */
/*
 * What every engine must do, through the public calls: results, sources,
 * failures, sizes, backpressure. Each test runs once on each start method.
 */
#include <fcntl.h>

#include "pool_suite.h"

#define METHODS 2

enum verb { MAP, MAP_ASYNC, IMAP, UNORDERED, VERBS };

static int submit_as(struct prun_job **job, struct prun_pool *pool,
		     const struct prun_call *c, enum verb verb)
{
	switch (verb) {
	case MAP:
		return prun_map(job, pool, c);
	case MAP_ASYNC:
		return prun_map_async(job, pool, c);
	case IMAP:
		return prun_imap(job, pool, c);
	default:
		return prun_imap_unordered(job, pool, c);
	}
}

/* Take all results of squares of 0 to count - 1 by prun_job_next. */
static void take_squares(struct prun_job *job, enum verb verb, int count)
{
	bool *had = calloc((size_t)count + 1, sizeof(*had));
	const struct prun_result *r;
	int i;

	ck_assert_ptr_nonnull(had);
	for (i = 0; i < count; i++) {
		r = next_of(job);
		if (verb != UNORDERED)
			ck_assert_uint_eq(r->index, (uint64_t)i);
		ck_assert_uint_lt(r->index, (uint64_t)count);
		ck_assert(!had[r->index]);
		had[r->index] = true;
		ck_assert_int_eq(int_of(r),
				 (int64_t)r->index * (int64_t)r->index);
	}
	assert_end(job, 0);
	free(had);
}

/* ------------------------------------------------------ functions by argument */

/* Integers, of which every `run` in turn go to square and echo. */
struct mixed {
	struct prun_range range;
	int64_t run;
};

static bool is_squared(const struct mixed *m, uint64_t index)
{
	return (int64_t)index / m->run % 2 == 0;
}

static int source_mixed(struct prun_item *item, void *payload)
{
	struct mixed *m = payload;
	bool squared = is_squared(m, prun_item_index(item));

	ck_assert_int_eq(prun_item_func(item, "nobody"), PRUN_ENOFUNC);
	ck_assert_int_eq(prun_item_func(item, squared ? "square" : "echo"), 0);
	return prun_source_range(item, &m->range);
}

static void mixed_functions(struct prun_pool *pool, enum verb verb, int64_t run,
			    uint32_t chunksize)
{
	/* A map of so many goes on in slabs. */
	int count = verb == MAP ? 9000 : 3000;
	struct mixed m = {{0, count, 1}, run};
	struct prun_call c = call_of("picky", source_mixed, &m);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	c.chunksize = chunksize;
	ck_assert_int_eq(submit_as(&job, pool, &c, verb), 0);
	for (i = 0; i < count; i++) {
		int64_t n;

		r = next_of(job);
		n = (int64_t)r->index;
		if (verb != UNORDERED)
			ck_assert_int_eq(n, i);
		ck_assert_int_eq(int_of(r),
				 is_squared(&m, r->index) ? n * n : n);
	}
	assert_end(job, 0);
	prun_job_free(job);
}

START_TEST(each_argument_has_its_function)
{
	static const int64_t runs[] = {1, 2, 7, 100, 2999};
	static const uint32_t chunks[] = {0, 1, 50};
	struct prun_pool *pool = open_pool(_i, 2);
	int verb, n, k;

	for (verb = 0; verb < VERBS; verb++)
		for (n = 0; n < 5; n++)
			for (k = 0; k < 3; k++)
				mixed_functions(pool, (enum verb)verb, runs[n],
						chunks[k]);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- good results */

static void squares(struct prun_pool *pool, enum verb verb, int count,
		    uint32_t chunksize, bool told)
{
	struct prun_range range = {0, count, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	c.chunksize = chunksize;
	c.length = told ? (uint64_t)count : 0;
	memset(seen, 0, sizeof(*seen));
	ck_assert_int_eq(submit_as(&job, pool, &c, verb), 0);
	if (verb == MAP)
		ck_assert_int_eq(prun_job_ready(job), 1);
	if (verb == MAP_ASYNC)
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
	take_squares(job, verb, count);
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_successful(job), 1);
	ck_assert_int_eq(prun_job_error(job), 0);
	ck_assert_uint_eq(prun_job_submitted(job), (uint64_t)count);
	ck_assert_uint_eq(prun_job_finished(job), (uint64_t)count);
	ck_assert_uint_eq(seen->started, (uint32_t)count);
	prun_job_free(job);
}

START_TEST(equal_the_serial_result)
{
	static const int counts[] = {0, 1, 10, 100};
	struct prun_pool *pool = open_pool(_i, 3);
	uint32_t chunks[] = {0, 1, 7, 20, 0};
	size_t n, k;
	int verb;

	for (verb = 0; verb < VERBS; verb++)
		for (n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
			for (k = 0; k < 5; k++) {
				chunks[4] = prun_chunksize_default(
					(uint64_t)counts[n], 3);
				squares(pool, (enum verb)verb, counts[n],
					chunks[k], k % 2 == 0);
			}
	finish_pool(pool);
}
END_TEST

START_TEST(imap_of_many_in_chunks)
{
	struct prun_pool *pool = open_pool(_i, 2);

	squares(pool, IMAP, 1000, 100, false);
	squares(pool, UNORDERED, 1000, 100, true);
	squares(pool, IMAP, 20000, 0, false);
	squares(pool, UNORDERED, 20000, 0, false);
	squares(pool, MAP, 20000, 0, true); /* in slabs */
	finish_pool(pool);
}
END_TEST

/* A hint of the length is never a limit. */
START_TEST(wrong_length_is_only_a_hint)
{
	static const uint64_t lengths[] = {1, 99, 101, UINT64_MAX};
	struct prun_pool *pool = open_pool(_i, 2);
	size_t i;

	for (i = 0; i < 4; i++) {
		struct prun_range range = {0, 100, 1};
		struct prun_call c = range_call("square", &range);
		struct prun_job *job;

		c.length = lengths[i];
		ck_assert_int_eq(prun_map(&job, pool, &c), 0);
		take_squares(job, MAP, 100);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(apply_and_apply_async)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("square", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *jobs[20];
	int i;

	set_argument(&c, p, 9);
	ck_assert_int_eq(prun_apply(&jobs[0], pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, jobs[0], 0), 0);
	ck_assert_int_eq(int_of(r), 81);
	prun_job_free(jobs[0]);
	for (i = 0; i < 20; i++) {
		set_argument(&c, p, i);
		ck_assert_int_eq(prun_apply_async(&jobs[i], pool, &c), 0);
	}
	/* The arguments were copied. */
	prun_packer_free(p);
	for (i = 19; i >= 0; i--) {
		ck_assert_int_eq(prun_job_get(&r, jobs[i], -1), 0);
		ck_assert_int_eq(int_of(r), i * i);
		ck_assert_uint_eq(r->index, 0);
		ck_assert_int_eq(prun_job_at(&r, jobs[i], 0), 0);
		ck_assert_int_eq(prun_job_at(&r, jobs[i], 1), PRUN_EINVAL);
		prun_job_free(jobs[i]);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(apply_without_argument_gets_nil)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_call c = call_of("echo", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *job;

	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_uint_eq(r->value_size, 1);
	ck_assert_int_eq(*(const unsigned char *)r->value, 0xc0);
	ck_assert_uint_eq(r->argument_size, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int source_with_cookies(struct prun_item *item, void *payload)
{
	struct prun_range *range = payload;
	int rc = prun_source_range(item, range);

	if (rc == 1 && prun_item_index(item) % 3)
		prun_item_cookie(item, range + prun_item_index(item));
	return rc;
}

START_TEST(results_carry_what_they_should)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {40, 140, 1};
	struct prun_call c = call_of("echo", source_with_cookies, &range);
	const struct prun_result *r;
	struct prun_job *job;
	int64_t argument;
	uint64_t i;

	c.chunksize = 7;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 100; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->index, i);
		ck_assert_ptr_eq(r->cookie, i % 3 ? &range + i : NULL);
		ck_assert_int_eq(prun_unpack(r->argument, r->argument_size,
					     NULL, "I", &argument),
				 0);
		ck_assert_int_eq(argument, 40 + (int64_t)i);
		ck_assert_int_eq(int_of(r), argument);
		ck_assert_ptr_null(r->message);
		ck_assert_int_ge(r->worker_id, 0);
		ck_assert_int_lt(r->worker_id, prun_pool_workers(pool));
		ck_assert_int_gt(r->worker_pid, 0);
		ck_assert_int_eq(r->worker_pid == getpid(),
				 _i == PRUN_START_INLINE);
		ck_assert_int_eq(r->worker_signal, 0);
		ck_assert_uint_gt(r->start_ns, 0);
	}
	assert_end(job, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(a_task_that_gives_nothing_gives_nil)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("quiet", &range);
	const struct prun_result *r;
	struct prun_job *job;

	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, 0), 0);
	ck_assert_int_eq(prun_result_unpack(r, "n"), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------ failures */

START_TEST(a_failure_is_its_own)
{
	static const uint32_t chunks[] = {0, 1, 7};
	struct prun_pool *pool = open_pool(_i, 2);
	const struct prun_result *r;
	char text[32];
	int k, verb;
	uint64_t i;

	for (k = 0; k < 3 * VERBS; k++) {
		struct prun_range range = {0, 100, 1};
		struct prun_call c = range_call("picky", &range);
		struct prun_job *job;

		verb = k % VERBS;
		c.chunksize = chunks[k / VERBS];
		ck_assert_int_eq(submit_as(&job, pool, &c, (enum verb)verb), 0);
		for (i = 0; i < 100; i++) {
			r = next_of(job);
			if (r->index % 2 == 0) {
				ck_assert_int_eq(int_of(r), (int64_t)r->index);
				continue;
			}
			snprintf(text, sizeof(text), "%d is odd",
				 (int)r->index);
			ck_assert_int_eq(r->status, -EDOM);
			ck_assert_str_eq(r->message, text);
			ck_assert_uint_eq(r->message_size, strlen(text));
			ck_assert_ptr_null(r->value);
			ck_assert_int_eq(r->worker_signal, 0);
		}
		assert_end(job, 0);
		ck_assert_int_eq(prun_job_successful(job), 0);
		ck_assert_int_eq(prun_job_error(job), 0);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(get_of_a_map_gives_the_first_failure)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, 50, 1};
	struct prun_call c = range_call("picky", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int64_t n;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), -EDOM);
	ck_assert_uint_eq(r->index, 1);
	ck_assert_int_eq(prun_result_int(r, &n), -EDOM);
	ck_assert_uint_eq(seen->started, 50); /* not fail-fast */
	prun_job_free(job);
	range = (struct prun_range){0, 0, 1};
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_ptr_null(r);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(a_text_of_a_megabyte_is_kept)
{
	static const int64_t sizes[] = {1, 65535, 65536, MILLION};
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("wordy", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *job;
	size_t i;

	for (i = 0; i < 4; i++) {
		set_argument(&c, p, sizes[i]);
		ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
		ck_assert_int_eq(prun_job_get(&r, job, -1), -EIO);
		ck_assert_uint_eq(r->message_size, (size_t)sizes[i]);
		ck_assert_uint_eq(strspn(r->message, "x"), (size_t)sizes[i]);
		prun_job_free(job);
	}
	prun_packer_free(p);
	finish_pool(pool);
}
END_TEST

START_TEST(a_result_that_is_no_single_value)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, 20, 1};
	struct prun_call c = range_call("malformed", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 20; i++) {
		r = next_of(job);
		ck_assert_int_eq(r->status,
				 i % 4 == 2 ? PRUN_EFAILED : PRUN_EVALUE);
		ck_assert_uint_gt(r->message_size, 0);
	}
	assert_end(job, 0);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------------------------- sizes */

/* bin 32 of n bytes is n + 5 bytes of msgpack. */
START_TEST(max_payload_of_results)
{
	struct prun_options o = options_for(_i, 1);
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("blob", NULL, NULL);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;

	o.max_payload = 100000;
	pool = open_with(&o);
	set_argument(&c, p, 100000 - 5);
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_uint_eq(r->value_size, 100000);
	prun_job_free(job);
	set_argument(&c, p, 100000 - 4);
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), PRUN_ETOOBIG);
	prun_job_free(job);
	prun_packer_free(p);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

static int source_of_bins(struct prun_item *item, void *payload)
{
	const size_t *sizes = payload;
	size_t size = sizes[prun_item_index(item)];
	static const char zeros[8192];

	/* Too big or not, it says that there is one. */
	prun_item_bin(item, zeros, size);
	return size > 0;
}

START_TEST(max_payload_of_arguments)
{
	static size_t sizes[] = {10, 1000 - 3, 1000 - 2, 10, 0};
	static unsigned char big[1001] = {0xc5, 3, 1001 - 3 - 768};
	struct prun_options o = options_for(_i, 1);
	struct prun_call c = call_of("echo", source_of_bins, sizes);
	struct prun_call a = call_of("echo", NULL, NULL);
	struct prun_pool *pool;
	struct prun_job *job;

	o.max_payload = 1000;
	pool = open_with(&o);
	/* bin 16: three bytes more; the third is too big and ends the job. */
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ETOOBIG);
	ck_assert_uint_eq(prun_job_submitted(job), 2);
	ck_assert_uint_eq(next_of(job)->argument_size, 12);
	ck_assert_uint_eq(next_of(job)->argument_size, 1000);
	assert_end(job, PRUN_ETOOBIG);
	prun_job_free(job);

	a.argument = big;
	a.argument_size = 1001;
	ck_assert_int_eq(prun_value_check(big, 1001), 0);
	ck_assert_int_eq(prun_apply(&job, pool, &a), PRUN_ETOOBIG);
	ck_assert_ptr_null(job);
	a.argument_size = 999;
	ck_assert_int_eq(prun_apply_async(&job, pool, &a), PRUN_EVALUE);
	ck_assert_ptr_null(job);
	finish_pool(pool);
}
END_TEST

static void assert_blob(const struct prun_result *r, size_t size)
{
	const unsigned char *blob;
	const char *s;
	size_t len, i;

	ck_assert_int_eq(r->status, 0);
	ck_assert_int_eq(prun_result_str(r, &s, &len), 0);
	ck_assert_uint_eq(len, size);
	blob = (const unsigned char *)s;
	for (i = 0; i < len; i++)
		if (blob[i] != blob_byte(i))
			ck_abort_msg("byte %zu of %zu is wrong", i, len);
}

/* Around the size of the board's buffer, and far beyond it. */
START_TEST(large_results)
{
	static const int64_t sizes[] = {65536 - 100, 65536 - 37,  65536 - 36,
					65536 - 5,   65536,	  70000,
					3,	     5 * MILLION, 200000,
					8 * MILLION};
	const int count = sizeof(sizes) / sizeof(sizes[0]);
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_packer *packers[sizeof(sizes) / sizeof(sizes[0])];
	const void *values[sizeof(sizes) / sizeof(sizes[0])];
	size_t lengths[sizeof(sizes) / sizeof(sizes[0])];
	struct prun_values all = {values, lengths, (size_t)count, 0};
	struct prun_call c = call_of("blob", prun_source_values, &all);
	struct prun_job *job;
	int i;

	for (i = 0; i < count; i++) {
		packers[i] = new_packer();
		ck_assert_int_eq(prun_pack_int(packers[i], sizes[i]), 0);
		values[i] = prun_packer_data(packers[i], &lengths[i]);
	}
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < count; i++)
		assert_blob(next_of(job), (size_t)sizes[i]);
	assert_end(job, 0);
	prun_job_free(job);
	for (i = 0; i < count; i++)
		prun_packer_free(packers[i]);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- sources */

struct faulty {
	uint64_t fails_at;
	int error;
	unsigned asked_after;
	bool failed;
};

static int source_faulty(struct prun_item *item, void *payload)
{
	struct faulty *f = payload;
	uint64_t i = prun_item_index(item);

	f->asked_after += f->failed;
	if (i == f->fails_at) {
		f->failed = true;
		prun_item_int(item, 1); /* rolled back */
		return f->error;
	}
	prun_item_int(item, (int64_t)i);
	return i < 10;
}

START_TEST(a_source_that_fails)
{
	static const uint64_t at[] = {0, 3, 8, 10};
	struct prun_pool *pool = open_pool(_i, 2);
	int k, verb;

	for (k = 0; k < 4 * VERBS * 2; k++) {
		struct faulty f = {at[k % 4], -EXDEV, 0, false};
		struct prun_call c = call_of("square", source_faulty, &f);
		struct prun_job *job;
		uint64_t i;
		int rc;

		verb = k / 4 % VERBS;
		c.chunksize = k / 4 / VERBS ? 5 : 0; /* 3, 8: in mid-chunk */
		rc = submit_as(&job, pool, &c, (enum verb)verb);
		ck_assert_int_eq(rc, verb == MAP ? -EXDEV : 0);
		for (i = 0; i < f.fails_at; i++)
			ck_assert_int_ge(int_of(next_of(job)), 0);
		assert_end(job, -EXDEV);
		ck_assert_int_eq(prun_job_error(job), -EXDEV);
		ck_assert_int_eq(prun_job_successful(job), 0);
		ck_assert_uint_eq(prun_job_submitted(job), f.fails_at);
		ck_assert_uint_eq(f.asked_after, 0);
		prun_job_free(job);
	}
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

static int source_bad_values(struct prun_item *item, void *payload)
{
	const char *bytes = payload;

	if (prun_item_index(item) < 3)
		return prun_item_int(item, 5) == 0;
	prun_packer_write(prun_item_packer(item), bytes + 1, (size_t)bytes[0]);
	return 1;
}

START_TEST(a_source_that_packs_no_single_value)
{
	/* nothing; two; half of one; unknown */
	static char bad[][4] = {"\0", "\2\1\1", "\1\x92", "\1\xc1"};
	struct prun_pool *pool = open_pool(_i, 2);
	int i, k;

	for (i = 0; i < 4; i++) {
		struct prun_call c =
			call_of("square", source_bad_values, bad[i]);
		struct prun_job *job;

		ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		for (k = 0; k < 3; k++)
			ck_assert_int_eq(int_of(next_of(job)), 25);
		assert_end(job, PRUN_EVALUE);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

struct meddler {
	struct prun_pool *pool;
	int rcs[5];
};

static int source_meddling(struct prun_item *item, void *payload)
{
	struct prun_range range = {0, 1, 1};
	struct prun_call c = range_call("square", &range);
	struct meddler *m = payload;
	struct prun_job *job;

	if (prun_item_index(item) == 1)
		return 0;
	m->rcs[0] = prun_pool_submit(&job, m->pool, &c);
	m->rcs[1] = prun_pool_step(m->pool, 0);
	m->rcs[2] = prun_pool_join(m->pool, 0);
	m->rcs[3] = prun_map(&job, m->pool, &c);
	m->rcs[4] = prun_pool_free(m->pool);
	prun_item_int(item, 3);
	return 1;
}

START_TEST(a_source_may_not_call_the_pool)
{
	struct meddler m = {open_pool(_i, 1), {0}};
	struct prun_call c = call_of("square", source_meddling, &m);
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_map(&job, m.pool, &c), 0);
	ck_assert_int_eq(int_of(next_of(job)), 9);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(m.rcs[i], PRUN_EDEADLK);
	prun_job_free(job);
	finish_pool(m.pool);
}
END_TEST

/* Integers from a pipe, one byte each. */
struct trickle {
	int fd;
	bool tell_fd;
	unsigned waits;
};

static int source_trickle(struct prun_item *item, void *payload)
{
	struct trickle *t = payload;
	unsigned char byte;
	ssize_t n = read(t->fd, &byte, 1);

	if (n == 1)
		return prun_item_int(item, byte) < 0 ? -ENOMEM : 1;
	if (n == 0)
		return 0;
	t->waits++;
	if (t->tell_fd)
		prun_item_wait_fd(item, t->fd);
	return PRUN_SOURCE_WAIT;
}

static void trickle_open(struct trickle *t, int *writer, bool tell_fd)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	*t = (struct trickle){fds[0], tell_fd, 0};
	*writer = fds[1];
}

START_TEST(a_source_that_waits_for_a_descriptor)
{
	static const uint32_t chunks[] = {0, 1, 3};
	struct prun_pool *pool = open_pool(_i, 2);
	const struct prun_result *r;
	struct prun_job *job;
	struct trickle t;
	int k, n, writer;

	for (k = 0; k < 3; k++) {
		struct prun_call c = call_of("square", source_trickle, &t);

		trickle_open(&t, &writer, true);
		c.chunksize = chunks[k];
		ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		for (n = 1; n < 10; n++) {
			ck_assert_int_eq(prun_job_next(&r, job, 0),
					 PRUN_ETIMEDOUT);
			ck_assert_int_eq(prun_job_next(&r, job, 1),
					 PRUN_ETIMEDOUT);
			ck_assert_int_eq(write(writer, "\3\3\3", 3), 3);
			ck_assert_int_eq(int_of(next_of(job)), 9);
			ck_assert_int_eq(int_of(next_of(job)), 9);
			ck_assert_int_eq(int_of(next_of(job)), 9);
		}
		ck_assert_uint_lt(t.waits, 100);
		ck_assert_int_eq(write(writer, "\4\4", 2), 2);
		close(writer);
		ck_assert_int_eq(int_of(next_of(job)), 16);
		ck_assert_int_eq(int_of(next_of(job)), 16);
		assert_end(job, 0);
		prun_job_free(job);
		close(t.fd);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(a_source_that_waits_for_a_wake)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct trickle t;
	struct prun_call c = call_of("square", source_trickle, &t);
	const struct prun_result *r;
	struct prun_job *job;
	unsigned before;
	int writer;

	trickle_open(&t, &writer, false);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_next(&r, job, 0), PRUN_ETIMEDOUT);
	before = t.waits;
	ck_assert_int_eq(write(writer, "\5", 1), 1);
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	ck_assert_int_eq(prun_job_next(&r, job, -1), PRUN_EWOKEN);
	ck_assert_int_eq(int_of(next_of(job)), 25);
	/* A call on the pool alone does it too. */
	ck_assert_int_eq(write(writer, "\6", 1), 1);
	ck_assert_int_eq(int_of(next_of(job)), 36);
	ck_assert_uint_lt(t.waits - before, 20);
	close(writer);
	assert_end(job, 0);
	prun_job_free(job);
	close(t.fd);
	finish_pool(pool);
}
END_TEST

/* One that waits holds up nobody, and can be given up. */
START_TEST(a_waiting_source_beside_others)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_job *jobs[2];
	struct trickle t[2];
	int i, writers[2];

	for (i = 0; i < 2; i++) {
		struct prun_call c = call_of("square", source_trickle, &t[i]);

		trickle_open(&t[i], &writers[i], i == 0);
		ck_assert_int_eq(prun_imap(&jobs[i], pool, &c), 0);
	}
	assert_works(pool);
	ck_assert_int_eq(prun_job_cancel(jobs[0], 0), 1);
	assert_end(jobs[0], PRUN_ECANCELLED);
	for (i = 0; i < 2; i++)
		prun_job_free(jobs[i]);
	assert_works(pool);
	finish_pool(pool);
	for (i = 0; i < 2; i++) {
		close(writers[i]);
		close(t[i].fd);
	}
}
END_TEST

/* -------------------------------------------------------------- backpressure */

/* Endless; sees how far it is ahead of what was delivered. */
struct endless {
	uint64_t pulled, delivered, most;
	size_t size;
};

static int source_endless(struct prun_item *item, void *payload)
{
	static const char zeros[65536];
	struct endless *e = payload;

	e->pulled++;
	if (e->pulled - e->delivered > e->most)
		e->most = e->pulled - e->delivered;
	return prun_item_bin(item, zeros, e->size) < 0 ? -ENOMEM : 1;
}

START_TEST(read_ahead_is_within_buffersize)
{
	static const uint32_t sizes[] = {1, 2, 7, 64, 1000};
	struct prun_pool *pool = open_pool(_i, 2);
	int k, i;

	for (k = 0; k < 5 * 4; k++) {
		struct endless e = {0, 0, 0, 4};
		struct prun_call c = call_of("quiet", source_endless, &e);
		struct prun_job *job;

		c.buffersize = sizes[k / 4];
		c.chunksize = k & 1 ? 1 : 0;
		ck_assert_int_eq(
			submit_as(&job, pool, &c, k & 2 ? IMAP : UNORDERED), 0);
		for (i = 0; i < 3000; i++) {
			next_of(job);
			e.delivered++; /* only now it may read on */
		}
		ck_assert_uint_le(e.most, c.buffersize);
		/* And it is made use of: the pool does not starve. */
		if (!c.chunksize)
			ck_assert_uint_ge(e.most,
					  c.buffersize < 8 ? c.buffersize : 8);
		ck_assert_uint_eq(e.pulled, prun_job_submitted(job));
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(read_ahead_is_within_bufferbytes)
{
	static const size_t sizes[] = {1000, 10000, 60000};
	struct prun_pool *pool = open_pool(_i, 2);
	int k, i;

	for (k = 0; k < 3 * 2; k++) {
		struct endless e = {0, 0, 0, sizes[k / 2]};
		struct prun_call c = call_of("quiet", source_endless, &e);
		struct prun_job *job;

		c.bufferbytes = 200000;
		ck_assert_int_eq(
			submit_as(&job, pool, &c, k & 1 ? IMAP : UNORDERED), 0);
		for (i = 0; i < 1000; i++) {
			next_of(job);
			e.delivered++;
		}
		/* The one that goes above the limit is the last. */
		ck_assert_uint_le((e.most - 1) * e.size, c.bufferbytes);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

/* The default is 4 MiB, also when nobody reads at all. */
START_TEST(an_unread_stream_stops)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct endless e = {0, 0, 0, 50000};
	struct prun_call c = call_of("echo", source_endless, &e);
	struct prun_job *job;

	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(job, -1), PRUN_ENOTREADY);
	ck_assert_uint_gt(e.pulled, 10);
	ck_assert_uint_lt(e.pulled, 5 * 1048576 / 50000);
	next_of(job);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(an_unread_stream_beside_a_map)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct endless e = {0, 0, 0, 4};
	struct prun_call c = call_of("quiet", source_endless, &e);
	struct prun_job *job;

	c.buffersize = 8;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	assert_works(pool);
	ck_assert_uint_eq(e.pulled, 8);
	ck_assert_uint_eq(next_of(job)->index, 0);
	ck_assert_uint_eq(next_of(job)->index, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Two that are both endless get about the same. */
START_TEST(jobs_are_served_in_turn)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct endless e[2] = {{0, 0, 0, 4}, {0, 0, 0, 4}};
	struct prun_job *jobs[2];
	int i;

	for (i = 0; i < 2; i++) {
		struct prun_call c = call_of("quiet", source_endless, &e[i]);

		c.buffersize = 1000000;
		c.bufferbytes = (uint64_t)1 << 30;
		ck_assert_int_eq(prun_imap(&jobs[i], pool, &c), 0);
	}
	for (i = 0; i < 5000; i++)
		next_of(jobs[0]);
	ck_assert_uint_ge(prun_job_submitted(jobs[1]) * 4,
			  prun_job_submitted(jobs[0]));
	ck_assert_uint_ge(prun_job_finished(jobs[1]), 1000);
	for (i = 0; i < 2; i++)
		prun_job_free(jobs[i]);
	finish_pool(pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine");
	TCase *tc = pool_case(s, "results");

	tcase_add_loop_test(tc, equal_the_serial_result, 0, METHODS);
	tcase_add_loop_test(tc, imap_of_many_in_chunks, 0, METHODS);
	tcase_add_loop_test(tc, wrong_length_is_only_a_hint, 0, METHODS);
	tcase_add_loop_test(tc, apply_and_apply_async, 0, METHODS);
	tcase_add_loop_test(tc, apply_without_argument_gets_nil, 0, METHODS);
	tcase_add_loop_test(tc, results_carry_what_they_should, 0, METHODS);
	tcase_add_loop_test(tc, a_task_that_gives_nothing_gives_nil, 0,
			    METHODS);
	tcase_add_loop_test(tc, each_argument_has_its_function, 0, METHODS);
	tc = pool_case(s, "failures");
	tcase_add_loop_test(tc, a_failure_is_its_own, 0, METHODS);
	tcase_add_loop_test(tc, get_of_a_map_gives_the_first_failure, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_text_of_a_megabyte_is_kept, 0, METHODS);
	tcase_add_loop_test(tc, a_result_that_is_no_single_value, 0, METHODS);
	tc = pool_case(s, "sizes");
	tcase_add_loop_test(tc, max_payload_of_results, 0, METHODS);
	tcase_add_loop_test(tc, max_payload_of_arguments, 0, METHODS);
	tcase_add_loop_test(tc, large_results, 0, METHODS);
	tc = pool_case(s, "sources");
	tcase_add_loop_test(tc, a_source_that_fails, 0, METHODS);
	tcase_add_loop_test(tc, a_source_that_packs_no_single_value, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_source_may_not_call_the_pool, 0, METHODS);
	tcase_add_loop_test(tc, a_source_that_waits_for_a_descriptor, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_source_that_waits_for_a_wake, 0, METHODS);
	tcase_add_loop_test(tc, a_waiting_source_beside_others, 0, METHODS);
	tc = pool_case(s, "backpressure");
	tcase_add_loop_test(tc, read_ahead_is_within_buffersize, 0, METHODS);
	tcase_add_loop_test(tc, read_ahead_is_within_bufferbytes, 0, METHODS);
	tcase_add_loop_test(tc, an_unread_stream_stops, 0, METHODS);
	tcase_add_loop_test(tc, an_unread_stream_beside_a_map, 0, METHODS);
	tcase_add_loop_test(tc, jobs_are_served_in_turn, 0, METHODS);
	return suite_main(s);
}
