/* SPDX-License-Identifier: MIT */
/*
 * What follows the end of jobs: functions that are called then, waiting for
 * several, taking them as they finish. Tests run once on each start method;
 * those whose tasks wait, on the two with processes.
 */
#include <pthread.h>

#include "pool_suite.h"

#define METHODS 3
#define LOG_MAX 6000

static struct prun_pool *open_remote(int i, uint32_t workers)
{
	return open_pool(remote_methods[i], workers);
}

static int source_never(struct prun_item *item, void *payload)
{
	(void)item;
	(void)payload;
	return PRUN_SOURCE_WAIT;
}

static struct prun_job *start_never(struct prun_pool *pool)
{
	struct prun_call c = call_of("square", source_never, NULL);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	return job;
}

/* A stream that nobody reads, and that cannot go on. */
static struct prun_job *start_stuck(struct prun_pool *pool)
{
	static struct prun_range range;
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	range = (struct prun_range){0, 1000, 1};
	c.buffersize = 2;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	return job;
}

static void free_jobs(struct prun_job **jobs, int n)
{
	while (n-- > 0)
		prun_job_free(jobs[n]);
}

/* -------------------------------------------------------------- on the end */

/* Who was called, in turn: a name of the function's own, and the job. */
static struct {
	int names[LOG_MAX];
	struct prun_job *jobs[LOG_MAX];
	int count;
} calls;

static int names[LOG_MAX];

/* The payload of a function that is to be known by this name. */
static void *named(int name)
{
	names[name] = name;
	return &names[name];
}

static void log_call(struct prun_job *job, int name)
{
	ck_assert_int_lt(calls.count, LOG_MAX);
	calls.jobs[calls.count] = job;
	calls.names[calls.count++] = name;
}

static void on_done(struct prun_job *job, void *payload)
{
	log_call(job, *(int *)payload);
}

static int on_result(struct prun_job *job, const struct prun_result *r,
		     void *payload)
{
	(void)r;
	log_call(job, *(int *)payload);
	return 0;
}

static void expect_calls(const char *expected)
{
	int i;

	for (i = 0; expected[i]; i++) {
		ck_assert_int_lt(i, calls.count);
		ck_assert_int_eq(calls.names[i], expected[i] - 'a');
	}
	ck_assert_int_eq(calls.count, i);
	calls.count = 0;
}

static void add_done(struct prun_job *job, char name)
{
	ck_assert_int_eq(prun_job_on_done(job, on_done, named(name - 'a')), 0);
}

START_TEST(done_in_the_order_of_addition)
{
	struct prun_pool *pool = open_pool(_i, 2);
	int k;

	for (k = 0; k < 4; k++) {
		struct prun_range range = {0, k < 2 ? 20 : 0, 1};
		struct prun_call c =
			range_call(k % 2 ? "picky" : "square", &range);
		struct prun_job *job;

		c.callback = on_result;
		c.error_callback = on_result;
		c.payload = named(0);
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		add_done(job, 'b');
		add_done(job, 'c');
		add_done(job, 'd');
		ck_assert_int_eq(calls.count, 0);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_ptr_eq(calls.jobs[3], job);
		expect_calls("abcd");
		/* Late ones at once, and those before them not again. */
		add_done(job, 'e');
		expect_calls("e");
		add_done(job, 'b');
		expect_calls("b");
		ck_assert_int_eq(prun_job_on_done(job, NULL, NULL),
				 PRUN_EINVAL);
		prun_job_free(job);
	}
	finish_pool(pool);
	ck_assert_int_eq(calls.count, 0);
}
END_TEST

static int result_adds(struct prun_job *job, const struct prun_result *r,
		       void *payload)
{
	on_result(job, r, payload);
	add_done(job, 'c');
	return 0;
}

static void done_adds(struct prun_job *job, void *payload)
{
	on_done(job, payload);
	add_done(job, 'd');
	log_call(job, 'x' - 'a');
	if (calls.count < 8)
		ck_assert_int_eq(prun_job_on_done(job, done_adds, payload), 0);
}

/* Added inside one: called behind it, not within it. */
START_TEST(done_added_inside_a_callback)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_call c = call_of("square", NULL, NULL);
	struct prun_job *job;
	int k;

	c.argument = "\x05";
	c.argument_size = 1;
	c.callback = result_adds;
	c.payload = named(0);
	for (k = 0; k < 2; k++) {
		/* Without a handle too: the callback has one to add to. */
		ck_assert_int_eq(prun_apply_async(k ? NULL : &job, pool, &c),
				 0);
		if (k == 0)
			ck_assert_int_eq(
				prun_job_on_done(job, done_adds, named(1)), 0);
		while (calls.count < (k ? 2 : 11))
			ck_assert_int_ge(prun_pool_step(pool, -1), 0);
		/* The third finds eight calls made, and adds no more. */
		expect_calls(k ? "ac" : "abxcdbxdbxd");
		if (k == 0)
			prun_job_free(job);
	}
	/* Late, and so inside this call. */
	job = start_one(pool, "square", 1);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_on_done(job, done_adds, named(1)), 0);
	expect_calls("bxdbxdbxd");
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static void done_looks(struct prun_job *job, void *payload)
{
	const struct prun_result *r;
	struct prun_pool *pool = payload;
	int i;

	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(prun_job_at(&r, job, (uint64_t)i), 0);
		ck_assert_int_eq(int_of(r), i * i);
	}
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	ck_assert_int_eq(prun_job_next(&r, job, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_job_wait(job, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_pool_step(pool, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_pool_free(pool), PRUN_EDEADLK);
	ck_assert_int_eq(prun_wait(&job, 1, PRUN_WAIT_ALL, 0), PRUN_EDEADLK);
	prun_job_free(start_one(pool, "square", 1));
	log_call(job, 0);
	prun_job_free(job);
	log_call(job, 1);
}

START_TEST(done_may_do_what_a_callback_may)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range;
	struct prun_job *job;
	int late;

	for (late = 0; late < 2; late++) {
		range = (struct prun_range){0, 20, 1};
		job = start_range(pool, "square", &range);
		if (late)
			ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_int_eq(prun_job_on_done(job, done_looks, pool), 0);
		if (!late) {
			/* It frees itself; the one behind is called still. */
			add_done(job, 'c');
			while (calls.count < 3)
				ck_assert_int_ge(prun_pool_step(pool, -1), 0);
		}
		expect_calls(late ? "ab" : "abc");
		/* Outside again everything may be called. */
		assert_works(pool);
	}
	finish_pool(pool);
}
END_TEST

static struct prun_job *ended;

static int adds_to_another(struct prun_job *job, const struct prun_result *r,
			   void *payload)
{
	add_done(ended, 'b');
	ck_assert_int_eq(calls.count, 1);
	ck_assert_int_eq(prun_pool_step(payload, 0), PRUN_EDEADLK);
	return on_result(job, r, named(0));
}

/* A late one inside the callback of another job. */
START_TEST(done_late_inside_anothers_callback)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_call c = call_of("square", NULL, NULL);
	struct prun_job *job;

	ended = start_one(pool, "square", 1);
	ck_assert_int_eq(prun_job_wait(ended, -1), 0);
	c.argument = "\x05";
	c.argument_size = 1;
	c.callback = adds_to_another;
	c.payload = pool;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	expect_calls("ba");
	prun_job_free(job);
	prun_job_free(ended);
	finish_pool(pool);
}
END_TEST

START_TEST(done_of_a_job_that_was_freed)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 100000, 1}, more = {0, 100, 1};
	struct prun_call c = range_call("square", &more);
	struct prun_job *job;

	/* Cancelled by that, */
	job = start_range(pool, "square", &range);
	add_done(job, 'a');
	prun_job_free(job);
	job = start_never(pool);
	add_done(job, 'b');
	prun_job_free(job);
	while (calls.count < 2)
		ck_assert_int_ge(prun_pool_step(pool, -1), 0);
	ck_assert_int_eq(calls.names[0] + calls.names[1], 0 + 1);
	ck_assert_int_lt((int)range.start, 100000);
	calls.count = 0;
	/* or with callbacks of its own it goes on. */
	c.callback = on_result;
	c.payload = named(2);
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	add_done(job, 'd');
	prun_job_free(job);
	finish_pool(pool);
	expect_calls("cd");
	ck_assert_int_eq((int)more.start, 100);
}
END_TEST

/* What runs when its job is freed is finished, and then it is called. */
START_TEST(done_after_what_runs)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_job *job = start_one(pool, "gate", 1);

	await_arrivals(pool, 1);
	add_done(job, 'a');
	prun_job_free(job);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_int_eq(calls.count, 0);
	gate_open();
	finish_pool(pool);
	expect_calls("a");
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

static struct prun_options breaking_options(int method)
{
	struct prun_options o = options_for(method, 1);

	o.initializer = init_never;
	return o;
}

/* By the end of their pool, whichever it is, all jobs are told once. */
START_TEST(done_at_the_end_of_the_pool)
{
	struct prun_job *jobs[5];
	int k, i, told;

	for (k = 0; k < 4; k++) {
		struct prun_options o = k == 3 ? breaking_options(_i) :
						 options_for(_i, 1);
		struct prun_range range = {0, 100, 1};
		struct prun_pool *pool = open_with(&o);

		jobs[0] = start_range(pool, "square", &range);
		jobs[1] = start_never(pool);
		jobs[2] = start_stuck(pool);
		jobs[3] = start_one(pool, "square", 1);
		jobs[4] = start_one(pool, "square", 2);
		for (i = 0; i < 5; i++)
			add_done(jobs[i], (char)('a' + i));
		if (k % 2)
			prun_job_free(jobs[4]);
		if (k < 2)
			ck_assert_int_eq(prun_pool_terminate(pool), 0);
		if (k == 3)
			ck_assert_int_eq(prun_job_wait(jobs[0], -1), 0);
		if (k == 1)
			ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		ck_assert_int_eq(calls.count, 5);
		for (told = 0, i = 0; i < 5; i++)
			told |= 1 << calls.names[i];
		ck_assert_int_eq(told, 0x1f);
		for (i = 0; i < 4; i++)
			ck_assert_int_eq(prun_job_ready(jobs[i]), 1);
		calls.count = 0;
		/* Of a pool that is gone they are late. */
		add_done(jobs[3], 'f');
		expect_calls("f");
		free_jobs(jobs, k % 2 ? 4 : 5);
	}
}
END_TEST

START_TEST(done_when_terminated_while_busy)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_range range = {0, 1000, 1};
	struct prun_job *job = start_range(pool, "gate", &range);

	await_arrivals(pool, 2);
	add_done(job, 'a');
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	expect_calls("a");
	prun_job_free(job);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(calls.count, 0);
}
END_TEST

/* ------------------------------------------------------------------- waiting
 */

START_TEST(wait_in_three_modes)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_job *jobs[8] = {NULL};
	int i;

	jobs[1] = start_one(pool, "gate", 1);
	await_arrivals(pool, 1);
	jobs[2] = start_one(pool, "square", 2);
	jobs[4] = jobs[2];
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_FIRST, -1), 1);
	ck_assert_int_eq(prun_job_ready(jobs[2]), 1);
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_FIRST, 0), 1);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(prun_wait(jobs, 8,
					   i % 2 ? PRUN_WAIT_ALL :
						   PRUN_WAIT_FAILURE,
					   i % 3),
				 PRUN_ETIMEDOUT);
	jobs[5] = start_one(pool, "picky", 3);
	jobs[6] = jobs[1];
	jobs[7] = jobs[5];
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_FAILURE, -1), 2);
	ck_assert_int_eq(prun_job_state(jobs[5]), PRUN_JOB_FAILED);
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_FAILURE, 0), 2);
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_ALL, 0), PRUN_ETIMEDOUT);
	ck_assert_uint_eq(seen->started, 3);
	gate_open();
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_ALL, -1), 3);
	ck_assert_int_eq(prun_wait(jobs, 8, PRUN_WAIT_ALL, 0), 3);
	ck_assert_int_eq(prun_job_ready(jobs[1]), 1);
	prun_job_free(jobs[1]);
	prun_job_free(jobs[2]);
	prun_job_free(jobs[5]);
	finish_pool(pool);
}
END_TEST

START_TEST(wait_for_next_to_nothing)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_job *jobs[3] = {NULL};
	int mode, i;

	for (mode = 0; mode < 3; mode++) {
		ck_assert_int_eq(
			prun_wait(NULL, 0, (enum prun_wait_mode)mode, -1), 0);
		ck_assert_int_eq(
			prun_wait(jobs, 3, (enum prun_wait_mode)mode, -1), 0);
		ck_assert_int_eq(
			prun_wait(jobs, 3, (enum prun_wait_mode)mode, 0), 0);
	}
	ck_assert_int_eq(prun_wait(jobs, 3, (enum prun_wait_mode)3, 0),
			 PRUN_EINVAL);
	ck_assert_int_eq(prun_wait(jobs, 3, (enum prun_wait_mode) - 1, 0),
			 PRUN_EINVAL);
	/* Without a failure that mode waits for all. */
	for (mode = 0; mode < 3; mode++) {
		for (i = 0; i < 3; i++)
			jobs[i] = start_one(pool, "square", i);
		i = prun_wait(jobs, 3, (enum prun_wait_mode)mode, -1);
		if (mode == PRUN_WAIT_FIRST)
			ck_assert_int_ge(i, 1);
		else
			ck_assert_int_eq(i, 3);
		free_jobs(jobs, 3);
	}
	finish_pool(pool);
}
END_TEST

/* A cancelled job has ended, but not failed; one whose source failed has. */
static int source_fails(struct prun_item *item, void *payload)
{
	(void)item;
	(void)payload;
	return -EXDEV;
}

START_TEST(wait_for_a_failure)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 100000, 1};
	struct prun_call c = call_of("square", source_fails, NULL);
	struct prun_job *jobs[3];

	jobs[0] = start_never(pool);
	jobs[1] = start_range(pool, "square", &range);
	ck_assert_int_eq(prun_job_cancel(jobs[1], 0), 1);
	ck_assert_int_eq(prun_wait(jobs, 2, PRUN_WAIT_FIRST, -1), 1);
	ck_assert_int_eq(prun_wait(jobs, 2, PRUN_WAIT_FAILURE, 10),
			 PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_map_async(&jobs[2], pool, &c), 0);
	ck_assert_int_eq(prun_wait(jobs, 3, PRUN_WAIT_FAILURE, -1), 2);
	ck_assert_int_eq(prun_job_error(jobs[2]), -EXDEV);
	prun_job_cancel(jobs[0], 0);
	ck_assert_int_eq(prun_wait(jobs, 2, PRUN_WAIT_FAILURE, -1), 2);
	free_jobs(jobs, 3);
	finish_pool(pool);
}
END_TEST

/* One pool of each kind, and one that is gone. */
START_TEST(wait_for_several_pools)
{
	struct prun_pool *pools[3], *gone = open_pool(PRUN_START_FORK, 1);
	struct prun_job *jobs[6];
	int i, k;

	for (i = 0; i < 3; i++)
		pools[i] = open_pool(i, 1);
	for (k = 0; k < 3; k++) {
		jobs[3] = start_one(k ? pools[0] : gone, "square", 1);
		if (k == 0) {
			ck_assert_int_eq(prun_job_wait(jobs[3], -1), 0);
			ck_assert_int_eq(prun_pool_free(gone), 0);
		}
		for (i = 0; i < 3; i++)
			jobs[i] = start_one(
				pools[i],
				i == PRUN_START_INLINE ? "square" : "gate", i);
		jobs[4] = jobs[0];
		jobs[5] = start_one(pools[1], "picky", 1);
		ck_assert_int_ge(prun_wait(jobs, 6, PRUN_WAIT_FIRST, -1), 1);
		ck_assert_int_ge(prun_wait(jobs, 6, PRUN_WAIT_FAILURE, -1), 1);
		ck_assert_int_eq(prun_job_ready(jobs[5]), 1);
		ck_assert_int_eq(prun_wait(jobs, 6, PRUN_WAIT_ALL, 20),
				 PRUN_ETIMEDOUT);
		ck_assert_int_eq(prun_pool_wake(pools[k]), 0);
		ck_assert_int_eq(prun_wait(jobs, 6, PRUN_WAIT_ALL, -1),
				 PRUN_EWOKEN);
		gate_open();
		ck_assert_int_eq(prun_wait(jobs, 6, PRUN_WAIT_ALL, -1), 5);
		gate_shut();
		free_jobs(jobs, 4);
		prun_job_free(jobs[5]);
	}
	for (i = 0; i < 3; i++)
		finish_pool(pools[i]);
}
END_TEST

/* It sleeps in both; work in either wakes it. */
START_TEST(wait_with_much_in_two_pools)
{
	struct prun_pool *pools[2];
	struct prun_range ranges[20];
	struct prun_job *jobs[20];
	int i;

	for (i = 0; i < 2; i++)
		pools[i] = open_remote((i + _i) % 2, 2);
	for (i = 0; i < 20; i++) {
		ranges[i] = (struct prun_range){0, 100 * i, 1};
		jobs[i] = start_range(pools[i % 2], "square", &ranges[i]);
	}
	ck_assert_int_eq(prun_wait(jobs, 20, PRUN_WAIT_ALL, -1), 20);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(prun_job_state(jobs[i]), PRUN_JOB_DONE);
	free_jobs(jobs, 20);
	finish_pool(pools[0]);
	finish_pool(pools[1]);
}
END_TEST

START_TEST(wait_for_what_is_stuck)
{
	struct prun_pool *pool = open_pool(_i, 1), *other = open_pool(_i, 1);
	struct prun_completed *completed;
	struct prun_job *jobs[3], *job;
	int i, n;

	jobs[0] = start_stuck(pool);
	ck_assert_int_eq(prun_wait(jobs, 1, PRUN_WAIT_ALL, -1), PRUN_ENOTREADY);
	jobs[1] = start_one(other, "square", 1);
	jobs[2] = start_one(pool, "square", 1);
	ck_assert_int_ge(prun_wait(jobs, 3, PRUN_WAIT_FIRST, -1), 1);
	ck_assert_int_eq(prun_wait(jobs, 3, PRUN_WAIT_ALL, -1), PRUN_ENOTREADY);
	ck_assert_int_eq(prun_wait(jobs, 3, PRUN_WAIT_FAILURE, -1),
			 PRUN_ENOTREADY);
	n = prun_as_completed(&completed, jobs, 3);
	ck_assert_int_eq(n, 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
	ck_assert_int_eq(prun_completed_next(&job, completed, -1),
			 PRUN_ENOTREADY);
	for (i = 0; i < 1000; i++)
		ck_assert_int_eq(int_of(next_of(jobs[0])), i * i);
	ck_assert_int_eq(prun_wait(jobs, 3, PRUN_WAIT_ALL, -1), 3);
	ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
	ck_assert_ptr_eq(job, jobs[0]);
	prun_completed_free(completed);
	free_jobs(jobs, 3);
	finish_pool(pool);
	finish_pool(other);
}
END_TEST

static void *waker(void *arg)
{
	eventfd_t n;

	eventfd_read(arrived, &n);
	prun_pool_wake(arg);
	return NULL;
}

START_TEST(wait_is_woken)
{
	struct prun_pool *pools[2] = {open_remote(_i, 1), open_remote(_i, 1)};
	struct prun_job *jobs[2], *job = NULL;
	struct prun_completed *completed;
	pthread_t thread;
	int k;

	for (k = 0; k < 4; k++) {
		jobs[0] = start_one(pools[0], "gate", 1);
		jobs[1] = start_never(pools[1]);
		ck_assert_int_eq(prun_as_completed(&completed, jobs, 2), 0);
		ck_assert_int_eq(
			pthread_create(&thread, NULL, waker, pools[k % 2]), 0);
		ck_assert_int_eq(k < 2 ? prun_wait(jobs, 2, PRUN_WAIT_ALL, -1) :
					 prun_completed_next(&job, completed,
							     -1),
				 PRUN_EWOKEN);
		pthread_join(thread, NULL);
		ck_assert_ptr_null(job);
		gate_open();
		ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
		ck_assert_ptr_eq(job, jobs[0]);
		prun_completed_free(completed);
		gate_shut();
		free_jobs(jobs, 2);
		job = NULL;
	}
	finish_pool(pools[0]);
	finish_pool(pools[1]);
}
END_TEST

static int waits_inside(struct prun_job *job, const struct prun_result *r,
			void *payload)
{
	struct prun_completed *completed;
	struct prun_job *given = NULL;

	(void)r;
	ck_assert_int_eq(prun_wait(&job, 1, PRUN_WAIT_ALL, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_wait(payload, 1, PRUN_WAIT_FIRST, -1),
			 PRUN_EDEADLK);
	ck_assert_int_eq(prun_as_completed(&completed, payload, 1), 0);
	ck_assert_int_eq(prun_completed_next(&given, completed, -1),
			 PRUN_EDEADLK);
	ck_assert_ptr_null(given);
	prun_completed_free(completed);
	log_call(job, 0);
	return 0;
}

START_TEST(wait_inside_a_callback_and_in_a_child)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_call c = call_of("square", NULL, NULL);
	struct prun_job *other = start_never(pool), *job;
	int status;
	pid_t pid;

	c.argument = "\x05";
	c.argument_size = 1;
	c.callback = waits_inside;
	c.payload = &other;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	expect_calls("a");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(prun_wait(&other, 1, PRUN_WAIT_ALL, -1) == PRUN_EFORKED &&
				      prun_job_cancel(other, 1) ==
					      PRUN_EFORKED &&
				      prun_job_on_done(other, on_done, NULL) ==
					      PRUN_EFORKED &&
				      prun_job_state(other) == PRUN_EFORKED ?
			      0 :
			      1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	prun_job_free(job);
	prun_job_free(other);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------- as they complete
 */

/* As many as it gives are those that were told to be done, in that order. */
static void assert_completed(struct prun_completed *completed, int timeout_ms)
{
	struct prun_job *job;
	int i;

	for (i = 0; i < calls.count; i++) {
		ck_assert_int_eq(
			prun_completed_next(&job, completed, timeout_ms), 1);
		ck_assert_ptr_eq(job, calls.jobs[i]);
	}
}

START_TEST(completed_of_nothing)
{
	struct prun_job *none[2] = {NULL, NULL}, *job = NULL;
	struct prun_completed *completed;
	int i;

	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prun_as_completed(&completed, none, (size_t)i),
				 0);
		ck_assert_ptr_nonnull(completed);
		ck_assert_int_eq(prun_completed_next(&job, completed, -1), 0);
		ck_assert_int_eq(prun_completed_next(&job, completed, 0), 0);
		ck_assert_ptr_null(job);
		prun_completed_free(completed);
	}
	prun_completed_free(NULL);
}
END_TEST

START_TEST(completed_in_order)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_completed *completed;
	struct prun_job *jobs[8], *list[10], *job = NULL;
	int i;

	jobs[7] = start_one(pool, "gate", 7);
	await_arrivals(pool, 1);
	for (i = 6; i >= 0; i--)
		jobs[i] = start_one(pool, i % 2 ? "picky" : "square", i);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(prun_job_on_done(jobs[i], on_done, named(i)),
				 0);
		list[i] = jobs[i];
	}
	list[8] = jobs[3];
	list[9] = NULL;
	/* Some have been told before it begins. */
	ck_assert_int_eq(prun_job_wait(jobs[4], -1), 0);
	ck_assert_int_eq(prun_as_completed(&completed, list, 10), 0);
	memset(list, 0xff, sizeof(list)); /* it was copied */
	for (i = 0; i < 7; i++) {
		ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
		ck_assert_ptr_eq(job, calls.jobs[i]);
		ck_assert_int_eq(prun_job_ready(job), 1);
	}
	job = NULL;
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(prun_completed_next(&job, completed, i % 3),
				 PRUN_ETIMEDOUT);
	ck_assert_ptr_null(job);
	gate_open();
	ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
	ck_assert_ptr_eq(job, jobs[7]);
	ck_assert_int_eq(prun_completed_next(&job, completed, -1), 0);
	prun_completed_free(completed);
	free_jobs(jobs, 8);
	finish_pool(pool);
}
END_TEST

/* Those that have finished already come first, in the order they did. */
START_TEST(completed_before)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_completed *completed;
	struct prun_job *jobs[20], *job;
	int i;

	for (i = 19; i >= 0; i--) {
		jobs[i] = i == 9 ? start_never(pool) :
				   start_one(pool, "square", i);
		ck_assert_int_eq(prun_job_on_done(jobs[i], on_done, named(i)),
				 0);
	}
	for (i = 0; i < 20; i++)
		if (i != 9)
			ck_assert_int_eq(prun_job_wait(jobs[i], -1), 0);
	ck_assert_int_eq(calls.count, 19);
	ck_assert_int_eq(calls.names[0], 19);
	ck_assert_int_eq(prun_as_completed(&completed, jobs, 20), 0);
	assert_completed(completed, 0);
	ck_assert_int_eq(prun_completed_next(&job, completed, 0),
			 PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(prun_completed_next(&job, completed, 0), 1);
	ck_assert_ptr_eq(job, jobs[9]);
	ck_assert_int_eq(prun_completed_next(&job, completed, 0), 0);
	prun_completed_free(completed);
	free_jobs(jobs, 20);
}
END_TEST

#define MANY 5000

/* The place in the log of the next job of one pool, from `at` on. */
static int next_call(int at, bool second)
{
	while (at < calls.count && (calls.names[at] % 5 == 0) != second)
		at++;
	return at;
}

/* Each is freed when it was given; of each pool in the order of the log. */
START_TEST(completed_of_two_pools)
{
	struct prun_pool *pools[2] = {open_pool(_i, 2), open_remote(0, 2)};
	static struct prun_job *jobs[MANY], *job;
	struct prun_completed *completed;
	int i, at[2] = {0, 0}, which;

	for (i = 0; i < MANY; i++)
		jobs[i] = start_one(pools[i % 5 == 0], "square", i);
	for (i = 0; i < MANY; i++)
		ck_assert_int_eq(prun_job_on_done(jobs[i], on_done, named(i)),
				 0);
	ck_assert_int_eq(prun_as_completed(&completed, jobs, MANY), 0);
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq(prun_completed_next(&job, completed, -1), 1);
		ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
		for (which = 0; which < 2; which++) {
			at[which] = next_call(at[which], which);
			if (at[which] < calls.count &&
			    calls.jobs[at[which]] == job)
				break;
		}
		ck_assert_msg(which < 2, "the %d-th is out of turn", i);
		at[which]++;
		prun_job_free(job);
	}
	ck_assert_int_eq(prun_completed_next(&job, completed, -1), 0);
	prun_completed_free(completed);
	ck_assert_int_eq(calls.count, MANY);
	finish_pool(pools[0]);
	finish_pool(pools[1]);
}
END_TEST

static void cases_of_waits(Suite *s)
{
	TCase *tc = pool_case(s, "wait");

	tcase_add_loop_test(tc, wait_in_three_modes, 0, REMOTES);
	tcase_add_loop_test(tc, wait_for_next_to_nothing, 0, METHODS);
	tcase_add_loop_test(tc, wait_for_a_failure, 0, METHODS);
	tcase_add_test(tc, wait_for_several_pools);
	tcase_add_loop_test(tc, wait_with_much_in_two_pools, 0, REMOTES);
	tcase_add_loop_test(tc, wait_for_what_is_stuck, 0, METHODS);
	tcase_add_loop_test(tc, wait_is_woken, 0, REMOTES);
	tcase_add_loop_test(tc, wait_inside_a_callback_and_in_a_child, 0,
			    METHODS);
	tc = pool_case(s, "completed");
	tcase_add_test(tc, completed_of_nothing);
	tcase_add_loop_test(tc, completed_in_order, 0, REMOTES);
	tcase_add_loop_test(tc, completed_before, 0, METHODS);
	tcase_add_loop_test(tc, completed_of_two_pools, 0, METHODS);
}

int main(void)
{
	Suite *s = suite_create("wait");
	TCase *tc = pool_case(s, "done");

	tcase_add_loop_test(tc, done_in_the_order_of_addition, 0, METHODS);
	tcase_add_loop_test(tc, done_added_inside_a_callback, 0, METHODS);
	tcase_add_loop_test(tc, done_may_do_what_a_callback_may, 0, METHODS);
	tcase_add_loop_test(tc, done_late_inside_anothers_callback, 0, METHODS);
	tcase_add_loop_test(tc, done_of_a_job_that_was_freed, 0, METHODS);
	tcase_add_loop_test(tc, done_after_what_runs, 0, REMOTES);
	tcase_add_loop_test(tc, done_at_the_end_of_the_pool, 0, METHODS);
	tcase_add_loop_test(tc, done_when_terminated_while_busy, 0, REMOTES);
	cases_of_waits(s);
	return suite_main(s);
}
