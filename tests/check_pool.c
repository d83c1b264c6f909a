/* SPDX-License-Identifier: MIT */
/*
 * What only a pool of processes has: how work is shared out, the loop from
 * outside, results of workers that are busy with something else.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "pool_suite.h"

#define QUIET_MS 50

/* Worker 0 is blocked in the first task of a job; drive the pool until so
 * many of the job's results came, without an end to that task. */
static void take_while_blocked(struct prun_job *job, unsigned count,
			       uint64_t blocked)
{
	const struct prun_result *r;
	unsigned i;

	for (i = 0; i < count; i++) {
		r = next_of(job);
		ck_assert_uint_ne(r->index, blocked);
		ck_assert_int_eq(r->status, 0);
	}
	ck_assert_int_eq(prun_job_next(&r, job, 0), PRUN_ETIMEDOUT);
}

/* ------------------------------------------------------------------- workers */

START_TEST(all_workers_are_used)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 4);
	struct prun_range range = {0, 4, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	unsigned ids = 0;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 4);
	gate_open();
	for (i = 0; i < 4; i++) {
		r = next_of(job);
		ck_assert_int_eq(int_of(r), i);
		ids |= 1u << r->worker_id;
	}
	ck_assert_uint_eq(ids, 0xf);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(one_worker_and_two_hundred)
{
	static const uint32_t workers[] = {1, 200};
	int i;

	for (i = 0; i < 2; i++) {
		struct prun_pool *pool = open_pool(PRUN_START_FORK, workers[i]);

		ck_assert_int_eq(prun_pool_workers(pool), (int)workers[i]);
		assert_works(pool);
		finish_pool(pool);
	}
}
END_TEST

START_TEST(as_many_at_once_as_workers)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 3);
	struct prun_range range = {0, 45, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 3);
	ck_assert_int_eq(prun_job_wait(job, 10), PRUN_ETIMEDOUT);
	ck_assert_uint_eq(seen->started, 3);
	ck_assert_uint_eq(seen->running, 3);
	gate_open();
	for (i = 0; i < 45; i++)
		ck_assert_int_eq(int_of(next_of(job)), i);
	ck_assert_uint_eq(seen->started, 45);
	ck_assert_uint_eq(seen->most_running, 3);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(two_pools_at_once)
{
	struct prun_pool *a = open_pool(PRUN_START_FORK, 2);
	struct prun_pool *b = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, a, &c), 0);
	await_arrivals(a, 2);
	assert_works(b);
	finish_pool(b);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	prun_job_free(job);
	b = open_pool(PRUN_START_FORK, 2);
	assert_works(a);
	finish_pool(a);
	assert_works(b);
	finish_pool(b);
}
END_TEST

/* ------------------------------------------------------- results of the busy */

/* The first tasks of a chunk are done, the next one blocks its worker: what
 * the first gave must come nevertheless. */
START_TEST(results_of_a_busy_worker_come)
{
	int k;

	for (k = 1; k < 10; k++) {
		struct prun_pool *pool = open_pool(PRUN_START_FORK, 1);
		struct prun_range range = {-k, 10 - k, 1};
		struct prun_call c = range_call("gate", &range);
		struct prun_job *job;
		int i;

		c.chunksize = 10;
		ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		take_while_blocked(job, (unsigned)k, (uint64_t)k);
		gate_open();
		for (i = k; i < 10; i++)
			ck_assert_int_eq(int_of(next_of(job)), i - k);
		assert_end(job, 0);
		prun_job_free(job);
		finish_pool(pool);
		gate_shut();
	}
}
END_TEST

/* A caller that comes only when the descriptor says so gets them too. */
START_TEST(results_of_a_busy_worker_make_the_fd_readable)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 1);
	struct prun_range range = {-9, 1, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;

	c.chunksize = 10;
	ck_assert_int_ge(prun_pool_fd(pool), 0);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	while (prun_job_finished(job) < 9) {
		is_readable(prun_pool_fd(pool), -1);
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	}
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- stealing */

/* Make the pool know that the function is fast, so that it queues deep. */
static void warm_up(struct prun_pool *pool, const char *func)
{
	struct prun_range range = {-5000, 0, 1};
	struct prun_call c = range_call(func, &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	prun_job_free(job);
}

/* A gate task at the front, and the others behind it. */
static int source_first_gates(struct prun_item *item, void *payload)
{
	const uint64_t *count = payload;
	uint64_t i = prun_item_index(item);

	if (i == *count)
		return 0;
	return prun_item_int(item, i == 0 ? 1 : -1) < 0 ? -ENOMEM : 1;
}

START_TEST(others_run_what_is_queued_behind)
{
	static uint64_t counts[] = {2, 3, 20, 1000};
	int k, verb;

	for (k = 0; k < 8; k++) {
		struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
		struct prun_call c =
			call_of("gate", source_first_gates, &counts[k % 4]);
		struct prun_job *job;

		verb = k / 4;
		warm_up(pool, "gate");
		c.length = verb ? counts[k % 4] : 0;
		ck_assert_int_eq(prun_imap_unordered(&job, pool, &c), 0);
		take_while_blocked(job, (unsigned)counts[k % 4] - 1, 0);
		gate_open();
		ck_assert_uint_eq(next_of(job)->index, 0);
		assert_end(job, 0);
		gate_shut();
		prun_job_free(job);
		finish_pool(pool);
	}
}
END_TEST

/* Chunks of exact size go elsewhere as a whole, or not at all. */
START_TEST(exact_chunks_are_not_split)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	static uint64_t count = 400;
	struct prun_call c = call_of("gate", source_first_gates, &count);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t i;
	pid_t pids[40] = {0};

	warm_up(pool, "gate");
	c.chunksize = 10;
	ck_assert_int_eq(prun_imap_unordered(&job, pool, &c), 0);
	for (i = 0; i < count; i++) {
		r = next_of(job);
		ck_assert_int_eq(r->status, 0);
		if (!pids[r->index / 10])
			pids[r->index / 10] = r->worker_pid;
		ck_assert_int_eq(pids[r->index / 10], r->worker_pid);
		/* The nine beside the blocked one wait for it, nobody else. */
		if (i < 390)
			ck_assert_uint_ge(r->index, 10);
		if (i == 389)
			gate_open();
	}
	assert_end(job, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------- loop from outside */

START_TEST(a_foreign_poll_loop)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 2000, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;
	unsigned turns = 0;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	while (!prun_job_ready(job)) {
		ck_assert(is_readable(prun_pool_fd(pool), -1));
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		turns++;
	}
	ck_assert_uint_lt(turns, 4000);
	for (i = 0; i < 2000; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* While nothing can happen the descriptor is quiet; so is step. */
static void assert_quiet(struct prun_pool *pool)
{
	unsigned turns = 0;

	while (is_readable(prun_pool_fd(pool), QUIET_MS)) {
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		ck_assert_msg(++turns < 200, "the descriptor is never quiet");
	}
}

START_TEST(no_busy_loop)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job, *apply;

	assert_quiet(pool); /* nothing at all */
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 2);
	assert_quiet(pool); /* all blocked, and work queued behind */
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	assert_quiet(pool);
	gate_shut();
	prun_job_free(job);

	range = (struct prun_range){0, 1, 1};
	ck_assert_int_eq(prun_map_async(&apply, pool, &c), 0);
	await_arrivals(pool, 1);
	assert_quiet(pool); /* one blocked, one idle */
	gate_open();
	ck_assert_int_eq(prun_job_wait(apply, -1), 0);
	prun_job_free(apply);
	finish_pool(pool);
}
END_TEST

START_TEST(timeouts_lose_nothing)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *stream, *map;
	int i;

	ck_assert_int_eq(prun_imap(&stream, pool, &c), 0);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(prun_job_next(&r, stream, 0), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_job_next(&r, stream, 5), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_job_wait(stream, 5), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_pool_step(pool, 5) < 0, 0);
	range = (struct prun_range){5, 7, 1};
	ck_assert_int_eq(prun_map_async(&map, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, map, 0), PRUN_ETIMEDOUT);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(prun_job_get(&r, map, 5), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, 0), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_pool_join(pool, 5), PRUN_ETIMEDOUT);
	gate_open();
	ck_assert_int_eq(int_of(next_of(stream)), 0);
	ck_assert_int_eq(int_of(next_of(stream)), 1);
	assert_end(stream, 0);
	ck_assert_int_eq(prun_job_get(&r, map, -1), 0);
	ck_assert_int_eq(int_of(r), 5);
	prun_job_free(stream);
	prun_job_free(map);
	finish_pool(pool);
	ck_assert_uint_eq(seen->started, 4);
}
END_TEST

static struct prun_pool *woken_pool;

static void wake_it(int sig)
{
	(void)sig;
	prun_pool_wake(woken_pool);
}

static void *waker(void *arg)
{
	eventfd_t n;

	/* The task is blocked, so the caller is about to wait, or waits. */
	eventfd_read(arrived, &n);
	prun_pool_wake(arg);
	return NULL;
}

START_TEST(wake_from_a_thread)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 1);
	struct prun_range range = {0, 1, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	pthread_t thread;
	int k;

	for (k = 0; k < 3; k++) {
		range = (struct prun_range){0, 1, 1};
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, waker, pool), 0);
		ck_assert_int_eq(k == 0 ? prun_job_wait(job, -1) :
				 k == 1 ? prun_job_next(&r, job, -1) :
					  prun_job_get(&r, job, -1),
				 PRUN_EWOKEN);
		pthread_join(thread, NULL);
		gate_open();
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		gate_shut();
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(wake_from_a_signal_handler)
{
	struct sigaction sa = {.sa_handler = wake_it}, old;
	struct itimerspec soon = {.it_value.tv_nsec = 2000000};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGUSR1};
	timer_t timer;

	woken_pool = open_pool(PRUN_START_FORK, 1);
	ck_assert_int_eq(sigaction(SIGUSR1, &sa, &old), 0);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	ck_assert_int_eq(timer_settime(timer, 0, &soon, NULL), 0);
	/* Nothing else can end this. */
	while (prun_pool_step(woken_pool, -1) != PRUN_EWOKEN)
		;
	timer_delete(timer);
	sigaction(SIGUSR1, &old, NULL);
	assert_works(woken_pool);
	finish_pool(woken_pool);
}
END_TEST

/* prun_map returns only with its results, however often it is woken. */
START_TEST(map_is_not_cut_short_by_a_wake)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);

	ck_assert_int_eq(prun_pool_wake(pool), 0);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- running */

struct shown {
	struct prun_job *job;
	unsigned count;
	uint64_t indexes;
};

static void show(const struct prun_running *r, void *payload)
{
	struct shown *s = payload;
	int64_t n = -1;

	s->count++;
	ck_assert_ptr_eq(r->job, s->job);
	ck_assert_uint_lt(r->index, 64);
	s->indexes |= (uint64_t)1 << r->index;
	ck_assert_int_eq(
		prun_unpack(r->argument, r->argument_size, NULL, "I", &n), 0);
	ck_assert_int_eq(n, 10 + (int64_t)r->index);
	ck_assert_uint_gt(r->start_ns, 0);
	ck_assert_int_ge(r->worker_id, 0);
	ck_assert_int_lt(r->worker_id, 2);
	ck_assert_int_eq(kill(r->worker_pid, 0), 0);
}

START_TEST(running_shows_the_blocked)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {10, 20, 1};
	struct prun_call c = range_call("gate", &range);
	struct shown s = {0};

	ck_assert_int_eq(prun_pool_running(pool, show, &s), 0);
	ck_assert_int_eq(prun_map_async(&s.job, pool, &c), 0);
	await_arrivals(pool, 2);
	ck_assert_int_eq(prun_pool_running(pool, show, &s), 2);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_int_eq(__builtin_popcountll(s.indexes), 2);
	gate_open();
	ck_assert_int_eq(prun_job_wait(s.job, -1), 0);
	ck_assert_int_eq(prun_pool_running(pool, show, &s), 0);
	prun_job_free(s.job);
	finish_pool(pool);
}
END_TEST

/* ----------------------------------------------------------------- cancelling */

START_TEST(cancel_finishes_what_runs)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 50, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	unsigned good = 0;
	int rc;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 2);
	ck_assert_int_eq(prun_job_cancel(job, 0), 1);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	ck_assert_int_eq(prun_job_ready(job), 0);
	ck_assert_uint_eq(prun_job_finished(job) + 2, prun_job_submitted(job));
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	while ((rc = prun_job_next(&r, job, -1)) == 1) {
		good += r->status == 0;
		ck_assert(r->status == 0 || r->status == PRUN_ECANCELLED);
	}
	ck_assert_int_eq(rc, PRUN_ECANCELLED);
	ck_assert_uint_eq(good, 2);
	ck_assert_uint_eq(seen->started, 2);
	prun_job_free(job);
	/* The workers are whole, and can be granted to again. */
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* Running already and nothing queued: there is nothing to cancel. */
START_TEST(cancel_of_what_all_runs)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 2);
	ck_assert_int_eq(prun_job_wait(job, 0), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* What another job has queued in between is not touched. */
START_TEST(cancel_of_one_job_of_two)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range a = {0, 300, 1}, b = {0, 300, 1};
	struct prun_range first = {0, 2, 1};
	struct prun_call c = range_call("gate", &first);
	struct prun_job *jobs[3];
	int i;

	warm_up(pool, "square");
	ck_assert_int_eq(prun_map_async(&jobs[0], pool, &c), 0);
	await_arrivals(pool, 2);
	c = range_call("square", &a);
	ck_assert_int_eq(prun_map_async(&jobs[1], pool, &c), 0);
	c = range_call("square", &b);
	ck_assert_int_eq(prun_map_async(&jobs[2], pool, &c), 0);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_int_eq(prun_job_cancel(jobs[1], 0), 1);
	ck_assert_int_eq(prun_job_wait(jobs[1], -1), 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(jobs[2], -1), 0);
	ck_assert_int_eq(prun_job_successful(jobs[2]), 1);
	for (i = 0; i < 300; i++)
		ck_assert_int_eq(int_of(next_of(jobs[2])), i * i);
	ck_assert_int_eq(prun_job_wait(jobs[0], -1), 0);
	ck_assert_int_eq(prun_job_successful(jobs[0]), 1);
	ck_assert_uint_eq(seen->started, 5000 + 2 + 300);
	for (i = 0; i < 3; i++)
		prun_job_free(jobs[i]);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------------- terminating */

static int task_deaf(struct prun_task *task)
{
	signal(SIGTERM, SIG_IGN);
	return task_gate(task);
}

static void terminate_blocked(const char *func)
{
	struct prun_func funcs[] = {FUNC(gate), FUNC(deaf)};
	struct prun_options o = options_for(PRUN_START_FORK, 4);
	struct prun_range ranges[2] = {{0, 10000, 1}, {0, 10000, 1}};
	struct prun_call c = range_call(func, &ranges[0]);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *jobs[2];
	uint64_t n;
	int i, rc;

	o.funcs = funcs;
	o.nfuncs = 2;
	o.grace_ms = 20;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map_async(&jobs[0], pool, &c), 0);
	c.source_payload = &ranges[1];
	ck_assert_int_eq(prun_imap(&jobs[1], pool, &c), 0);
	await_arrivals(pool, 4);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(prun_job_ready(jobs[i]), 1);
		ck_assert_int_eq(prun_job_error(jobs[i]), PRUN_ECANCELLED);
		for (n = 0; (rc = prun_job_next(&r, jobs[i], -1)) == 1; n++)
			ck_assert_int_eq(r->status, PRUN_ECANCELLED);
		ck_assert_int_eq(rc, PRUN_ECANCELLED);
		ck_assert_uint_eq(n, prun_job_submitted(jobs[i]));
		prun_job_free(jobs[i]);
	}
	ck_assert_uint_eq(seen->started, 4);
	ck_assert_int_eq(prun_pool_free(pool), 0);
}

START_TEST(terminate_with_blocked_tasks)
{
	terminate_blocked("gate");
}
END_TEST

START_TEST(terminate_with_tasks_deaf_to_sigterm)
{
	terminate_blocked("deaf");
}
END_TEST

START_TEST(free_with_blocked_tasks)
{
	struct prun_pool *pool = open_pool(PRUN_START_FORK, 2);
	struct prun_range range = {0, 1000, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 2);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), PRUN_ECANCELLED);
	prun_job_free(job);
}
END_TEST

static void workers_case(Suite *s)
{
	TCase *tc = pool_case(s, "workers");

	tcase_add_test(tc, all_workers_are_used);
	tcase_add_test(tc, one_worker_and_two_hundred);
	tcase_add_test(tc, as_many_at_once_as_workers);
	tcase_add_test(tc, two_pools_at_once);
	tcase_add_test(tc, results_of_a_busy_worker_come);
	tcase_add_test(tc, results_of_a_busy_worker_make_the_fd_readable);
	tcase_add_test(tc, others_run_what_is_queued_behind);
	tcase_add_test(tc, exact_chunks_are_not_split);
}

int main(void)
{
	Suite *s = suite_create("pool");
	TCase *tc;

	workers_case(s);
	tc = pool_case(s, "loop");
	tcase_add_test(tc, a_foreign_poll_loop);
	tcase_add_test(tc, no_busy_loop);
	tcase_add_test(tc, timeouts_lose_nothing);
	tcase_add_test(tc, wake_from_a_thread);
	tcase_add_test(tc, wake_from_a_signal_handler);
	tcase_add_test(tc, map_is_not_cut_short_by_a_wake);
	tcase_add_test(tc, running_shows_the_blocked);
	tc = pool_case(s, "cancel");
	tcase_add_test(tc, cancel_finishes_what_runs);
	tcase_add_test(tc, cancel_of_what_all_runs);
	tcase_add_test(tc, cancel_of_one_job_of_two);
	tc = pool_case(s, "terminate");
	tcase_add_test(tc, terminate_with_blocked_tasks);
	tcase_add_test(tc, terminate_with_tasks_deaf_to_sigterm);
	tcase_add_test(tc, free_with_blocked_tasks);
	return suite_main(s);
}
