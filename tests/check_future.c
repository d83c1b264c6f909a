/* SPDX-License-Identifier: MIT */
/*
 * A job as a future: starmap and its parameters, timeouts, states. What
 * cancels is in check_cancel.c, what waits for ends in check_wait.c. Tests run
 * once on each start method; those whose tasks wait, on the two with processes.
 */
#include <sched.h>

#include "pool_suite.h"

#define METHODS 3

/* ---------------------------------------------------------------- functions */

static int task_add(struct prun_task *task)
{
	const char *name;
	size_t len;
	int a, b;
	int rc = prun_arg_unpack(task, "s#ii", &name, &len, &a, &b);

	if (rc < 0)
		return rc;
	return prun_ret_pack(task, "[V#, i]", name - 1, len + 1, a + b);
}

/* Each of its parameters behind their number, then what follows the last. */
static int task_params(struct prun_task *task)
{
	unsigned i, n = prun_task_params(task);
	struct prun_packer *p = prun_task_packer(task);
	const void *data = NULL;
	size_t size = 0;

	prun_pack_array(p, n + 2);
	prun_pack_int(p, n);
	for (i = 0; i < n; i++) {
		if (prun_task_param(&data, &size, task, i) < 0)
			return -EIO;
		prun_packer_write(p, data, size);
	}
	return prun_pack_int(p, prun_task_param(&data, &size, task, n));
}

static int task_read_str(struct prun_task *task)
{
	const char *s;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	return rc < 0 ? rc : prun_ret_str(task, s, len);
}

static int task_read_bin(struct prun_task *task)
{
	const void *s;
	size_t len;
	int rc = prun_arg_bin(task, &s, &len);

	return rc < 0 ? rc : prun_ret_str(task, s, len);
}

static int task_read_int(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	return rc < 0 ? rc : prun_ret_int(task, n);
}

static int task_read_double(struct prun_task *task)
{
	double x;
	int rc = prun_arg_double(task, &x);

	return rc < 0 ? rc : prun_ret_double(task, x);
}

/* By the format in its ctx, all of which want two such targets. */
static int task_two(struct prun_task *task)
{
	int64_t targets[2] = {-1, -1};
	int rc = prun_arg_unpack(task, prun_task_ctx(task), &targets[0],
				 &targets[1]);

	if (rc < 0)
		return rc;
	return prun_ret_int(task, targets[0] * 100 + targets[1]);
}

static int task_keys(struct prun_task *task)
{
	int64_t targets[2] = {-1, -1};
	int rc = prun_arg_unpack(task, "{s:I, s?:I} n", "a", &targets[0], "b",
				 &targets[1]);

	if (rc < 0)
		return rc;
	return prun_ret_int(task, targets[0] * 100 + targets[1]);
}

/* Parameters of tasks that lie side by side in the lanes. */
static int batch_add(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	unsigned n, i;
	int rc = 1;

	while (rc == 1) {
		n = 0;
		while (n < BATCH_LANES &&
		       (rc = prun_batch_next(&open[n], batch)) == 1)
			n++;
		for (i = 0; i < n; i++)
			prun_batch_done(open[i], task_add(open[i]));
	}
	return rc;
}

/* Reads no argument, and so would not find out. */
static int batch_blind(struct prun_batch *batch)
{
	struct prun_task *task;
	int rc;

	while ((rc = prun_batch_next(&task, batch)) == 1) {
		note_start(prun_task_index(task));
		prun_batch_done(task, 0);
	}
	return rc;
}

/* Until the caller says so. */
static int task_until(struct prun_task *task)
{
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	while (!atomic_load(&seen->inits))
		sched_yield();
	return prun_ret_int(task, 0);
}

static const struct prun_func future_funcs[] = {
	FUNC(square),
	FUNC(picky),
	FUNC(gate),
	FUNC(mark),
	FUNC(echo),
	FUNC(add),
	FUNC(params),
	FUNC(quiet),
	{.name = "blind", .batch = batch_blind, .lanes = BATCH_LANES},
	FUNC(until),
	FUNC(read_str),
	FUNC(read_bin),
	FUNC(read_int),
	FUNC(read_double),
	FUNC(keys),
	{.name = "two", .fn = task_two, .ctx = "I, I"},
	{.name = "two_first", .fn = task_two, .ctx = "I I *"},
	{.name = "two_inner", .fn = task_two, .ctx = "*[I I]"},
	{.name = "two_flags", .fn = task_two, .ctx = "[]I{}I"},
	{.name = "adds", .batch = batch_add, .lanes = BATCH_LANES},
	{.name = NULL},
};

static struct prun_pool *open_futures(int method, uint32_t workers)
{
	struct prun_options o = options_for(method, workers);

	o.funcs = future_funcs;
	return open_with(&o);
}

static struct prun_pool *open_remote(int i, uint32_t workers)
{
	return open_futures(remote_methods[i], workers);
}

/* ------------------------------------------------------------------- starmap
 */

/* What is no array, and how messages name it. */
static const struct {
	const char *bytes;
	size_t size;
	const char *kind;
} no_arrays[] = {
	{"\xc0", 1, "nil"},	   {"\xc2", 1, "a boolean"},
	{"\x07", 1, "an integer"}, {"\xa2hi", 3, "a string"},
	{"\x80", 1, "a map"},	   {"\xc4\x01x", 3, "a byte string"},
};
#define NO_ARRAYS (sizeof(no_arrays) / sizeof(no_arrays[0]))

struct pairs {
	int count;
	int bad_every; /* 0: none; of these the first is bad */
};

static int source_pairs(struct prun_item *item, void *payload)
{
	const struct pairs *pairs = payload;
	int i = (int)prun_item_index(item);

	if (i == pairs->count)
		return 0;
	if (pairs->bad_every && i % pairs->bad_every == 0) {
		size_t k = (size_t)(i / pairs->bad_every) % NO_ARRAYS;

		prun_packer_write(prun_item_packer(item), no_arrays[k].bytes,
				  no_arrays[k].size);
		return 1;
	}
	return prun_item_pack(item, "[s, i, i]", "x", i, 2 * i) < 0 ? -ENOMEM :
								      1;
}

static void assert_sums(struct prun_job *job, const struct pairs *pairs)
{
	const struct prun_result *r;
	const char *name;
	size_t len, k;
	int i, sum;

	for (i = 0; i < pairs->count; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->index, (uint64_t)i);
		if (pairs->bad_every && i % pairs->bad_every == 0) {
			k = (size_t)(i / pairs->bad_every) % NO_ARRAYS;
			ck_assert_int_eq(r->status, PRUN_ETYPE);
			ck_assert_ptr_nonnull(strstr(r->message, "array"));
			ck_assert_msg(strstr(r->message, no_arrays[k].kind) !=
					      NULL,
				      "%s: %s", no_arrays[k].kind, r->message);
			continue;
		}
		ck_assert_int_eq(r->status, 0);
		ck_assert_int_eq(
			prun_result_unpack(r, "[s#, i]", &name, &len, &sum), 0);
		ck_assert_int_eq(sum, 3 * i);
	}
	assert_end(job, 0);
}

START_TEST(starmap_equals_the_serial)
{
	static const struct pairs sizes[] = {
		{10, 0}, {100, 0}, {0, 0}, {100, 7}, {6, 1}};
	static const uint32_t chunks[] = {0, 1, 20};
	struct prun_pool *pool = open_futures(_i, 2);
	struct prun_job *job;
	int k;

	for (k = 0; k < 60; k++) {
		struct pairs pairs = sizes[k % 5];
		struct prun_call c = call_of(k / 15 % 2 ? "adds" : "add",
					     source_pairs, &pairs);

		c.chunksize = chunks[k / 5 % 3];
		c.length = k % 2 ? (uint64_t)pairs.count : 0;
		ck_assert_int_eq((k < 30 ? prun_starmap :
					   prun_starmap_async)(&job, pool, &c),
				 0);
		if (k >= 30)
			ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_int_eq(prun_job_successful(job),
				 pairs.bad_every == 0);
		assert_sums(job, &pairs);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

/* The function is not called for it. */
START_TEST(what_is_no_array_is_not_run)
{
	struct prun_pool *pool = open_futures(_i, 2);
	const struct prun_result *r;
	struct prun_job *job;
	int k, i;

	for (k = 0; k < 6; k++) {
		struct pairs pairs = {60, 2};
		struct prun_call c = call_of(k % 2 ? "quiet" : "blind",
					     source_pairs, &pairs);

		c.chunksize = (uint32_t)k / 2 * 5;
		ck_assert_int_eq(prun_starmap(&job, pool, &c), 0);
		for (i = 0; i < 60; i++) {
			r = next_of(job);
			ck_assert_int_eq(r->status, i % 2 ? 0 : PRUN_ETYPE);
			ck_assert_int_eq((int)seen->starts[i], i % 2);
			seen->starts[i] = 0;
		}
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

/* The field of the call does it for streams and for one task as well. */
START_TEST(star_in_other_calls)
{
	struct prun_pool *pool = open_futures(_i, 2);
	struct pairs pairs = {50, 5};
	struct prun_call c = call_of("add", source_pairs, &pairs);
	const struct prun_result *r;
	struct prun_job *job;

	c.star = 1;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	assert_sums(job, &pairs);
	prun_job_free(job);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	assert_sums(job, &pairs);
	prun_job_free(job);
	c = call_of("read_int", NULL, NULL);
	c.argument = "\x91\x2a";
	c.argument_size = 2;
	c.star = 1;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, 0), 0);
	ck_assert_int_eq(int_of(r), 42);
	prun_job_free(job);
	c.star = 0;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	end_with(job, PRUN_ETYPE);
	finish_pool(pool);
}
END_TEST

/* An argument as bytes, with the function that reads it. */
struct reading {
	const char *func;
	int star;
	const char *argument;
	size_t size;
	int status;
	const char *expect; /* the value's bytes, or a part of the message */
	size_t expect_size;
};

static void read_all(int method, const struct reading *readings, size_t n)
{
	struct prun_pool *pool = open_futures(method, 1);
	const struct prun_result *r;
	struct prun_job *job;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct reading *one = &readings[i];
		struct prun_call c = call_of(one->func, NULL, NULL);

		c.argument = one->argument;
		c.argument_size = one->size;
		c.star = one->star;
		ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
		ck_assert_msg(prun_job_get(&r, job, 0) == one->status,
			      "reading %zu: %s: %s", i,
			      prun_error_name(r->status),
			      r->message ? r->message : "");
		if (one->status == 0) {
			ck_assert_uint_eq(r->value_size, one->expect_size);
			ck_assert_mem_eq(r->value, one->expect, r->value_size);
		} else {
			ck_assert_msg(strstr(r->message, one->expect) != NULL,
				      "reading %zu: %s", i, r->message);
		}
		prun_job_free(job);
	}
	finish_pool(pool);
}

#define ARG(bytes) bytes, sizeof(bytes) - 1
#define GOOD 0

START_TEST(single_readers)
{
	static const struct reading readings[] = {
		{"read_int", 1, ARG("\x91\x05"), GOOD, ARG("\x05")},
		{"read_int", 1, ARG("\x92\x05\x06"), PRUN_ETYPE,
		 ARG("2 param")},
		{"read_int", 1, ARG("\x90"), PRUN_ETYPE, ARG("0 param")},
		{"read_int", 1, ARG("\x91\x91\x05"), PRUN_ETYPE,
		 ARG("an array")},
		{"read_int", 0, ARG("\x91\x05"), PRUN_ETYPE, ARG("an array")},
		{"read_int", 0, ARG("\x05"), GOOD, ARG("\x05")},
		{"read_str", 1, ARG("\x91\xa2hi"), GOOD, ARG("\xa2hi")},
		{"read_str", 1, ARG("\xdd\0\0\0\1\xc4\2hi"), GOOD,
		 ARG("\xa2hi")},
		{"read_str", 1, ARG("\x92\xa2hi\xa2hi"), PRUN_ETYPE,
		 ARG("2 par")},
		{"read_str", 1, ARG("\x91\x01"), PRUN_ETYPE, ARG("a string")},
		{"read_bin", 1, ARG("\xdc\0\1\xa2hi"), GOOD, ARG("\xa2hi")},
		{"read_bin", 1, ARG("\x93\1\2\3"), PRUN_ETYPE, ARG("3 param")},
		{"read_double", 1, ARG("\x91\x05"), GOOD,
		 ARG("\xcb\x40\x14\0\0\0\0\0\0")},
		{"read_double", 1, ARG("\x92\x05\x05"), PRUN_ETYPE,
		 ARG("2 par")},
		{"read_double", 1, ARG("\x91\xa1x"), PRUN_ETYPE,
		 ARG("a number")},
	};

	read_all(_i, readings, sizeof(readings) / sizeof(readings[0]));
}
END_TEST

START_TEST(params)
{
	static const struct reading readings[] = {
		/* Not a star: the argument is the one parameter. */
		{"params", 0, ARG("\x93\1\2\3"), GOOD,
		 ARG("\x93\x01\x93\1\2\3\xd1\xec\x77")},
		{"params", 0, ARG("\x07"), GOOD,
		 ARG("\x93\x01\x07\xd1\xec\x77")},
		{"params", 1, ARG("\x93\1\xa2hi\xc0"), GOOD,
		 ARG("\x95\x03\1\xa2hi\xc0\xd1\xec\x77")},
		{"params", 1, ARG("\x92\x92\1\2\x81\1\2"), GOOD,
		 ARG("\x94\x02\x92\1\2\x81\1\2\xd1\xec\x77")},
		{"params", 1, ARG("\x91\x90"), GOOD,
		 ARG("\x93\x01\x90\xd1\xec\x77")},
	};

	ck_assert_int_eq(PRUN_EINVAL, (int16_t)0xec77);
	read_all(_i, readings, 5);
}
END_TEST

START_TEST(unpacking)
{
	static const struct reading readings[] = {
		{"two", 1, ARG("\x92\x01\x02"), GOOD, ARG("\x66")},
		{"two", 0, ARG("\x92\x01\x02"), PRUN_EINVAL, ARG("")},
		{"two", 1, ARG("\x91\x01"), PRUN_ETYPE, ARG("2 elements")},
		{"two", 1, ARG("\x93\1\2\3"), PRUN_ETYPE, ARG("2 elements")},
		{"two", 1, ARG("\x92\x01\xa1y"), PRUN_ETYPE, ARG("[1]")},
		{"two_first", 1, ARG("\x93\x01\x02\xc0"), GOOD, ARG("\x66")},
		{"two_first", 1, ARG("\x92\x01\x02"), GOOD, ARG("\x66")},
		{"two_first", 1, ARG("\x91\x01"), PRUN_ETYPE,
		 ARG("at least 2")},
		{"two_inner", 1, ARG("\x92\xc0\x92\x01\x02"), GOOD,
		 ARG("\x66")},
		{"two_inner", 1, ARG("\x92\xc0\x92\x01\xc0"), PRUN_ETYPE,
		 ARG("[1][1]")},
		{"two_flags", 1, ARG("\x94\x90\x01\x80\x02"), GOOD,
		 ARG("\x66")},
		{"keys", 1,
		 ARG("\x92\x82\xa1"
		     "b\2\xa1"
		     "a\1\xc0"),
		 GOOD, ARG("\x66")},
		{"keys", 1,
		 ARG("\x92\x81\xa1"
		     "a\1\xc0"),
		 GOOD, ARG("\x63")},
		{"keys", 1,
		 ARG("\x92\x81\xa1"
		     "b\1\xc0"),
		 PRUN_ETYPE, ARG("missing")},
		{"keys", 1,
		 ARG("\x92\x81\xa1"
		     "a\1\1"),
		 PRUN_ETYPE, ARG("nil")},
	};

	read_all(_i, readings, sizeof(readings) / sizeof(readings[0]));
}
END_TEST

/* ------------------------------------------------------------------ timeouts
 */

/* The call gives up, the job does not. */
START_TEST(calls_with_a_timeout)
{
	struct prun_pool *pool = open_remote(_i, 2);
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t tasks;

	for (tasks = 1; tasks <= 2; tasks++) {
		struct prun_range range = {0, 2, 1};
		struct prun_call c = range_call("gate", &range);

		c.timeout_ms = 5;
		seen->started = 0;
		if (tasks == 1) {
			c.source = NULL;
			c.argument = "\x09";
			c.argument_size = 1;
		}
		ck_assert_int_eq((tasks == 1 ? prun_apply : prun_map)(&job,
								      pool, &c),
				 PRUN_ETIMEDOUT);
		ck_assert_ptr_nonnull(job);
		ck_assert_int_eq(prun_job_ready(job), 0);
		gate_open();
		ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
		ck_assert_int_eq(prun_job_successful(job), 1);
		ck_assert_int_eq(int_of(r), tasks == 1 ? 9 : 0);
		ck_assert_uint_eq(prun_job_finished(job), tasks);
		ck_assert_uint_eq(seen->started, tasks);
		gate_shut();
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(calls_that_are_in_time)
{
	struct prun_pool *pool = open_futures(_i, 2);
	struct pairs pairs = {10, 0};
	struct prun_call c = call_of("add", source_pairs, &pairs);
	struct prun_job *job;

	c.timeout_ms = WATCHDOG_S * 1000;
	ck_assert_int_eq(prun_starmap(&job, pool, &c), 0);
	assert_sums(job, &pairs);
	prun_job_free(job);
	c = call_of("mark", NULL, NULL);
	c.argument = "\x09";
	c.argument_size = 1;
	c.timeout_ms = UINT32_MAX;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	end_with(job, 0);
	finish_pool(pool);
}
END_TEST

static int slow_callback(struct prun_job *job, const struct prun_result *r,
			 void *payload)
{
	unsigned *count = payload;

	(void)job;
	(void)r;
	++*count;
	poll(NULL, 0, 1);
	return 0;
}

/* Results that come without a pause do not put the timeout off for ever. */
START_TEST(a_busy_pool_times_out)
{
	int k;

	for (k = 0; k < 4; k++) {
		struct prun_pool *pool = open_futures(_i, 2);
		struct prun_range range = {0, 3000, 1};
		struct prun_call c = range_call("mark", &range);
		struct prun_job *job;
		unsigned count = 0;
		int ms = k % 2;

		c.buffersize = 4;
		c.callback = slow_callback;
		c.error_callback = slow_callback;
		c.payload = &count;
		ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		if (k < 2) {
			ck_assert_int_eq(prun_job_wait(job, ms),
					 PRUN_ETIMEDOUT);
		} else {
			ck_assert_int_eq(prun_pool_close(pool), 0);
			ck_assert_int_eq(prun_pool_join(pool, ms),
					 PRUN_ETIMEDOUT);
		}
		ck_assert_uint_lt(count, 3000);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		ck_assert_uint_le(count, 3000);
		prun_job_free(job);
	}
}
END_TEST

START_TEST(next_with_a_timeout)
{
	struct prun_pool *pool = open_remote(_i, 1);
	const struct prun_result *r = NULL;
	int k, i;

	for (k = 0; k < 3; k++) {
		struct prun_range range = {-2, 2, 1};
		struct prun_call c = range_call("gate", &range);
		struct prun_job *job;

		c.chunksize = 4;
		ck_assert_int_eq((k == 0 ? prun_imap :
				  k == 1 ? prun_imap_unordered :
					   prun_map_async)(&job, pool, &c),
				 0);
		for (i = -2; i < 0; i++)
			ck_assert_int_eq(int_of(next_of(job)), i);
		await_arrivals(pool, 1);
		r = NULL;
		for (i = 0; i < 20; i++)
			ck_assert_int_eq(prun_job_next(&r, job, i % 4),
					 PRUN_ETIMEDOUT);
		ck_assert_ptr_null(r);
		gate_open();
		ck_assert_int_eq(int_of(next_of(job)), 0);
		ck_assert_int_eq(int_of(next_of(job)), 1);
		assert_end(job, 0);
		gate_shut();
		await_arrivals(pool, 1);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(get_wait_ready_successful)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_range range = {0, 2, 1};
	struct prun_job *job = start_range(pool, "gate", &range);
	const struct prun_result *r = (const struct prun_result *)&range;
	int i;

	await_arrivals(pool, 1);
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(prun_job_get(&r, job, i % 2), PRUN_ETIMEDOUT);
		ck_assert_ptr_null(r);
		ck_assert_int_eq(prun_job_wait(job, i % 2), PRUN_ETIMEDOUT);
		ck_assert_int_eq(prun_job_ready(job), 0);
		ck_assert_int_eq(prun_job_successful(job), PRUN_ENOTREADY);
	}
	ck_assert_uint_eq(seen->started, 1);
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), PRUN_EWOKEN);
	ck_assert_ptr_null(r);
	gate_open();
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_wait(job, 0), 0);
	ck_assert_int_eq(prun_job_get(&r, job, 0), 0);
	ck_assert_int_eq(int_of(r), 0);
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_successful(job), 1);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(seen->started, 2);
}
END_TEST

/* -------------------------------------------------------------------- states
 */

static int source_first(struct prun_item *item, void *payload)
{
	const int *rc = payload;

	if (prun_item_index(item) < (uint64_t)rc[0])
		return prun_item_int(item, 1) < 0 ? -ENOMEM : 1;
	return rc[1];
}

/* A job of so many tasks whose source then gives this. */
static void end_in(struct prun_pool *pool, int tasks, int rc, int state)
{
	int payload[2] = {tasks, rc};
	struct prun_call c = call_of("mark", source_first, payload);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	prun_job_wait(job, -1);
	ck_assert_int_eq(prun_job_state(job), state);
	ck_assert_int_eq(prun_job_error(job), rc);
	prun_job_free(job);
}

START_TEST(states_at_the_end)
{
	struct prun_pool *pool = open_futures(_i, 2);
	int endless[2] = {1, PRUN_SOURCE_WAIT};
	struct prun_call c = call_of("mark", source_first, endless);
	struct prun_job *jobs[4];
	int i;

	for (i = 0; i < 4; i++) {
		jobs[i] = start_one(pool, i % 2 ? "picky" : "mark", 1);
		ck_assert_uint_eq(prun_job_id(jobs[i]), (uint64_t)i + 1);
	}
	for (i = 0; i < 4; i++) {
		prun_job_wait(jobs[i], -1);
		ck_assert_int_eq(prun_job_state(jobs[i]),
				 i % 2 ? PRUN_JOB_FAILED : PRUN_JOB_DONE);
		prun_job_free(jobs[i]);
	}
	end_in(pool, 3, 0, PRUN_JOB_DONE);
	end_in(pool, 0, 0, PRUN_JOB_DONE);
	end_in(pool, 0, -EXDEV, PRUN_JOB_FAILED);
	end_in(pool, 3, -EXDEV, PRUN_JOB_FAILED);
	/* The pool's end is that of its jobs; states outlive it. */
	ck_assert_int_eq(prun_map_async(&jobs[0], pool, &c), 0);
	jobs[1] = start_one(pool, "mark", 1);
	ck_assert_int_eq(prun_job_wait(jobs[1], -1), 0);
	while (prun_job_finished(jobs[0]) == 0)
		ck_assert_int_ge(prun_pool_step(pool, -1), 0);
	ck_assert_int_eq(prun_job_state(jobs[0]), PRUN_JOB_RUNNING);
	ck_assert_uint_eq(prun_job_id(jobs[1]), 10);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(prun_job_state(jobs[0]), PRUN_JOB_CANCELLED);
	ck_assert_int_eq(prun_job_state(jobs[1]), PRUN_JOB_DONE);
	prun_job_free(jobs[0]);
	prun_job_free(jobs[1]);
}
END_TEST

static int init_never(void **state, int worker_id, void *initarg, char *message,
		      size_t size)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	snprintf(message, size, "no");
	return -ENOENT;
}

START_TEST(state_in_a_broken_pool)
{
	struct prun_options o = options_for(_i, 1);
	struct prun_pool *pool;
	struct prun_job *job;

	o.initializer = init_never;
	pool = open_with(&o);
	job = start_one(pool, "square", 1);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_PENDING);
	prun_job_wait(job, -1);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_FAILED);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(states_on_the_way)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_range range = {0, 3, 1}, other = {0, 3, 1};
	struct prun_job *blocked = start_one(pool, "gate", 1);
	struct prun_job *pending = start_range(pool, "mark", &range);
	struct prun_job *cancelled = start_range(pool, "mark", &other);

	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_wait(pending, 0), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_job_state(blocked), PRUN_JOB_RUNNING);
	ck_assert_int_eq(prun_job_state(pending), PRUN_JOB_PENDING);
	ck_assert_int_eq(prun_job_state(cancelled), PRUN_JOB_PENDING);
	ck_assert_int_eq(prun_job_cancel(cancelled, 0), 1);
	ck_assert_int_eq(prun_job_cancel(cancelled, 0), 0);
	ck_assert_int_eq(prun_job_wait(cancelled, -1), 0);
	ck_assert_int_eq(prun_job_state(cancelled), PRUN_JOB_CANCELLED);
	ck_assert_int_eq(prun_job_state(pending), PRUN_JOB_PENDING);
	gate_open();
	ck_assert_int_eq(prun_job_wait(pending, -1), 0);
	ck_assert_int_eq(prun_job_state(blocked), PRUN_JOB_DONE);
	ck_assert_int_eq(prun_job_state(pending), PRUN_JOB_DONE);
	ck_assert_int_eq(prun_job_state(cancelled), PRUN_JOB_CANCELLED);
	ck_assert_uint_eq(seen->starts[MARK], 1);
	prun_job_free(blocked);
	prun_job_free(pending);
	prun_job_free(cancelled);
	finish_pool(pool);
}
END_TEST

/* Of a cancelled job no task has started, nor will: that is not running. */
START_TEST(a_cancelled_job_never_runs)
{
	struct prun_pool *pool = open_futures(_i, 1);
	struct prun_range range = {0, 100, 1};
	struct prun_job *blocked = NULL, *job;

	if (_i != PRUN_START_INLINE) {
		blocked = start_one(pool, "gate", 1);
		await_arrivals(pool, 1);
	}
	job = start_range(pool, "mark", &range);
	ck_assert_int_eq(prun_job_cancel(job, 0), 1);
	ck_assert_int_ne(prun_job_state(job), PRUN_JOB_RUNNING);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_CANCELLED);
	prun_job_free(job);
	gate_open();
	prun_job_free(blocked);
	finish_pool(pool);
	ck_assert_uint_eq(seen->starts[MARK], 0);
}
END_TEST

/* ------------------------------------------------- behind a task that lasts */

/* Generous: what is waited for comes at once, or never. */
#define NEVER_MS 20000

/* A job of one task and without a handle. */
static void start_alone(struct prun_pool *pool, const char *func)
{
	struct prun_call c = call_of(func, NULL, NULL);

	c.argument = "\x07";
	c.argument_size = 1;
	ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
}

/* Both workers are in a task that lasts, and have work behind it; then the
 * second one is free, and the first one not. */
static struct prun_job *leave_behind(struct prun_pool *pool,
				     struct prun_range *range,
				     uint32_t chunksize)
{
	struct prun_call c = range_call("mark", range);
	struct prun_job *job;

	start_alone(pool, "gate");
	await_arrivals(pool, 1);
	start_alone(pool, "until");
	await_arrivals(pool, 1);
	c.chunksize = chunksize;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	seen->inits = 1;
	return job;
}

START_TEST(an_exact_chunk_is_not_left_behind)
{
	static const uint32_t chunks[] = {1, 2, 5, 10, 100};
	int k;

	for (k = 0; k < 5; k++) {
		struct prun_pool *pool = open_remote(_i, 2);
		struct prun_range range = {0, 2 * chunks[k], 1};
		struct prun_job *job = leave_behind(pool, &range, chunks[k]);

		ck_assert_int_eq(prun_job_wait(job, NEVER_MS), 0);
		ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
		gate_open();
		prun_job_free(job);
		finish_pool(pool);
		gate_shut();
		seen->inits = 0;
	}
}
END_TEST

START_TEST(an_idle_worker_takes_in_a_foreign_loop)
{
	int k;

	for (k = 0; k < 5; k++) {
		struct prun_pool *pool = open_remote(_i, 2);
		struct prun_range range = {0, 2 + 10 * k, 1};
		struct prun_job *job = leave_behind(pool, &range, 0);

		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		while (!prun_job_ready(job)) {
			ck_assert(is_readable(prun_pool_fd(pool), NEVER_MS));
			ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		}
		gate_open();
		prun_job_free(job);
		finish_pool(pool);
		gate_shut();
		seen->inits = 0;
	}
}
END_TEST

static void cases_of_calls(Suite *s)
{
	TCase *tc = pool_case(s, "starmap");

	tcase_add_loop_test(tc, starmap_equals_the_serial, 0, METHODS);
	tcase_add_loop_test(tc, what_is_no_array_is_not_run, 0, METHODS);
	tcase_add_loop_test(tc, star_in_other_calls, 0, METHODS);
	tcase_add_loop_test(tc, single_readers, 0, METHODS);
	tcase_add_loop_test(tc, params, 0, METHODS);
	tcase_add_loop_test(tc, unpacking, 0, METHODS);
	tc = pool_case(s, "timeouts");
	tcase_add_loop_test(tc, calls_with_a_timeout, 0, REMOTES);
	tcase_add_loop_test(tc, calls_that_are_in_time, 0, METHODS);
	tcase_add_loop_test(tc, a_busy_pool_times_out, 0, METHODS);
	tcase_add_loop_test(tc, next_with_a_timeout, 0, REMOTES);
	tcase_add_loop_test(tc, get_wait_ready_successful, 0, REMOTES);
	tc = pool_case(s, "states");
	tcase_add_loop_test(tc, states_at_the_end, 0, METHODS);
	tcase_add_loop_test(tc, state_in_a_broken_pool, 0, METHODS);
	tcase_add_loop_test(tc, states_on_the_way, 0, REMOTES);
	tcase_add_loop_test(tc, a_cancelled_job_never_runs, 0, METHODS);
	tc = pool_case(s, "behind");
	tcase_add_loop_test(tc, an_exact_chunk_is_not_left_behind, 0, REMOTES);
	tcase_add_loop_test(tc, an_idle_worker_takes_in_a_foreign_loop, 0,
			    REMOTES);
}

int main(void)
{
	Suite *s = suite_create("future");

	cases_of_calls(s);
	return suite_main(s);
}
