/* SPDX-License-Identifier: MIT */
/*
 * The life of a pool: options, initializer and finalizer, maxtasksperchild,
 * close, join, terminate and free. Each test runs once on each start method.
 */
#include "pool_suite.h"

#define METHODS 2

/* ------------------------------------------------------------------- options */

static void refuse(const struct prun_options *o, int rc)
{
	struct prun_pool *pool = (struct prun_pool *)&pool;

	ck_assert_int_eq(prun_pool_new(&pool, o), rc);
	ck_assert_ptr_null(pool);
}

START_TEST(options_out_of_range)
{
	static const struct prun_func twice[] = {FUNC(square), FUNC(echo),
						 FUNC(square)};
	static const struct prun_func both[] = {{.name = "both",
						 .fn = task_echo,
						 .batch = batch_square,
						 .lanes = 1}};
	static const struct prun_func none[] = {{.name = "none"}};
	static const struct prun_func lanes[] = {{.name = "lanes",
						  .batch = batch_square,
						  .lanes = PRUN_LANES_MAX + 1}};
	static const struct prun_func unnamed[] = {
		{.name = "a b", .fn = task_echo}};
	static const struct prun_func *const tables[] = {both, none, lanes,
							 unnamed};
	const struct prun_options good = options_for(_i, 1);
	struct prun_options o = good;
	int i;

	refuse(NULL, PRUN_EINVAL);
	o.version = 0;
	refuse(&o, PRUN_EVERSION);
	o.version = PRUN_OPTIONS_VERSION + 1;
	refuse(&o, PRUN_EVERSION);
	o = good;
	o.workers = PRUN_WORKERS_MAX + 1;
	refuse(&o, PRUN_EINVAL);
	o = good;
	o.funcs = NULL;
	refuse(&o, PRUN_EINVAL);
	o = good;
	o.start_method = (enum prun_start_method)99;
	refuse(&o, PRUN_EINVAL);
	o = good;
	o.max_payload = UINT64_MAX;
	refuse(&o, PRUN_EINVAL);
	o.max_payload = (uint64_t)PRUN_PAYLOAD_MAX + 1;
	refuse(&o, PRUN_EINVAL);
	o = good;
	o.funcs = twice;
	o.nfuncs = 3;
	refuse(&o, PRUN_EDUPFUNC);
	for (i = 0; i < 4; i++) {
		o.funcs = tables[i];
		o.nfuncs = 1;
		refuse(&o, PRUN_EINVAL);
	}
	/* Only as many as it says count. */
	o.funcs = twice;
	o.nfuncs = 2;
	finish_pool(open_with(&o));
}
END_TEST

START_TEST(versions_and_defaults)
{
	struct prun_options o = options_for(_i, 0);
	struct prun_pool *pool = open_with(&o);

	ck_assert_str_eq(prun_version(), PRUN_VERSION);
	ck_assert_int_eq(prun_pool_workers(pool),
			 _i == PRUN_START_INLINE ? 1 : prun_cpu_count());
	ck_assert_int_eq(prun_pool_error(pool, NULL), 0);
	assert_works(pool);
	finish_pool(pool);
	ck_assert_uint_eq(prun_chunksize_default(0, 4), 1);
	ck_assert_uint_eq(prun_chunksize_default(16, 4), 1);
	ck_assert_uint_eq(prun_chunksize_default(17, 4), 2);
	ck_assert_uint_eq(prun_chunksize_default(100, 3), 9);
	ck_assert_uint_eq(prun_chunksize_default(100, 0), 25);
	ck_assert_uint_eq(prun_chunksize_default(UINT64_MAX, 1),
			  PRUN_CHUNKSIZE_MAX);
}
END_TEST

/* The table is copied, the entries and all. */
START_TEST(the_table_may_go)
{
	struct prun_options o = options_for(_i, 2);
	struct prun_func *funcs = malloc(sizeof(all_funcs));
	struct prun_pool *pool;

	ck_assert_ptr_nonnull(funcs);
	memcpy(funcs, all_funcs, sizeof(all_funcs));
	o.funcs = funcs;
	pool = open_with(&o);
	memset(funcs, 0xff, sizeof(all_funcs));
	free(funcs);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(an_unknown_function)
{
	static const char *const names[] = {"", "squar", "squares", "Square"};
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 5, 1};
	struct prun_job *job;
	int i;

	for (i = 0; i < 4; i++) {
		struct prun_call c = range_call(names[i], &range);

		ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ENOFUNC);
		ck_assert_ptr_null(job);
		ck_assert_int_eq(prun_imap(&job, pool, &c), PRUN_ENOFUNC);
		ck_assert_ptr_null(job);
	}
	ck_assert_int_eq(range.start, 0);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------ initializer, finalizer */

static int init_args;

static int init_counting(void **state, int worker_id, void *initarg,
			 char *message, size_t size)
{
	int *kept = malloc(sizeof(*kept));
	uint32_t n = atomic_fetch_add(&seen->inits, 1);

	(void)message;
	(void)size;
	if (!kept || initarg != &init_args)
		return -EINVAL;
	if (n < SEEN_PIDS)
		seen->ids[n] = worker_id;
	*kept = 1000 + worker_id;
	*state = kept;
	return 0;
}

static void final_counting(void *state, int worker_id, void *initarg)
{
	int *kept = state;

	if (initarg == &init_args && *kept == 1000 + worker_id)
		atomic_fetch_add(&seen->finals, 1);
	free(kept);
}

static struct prun_options counting_options(int method, uint32_t workers)
{
	struct prun_options o = options_for(method, workers);

	o.initializer = init_counting;
	o.finalizer = final_counting;
	o.initarg = &init_args;
	return o;
}

START_TEST(initializer_once_a_worker)
{
	struct prun_options o = counting_options(_i, 3);
	struct prun_pool *pool = open_with(&o);
	struct prun_range range = {0, 300, 1};
	struct prun_call c = range_call("state", &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t i, workers;
	const char *ctx;
	size_t len;

	workers = (uint32_t)prun_pool_workers(pool);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 300; i++) {
		int state = 0, id = -1;

		r = next_of(job);
		ck_assert_int_eq(prun_result_unpack(r, "[i, i, s#]", &state,
						    &id, &ctx, &len),
				 0);
		ck_assert_int_eq(id, r->worker_id);
		ck_assert_int_eq(state, 1000 + id);
		ck_assert_uint_eq(len, strlen("the ctx"));
	}
	prun_job_free(job);
	ck_assert_uint_le(seen->inits, workers);
	ck_assert_uint_eq(seen->finals, 0);
	finish_pool(pool);
	ck_assert_uint_eq(seen->inits, workers);
	ck_assert_uint_eq(seen->finals, workers);
	if (_i == PRUN_START_FORK)
		ck_assert_int_eq(seen->ids[0] + seen->ids[1] + seen->ids[2],
				 0 + 1 + 2);
}
END_TEST

START_TEST(without_initializer_there_is_no_state)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_call c = call_of("state", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *job;
	int state = 0;

	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_int_eq(prun_result_unpack(r, "[i *]", &state), 0);
	ck_assert_int_eq(state, -1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int init_failing(void **state, int worker_id, void *initarg,
			char *message, size_t size)
{
	const char *text = initarg;

	(void)state;
	(void)worker_id;
	atomic_fetch_add(&seen->inits, 1);
	if (text)
		snprintf(message, size, "%s", text);
	return -ENOENT;
}

START_TEST(a_failing_initializer_breaks_the_pool)
{
	static char text[] = "the table of primes is missing";
	int k;

	for (k = 0; k < 2; k++) {
		struct prun_options o = options_for(_i, 1);
		struct prun_range ranges[2] = {{0, 10, 1}, {0, 10, 1}};
		struct prun_call c = range_call("square", &ranges[0]);
		const char *expect = k ? text : prun_strerror(-ENOENT);
		const struct prun_result *r;
		const char *message = NULL;
		struct prun_job *job[2];
		struct prun_pool *pool;
		unsigned n = 0;
		int rc;

		o.initializer = init_failing;
		o.initarg = k ? text : NULL;
		seen->inits = 0;
		pool = open_with(&o);
		ck_assert_int_eq(prun_imap(&job[0], pool, &c), 0);
		c.source_payload = &ranges[1];
		ck_assert_int_eq(prun_map(&job[1], pool, &c), PRUN_EINIT);
		ck_assert_uint_eq(seen->inits, 3);
		while ((rc = prun_job_next(&r, job[0], -1)) == 1) {
			ck_assert_int_eq(r->status, PRUN_EINIT);
			ck_assert_str_eq(r->message, expect);
			n++;
		}
		ck_assert_int_eq(rc, PRUN_EINIT);
		ck_assert_uint_eq(n, prun_job_submitted(job[0]));
		ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_EINIT);
		ck_assert_str_eq(message, expect);
		prun_job_free(job[0]);
		prun_job_free(job[1]);
		ck_assert_int_eq(prun_map(&job[1], pool, &c), PRUN_EINIT);
		ck_assert_ptr_null(job[1]);
		finish_pool(pool);
		ck_assert_uint_eq(seen->inits, 3);
	}
}
END_TEST

/* Two that fail are not three in a row. */
static int init_twice_failing(void **state, int worker_id, void *initarg,
			      char *message, size_t size)
{
	if (atomic_load(&seen->inits) < 2)
		return init_failing(state, worker_id, initarg, message, size);
	return 0;
}

START_TEST(an_initializer_that_fails_twice)
{
	struct prun_options o = options_for(_i, 1);
	struct prun_pool *pool;

	o.initializer = init_twice_failing;
	pool = open_with(&o);
	assert_works(pool);
	ck_assert_uint_eq(seen->inits, 2);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------- maxtasksperchild */

static void assert_few_tasks_each(const pid_t *pids, int count, int max)
{
	int i, k, same;

	for (i = 0; i < count; i++) {
		for (same = 0, k = 0; k < count; k++)
			same += pids[k] == pids[i];
		ck_assert_int_le(same, max);
	}
}

START_TEST(maxtasksperchild)
{
	static const uint64_t limits[] = {10, 1, 7};
	int i, k;

	for (k = 0; k < 6; k++) {
		struct prun_options o = counting_options(_i, 3);
		uint64_t limit = limits[k % 3];
		struct prun_range range = {0, 100, 1};
		struct prun_call c = range_call("square", &range);
		const struct prun_result *r;
		struct prun_pool *pool;
		struct prun_job *job;
		pid_t pids[100];

		o.maxtasksperchild = limit;
		seen->inits = seen->finals = seen->started = 0;
		pool = open_with(&o);
		ck_assert_int_eq((k < 3 ? prun_map : prun_imap)(&job, pool, &c),
				 0);
		for (i = 0; i < 100; i++) {
			r = next_of(job);
			ck_assert_int_eq(int_of(r), i * i);
			pids[i] = r->worker_pid;
		}
		assert_end(job, 0);
		prun_job_free(job);
		if (_i == PRUN_START_FORK)
			assert_few_tasks_each(pids, 100, (int)limit);
		finish_pool(pool);
		ck_assert_uint_eq(seen->started, 100);
		ck_assert_uint_ge(seen->inits, 100 / (uint32_t)limit);
		ck_assert_uint_eq(seen->inits, seen->finals);
	}
}
END_TEST

/* A chunk of exact size is finished by the worker that has it. */
START_TEST(maxtasksperchild_and_exact_chunks)
{
	struct prun_options o = options_for(_i, 2);
	struct prun_range range = {0, 60, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	pid_t pids[60];
	int i;

	o.maxtasksperchild = 2;
	c.chunksize = 6;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 60; i++) {
		r = next_of(job);
		ck_assert_int_eq(int_of(r), i * i);
		pids[i] = r->worker_pid;
		ck_assert_int_eq(pids[i], pids[i / 6 * 6]);
	}
	if (_i == PRUN_START_FORK)
		assert_few_tasks_each(pids, 60, 6);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(maxtasksperchild_with_early_close)
{
	struct prun_options o = options_for(_i, 3);
	struct prun_range range = {0, 60, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.maxtasksperchild = 1;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	for (i = 0; i < 60; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	assert_end(job, 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	prun_job_free(job);
}
END_TEST

/* --------------------------------------------------------------- the end */

START_TEST(close_join_free)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job, *late;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_pool_join(pool, 0), PRUN_EOPEN);
	ck_assert_int_eq(prun_pool_join(pool, -1), PRUN_EOPEN);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_map(&late, pool, &c), PRUN_ECLOSED);
	ck_assert_ptr_null(late);
	ck_assert_int_eq(prun_apply_async(&late, pool, &c), PRUN_ECLOSED);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_pool_join(pool, 0), 0);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_imap(&late, pool, &c), PRUN_ECLOSED);
	/* What was submitted is finished, and stays so. */
	ck_assert_int_eq(prun_job_successful(job), 1);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(prun_pool_free(NULL), 0);
	prun_job_free(job);
}
END_TEST

START_TEST(free_in_any_state)
{
	int k;

	for (k = 0; k < 6; k++) {
		struct prun_pool *pool = open_pool(_i, 2);
		struct prun_range range = {0, INT64_MAX, 1};
		struct prun_call c = range_call("quiet", &range);
		struct prun_job *job = NULL;

		if (k & 1)
			ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		if (k / 2 == 1)
			ck_assert_int_eq(prun_pool_close(pool), 0);
		if (k / 2 == 2)
			ck_assert_int_eq(prun_pool_terminate(pool), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		if (job)
			ck_assert_int_eq(prun_job_ready(job), 1);
		prun_job_free(job);
	}
}
END_TEST

START_TEST(terminate_cancels)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range ranges[2] = {{0, INT64_MAX, 1}, {0, 100000, 1}};
	struct prun_call c = range_call("quiet", &ranges[0]);
	struct prun_job *jobs[2], *none;
	const struct prun_result *r;
	int i, rc;

	ck_assert_int_eq(prun_imap(&jobs[0], pool, &c), 0);
	c.source_payload = &ranges[1];
	ck_assert_int_eq(prun_map_async(&jobs[1], pool, &c), 0);
	ck_assert_int_eq(prun_pool_step(pool, 0) < 0, 0);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_imap(&none, pool, &c), PRUN_ECLOSED);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_job_error(jobs[1]), PRUN_ECANCELLED);
	ck_assert_int_eq(prun_job_ready(jobs[1]), 1);
	for (i = 0; (rc = prun_job_next(&r, jobs[1], -1)) == 1; i++)
		ck_assert(r->status == 0 || r->status == PRUN_ECANCELLED);
	ck_assert_int_eq(rc, PRUN_ECANCELLED);
	ck_assert_uint_eq((uint64_t)i, prun_job_submitted(jobs[1]));
	ck_assert_int_eq(prun_pool_free(pool), 0);
	prun_job_free(jobs[0]);
	prun_job_free(jobs[1]);
}
END_TEST

/* A stream whose reader has gone elsewhere does not hold up join. */
START_TEST(join_with_a_half_read_stream)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("quiet", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i, rc;

	c.buffersize = 20;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 50; i++)
		ck_assert_uint_eq(next_of(job)->index, (uint64_t)i);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	for (; (rc = prun_job_next(&r, job, -1)) == 1; i++) {
		ck_assert_uint_eq(r->index, (uint64_t)i);
		ck_assert_int_eq(r->status, 0);
	}
	ck_assert_int_eq(rc, PRUN_ECANCELLED);
	ck_assert_int_eq(i, 70);
	prun_job_free(job);
	ck_assert_int_eq(prun_pool_free(pool), 0);
}
END_TEST

START_TEST(a_pool_without_work)
{
	struct prun_pool *pool = open_pool(_i, 2);

	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	ck_assert_int_eq(prun_pool_step(pool, -1), PRUN_EWOKEN);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_int_eq(prun_pool_running(pool, NULL, NULL), 0);
	ck_assert_int_ge(prun_pool_fd(pool), 0);
	finish_pool(pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lifecycle");
	TCase *tc = pool_case(s, "options");

	tcase_add_loop_test(tc, options_out_of_range, 0, METHODS);
	tcase_add_loop_test(tc, versions_and_defaults, 0, METHODS);
	tcase_add_loop_test(tc, the_table_may_go, 0, METHODS);
	tcase_add_loop_test(tc, an_unknown_function, 0, METHODS);
	tc = pool_case(s, "initializer");
	tcase_add_loop_test(tc, initializer_once_a_worker, 0, METHODS);
	tcase_add_loop_test(tc, without_initializer_there_is_no_state, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_failing_initializer_breaks_the_pool, 0,
			    METHODS);
	tcase_add_loop_test(tc, an_initializer_that_fails_twice, 0, METHODS);
	tc = pool_case(s, "maxtasksperchild");
	tcase_add_loop_test(tc, maxtasksperchild, 0, METHODS);
	tcase_add_loop_test(tc, maxtasksperchild_and_exact_chunks, 0, METHODS);
	tcase_add_loop_test(tc, maxtasksperchild_with_early_close, 0, METHODS);
	tc = pool_case(s, "end");
	tcase_add_loop_test(tc, close_join_free, 0, METHODS);
	tcase_add_loop_test(tc, free_in_any_state, 0, METHODS);
	tcase_add_loop_test(tc, terminate_cancels, 0, METHODS);
	tcase_add_loop_test(tc, join_with_a_half_read_stream, 0, METHODS);
	tcase_add_loop_test(tc, a_pool_without_work, 0, METHODS);
	return suite_main(s);
}
