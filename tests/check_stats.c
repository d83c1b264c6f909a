/* SPDX-License-Identifier: MIT */
/*
 * The figures of a pool and of its workers, the progress callback, and pools
 * in a foreign loop, where nothing happens that their descriptor does not
 * tell. Most tests run once on each start method.
 */
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "pool_suite.h"

/* All start methods; those up to the first without processes. */
#define METHODS 3
#define WITH_PROCESSES 2
/* Long enough for anything; only what never comes takes it. */
#define WAIT_MS 10000
#define MS 1000000u

static const enum prun_start_method methods[] = {
	PRUN_START_FORK, PRUN_START_FORKSERVER, PRUN_START_INLINE};

static bool is_inline(int method)
{
	return methods[method] == PRUN_START_INLINE;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

/* -------------------------------------------------------------------- pools */

static int task_crash(struct prun_task *task)
{
	(void)task;
	raise(SIGKILL);
	return 0;
}

/* Takes all it can get into its lanes. The unlucky number takes them along. */
static int batch_fatal(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	unsigned n = 0, i;
	int64_t value;

	while (n < BATCH_LANES && prun_batch_next(&open[n], batch) == 1)
		n++;
	for (i = 0; i < n; i++)
		if (prun_arg_int(open[i], &value) == 0 && value == 13)
			raise(SIGKILL);
	for (i = 0; i < n; i++)
		prun_batch_done(open[i], 0);
	return 0;
}

/* In a batch too: all but the last one end at once, that one at the gate. */
static int batch_last_waits(struct prun_batch *batch)
{
	struct prun_task *task;
	int64_t value = -1;
	int rc = 0;

	while (prun_batch_next(&task, batch) == 1) {
		rc = prun_arg_int(task, &value);
		if (rc == 0 && value >= 0) {
			eventfd_write(arrived, 1);
			is_readable(gate, -1);
		}
		prun_batch_done(task, rc);
	}
	return 0;
}

static const struct prun_func funcs[] = {
	FUNC(square),
	FUNC(quiet),
	FUNC(gate),
	FUNC(picky),
	FUNC(crash),
	FUNC(blob),
	FUNC(echo),
	{.name = "fatal", .batch = batch_fatal, .lanes = BATCH_LANES},
	{.name = "last_waits", .batch = batch_last_waits, .lanes = 2},
	{.name = NULL},
};

static struct prun_options method_options(int method, uint32_t workers)
{
	struct prun_options o = options_for((int)methods[method], workers);

	o.funcs = funcs;
	return o;
}

static struct prun_pool *open_method(int method, uint32_t workers)
{
	struct prun_options o = method_options(method, workers);

	return open_with(&o);
}

static struct prun_job *submit_one(struct prun_pool *pool, const char *func,
				   int64_t n)
{
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of(func, NULL, NULL);
	struct prun_job *job;

	set_argument(&c, p, n);
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	prun_packer_free(p);
	return job;
}

static void run_one(struct prun_pool *pool, const char *func, int64_t n)
{
	struct prun_job *job = submit_one(pool, func, n);

	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	prun_job_free(job);
}

static struct prun_job *run_map(struct prun_pool *pool, const char *func,
				int64_t n)
{
	struct prun_range range = {0, n, 1};
	struct prun_call c = range_call(func, &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	return job;
}

static struct prun_stats stats_of(struct prun_pool *pool)
{
	struct prun_stats stats;

	memset(&stats, 0xaa, sizeof(stats));
	ck_assert_int_eq(prun_pool_stats(pool, &stats, sizeof(stats)), 0);
	return stats;
}

static struct prun_worker_stats worker_of(struct prun_pool *pool)
{
	struct prun_worker_stats stats;

	memset(&stats, 0xaa, sizeof(stats));
	ck_assert_int_eq(prun_pool_worker_stats(pool, &stats, sizeof(stats), 1),
			 prun_pool_workers(pool));
	return stats;
}

static void assert_ends(const struct prun_stats *s, uint64_t done,
			uint64_t failed, uint64_t cancelled, uint64_t retried)
{
	ck_assert_uint_eq(s->done, done);
	ck_assert_uint_eq(s->failed, failed);
	ck_assert_uint_eq(s->cancelled, cancelled);
	ck_assert_uint_eq(s->retried, retried);
}

/* ------------------------------------------------------------------ the counts */

START_TEST(a_pool_without_work)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_stats s = stats_of(pool);

	ck_assert_uint_eq(s.workers, is_inline(_i) ? 1 : 2);
	ck_assert_uint_eq(s.jobs, 0);
	ck_assert_uint_eq(s.queued + s.running, 0);
	assert_ends(&s, 0, 0, 0, 0);
	ck_assert_uint_eq(s.nslowest, 0);
	finish_pool(pool);
}
END_TEST

START_TEST(done_and_failed)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_job *first = run_map(pool, "picky", 11), *second;
	struct prun_stats s = stats_of(pool);

	assert_ends(&s, 6, 5, 0, 0);
	second = run_map(pool, "square", 100);
	s = stats_of(pool);
	assert_ends(&s, 106, 5, 0, 0);
	ck_assert_uint_eq(s.jobs + s.queued + s.running, 0);
	/* They stay when the jobs go. */
	prun_job_free(first);
	prun_job_free(second);
	s = stats_of(pool);
	assert_ends(&s, 106, 5, 0, 0);
	finish_pool(pool);
}
END_TEST

START_TEST(running_and_queued)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *map, *apply;
	struct prun_stats s;

	c.chunksize = 3;
	ck_assert_int_eq(prun_map_async(&map, pool, &c), 0);
	apply = submit_one(pool, "gate", -1);
	await_arrivals(pool, 1);
	s = stats_of(pool);
	ck_assert_uint_eq(s.jobs, 2);
	ck_assert_uint_eq(s.running, 1);
	ck_assert_uint_eq(s.queued, prun_job_submitted(map) +
					    prun_job_submitted(apply) - 1);
	ck_assert_uint_ge(s.queued, 2);
	assert_ends(&s, 0, 0, 0, 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(map, WAIT_MS), 0);
	ck_assert_int_eq(prun_job_wait(apply, WAIT_MS), 0);
	s = stats_of(pool);
	ck_assert_uint_eq(s.jobs + s.running + s.queued, 0);
	assert_ends(&s, 4, 0, 0, 0);
	prun_job_free(map);
	prun_job_free(apply);
	finish_pool(pool);
}
END_TEST

/* Nothing runs before the caller drives it. */
START_TEST(queued_in_the_caller)
{
	struct prun_pool *pool = open_method(2, 1);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;
	struct prun_stats s;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	s = stats_of(pool);
	ck_assert_uint_eq(s.jobs, 1);
	ck_assert_uint_eq(s.running, 0);
	ck_assert_uint_eq(s.queued, prun_job_submitted(job));
	ck_assert_uint_gt(s.queued, 0);
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	s = stats_of(pool);
	assert_ends(&s, 3, 0, 0, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(cancelled)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job, *behind;
	struct prun_stats s;
	uint64_t submitted;

	c.chunksize = 3;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	if (!is_inline(_i))
		await_arrivals(pool, 1);
	behind = submit_one(pool, "square", 1);
	ck_assert_int_eq(prun_job_cancel(behind, 0), 1);
	ck_assert_int_eq(prun_job_cancel(job, 0), 1);
	submitted = prun_job_submitted(job);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	ck_assert_int_eq(prun_job_wait(behind, WAIT_MS), 0);
	s = stats_of(pool);
	if (is_inline(_i))
		assert_ends(&s, 0, 0, submitted + 1, 0);
	else
		assert_ends(&s, 1, 0, submitted, 0);
	ck_assert_uint_eq(s.jobs + s.queued + s.running, 0);
	prun_job_free(job);
	prun_job_free(behind);
	finish_pool(pool);
}
END_TEST

/* Four in one batch die with it, and are run one by one; one of these dies
 * again, alone. */
START_TEST(retried_after_the_crash_of_a_batch)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_range range = {11, 15, 1};
	struct prun_call c = range_call("fatal", &range);
	struct prun_job *job;
	struct prun_stats s;

	c.chunksize = 4;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	s = stats_of(pool);
	assert_ends(&s, 3, 1, 0, 4);
	prun_job_free(job);
	s = stats_of(pool);
	assert_ends(&s, 3, 1, 0, 4);
	finish_pool(pool);
}
END_TEST

START_TEST(retried_by_the_call)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("picky", &range);
	struct prun_job *job;
	struct prun_stats s;

	c.retries = 2;
	c.retry_on = PRUN_RETRY_ERROR;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	s = stats_of(pool);
	assert_ends(&s, 5, 5, 0, 10);
	prun_job_free(job);
	s = stats_of(pool);
	assert_ends(&s, 5, 5, 0, 10);
	finish_pool(pool);
}
END_TEST

/* A struct that is known in part is filled in part. */
START_TEST(sizes)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_worker_stats workers[2];
	size_t size = offsetof(struct prun_stats, failed), i;
	union {
		struct prun_stats stats;
		unsigned char bytes[sizeof(struct prun_stats) + 64];
	} u;

	prun_job_free(run_map(pool, "square", 10));
	memset(&u, 0xaa, sizeof(u));
	ck_assert_int_eq(prun_pool_stats(pool, &u.stats, size), 0);
	ck_assert_uint_eq(u.stats.workers, 1);
	ck_assert_uint_eq(u.stats.done, 10);
	for (i = size; i < sizeof(u); i++)
		ck_assert_uint_eq(u.bytes[i], 0xaa);
	memset(&u, 0xaa, sizeof(u));
	ck_assert_int_eq(prun_pool_stats(pool, &u.stats, sizeof(u)),
			 PRUN_EVERSION);
	ck_assert_int_eq(prun_pool_stats(pool, &u.stats, 0), PRUN_EVERSION);
	for (i = 0; i < sizeof(u); i++)
		ck_assert_uint_eq(u.bytes[i], 0xaa);
	size = sizeof(workers[0]);
	ck_assert_int_eq(prun_pool_worker_stats(pool, workers, size + 8, 1),
			 PRUN_EVERSION);
	/* As many as there is room for. */
	memset(workers, 0xaa, sizeof(workers));
	ck_assert_int_eq(prun_pool_worker_stats(pool, workers, size, 0), 1);
	ck_assert_int_eq(workers[0].worker_pid, (int)0xaaaaaaaa);
	ck_assert_int_eq(prun_pool_worker_stats(pool, workers, size, 2), 1);
	ck_assert_int_eq(workers[0].worker_id, 0);
	ck_assert_int_eq(workers[1].worker_pid, (int)0xaaaaaaaa);
	finish_pool(pool);
}
END_TEST

static int slower_first(const void *a, const void *b)
{
	const struct prun_slow *x = a, *y = b;

	return (x->run_ns < y->run_ns) - (x->run_ns > y->run_ns);
}

/* All there are of two jobs, the slowest first. */
static void list_tasks(struct prun_slow *all, struct prun_job *const jobs[2],
		       uint64_t each)
{
	const struct prun_result *r;
	uint64_t i;

	for (i = 0; i < 2 * each; i++) {
		struct prun_job *job = jobs[i / each];

		ck_assert_int_eq(prun_job_at(&r, job, i % each), 0);
		all[i] = (struct prun_slow){prun_job_id(job), i % each,
					    r->run_ns};
	}
	qsort(all, 2 * each, sizeof(all[0]), slower_first);
}

/* With the results one knows which they must be. */
START_TEST(the_slowest)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_job *jobs[2] = {run_map(pool, "square", 3), NULL};
	struct prun_stats s = stats_of(pool);
	struct prun_slow all[60];
	uint32_t i, k;

	ck_assert_uint_le(s.nslowest, 3);
	prun_job_free(jobs[0]);
	finish_pool(pool);
	pool = open_method(_i, 2);
	run_one(pool, "square", 1); /* so that ids differ */
	jobs[0] = run_map(pool, "blob", 30);
	jobs[1] = run_map(pool, "blob", 30);
	ck_assert_uint_eq(prun_job_id(jobs[0]), 2);
	ck_assert_uint_eq(prun_job_id(jobs[1]), 3);
	list_tasks(all, jobs, 30);
	s = stats_of(pool);
	ck_assert_uint_eq(s.nslowest, PRUN_SLOWEST);
	for (i = k = 0; i < PRUN_SLOWEST; i++) {
		if (i > 0)
			ck_assert_uint_le(s.slowest[i].run_ns,
					  s.slowest[i - 1].run_ns);
		if (s.slowest[i].job == 1)
			continue; /* the first one may be slow, too */
		ck_assert_uint_eq(s.slowest[i].run_ns, all[k].run_ns);
		k++;
	}
	ck_assert_uint_ge(k, PRUN_SLOWEST - 1);
	prun_job_free(jobs[0]);
	prun_job_free(jobs[1]);
	finish_pool(pool);
}
END_TEST

/* One that was held for a while, among those that were not. */
START_TEST(the_slowest_by_name)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_range range = {-40, 1, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	struct prun_stats s;
	uint64_t until;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	until = clock_ns() + 30 * MS;
	while (clock_ns() < until)
		ck_assert_int_ge(prun_pool_step(pool, 1), 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	s = stats_of(pool);
	ck_assert_uint_eq(s.nslowest, PRUN_SLOWEST);
	for (i = 0; i < PRUN_SLOWEST; i++) {
		ck_assert_uint_eq(s.slowest[i].job, prun_job_id(job));
		ck_assert_int_eq(prun_job_at(&r, job, s.slowest[i].index), 0);
		ck_assert_uint_eq(s.slowest[i].run_ns, r->run_ns);
		if (s.slowest[i].index == 40)
			break;
	}
	ck_assert_int_lt(i, PRUN_SLOWEST);
	ck_assert_uint_ge(s.slowest[i].run_ns, 30 * MS);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- workers */

START_TEST(workers_and_their_tasks)
{
	struct prun_pool *pool = open_method(_i, 3);
	struct prun_job *job = run_map(pool, "square", 200);
	struct prun_worker_stats w[3];
	uint64_t tasks[3] = {0}, i;
	const struct prun_result *r;
	uint32_t count = (uint32_t)prun_pool_workers(pool);

	ck_assert_int_eq(prun_pool_worker_stats(pool, w, sizeof(w[0]), 3),
			 (int)count);
	for (i = 0; i < 200; i++) {
		ck_assert_int_eq(prun_job_at(&r, job, i), 0);
		ck_assert_uint_lt((uint32_t)r->worker_id, count);
		tasks[r->worker_id]++;
		ck_assert_int_eq(r->worker_pid, w[r->worker_id].worker_pid);
	}
	for (i = 0; i < count; i++) {
		ck_assert_int_eq(w[i].worker_id, (int)i);
		ck_assert_uint_eq(w[i].tasks, tasks[i]);
		ck_assert_uint_gt(w[i].rss_peak, 4096);
		if (is_inline(_i)) {
			ck_assert_int_eq(w[i].worker_pid, getpid());
			continue;
		}
		ck_assert_int_gt(w[i].worker_pid, 0);
		ck_assert_int_ne(w[i].worker_pid, getpid());
		ck_assert_uint_eq(w[i].started, 1);
		if (w[i].tasks > 0)
			ck_assert_uint_gt(w[i].start_ns, 0);
	}
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(a_worker_that_was_replaced)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_worker_stats before, after;
	int i;

	for (i = 0; i < 5; i++)
		run_one(pool, "square", i);
	before = worker_of(pool);
	ck_assert_uint_eq(before.tasks, 5);
	run_one(pool, "crash", 0);
	for (i = 0; i < 3; i++)
		run_one(pool, "square", i);
	after = worker_of(pool);
	ck_assert_int_ne(after.worker_pid, before.worker_pid);
	ck_assert_uint_eq(after.started, 2);
	ck_assert_uint_eq(after.tasks, 3);
	ck_assert_uint_gt(after.start_ns, 0);
	finish_pool(pool);
}
END_TEST

START_TEST(workers_that_are_replaced_by_plan)
{
	struct prun_options o = method_options(_i, 1);
	struct prun_worker_stats w;
	struct prun_pool *pool;
	int i;

	o.maxtasksperchild = 2;
	pool = open_with(&o);
	for (i = 0; i < 10; i++)
		run_one(pool, "square", i);
	w = worker_of(pool);
	ck_assert_uint_ge(w.started, 5);
	ck_assert_uint_le(w.started, 6);
	ck_assert_uint_le(w.tasks, 2);
	finish_pool(pool);
}
END_TEST

static void spin(uint64_t ns)
{
	uint64_t until = clock_ns() + ns;

	while (clock_ns() < until)
		;
}

/* What passes between two looks, passes wholly in one of the two. */
START_TEST(working_and_waiting)
{
	struct prun_pool *pool = open_method(_i, 1);
	struct prun_job *job = submit_one(pool, "gate", 0);
	struct prun_worker_stats a, b;

	await_arrivals(pool, 1);
	/* It is ready once that was heard of. */
	while ((a = worker_of(pool)).start_ns == 0)
		ck_assert_int_ge(prun_pool_step(pool, 1), 0);
	spin(20 * MS);
	b = worker_of(pool);
	ck_assert_uint_ge(b.working_ns, a.working_ns + 20 * MS);
	ck_assert_uint_eq(b.waiting_ns, a.waiting_ns);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	/* The result comes a moment before the work is over. */
	do {
		a = worker_of(pool);
		spin(20 * MS);
		b = worker_of(pool);
	} while (b.working_ns != a.working_ns);
	ck_assert_uint_ge(b.waiting_ns, a.waiting_ns + 20 * MS);
	ck_assert_uint_ge(b.working_ns, 20 * MS);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- a foreign loop */

/* Until the count is there, do nothing but what the descriptor asks for. */
static void loop_until(struct prun_pool *pool, const uint64_t *count,
		       uint64_t until)
{
	int fd = prun_pool_fd(pool);

	ck_assert_int_ge(fd, 0);
	while (*count < until) {
		ck_assert_msg(is_readable(fd, WAIT_MS),
			      "the pool's descriptor was silent for %d s",
			      WAIT_MS / 1000);
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	}
}

static int count_result(struct prun_job *job, const struct prun_result *r,
			void *payload)
{
	(void)job;
	(void)r;
	++*(uint64_t *)payload;
	return 0;
}

static void count_done(struct prun_job *job, void *payload)
{
	(void)job;
	++*(uint64_t *)payload;
}

static struct prun_call counting_call(const char *func,
				      struct prun_range *range, uint64_t *count)
{
	struct prun_call c = range_call(func, range);

	c.callback = c.error_callback = count_result;
	c.payload = count;
	return c;
}

START_TEST(a_foreign_loop)
{
	struct prun_pool *pool = open_method(_i, 2);
	struct prun_range ranges[3] = {
		{0, 3000, 1}, {0, 3000, 1}, {0, 3000, 1}};
	uint64_t results = 0, jobs = 0, applies = 0;
	struct prun_call c;
	struct prun_job *job;
	int i;

	/* From now on it is polled. */
	ck_assert_int_ge(prun_pool_fd(pool), 0);
	for (i = 0; i < 2; i++) {
		c = counting_call("square", &ranges[i], &results);
		c.order = i ? PRUN_ORDER_IMAP : PRUN_ORDER_UNORDERED;
		c.buffersize = i ? 5 : 0;
		ck_assert_int_eq(prun_pool_submit(NULL, pool, &c), 0);
	}
	c = counting_call("square", &ranges[2], &jobs);
	ck_assert_int_eq(prun_map_async(NULL, pool, &c), 0);
	loop_until(pool, &results, 6000);
	loop_until(pool, &jobs, 1);
	for (i = 0; i < 30; i++) {
		job = submit_one(
			pool, i == 7 && !is_inline(_i) ? "crash" : "square", i);
		ck_assert_int_eq(prun_job_on_done(job, count_done, &applies),
				 0);
		if (i % 2)
			loop_until(pool, &applies, (uint64_t)i + 1);
		prun_job_free(job);
		applies = (uint64_t)i + 1;
	}
	finish_pool(pool);
}
END_TEST

/* Frames larger than a socket's buffer, both ways, and workers that are
 * replaced. */
START_TEST(a_foreign_loop_with_much_to_carry)
{
	static char text[3 << 20];
	struct prun_options o = method_options(_i, 2);
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("echo", NULL, NULL);
	struct prun_pool *pool;
	uint64_t count = 0;
	int i;

	o.maxtasksperchild = 3;
	pool = open_with(&o);
	ck_assert_int_ge(prun_pool_fd(pool), 0);
	ck_assert_int_eq(prun_pack_bin(p, text, sizeof(text)), 0);
	c.argument = prun_packer_data(p, &c.argument_size);
	c.callback = c.error_callback = count_result;
	c.payload = &count;
	for (i = 0; i < 12; i++)
		ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
	loop_until(pool, &count, 12);
	ck_assert_uint_eq(stats_of(pool).done, 12);
	prun_packer_free(p);
	finish_pool(pool);
}
END_TEST

/* The results of short tasks wait on the board for company; not for that of a
 * task in the same chunk that does not end. */
START_TEST(short_tasks_before_a_long_one)
{
	static const char *const names[] = {"gate", "last_waits"};
	static const int64_t shorts[] = {1, 2, 100};
	struct prun_pool *pool = open_method(_i, 1);
	int k;

	ck_assert_int_ge(prun_pool_fd(pool), 0);
	for (k = 0; k < 6; k++) {
		int64_t n = shorts[k / 2];
		struct prun_range range = {-n, 1, 1};
		uint64_t count = 0;
		struct prun_call c =
			counting_call(names[k % 2], &range, &count);
		eventfd_t one;

		c.order = PRUN_ORDER_IMAP;
		c.chunksize = (uint32_t)n + 1;
		ck_assert_int_eq(prun_pool_submit(NULL, pool, &c), 0);
		loop_until(pool, &count, (uint64_t)n);
		/* The long one has begun, or is about to. */
		ck_assert(is_readable(arrived, WAIT_MS));
		ck_assert_int_eq(eventfd_read(arrived, &one), 0);
		ck_assert_uint_eq(count, (uint64_t)n);
		gate_open();
		loop_until(pool, &count, (uint64_t)n + 1);
		gate_shut();
	}
	finish_pool(pool);
}
END_TEST

/* The same for a caller that waits in the pool, and for a pool that drives
 * itself. */
START_TEST(short_tasks_before_a_long_one_taken_by_next)
{
	struct prun_options o = method_options(_i, 1);
	struct prun_range range = {-1, 1, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;

	if (_i == 2) {
		o = method_options(1, 1);
		o.background = 1;
	}
	pool = open_with(&o);
	c.chunksize = 2;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
	ck_assert_int_eq(int_of(r), -1);
	ck_assert_int_eq(prun_job_next(&r, job, 0), PRUN_ETIMEDOUT);
	gate_open();
	ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- progress */

struct progress {
	uint64_t calls, ends, between; /* with no job left; with some */
	uint64_t done;		       /* as last told */
	struct prun_job *late;	       /* submitted by the first call */
	bool submit;
};

static void report(struct prun_pool *pool, const struct prun_stats *stats,
		   void *payload)
{
	struct progress *p = payload;
	struct prun_stats again = stats_of(pool);

	ck_assert_uint_eq(again.done, stats->done);
	ck_assert_uint_eq(again.jobs, stats->jobs);
	ck_assert_uint_ge(stats->done, p->done);
	ck_assert_int_eq(prun_pool_step(pool, 0), PRUN_EDEADLK);
	p->done = stats->done;
	p->calls++;
	if (stats->jobs == 0)
		p->ends++;
	else
		p->between++;
	if (p->submit) {
		p->submit = false;
		p->late = submit_one(pool, "square", 3);
	}
}

static struct prun_pool *open_reporting(int method, struct progress *p,
					uint32_t ms)
{
	struct prun_options o = method_options(method, 2);

	memset(p, 0, sizeof(*p));
	o.progress = report;
	o.progress_payload = p;
	o.progress_ms = ms;
	return open_with(&o);
}

START_TEST(progress_at_most_once_an_interval)
{
	struct progress p;
	uint64_t begin = clock_ns(), intervals;
	struct prun_pool *pool = open_reporting(_i, &p, 5);
	struct prun_job *job = run_map(pool, "blob", 3000);

	intervals = (clock_ns() - begin) / (5 * MS);
	ck_assert_uint_eq(p.ends, 1);
	ck_assert_uint_eq(p.done, 3000);
	ck_assert_uint_le(p.between, intervals);
	/* Nothing ends any more. */
	ck_assert_int_ge(prun_pool_step(pool, 20), 0);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(p.ends, 1);
}
END_TEST

START_TEST(no_progress_when_nothing_ends)
{
	struct progress p;
	struct prun_pool *pool = open_reporting(_i, &p, 1);
	struct prun_job *job;

	ck_assert_int_ge(prun_pool_step(pool, 10), 0);
	ck_assert_uint_eq(p.calls, 0);
	job = submit_one(pool, "gate", 0);
	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_job_wait(job, 20), PRUN_ETIMEDOUT);
	ck_assert_uint_eq(p.calls, 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	ck_assert_uint_eq(p.calls, 1);
	ck_assert_uint_eq(p.ends, 1);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(p.calls, 1);
}
END_TEST

/* One has ended, the other has not: the clock tells of it. */
START_TEST(progress_while_a_task_runs)
{
	struct progress p;
	struct prun_pool *pool = open_reporting(_i, &p, 20);
	struct prun_range range = {-1, 1, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;

	c.chunksize = 1;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	while (p.done < 1)
		ck_assert_int_ge(prun_pool_step(pool, 50), 0);
	ck_assert_uint_eq(p.ends, 0);
	ck_assert_uint_eq(p.between, 1);
	/* Once. */
	ck_assert_int_eq(prun_job_wait(job, 50), PRUN_ETIMEDOUT);
	ck_assert_uint_eq(p.calls, 1);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	ck_assert_uint_eq(p.ends, 1);
	ck_assert_uint_eq(p.done, 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* A stream that waits for its reader: what ended is told of by the clock, and
 * the pool's descriptor says when. */
START_TEST(progress_in_a_foreign_loop)
{
	struct progress p;
	struct prun_pool *pool = open_reporting(_i, &p, 20);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int fd = prun_pool_fd(pool);

	c.buffersize = 2;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	loop_until(pool, &p.done, 2);
	ck_assert_uint_ge(p.between, 1);
	/* Then it is silent. */
	while (is_readable(fd, 100))
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert_uint_eq(p.done, 2);
	ck_assert_uint_eq(p.ends, 0);
	/* With room for two more it finds that there is only one. */
	ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
	ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	loop_until(pool, &p.ends, 1);
	ck_assert_uint_eq(p.done, 3);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int source_until_told(struct prun_item *item, void *payload)
{
	const bool *told = payload;

	if (prun_item_index(item) < 2) {
		prun_item_int(item, 3);
		return 1;
	}
	return *told ? 0 : PRUN_SOURCE_WAIT;
}

/* All tasks have been told of, and then the last job ends without any. */
START_TEST(progress_when_the_last_job_ends)
{
	struct progress p;
	struct prun_pool *pool = open_reporting(_i, &p, 1);
	bool told = false;
	struct prun_call c = call_of("square", source_until_told, &told);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	while (p.done < 2)
		ck_assert_int_ge(prun_pool_step(pool, 5), 0);
	ck_assert_uint_eq(p.ends, 0);
	told = true;
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	while (!prun_job_ready(job))
		prun_pool_step(pool, 5);
	ck_assert_uint_eq(p.ends, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(progress_may_submit)
{
	struct progress p;
	struct prun_pool *pool = open_reporting(_i, &p, 1);
	struct prun_job *job;

	p.submit = true;
	job = run_map(pool, "square", 10);
	ck_assert_ptr_nonnull(p.late);
	ck_assert_int_eq(prun_job_wait(p.late, WAIT_MS), 0);
	ck_assert_uint_eq(p.done, 11);
	prun_job_free(p.late);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static void add_counts(Suite *s)
{
	TCase *tc = pool_case(s, "counts");

	tcase_add_loop_test(tc, a_pool_without_work, 0, METHODS);
	tcase_add_loop_test(tc, done_and_failed, 0, METHODS);
	tcase_add_loop_test(tc, running_and_queued, 0, WITH_PROCESSES);
	tcase_add_test(tc, queued_in_the_caller);
	tcase_add_loop_test(tc, cancelled, 0, METHODS);
	tcase_add_loop_test(tc, retried_after_the_crash_of_a_batch, 0,
			    WITH_PROCESSES);
	tcase_add_loop_test(tc, retried_by_the_call, 0, METHODS);
	tcase_add_loop_test(tc, sizes, 0, METHODS);
	tcase_add_loop_test(tc, the_slowest, 0, METHODS);
	tcase_add_loop_test(tc, the_slowest_by_name, 0, WITH_PROCESSES);
	tc = pool_case(s, "workers");
	tcase_add_loop_test(tc, workers_and_their_tasks, 0, METHODS);
	tcase_add_loop_test(tc, a_worker_that_was_replaced, 0, WITH_PROCESSES);
	tcase_add_loop_test(tc, workers_that_are_replaced_by_plan, 0,
			    WITH_PROCESSES);
	tcase_add_loop_test(tc, working_and_waiting, 0, WITH_PROCESSES);
}

int main(void)
{
	Suite *s = suite_create("stats");
	TCase *tc;

	add_counts(s);
	tc = pool_case(s, "foreign loop");
	tcase_add_loop_test(tc, a_foreign_loop, 0, METHODS);
	tcase_add_loop_test(tc, a_foreign_loop_with_much_to_carry, 0, METHODS);
	tcase_add_loop_test(tc, short_tasks_before_a_long_one, 0,
			    WITH_PROCESSES);
	tcase_add_loop_test(tc, short_tasks_before_a_long_one_taken_by_next, 0,
			    3);
	tc = pool_case(s, "progress");
	tcase_add_loop_test(tc, progress_at_most_once_an_interval, 0, METHODS);
	tcase_add_loop_test(tc, no_progress_when_nothing_ends, 0,
			    WITH_PROCESSES);
	tcase_add_loop_test(tc, progress_while_a_task_runs, 0, WITH_PROCESSES);
	tcase_add_loop_test(tc, progress_in_a_foreign_loop, 0, METHODS);
	tcase_add_loop_test(tc, progress_when_the_last_job_ends, 0, METHODS);
	tcase_add_loop_test(tc, progress_may_submit, 0, METHODS);
	return suite_main(s);
}
