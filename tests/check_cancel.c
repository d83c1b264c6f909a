/* SPDX-License-Identifier: MIT */
/*
 * Cancelling: a job or all that is pending, by force too, and the end of a pool
 * with timeouts. What another job has in a worker that is killed for the sake
 * of one is run nevertheless, and once. check_pool.c and check_callbacks.c have
 * the rest of cancelling without force. Tests run on the two start methods with
 * processes; inline nothing runs to be killed.
 */
#include <sched.h>
#include <signal.h>

#include "pool_suite.h"

/* ---------------------------------------------------------------- functions */

/* As many tasks as `finals` says, of whatever jobs, wait at the gate. */
static int batch_hold(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	int64_t value;
	unsigned n = 0;

	do {
		while (n < BATCH_LANES && prun_batch_next(&open[n], batch) == 1)
			n++;
		sched_yield();
	} while (n < seen->finals);
	if (seen->finals) {
		if (eventfd_write(arrived, 1) < 0)
			return -errno;
		is_readable(gate, -1);
	}
	while (n-- > 0) {
		prun_arg_int(open[n], &value);
		prun_batch_done(open[n], prun_ret_int(open[n], value));
	}
	return 0;
}

/* Ends when the caller says so, who then tries to cancel it. */
static int task_race(struct prun_task *task)
{
	seen->running = 1;
	while (!atomic_load(&seen->inits))
		;
	return prun_ret_int(task, 7);
}

/* The same in lanes: a 7 races, the others stay until `finals` is set. */
static int batch_race(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	int64_t value[BATCH_LANES];
	unsigned n = 0, i;

	while (n < 2 && !atomic_load(&seen->inits))
		if (prun_batch_next(&open[n], batch) == 1) {
			prun_arg_int(open[n], &value[n]);
			n++;
		}
	seen->running = 1;
	while (!atomic_load(&seen->inits))
		;
	if (n == 0 && prun_batch_next(&open[0], batch) == 1)
		prun_arg_int(open[n++], &value[0]);
	for (i = 0; i < n; i++)
		if (value[i] == 7)
			prun_batch_done(open[i], prun_ret_int(open[i], 7));
	while (!atomic_load(&seen->finals))
		sched_yield();
	for (i = 0; i < n; i++)
		if (value[i] != 7)
			prun_batch_done(open[i],
					prun_ret_int(open[i], value[i]));
	return 0;
}

/* The first try waits at the gate, and fails. */
static int task_better(struct prun_task *task)
{
	if (prun_task_attempt(task) > 1)
		return prun_ret_int(task, 42);
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	is_readable(gate, -1);
	return prun_task_fail(task, -EIO, "the first try");
}

static const struct prun_func cancel_funcs[] = {
	FUNC(square),
	FUNC(gate),
	FUNC(mark),
	FUNC(better),
	FUNC(race),
	{.name = "holds", .batch = batch_hold, .lanes = BATCH_LANES},
	{.name = "races", .batch = batch_race, .lanes = BATCH_LANES},
	{.name = NULL},
};

static struct prun_pool *open_method(int method, uint32_t workers)
{
	struct prun_options o = options_for(method, workers);

	o.funcs = cancel_funcs;
	return open_with(&o);
}

static struct prun_pool *open_remote(int i, uint32_t workers)
{
	return open_method(remote_methods[i], workers);
}

/* ---------------------------------------------------------------- cancelling
 */

struct running {
	struct prun_job *job;
	pid_t pids[8];
	int count;
};

static void note_running(const struct prun_running *r, void *payload)
{
	struct running *running = payload;

	if (r->job == running->job && running->count < 8)
		running->pids[running->count++] = r->worker_pid;
}

static struct running running_of(struct prun_pool *pool, struct prun_job *job)
{
	struct running running = {.job = job};

	prun_pool_running(pool, note_running, &running);
	return running;
}

/* Every mark below `count` was run once, and the job that did it is well. */
static void assert_marked_once(struct prun_job *job, int64_t count)
{
	int64_t i;

	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	for (i = 0; i < count; i++) {
		ck_assert_int_eq(int_of(next_of(job)), i);
		ck_assert_msg(seen->starts[MARK + i] == 1,
			      "task %d was run %u times", (int)i,
			      seen->starts[MARK + i]);
		seen->starts[MARK + i] = 0;
	}
	assert_end(job, 0);
	prun_job_free(job);
}

/* The processes are gone, and others in their place. */
static void assert_killed(struct prun_pool *pool, const struct running *old)
{
	struct prun_worker_stats now[8];
	int i, k, n = prun_pool_worker_stats(pool, now, sizeof(now[0]), 8);

	for (i = 0; i < old->count; i++)
		for (k = 0; k < n; k++)
			ck_assert_int_ne(now[k].worker_pid, old->pids[i]);
}

static unsigned count_status(struct prun_job *job, int status)
{
	const struct prun_result *r;
	unsigned count = 0;
	uint64_t i;

	for (i = 0; prun_job_at(&r, job, i) == 0; i++)
		count += r->status == status;
	return count;
}

/* All that was pulled, which may not be all that there was. */
static void assert_all_cancelled(struct prun_job *job)
{
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_CANCELLED);
	ck_assert_int_eq(prun_job_error(job), PRUN_ECANCELLED);
	ck_assert_uint_eq(count_status(job, PRUN_ECANCELLED),
			  (unsigned)prun_job_submitted(job));
}

START_TEST(cancel_without_force_kills_nobody)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_range range = {0, 2, 1};
	struct prun_job *job = start_range(pool, "gate", &range);
	struct running running;

	await_arrivals(pool, 2);
	ck_assert_int_eq(prun_job_wait(job, 0), PRUN_ETIMEDOUT);
	running = running_of(pool, job);
	ck_assert_int_eq(running.count, 2);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_RUNNING);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	ck_assert_int_eq(prun_job_cancel(job, 1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	ck_assert_int_eq(count_status(job, 0), 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Its workers go; what another job had queued behind it does not. */
START_TEST(force_kills_what_runs)
{
	static const uint32_t chunks[] = {0, 1, 10, 100};
	struct prun_pool *pool = open_remote(_i, 2);
	int k;

	for (k = 0; k < 8; k++) {
		struct prun_range two = {0, 2 + k, 1}, many = {0, 300, 1};
		struct prun_call c = range_call("mark", &many);
		struct prun_job *job, *other;
		struct running running;

		job = start_range(pool, "gate", &two);
		c.chunksize = chunks[k % 4];
		ck_assert_int_eq(prun_map_async(&other, pool, &c), 0);
		await_arrivals(pool, 2);
		running = running_of(pool, job);
		ck_assert_int_eq(running.count, 2);
		ck_assert_int_eq(prun_job_cancel(job, 1), 1);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		assert_all_cancelled(job);
		assert_marked_once(other, 300);
		assert_killed(pool, &running);
		ck_assert_int_eq(prun_job_cancel(job, 1), 0);
		prun_job_free(job);
	}
	ck_assert_uint_eq(seen->started, 16);
	finish_pool(pool);
}
END_TEST

/* What is being killed is cancelled already. */
START_TEST(force_again_changes_nothing)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_job *job = start_one(pool, "gate", 1);

	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	ck_assert_int_eq(prun_job_cancel(job, 1), 0);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	end_with(job, PRUN_ECANCELLED);
	finish_pool(pool);
}
END_TEST

/* First so, then so. */
START_TEST(force_after_a_cancel_without)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_range range = {0, 10, 1};
	struct prun_job *job = start_range(pool, "gate", &range);
	struct running running;

	await_arrivals(pool, 1);
	running = running_of(pool, job);
	ck_assert_int_eq(prun_job_cancel(job, 0), 1);
	ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	assert_all_cancelled(job);
	assert_killed(pool, &running);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(seen->started, 1);
}
END_TEST

/* Nothing of it runs, so nobody is killed. */
START_TEST(force_on_what_is_pending)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_range range = {0, 100, 1};
	struct prun_job *blocked = start_one(pool, "gate", 1);
	struct prun_job *job = start_range(pool, "mark", &range);

	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	assert_all_cancelled(job);
	ck_assert_int_eq(running_of(pool, blocked).count, 1);
	gate_open();
	end_with(blocked, 0);
	prun_job_free(job);
	ck_assert_uint_eq(seen->starts[MARK], 0);
	finish_pool(pool);
}
END_TEST

START_TEST(force_without_processes)
{
	struct prun_pool *pool = open_method(PRUN_START_INLINE, 1);
	struct prun_range a = {0, 100, 1}, b = {0, 100, 1};
	struct prun_job *job = start_range(pool, "square", &a);
	struct prun_job *other = start_range(pool, "mark", &b);

	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_CANCELLED);
	ck_assert_uint_eq(count_status(job, PRUN_ECANCELLED) + seen->started,
			  (unsigned)prun_job_submitted(job));
	assert_marked_once(other, 100);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* The results that there are stay. */
static void force_in_the_middle(struct prun_pool *pool, uint32_t chunksize)
{
	struct prun_range a = {-50, 50, 1}, b = {0, 100, 1};
	struct prun_call c = range_call("gate", &a);
	struct prun_job *job, *other;
	const struct prun_result *r;
	uint64_t i, n;

	c.chunksize = chunksize;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	other = start_range(pool, "mark", &b);
	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	assert_marked_once(other, 100);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	n = prun_job_submitted(job);
	for (i = 0; i < n; i++) {
		ck_assert_int_eq(prun_job_at(&r, job, i), 0);
		ck_assert(r->status == 0 || r->status == PRUN_ECANCELLED);
		if (r->status == 0)
			ck_assert_int_eq(int_of(r), (int64_t)i - 50);
		if (i >= 50)
			ck_assert_int_eq(r->status, PRUN_ECANCELLED);
	}
	/* One worker alone had all before it when it came to the gate. */
	if (prun_pool_workers(pool) == 1)
		ck_assert_uint_eq(count_status(job, 0), 50);
	prun_job_free(job);
}

START_TEST(force_in_the_middle_of_a_map)
{
	static const uint32_t chunks[] = {0, 1, 7, 50, 100};
	struct prun_pool *pool;
	eventfd_t n;
	int k;

	for (k = 0; k < 10; k++) {
		pool = open_remote(_i, 1 + (uint32_t)k / 5);
		force_in_the_middle(pool, chunks[k % 5]);
		finish_pool(pool);
		/* The second worker may have come to the gate as well. */
		while (is_readable(arrived, 0))
			ck_assert_int_eq(eventfd_read(arrived, &n), 0);
	}
}
END_TEST

/* In the lanes of one worker are tasks of two jobs; a third waits. */
START_TEST(force_among_lanes)
{
	struct prun_pool *pool = open_remote(_i, 1);
	int k;

	for (k = 0; k < 6; k++) {
		struct prun_range a = {0, 2, 1}, b = {5, 7, 1};
		struct prun_range marks = {0, 50, 1};
		struct prun_call c = range_call("holds", &b);
		struct prun_job *job, *other, *third;

		seen->finals = 4;
		job = start_range(pool, "holds", &a);
		c.chunksize = (uint32_t)k % 3;
		ck_assert_int_eq(prun_map_async(&other, pool, &c), 0);
		await_arrivals(pool, 1);
		third = start_range(pool, "mark", &marks);
		seen->finals = 0;
		ck_assert_int_eq(prun_job_cancel(job, 1), 1);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_uint_eq(count_status(job, PRUN_ECANCELLED), 2);
		ck_assert_int_eq(int_of(next_of(other)), 5);
		ck_assert_int_eq(int_of(next_of(other)), 6);
		ck_assert_int_eq(prun_job_state(other), PRUN_JOB_DONE);
		assert_marked_once(third, 50);
		prun_job_free(job);
		prun_job_free(other);
	}
	finish_pool(pool);
}
END_TEST

/* Of two jobs in the lanes of one worker each goes when it is told to. */
START_TEST(force_on_two_jobs_in_lanes)
{
	struct prun_pool *pool = open_remote(_i, 1);
	struct prun_range a = {0, 2, 1}, b = {5, 7, 1};
	struct prun_range marks = {0, 50, 1};
	struct prun_job *jobs[2], *third;
	int i;

	seen->finals = 4;
	jobs[0] = start_range(pool, "holds", &a);
	jobs[1] = start_range(pool, "holds", &b);
	await_arrivals(pool, 1);
	third = start_range(pool, "mark", &marks);
	seen->finals = 0;
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(prun_job_cancel(jobs[i], 1), 1);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(prun_job_wait(jobs[i], -1), 0);
		ck_assert_uint_eq(count_status(jobs[i], PRUN_ECANCELLED), 2);
		prun_job_free(jobs[i]);
	}
	assert_marked_once(third, 50);
	finish_pool(pool);
}
END_TEST

/* The pool ends while the worker dies. */
START_TEST(force_and_then_the_end)
{
	int k;

	for (k = 0; k < 6; k++) {
		struct prun_pool *pool = open_remote(_i, 2);
		struct prun_range range = {0, 10, 1}, marks = {0, 50, 1};
		struct prun_job *job = start_range(pool, "gate", &range);
		struct prun_job *other = start_range(pool, "mark", &marks);

		await_arrivals(pool, 2);
		ck_assert_int_eq(prun_job_cancel(job, 1), 1);
		if (k % 3 == 0)
			ck_assert_int_eq(prun_pool_close(pool), 0);
		if (k % 3 == 1)
			ck_assert_int_eq(prun_pool_terminate(pool), 0);
		if (k % 3 < 2)
			ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		assert_all_cancelled(job);
		ck_assert_int_eq(prun_job_state(other),
				 k % 3 ? PRUN_JOB_CANCELLED : PRUN_JOB_DONE);
		prun_job_free(job);
		prun_job_free(other);
	}
	ck_assert_uint_eq(seen->started, 12);
}
END_TEST

/* Workers that are to be replaced anyway, that are just born, or that have
 * been told to stop. */
START_TEST(force_in_every_state_of_a_worker)
{
	struct prun_options o = options_for(remote_methods[_i], 1);
	struct prun_range marks = {0, 50, 1};
	struct prun_job *jobs[5], *other;
	struct prun_pool *pool;
	int i;

	o.funcs = cancel_funcs;
	o.maxtasksperchild = 1;
	pool = open_with(&o);
	for (i = 0; i < 5; i++)
		jobs[i] = start_one(pool, "gate", i);
	other = start_range(pool, "mark", &marks);
	for (i = 0; i < 5; i++) {
		/* One that has only just been asked for may run it already. */
		while (!is_readable(arrived, 20))
			ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		await_arrivals(pool, 1);
		if (i == 4)
			ck_assert_int_eq(prun_pool_close(pool), 0);
		ck_assert_int_eq(prun_job_cancel(jobs[i], 1), 1);
		end_with(jobs[i], PRUN_ECANCELLED);
	}
	assert_marked_once(other, 50);
	finish_pool(pool);
}
END_TEST

static int cancel_it(struct prun_job *job, const struct prun_result *r,
		     void *payload)
{
	(void)job;
	(void)r;
	ck_assert_int_eq(prun_job_cancel(payload, 1), 1);
	return 0;
}

START_TEST(force_in_a_callback)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_job *job = start_one(pool, "gate", 1), *other;
	struct prun_call c = call_of("mark", NULL, NULL);

	await_arrivals(pool, 1);
	c.argument = "\x00";
	c.argument_size = 1;
	c.callback = cancel_it;
	c.payload = job;
	ck_assert_int_eq(prun_apply_async(&other, pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(other, -1), 0);
	end_with(job, PRUN_ECANCELLED);
	end_with(other, 0);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------ at one instant
 */

#define RACES 150

static void await_running(struct prun_pool *pool)
{
	while (!seen->running)
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	seen->running = 0;
}

static void pause_a_little(int k)
{
	volatile int i;

	for (i = 0; i < k; i++)
		;
}

/*
 * The task ends while it is cancelled. Whichever was first, what was queued
 * behind it and what comes after it is run once.
 */
START_TEST(force_at_the_end_of_the_task)
{
	struct prun_pool *pool = open_remote(_i, 1);
	int k, status, outcomes[2] = {0, 0};

	for (k = 0; k < RACES; k++) {
		struct prun_range range = {0, 10, 1};
		struct prun_job *job, *other, *next;
		const struct prun_result *r;

		seen->inits = 0;
		job = start_one(pool, "race", 1);
		if (k % 2)
			other = start_range(pool, "mark", &range);
		await_running(pool);
		seen->inits = 1;
		pause_a_little(k % 50 * 100);
		prun_job_cancel(job, 1);
		status = prun_job_get(&r, job, -1);
		ck_assert(status == 0 || status == PRUN_ECANCELLED);
		outcomes[status == 0]++;
		ck_assert_int_eq(prun_job_state(job),
				 status == 0 ? PRUN_JOB_DONE :
					       PRUN_JOB_CANCELLED);
		prun_job_free(job);
		next = start_one(pool, "mark", 20);
		if (k % 2)
			assert_marked_once(other, 10);
		ck_assert_int_eq(prun_job_get(&r, next, -1), 0);
		ck_assert_uint_eq(seen->starts[MARK + 20], 1);
		seen->starts[MARK + 20] = 0;
		prun_job_free(next);
	}
	ck_assert_int_gt(outcomes[0], 0);
	finish_pool(pool);
}
END_TEST

/* The same with a task of another job in the next lane. */
START_TEST(force_at_the_end_of_one_lane)
{
	struct prun_pool *pool = open_remote(_i, 1);
	int k, status;

	for (k = 0; k < RACES; k++) {
		struct prun_job *job, *other;
		const struct prun_result *r;

		seen->inits = 0;
		seen->finals = 0;
		job = start_one(pool, "races", 7);
		other = start_one(pool, "races", 8);
		await_running(pool);
		seen->inits = 1;
		pause_a_little(k % 50 * 100);
		prun_job_cancel(job, 1);
		seen->finals = 1;
		status = prun_job_get(&r, job, -1);
		ck_assert(status == 0 || status == PRUN_ECANCELLED);
		status = prun_job_get(&r, other, -1);
		ck_assert_msg(status == 0, "round %d: %s: %s", k,
			      prun_error_name(status), r->message);
		ck_assert_int_eq(int_of(r), 8);
		prun_job_free(job);
		prun_job_free(other);
	}
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------------- all that is pending
 */

START_TEST(cancel_pending)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_range two = {0, 2, 1},
			  marks[2] = {{0, 100, 1}, {0, 100, 1}};
	struct prun_job *jobs[4];
	int i;

	ck_assert_int_eq(prun_pool_cancel_pending(pool), 0);
	jobs[0] = start_one(pool, "mark", 0);
	ck_assert_int_eq(prun_job_wait(jobs[0], -1), 0);
	jobs[1] = start_range(pool, "gate", &two);
	await_arrivals(pool, 2);
	jobs[2] = start_range(pool, "mark", &marks[0]);
	jobs[3] = start_range(pool, "gate", &marks[1]);
	ck_assert_int_eq(prun_job_wait(jobs[1], 0), PRUN_ETIMEDOUT);
	/* Not the one that is done, nor the one that all runs. */
	ck_assert_int_eq(prun_pool_cancel_pending(pool), 2);
	ck_assert_int_eq(prun_pool_cancel_pending(pool), 0);
	for (i = 2; i < 4; i++) {
		ck_assert_int_eq(prun_job_wait(jobs[i], -1), 0);
		assert_all_cancelled(jobs[i]);
	}
	ck_assert_int_eq(prun_job_ready(jobs[1]), 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(jobs[1], -1), 0);
	ck_assert_int_eq(prun_job_state(jobs[1]), PRUN_JOB_DONE);
	ck_assert_int_eq(prun_job_state(jobs[0]), PRUN_JOB_DONE);
	for (i = 0; i < 4; i++)
		prun_job_free(jobs[i]);
	/* It can be used on, and shut down with it. */
	assert_works(pool);
	finish_pool(pool);
	ck_assert_uint_eq(seen->starts[MARK], 1);
}
END_TEST

/* shutdown(wait, cancel_futures): what runs is finished, no more. */
START_TEST(close_with_cancel_pending_while_busy)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_range range = {0, 10000, 1};
	struct prun_job *job = start_range(pool, "gate", &range), *one;

	await_arrivals(pool, 2);
	one = start_one(pool, "gate", 7);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_cancel_pending(pool), 2);
	ck_assert_int_eq(prun_pool_join(pool, 5), PRUN_ETIMEDOUT);
	gate_open();
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_uint_eq(count_status(job, 0), 2);
	end_with(one, PRUN_ECANCELLED);
	prun_job_free(job);
	ck_assert_uint_eq(seen->started, 2);
}
END_TEST

/* ------------------------------------------------------------------ the end */

static int task_deaf(struct prun_task *task)
{
	signal(SIGTERM, SIG_IGN);
	return task_gate(task);
}

static struct prun_pool *open_deaf(int i, uint32_t grace_ms)
{
	static const struct prun_func funcs[] = {FUNC(gate), FUNC(deaf)};
	struct prun_options o = options_for(remote_methods[i], 2);

	o.funcs = funcs;
	o.nfuncs = 2;
	o.grace_ms = grace_ms;
	return open_with(&o);
}

static void note_pids(struct prun_pool *pool, pid_t pids[2])
{
	struct prun_worker_stats stats[2];
	int i;

	ck_assert_int_eq(
		prun_pool_worker_stats(pool, stats, sizeof(stats[0]), 2), 2);
	for (i = 0; i < 2; i++) {
		pids[i] = stats[i].worker_pid;
		ck_assert_int_eq(kill(pids[i], 0), 0);
	}
}

static void assert_gone(const pid_t pids[2])
{
	int i;

	for (i = 0; i < 2; i++)
		ck_assert(kill(pids[i], 0) < 0 && errno == ESRCH);
}

START_TEST(close_and_join_with_timeouts)
{
	struct prun_pool *pool = open_remote(_i, 2);
	struct prun_range range = {0, 10, 1};
	struct prun_job *job = start_range(pool, "gate", &range), *late;
	struct prun_call c = range_call("square", &range);
	pid_t pids[2];
	int i;

	ck_assert_int_eq(prun_pool_join(pool, 0), PRUN_EOPEN);
	ck_assert_int_eq(prun_pool_join(pool, -1), PRUN_EOPEN);
	await_arrivals(pool, 2);
	note_pids(pool, pids);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(prun_pool_close(pool), 0);
		ck_assert_int_eq(prun_pool_join(pool, i % 3), PRUN_ETIMEDOUT);
		ck_assert_int_eq(prun_map_async(&late, pool, &c), PRUN_ECLOSED);
		ck_assert_ptr_null(late);
	}
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), PRUN_EWOKEN);
	ck_assert_uint_eq(seen->started, 2);
	gate_open();
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	assert_gone(pids);
	ck_assert_int_eq(prun_pool_join(pool, 0), 0);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(int_of(next_of(job)), i);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	prun_job_free(job);
}
END_TEST

/* TERM, grace, KILL; the jobs do not wait for that, and join as it says. */
START_TEST(terminate_and_join_with_timeouts)
{
	static const char *const funcs[] = {"gate", "deaf"};
	int k, i;

	for (k = 0; k < 4; k++) {
		struct prun_pool *pool = open_deaf(_i, k < 2 ? 20 : 1000000);
		struct prun_range range = {0, 10000, 1};
		struct prun_job *job = start_range(pool, funcs[k % 2], &range);
		pid_t pids[2];

		await_arrivals(pool, 2);
		note_pids(pool, pids);
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
		for (i = 0; i < 5 && k == 3; i++)
			ck_assert_int_eq(prun_pool_join(pool, i),
					 PRUN_ETIMEDOUT);
		if (k < 3)
			ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		ck_assert_int_eq(prun_job_state(job), PRUN_JOB_CANCELLED);
		ck_assert_uint_eq(prun_job_finished(job),
				  prun_job_submitted(job));
		if (k == 3)
			ck_assert_int_eq(kill(pids[0], 0), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		assert_gone(pids);
		prun_job_free(job);
	}
	ck_assert_uint_eq(seen->started, 8);
}
END_TEST

START_TEST(free_in_any_state)
{
	int k;

	for (k = 0; k < 6; k++) {
		struct prun_pool *pool = open_remote(_i, 2);
		struct prun_range range = {0, 1000, 1};
		struct prun_job *job =
			start_range(pool, k % 2 ? "gate" : "square", &range);
		pid_t pids[2];

		if (k % 2)
			await_arrivals(pool, 2);
		note_pids(pool, pids);
		if (k / 2 == 1)
			ck_assert_int_eq(prun_pool_close(pool), 0);
		if (k / 2 == 2)
			ck_assert_int_eq(prun_pool_terminate(pool), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		assert_gone(pids);
		ck_assert_int_eq(prun_job_ready(job), 1);
		prun_job_free(job);
	}
}
END_TEST

/* One that changes nothing changes nothing: what runs is tried again. */
START_TEST(cancelled_too_late_to_matter)
{
	struct prun_pool *pool = open_method(remote_methods[_i], 1);
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r;
	struct prun_job *job;

	c.func = "better";
	c.retries = 1;
	c.retry_on = PRUN_RETRY_ERROR;
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	gate_open();
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_uint_eq(r->attempts, 2);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_DONE);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cancel");
	TCase *tc = pool_case(s, "force");

	tcase_add_loop_test(tc, cancel_without_force_kills_nobody, 0, REMOTES);
	tcase_add_loop_test(tc, force_kills_what_runs, 0, REMOTES);
	tcase_add_loop_test(tc, cancelled_too_late_to_matter, 0, REMOTES);
	tcase_add_loop_test(tc, force_again_changes_nothing, 0, REMOTES);
	tcase_add_loop_test(tc, force_after_a_cancel_without, 0, REMOTES);
	tcase_add_loop_test(tc, force_on_what_is_pending, 0, REMOTES);
	tcase_add_test(tc, force_without_processes);
	tcase_add_loop_test(tc, force_in_the_middle_of_a_map, 0, REMOTES);
	tcase_add_loop_test(tc, force_among_lanes, 0, REMOTES);
	tcase_add_loop_test(tc, force_on_two_jobs_in_lanes, 0, REMOTES);
	tcase_add_loop_test(tc, force_and_then_the_end, 0, REMOTES);
	tcase_add_loop_test(tc, force_in_every_state_of_a_worker, 0, REMOTES);
	tcase_add_loop_test(tc, force_in_a_callback, 0, REMOTES);
	tc = pool_case(s, "race");
	tcase_add_loop_test(tc, force_at_the_end_of_the_task, 0, REMOTES);
	tcase_add_loop_test(tc, force_at_the_end_of_one_lane, 0, REMOTES);
	tc = pool_case(s, "pending");
	tcase_add_loop_test(tc, cancel_pending, 0, REMOTES);
	tcase_add_loop_test(tc, close_with_cancel_pending_while_busy, 0,
			    REMOTES);
	tc = pool_case(s, "end");
	tcase_add_loop_test(tc, close_and_join_with_timeouts, 0, REMOTES);
	tcase_add_loop_test(tc, terminate_and_join_with_timeouts, 0, REMOTES);
	tcase_add_loop_test(tc, free_in_any_state, 0, REMOTES);
	return suite_main(s);
}
