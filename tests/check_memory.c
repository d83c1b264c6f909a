/* SPDX-License-Identifier: MIT */
/*
 * No memory, at every place where some is taken. Each scenario uses a pool in
 * one way; it is walked with its n-th allocation failing, for n from 1 until
 * one run needs fewer. Each run must end in success or in an error that the
 * header names, lose no task and leak nothing; a pool that exists must work
 * afterwards, or say its error. Then the same with all allocations from the
 * n-th on, and with system calls that take memory or descriptors.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "alloc.h"
#include "calls.h"
#include "pool_suite.h"

/* Ends a hang with words of its own, before the alarm does. */
#define HANG_MS 60000
#define TASKS_MAX 256u
#define SMALL 12
#define LARGE 12000 /* so many that a map takes slabs */

enum walk {
	ONE,	   /* the n-th allocation fails, once */
	ONWARD,	   /* it and all after it, to the very end */
	RECOVERED, /* the same, until the scenario has ended */
	CALL,	   /* the n-th system call, once */
	CALLS,	   /* it and all after it, until the scenario has ended */
	WALKS
};

/* One run of a scenario. Check's assertions allocate, so what is wrong is
 * noted and asserted after the run. */
struct trial {
	enum walk walk;
	const char *wrong;
	int code; /* with it */
	struct prun_pool *pool;
	unsigned submits, freed;
};

typedef void (*scenario_fn)(struct trial *t);

static void wrong(struct trial *t, const char *what, int code)
{
	if (!t->wrong) {
		t->wrong = what;
		t->code = code;
	}
}

static bool means_no_room(const struct trial *t, int rc)
{
	return rc == -ENOMEM ||
	       (t->walk >= CALL && (rc == -EMFILE || rc == -EAGAIN));
}

/* Whether a call went well; if not, its error must be one that may be. */
static bool fine(struct trial *t, int rc, const char *call)
{
	if (rc < 0 && !means_no_room(t, rc) &&
	    (!t->pool || prun_pool_error(t->pool, NULL) != rc))
		wrong(t, call, rc);
	return rc >= 0;
}

/* ---------------------------------------------------------------- functions */

static int task_die(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc == 0 && n % 4 == 1)
		raise(SIGKILL);
	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

static int task_add(struct prun_task *task)
{
	int64_t a, b;
	int rc = prun_arg_unpack(task, "II", &a, &b);

	return rc < 0 ? rc : prun_ret_int(task, a + b);
}

/* Well at the second try. */
static int task_second(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	if (prun_task_attempt(task) < 2)
		return prun_task_fail(task, -EAGAIN, "try again");
	return prun_ret_int(task, n * n);
}

static const struct prun_func funcs[] = {
	FUNC(square),
	FUNC(echo),
	FUNC(wordy),
	FUNC(blob),
	FUNC(gate),
	FUNC(first_waits),
	FUNC(die),
	FUNC(add),
	FUNC(second),
	{.name = "lanes", .batch = batch_square, .lanes = BATCH_LANES},
	{.name = NULL},
};

/* ------------------------------------------------------------------- helpers */

static struct prun_options memory_options(enum prun_start_method method)
{
	struct prun_options o = PRUN_OPTIONS_INIT;

	o.workers = 2;
	o.funcs = funcs;
	o.start_method = method;
	return o;
}

static bool open_memory(struct trial *t, const struct prun_options *o)
{
	struct prun_pool *pool = (struct prun_pool *)t;
	int rc = prun_pool_new(&pool, o);

	if (rc < 0 && pool)
		wrong(t, "a pool beside the error", rc);
	if (!fine(t, rc, "prun_pool_new"))
		return false;
	t->pool = pool;
	return true;
}

static bool open_default(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_FORK);

	return open_memory(t, &o);
}

static void count_free(void *payload)
{
	((struct trial *)payload)->freed++;
}

typedef int (*submit_fn)(struct prun_job **, struct prun_pool *,
			 const struct prun_call *);

/* Submit; the payload must be freed once, whatever comes of it. */
static bool submit(struct trial *t, submit_fn fn, struct prun_job **job,
		   struct prun_call *c)
{
	int rc;

	if (job)
		*job = NULL;
	c->payload = c->payload ? c->payload : t;
	c->payload_free = count_free;
	t->submits++;
	rc = fn(job, t->pool, c);
	if (rc == PRUN_ETIMEDOUT)
		wrong(t, "a hang", rc);
	return fine(t, rc, "submit");
}

static void expect(struct trial *t, const struct prun_result *r, int64_t value)
{
	int64_t n = 0;

	if (r->status < 0)
		(void)fine(t, r->status, "the status of a task");
	else if (prun_result_int(r, &n) < 0 || n != value)
		wrong(t, "a result", (int)n);
	if (r->status < 0 && (!r->message || !*r->message))
		wrong(t, "no message", r->status);
}

static bool ended(struct trial *t, struct prun_job *job, int timeout_ms)
{
	int rc = prun_job_wait(job, timeout_ms);

	if (rc == PRUN_ETIMEDOUT)
		wrong(t, "a hang", rc);
	return fine(t, rc, "prun_job_wait");
}

/* Take all that a stream gives: each task that was pulled comes once, and
 * tasks of `value` squares or, with a function of another kind, anything. */
static void drain(struct trial *t, struct prun_job *job, uint64_t count,
		  bool squares)
{
	unsigned char came[TASKS_MAX] = {0};
	const struct prun_result *r;
	uint64_t n = 0;
	int rc;

	while ((rc = prun_job_next(&r, job, HANG_MS)) == 1) {
		if (r->index >= count || came[r->index]++)
			wrong(t, "a task that came twice", (int)r->index);
		else if (squares)
			expect(t, r, (int64_t)(r->index * r->index));
		else if (r->status < 0)
			(void)fine(t, r->status, "the status of a task");
		n++;
	}
	if (rc == PRUN_ETIMEDOUT)
		wrong(t, "a hang", rc);
	(void)fine(t, rc, "prun_job_next");
	if (n != prun_job_submitted(job) || n != prun_job_finished(job))
		wrong(t, "a task was lost", (int)n);
	if (rc == 0 && n != count)
		wrong(t, "an end before the end", (int)n);
	prun_job_free(job);
}

/* Seven squared, by an apply. */
static int try_pool(struct trial *t, struct prun_pool *pool)
{
	static const unsigned char seven = 7;
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r = NULL;
	struct prun_job *job = NULL;
	int64_t n = 0;
	int rc;

	c.func = "square";
	c.argument = &seven;
	c.argument_size = 1;
	c.timeout_ms = HANG_MS;
	rc = prun_apply(&job, pool, &c);
	if (rc == 0)
		rc = prun_job_get(&r, job, 0);
	if (rc == 0 && (prun_result_int(r, &n) < 0 || n != 49))
		wrong(t, "a result", (int)n);
	prun_job_free(job);
	return rc;
}

/* After the failure the pool works, or says its error. The failure itself may
 * hit the first of these tries. */
static void must_work(struct trial *t)
{
	int rc = -1, tries;

	for (tries = 0; tries < 3 && rc < 0; tries++) {
		rc = try_pool(t, t->pool);
		if (rc < 0 && rc == prun_pool_error(t->pool, NULL))
			return;
	}
	if (rc < 0)
		wrong(t, "a pool that does not work", rc);
}

/* -------------------------------------------------------------- the scenarios */

static void finish_trial(struct trial *t)
{
	int rc = prun_pool_close(t->pool);

	if (rc == 0)
		rc = prun_pool_join(t->pool, HANG_MS);
	if (rc == PRUN_ETIMEDOUT)
		wrong(t, "a hang", rc);
	(void)fine(t, rc, "prun_pool_join");
	if (prun_pool_free(t->pool) != 0)
		wrong(t, "prun_pool_free", 0);
	t->pool = NULL;
}

static void life(struct trial *t)
{
	if (open_default(t))
		finish_trial(t);
}

static void map_at(struct trial *t, struct prun_job *job, int count)
{
	const struct prun_result *r;
	int i;

	for (i = 0; i < count; i++)
		if (prun_job_at(&r, job, (uint64_t)i) == 0)
			expect(t, r, (int64_t)i * i);
		else
			wrong(t, "prun_job_at", i);
	if (prun_job_get(&r, job, 0) < 0 && !r)
		wrong(t, "prun_job_get", 0);
}

/* By chunks of one, so that the finished map makes an index of them. */
static void map(struct trial *t)
{
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	c.chunksize = 1;
	if (!open_default(t))
		return;
	if (submit(t, prun_map, &job, &c))
		map_at(t, job, SMALL);
	else if (job && prun_job_finished(job) != prun_job_submitted(job))
		wrong(t, "a task was lost", 0);
	prun_job_free(job);
}

static void large_map(struct trial *t)
{
	struct prun_range range = {0, LARGE, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	c.chunksize = LARGE / 4;
	if (!open_default(t))
		return;
	if (submit(t, prun_map, &job, &c))
		map_at(t, job, LARGE);
	else if (job && prun_job_finished(job) != prun_job_submitted(job))
		wrong(t, "a task was lost", 0);
	prun_job_free(job);
}

/* Lines of a file, with one that makes the source's buffer grow. */
static int lines_fd = -1;

static void imap_lines(struct trial *t)
{
	struct prun_lines *lines = NULL;
	struct prun_call c = call_of("echo", prun_source_lines, NULL);
	struct prun_job *job;

	if (lseek(lines_fd, 0, SEEK_SET) < 0)
		wrong(t, "lseek", errno);
	if (!open_default(t) ||
	    !fine(t, prun_lines_new(&lines, lines_fd, '\n'), "prun_lines_new"))
		return;
	c.source_payload = lines;
	c.chunksize = 2;
	if (submit(t, prun_imap, &job, &c))
		drain(t, job, SMALL, false);
	prun_lines_free(lines);
}

static void unordered(struct trial *t)
{
	struct prun_range range = {0, 40, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	if (!open_default(t))
		return;
	if (submit(t, prun_imap_unordered, &job, &c))
		drain(t, job, 40, true);
}

/* How an apply's two callbacks were called. */
struct heard {
	struct trial *t;
	unsigned calls, done;
	int64_t value;
};

static int on_result(struct prun_job *job, const struct prun_result *r,
		     void *payload)
{
	struct heard *h = payload;

	(void)job;
	h->calls++;
	if (r)
		expect(h->t, r, h->value);
	return 0;
}

static void on_done(struct prun_job *job, void *payload)
{
	(void)job;
	((struct heard *)payload)->done++;
}

static void count_heard(void *payload)
{
	((struct heard *)payload)->t->freed++;
}

/* Drive until `h` has been called `calls` times in all. */
static void await_calls(struct trial *t, const struct heard *h, unsigned count,
			unsigned calls)
{
	uint64_t steps;
	unsigned sum = 0, i;
	int rc = 0;

	for (steps = 0; steps < HANG_MS && rc >= 0; steps++) {
		for (sum = 0, i = 0; i < count; i++)
			sum += h[i].calls;
		if (sum >= calls)
			return;
		rc = prun_pool_step(t->pool, 100);
	}
	if (fine(t, rc, "prun_pool_step") && sum < calls)
		wrong(t, "a callback that never came", (int)sum);
}

/* With and without a handle. */
static void apply_async(struct trial *t)
{
	struct prun_call c = PRUN_CALL_INIT;
	unsigned char bytes[300] = {0xc5, 0x01, 0x29};
	struct heard h[6] = {{NULL, 0, 0, 0}};
	struct prun_job *jobs[6] = {NULL};
	unsigned i, good = 0;
	bool taken[6];

	if (!open_default(t))
		return;
	c.callback = on_result;
	c.error_callback = on_result;
	c.payload_free = count_heard;
	for (i = 0; i < 6; i++) {
		h[i] = (struct heard){.t = t, .value = i * i};
		bytes[0] = (unsigned char)i;
		c.func = "square";
		c.argument = bytes;
		c.argument_size = 1;
		c.payload = &h[i];
		t->submits++;
		taken[i] = fine(t,
				prun_apply_async(i % 2 ? &jobs[i] : NULL,
						 t->pool, &c),
				"apply_async");
		good += taken[i];
	}
	await_calls(t, h, 6, good);
	for (i = 0; i < 6; i++) {
		prun_job_free(jobs[i]);
		if (h[i].calls != taken[i])
			wrong(t, "a callback of a failed call", (int)i);
	}
}

static void starmap(struct trial *t)
{
	static const unsigned char pairs[4][3] = {
		{0x92, 0, 0}, {0x92, 0, 1}, {0x92, 2, 2}, {0x92, 4, 5}};
	const void *list[4] = {pairs[0], pairs[1], pairs[2], pairs[3]};
	size_t sizes[4] = {3, 3, 3, 3};
	struct prun_values values = {list, sizes, 4, 0};
	struct prun_call c = call_of("add", prun_source_values, &values);
	struct prun_job *job;

	if (!open_default(t))
		return;
	if (submit(t, prun_starmap, &job, &c))
		map_at(t, job, 4);
	prun_job_free(job);
}

/* Without memory for a second try the first failure is the result. */
static void retries(struct trial *t)
{
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("second", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int n = 0, rc;

	c.retries = 3;
	c.retry_on = PRUN_RETRY_ERROR;
	c.task_timeout_ms = HANG_MS;
	c.deadline_ms = 2 * HANG_MS;
	if (!open_default(t) || !submit(t, prun_imap_unordered, &job, &c))
		return;
	while ((rc = prun_job_next(&r, job, HANG_MS)) == 1) {
		if (r->status != -EAGAIN)
			expect(t, r, (int64_t)(r->index * r->index));
		n++;
	}
	(void)fine(t, rc, "prun_job_next");
	if ((uint64_t)n != prun_job_submitted(job))
		wrong(t, "a task was lost", n);
	prun_job_free(job);
}

/* Until a task stands at the gate, or there is none that could. */
static void await_gate(struct trial *t, struct prun_job *job)
{
	eventfd_t n;
	int steps, rc = 0;

	for (steps = 0; steps < HANG_MS && !is_readable(arrived, 0); steps++) {
		if (prun_job_ready(job) == 1)
			return;
		rc = prun_pool_step(t->pool, 10);
		if (!fine(t, rc, "prun_pool_step"))
			return;
	}
	if (eventfd_read(arrived, &n) < 0)
		wrong(t, "a task that never started", errno);
}

static void cancel(struct trial *t, bool force)
{
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t n, cancelled = 0;
	eventfd_t count;

	if (!open_default(t) || !submit(t, prun_map_async, &job, &c))
		return;
	await_gate(t, job);
	prun_job_cancel(job, force);
	if (!force && eventfd_write(gate, 1) < 0)
		wrong(t, "eventfd_write", errno);
	if (ended(t, job, HANG_MS))
		for (n = 0; n < prun_job_submitted(job); n++) {
			if (prun_job_at(&r, job, n) < 0)
				wrong(t, "prun_job_at", (int)n);
			else if (r->status == PRUN_ECANCELLED)
				cancelled++;
			else
				expect(t, r, (int64_t)n);
		}
	/* Without memory for that one's text another failure may stand there. */
	if (prun_job_error(job) == PRUN_ECANCELLED && !cancelled &&
	    prun_job_successful(job) == 1)
		wrong(t, "a cancel of nothing", 0);
	prun_job_free(job);
	while (is_readable(arrived, 0))
		(void)!eventfd_read(arrived, &count);
	if (!force)
		(void)!eventfd_read(gate, &count);
}

static void cancel_pending(struct trial *t)
{
	cancel(t, false);
}

static void cancel_by_force(struct trial *t)
{
	cancel(t, true);
}

#define JOBS 4

static unsigned submit_jobs(struct trial *t, struct prun_job **jobs,
			    struct prun_range *ranges)
{
	struct prun_call c = PRUN_CALL_INIT;
	unsigned i, n = 0;

	for (i = 0; i < JOBS; i++) {
		ranges[i] = (struct prun_range){0, 3, 1};
		c = range_call("square", &ranges[i]);
		n += submit(t, prun_map_async, &jobs[n], &c);
	}
	return n;
}

static void as_completed(struct trial *t)
{
	struct prun_job *jobs[JOBS] = {NULL}, *job;
	struct prun_completed *completed = NULL;
	struct prun_range ranges[JOBS];
	unsigned n, i, came = 0;
	int rc;

	if (!open_default(t))
		return;
	n = submit_jobs(t, jobs, ranges);
	rc = prun_wait(jobs, n, PRUN_WAIT_FIRST, HANG_MS);
	(void)fine(t, rc, "prun_wait");
	rc = prun_as_completed(&completed, jobs, n);
	if (fine(t, rc, "prun_as_completed")) {
		while ((rc = prun_completed_next(&job, completed, HANG_MS)) ==
		       1)
			came++;
		if (fine(t, rc, "prun_completed_next") && came != n)
			wrong(t, "a job that did not come", (int)came);
	}
	prun_completed_free(completed);
	rc = prun_wait(jobs, n, PRUN_WAIT_ALL, HANG_MS);
	if (fine(t, rc, "prun_wait") && rc != (int)n)
		wrong(t, "prun_wait", rc);
	for (i = 0; i < n; i++)
		prun_job_free(jobs[i]);
}

/* Two pools in one wait. */
static void wait_for_two(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_FORK);
	struct prun_range range[2] = {{0, 3, 1}, {0, 3, 1}};
	struct prun_job *jobs[2] = {NULL};
	struct prun_pool *first, *second = NULL;
	struct prun_call c = range_call("square", &range[0]);
	int rc;

	o.workers = 1;
	if (!open_memory(t, &o))
		return;
	first = t->pool;
	rc = prun_pool_new(&second, &o);
	t->pool = NULL;
	if (fine(t, rc, "prun_pool_new") &&
	    fine(t, prun_map_async(&jobs[0], first, &c), "submit")) {
		c.source_payload = &range[1];
		rc = prun_map_async(&jobs[1], second, &c);
		(void)fine(t, rc, "submit");
		rc = prun_wait(jobs, 2, PRUN_WAIT_ALL, HANG_MS);
		if (rc < 0 && !means_no_room(t, rc) &&
		    rc != prun_pool_error(first, NULL) &&
		    rc != prun_pool_error(second, NULL))
			wrong(t, "prun_wait", rc);
	}
	prun_job_free(jobs[0]);
	prun_job_free(jobs[1]);
	prun_pool_free(second);
	t->pool = first;
}

static unsigned reports;

static void on_progress(struct prun_pool *pool, const struct prun_stats *stats,
			void *payload)
{
	(void)pool;
	(void)stats;
	(void)payload;
	reports++;
}

static void on_running(const struct prun_running *running, void *payload)
{
	(void)running;
	(void)payload;
}

static void figures(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_FORK);
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_worker_stats workers[2];
	struct prun_stats stats;
	struct prun_job *job;
	bool all;
	int rc;

	o.progress = on_progress;
	reports = 0;
	if (!open_memory(t, &o))
		return;
	all = submit(t, prun_map, &job, &c);
	prun_job_free(job);
	rc = prun_pool_stats(t->pool, &stats, sizeof(stats));
	if (fine(t, rc, "prun_pool_stats") && all &&
	    stats.done + stats.failed != SMALL)
		wrong(t, "the sum of the figures", (int)stats.done);
	(void)fine(t,
		   prun_pool_worker_stats(t->pool, workers, sizeof(workers[0]),
					  2),
		   "stats");
	(void)fine(t, prun_pool_running(t->pool, on_running, NULL), "running");
	if (all && !reports)
		wrong(t, "no report", 0);
}

static void done_callbacks(struct trial *t)
{
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("square", &range);
	struct heard h = {.t = t};
	struct prun_job *job;
	unsigned added = 0;

	if (!open_default(t) || !submit(t, prun_map_async, &job, &c))
		return;
	added += fine(t, prun_job_on_done(job, on_done, &h), "on_done");
	added += fine(t, prun_job_on_done(job, on_done, &h), "on_done");
	(void)ended(t, job, HANG_MS);
	added += fine(t, prun_job_on_done(job, on_done, &h), "on_done");
	if (prun_job_ready(job) == 1 && h.done != added)
		wrong(t, "functions called at the end", (int)h.done);
	prun_job_free(job);
}

static void forkserver(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_FORKSERVER);
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	if (!open_memory(t, &o))
		return;
	if (submit(t, prun_imap, &job, &c))
		drain(t, job, SMALL, true);
}

static void background(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_FORKSERVER);
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	o.background = 1;
	if (!open_memory(t, &o))
		return;
	if (submit(t, prun_imap_unordered, &job, &c))
		drain(t, job, SMALL, true);
	range.start = 0;
	if (submit(t, prun_map, &job, &c))
		map_at(t, job, SMALL);
	prun_job_free(job);
}

static void in_line(struct trial *t)
{
	struct prun_options o = memory_options(PRUN_START_INLINE);
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	if (!open_memory(t, &o))
		return;
	if (submit(t, prun_imap, &job, &c))
		drain(t, job, SMALL, true);
	range = (struct prun_range){0, SMALL, 1};
	c.func = "lanes";
	if (submit(t, prun_map, &job, &c))
		map_at(t, job, SMALL);
	prun_job_free(job);
}

static char plugin_path[512];

static void plugin(struct trial *t)
{
	static const char *const paths[] = {plugin_path, "./none.so"};
	struct prun_plugin_handle *h;
	const struct prun_func *table;
	char *message;
	size_t n;
	int i, rc;

	for (i = 0; i < 2; i++) {
		h = NULL;
		message = NULL;
		rc = prun_plugin_open(&h, &table, &n, &message, paths[i]);
		if (rc == 0 || i == 0)
			(void)fine(t, rc, "prun_plugin_open");
		else if (rc != PRUN_EPLUGIN && rc != -ENOMEM)
			wrong(t, "prun_plugin_open", rc);
		if (rc == 0)
			prun_plugin_close(h);
		free(message);
	}
}

static void values(struct trial *t)
{
	struct prun_packer *p;
	char *message = NULL;
	const void *data;
	int a = 0, b = 0, rc;
	size_t size;

	if (!fine(t, prun_packer_new(&p), "prun_packer_new"))
		return;
	rc = prun_pack(p, "{s:i, s:[i, s]}", "a", 1, "b", 2,
		       "so long that the buffer of the packer has to grow, "
		       "which takes memory once more, and then again");
	if (fine(t, rc, "prun_pack")) {
		data = prun_packer_data(p, &size);
		rc = prun_unpack(data, size, NULL, "{s:i, s:[i *]}", "a", &a,
				 "b", &b);
		if (rc < 0 || a != 1 || b != 2)
			wrong(t, "prun_unpack", rc);
		rc = prun_unpack(data, size, &message, "{s:i}", "c", &a);
		if (rc != PRUN_ETYPE && rc != -ENOMEM)
			wrong(t, "prun_unpack", rc);
		free(message);
	} else {
		prun_packer_clear(p);
		if (prun_pack_nil(p) < 0 && t->walk == ONE)
			wrong(t, "a packer that was cleared", 0);
	}
	prun_packer_free(p);
}

/* Results and texts that no first buffer holds, and one that is taken. */
static void large(struct trial *t)
{
	static const char *const names[] = {"blob", "wordy"};
	struct prun_range range;
	struct prun_call c;
	struct prun_result *copy = NULL;
	const struct prun_result *r;
	struct prun_job *job;
	int i, rc, n;

	if (!open_default(t))
		return;
	for (i = 0; i < 2; i++) {
		range = (struct prun_range){300000, 300003, 1};
		c = range_call(names[i], &range);
		if (!submit(t, prun_imap, &job, &c))
			continue;
		for (n = 0; (rc = prun_job_next(&r, job, HANG_MS)) == 1; n++) {
			if (r->status < 0 && r->status != -EIO)
				(void)fine(t, r->status, "a large result");
			if (fine(t, prun_result_take(&copy, r), "take"))
				prun_result_free(copy);
		}
		(void)fine(t, rc, "prun_job_next");
		if ((uint64_t)n != prun_job_submitted(job))
			wrong(t, "a task was lost", n);
		prun_job_free(job);
	}
}

static char big_argument[300000];

/* Arguments that none holds either. */
static void large_arguments(struct trial *t)
{
	const char *list[3] = {big_argument, big_argument, big_argument};
	struct prun_strings strings = {list, 3, 0};
	struct prun_call c = call_of("echo", prun_source_strings, &strings);
	struct prun_job *job;

	if (!open_default(t))
		return;
	if (submit(t, prun_imap, &job, &c))
		drain(t, job, 3, false);
}

static void batches(struct trial *t)
{
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("lanes", &range);
	struct prun_job *job;

	if (!open_default(t))
		return;
	if (submit(t, prun_map, &job, &c))
		map_at(t, job, SMALL);
	prun_job_free(job);
}

/* Workers that die: each task that kills one fails, and no other. */
static void deaths(struct trial *t)
{
	struct prun_range range = {0, SMALL, 1};
	struct prun_call c = range_call("die", &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t n = 0;
	int rc;

	if (!open_default(t) || !submit(t, prun_imap, &job, &c))
		return;
	while ((rc = prun_job_next(&r, job, HANG_MS)) == 1) {
		if (r->status != PRUN_EWORKER)
			expect(t, r, (int64_t)(n * n));
		else if (n % 4 != 1)
			wrong(t, "a task that killed nobody", (int)n);
		n++;
	}
	(void)fine(t, rc, "prun_job_next");
	if (n != prun_job_submitted(job) || (rc == 0 && n != SMALL))
		wrong(t, "a task was lost", (int)n);
	prun_job_free(job);
}

/* ------------------------------------------------------------- in the worker */

/* What a worker takes memory for: `squares` or whatever comes. */
struct chore {
	const char *func;
	int64_t from;
	int status; /* of all tasks, when all is well */
	bool strings;
};

static const struct chore chores[] = {
	{"square", 0, 0, false},    {"lanes", 0, 0, false},
	{"blob", 200000, 0, false}, {"wordy", 70000, -EIO, false},
	{"echo", 0, 0, true},
};

#define CHORES ((int)(sizeof(chores) / sizeof(chores[0])))

/* How many of its tasks failed for want of memory in the worker. */
static int do_chore(const struct chore *chore, struct prun_pool *pool)
{
	const char *list[4] = {big_argument, "a", "b", big_argument};
	struct prun_strings strings = {list, 4, 0};
	struct prun_range range = {chore->from, chore->from + SMALL, 1};
	struct prun_call c = range_call(chore->func, &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t n = 0;
	int failed = 0, rc;

	if (chore->strings)
		c = call_of(chore->func, prun_source_strings, &strings);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	while ((rc = prun_job_next(&r, job, HANG_MS)) == 1) {
		ck_assert_uint_eq(r->index, n++);
		if (r->status == chore->status)
			continue;
		ck_assert_msg(r->status == -ENOMEM || r->status == PRUN_EWORKER,
			      "%s: %s", prun_error_name(r->status), r->message);
		failed++;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(n, chore->strings ? 4 : SMALL);
	prun_job_free(job);
	return failed;
}

/* One process of each pool has one allocation that fails, be it in its start:
 * that costs one task at the most. */
START_TEST(no_memory_in_a_worker)
{
	struct prun_options o = memory_options(PRUN_START_FORK);
	struct alloc_children *children =
		mmap(NULL, sizeof(*children), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct prun_pool *pool;
	unsigned long n;
	int failed;

	ck_assert_ptr_ne(children, MAP_FAILED);
	for (n = 1; n == 1 || children->failed; n++) {
		children->left = 1;
		children->failed = 0;
		alloc_fail_in_child(n, children);
		ck_assert_int_eq(prun_pool_new(&pool, &o), 0);
		failed = do_chore(&chores[_i], pool);
		failed += do_chore(&chores[0], pool);
		ck_assert_int_le(failed, (int)children->failed);
		finish_pool(pool);
		alloc_fail_in_child(0, NULL);
	}
	ck_assert_uint_gt(n, 3); /* it takes some */
	munmap(children, sizeof(*children));
}
END_TEST

/* The same in the fork server, which may not come to life then, and a worker of
 * its. */
START_TEST(no_memory_in_the_fork_server)
{
	struct prun_options o = memory_options(PRUN_START_FORKSERVER);
	struct alloc_children *children =
		mmap(NULL, sizeof(*children), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct prun_pool *pool;
	unsigned long n;
	int rc;

	ck_assert_ptr_ne(children, MAP_FAILED);
	for (n = 1; n == 1 || children->failed; n++) {
		children->left = 2;
		children->failed = 0;
		alloc_fail_in_child(n, children);
		rc = prun_pool_new(&pool, &o);
		if (rc == 0) {
			ck_assert_int_le(do_chore(&chores[0], pool),
					 (int)children->failed);
			ck_assert_int_eq(prun_pool_error(pool, NULL), 0);
			finish_pool(pool);
		} else {
			ck_assert_int_eq(rc, PRUN_ESERVER);
			ck_assert_uint_gt(children->failed, 0);
			ck_assert_ptr_null(pool);
		}
		alloc_fail_in_child(0, NULL);
	}
	munmap(children, sizeof(*children));
}
END_TEST

#define CHUNK 100

/* The first task of a chunk never ends, and while it is late there is no memory
 * at all in the caller: it is killed, the others are taken back and run. */
START_TEST(no_memory_while_a_task_is_late)
{
	struct prun_options o =
		memory_options(_i ? PRUN_START_FORKSERVER : PRUN_START_FORK);
	struct prun_range range = {0, CHUNK, 1};
	struct prun_call c = range_call("first_waits", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	int i, rc;

	o.workers = 1;
	c.chunksize = CHUNK;
	c.task_timeout_ms = 200;
	pool = open_with(&o);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	alloc_fail_from(1);
	rc = prun_job_next(&r, job, HANG_MS);
	alloc_fail_at(0);
	ck_assert_int_eq(rc, 1);
	ck_assert(r->status == PRUN_ETIMEDOUT || r->status == -ENOMEM);
	for (i = 1; i < CHUNK; i++)
		ck_assert_int_ge(int_of(next_of(job)), 0);
	for (i = 0; i < CHUNK; i++)
		ck_assert_uint_eq(seen->starts[i], 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- the walk */

#define SCENARIO(fn) \
	{ \
#fn, fn \
	}

static const struct {
	const char *name;
	scenario_fn fn;
} scenarios[] = {
	SCENARIO(life),
	SCENARIO(map),
	SCENARIO(large_map),
	SCENARIO(imap_lines),
	SCENARIO(unordered),
	SCENARIO(apply_async),
	SCENARIO(starmap),
	SCENARIO(retries),
	SCENARIO(cancel_pending),
	SCENARIO(cancel_by_force),
	SCENARIO(as_completed),
	SCENARIO(wait_for_two),
	SCENARIO(figures),
	SCENARIO(done_callbacks),
	SCENARIO(forkserver),
	SCENARIO(background),
	SCENARIO(in_line),
	SCENARIO(plugin),
	SCENARIO(values),
	SCENARIO(large),
	SCENARIO(large_arguments),
	SCENARIO(batches),
	SCENARIO(deaths),
};

#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

static void disarm(void)
{
	alloc_fail_at(0);
	calls_fail_at(0);
}

static void arm(enum walk walk, unsigned long n)
{
	if (walk == ONE)
		alloc_fail_at(n);
	else if (walk < CALL)
		alloc_fail_from(n);
	else if (walk == CALL)
		calls_fail_at(n);
	else
		calls_fail_from(n);
}

/* The scenario once; whether something failed in it. */
static bool run_once(struct trial *t, scenario_fn fn, unsigned long n)
{
	bool failed = false;

	arm(t->walk, n);
	fn(t);
	if (t->walk == RECOVERED || t->walk == CALLS) {
		failed = alloc_failed() || calls_failed();
		disarm();
		if (t->pool)
			must_work(t);
	} else if (t->pool && t->walk != ONWARD) {
		must_work(t);
	}
	if (t->pool && prun_pool_free(t->pool) != 0)
		wrong(t, "prun_pool_free", 0);
	if (t->walk != RECOVERED && t->walk != CALLS)
		failed = alloc_failed() || calls_failed();
	disarm();
	if (t->freed != t->submits)
		wrong(t, "payload_free", (int)t->freed);
	return failed;
}

/* What a run must leave as it was. */
struct state {
	size_t fds;
	unsigned long live;
};

static struct state state_now(void)
{
	return (struct state){suite_fd_count(), alloc_live()};
}

static void assert_clean(const struct trial *t, const struct state *before,
			 const char *name, unsigned long n)
{
	struct state now = {0, alloc_live()};
	pid_t child;

	alloc_track(false);
	ck_assert_msg(!t->wrong, "%s, walk %d, n %lu: %s (%s, %d)", name,
		      (int)t->walk, n, t->wrong ? t->wrong : "",
		      prun_error_name(t->code), t->code);
	ck_assert_msg(now.live == before->live,
		      "%s, walk %d, n %lu: %lu leaked", name, (int)t->walk, n,
		      now.live - before->live);
	now.fds = suite_fd_count();
	ck_assert_msg(now.fds == before->fds,
		      "%s, walk %d, n %lu: %zu "
		      "descriptors, before %zu",
		      name, (int)t->walk, n, now.fds, before->fds);
	child = waitpid(-1, NULL, WNOHANG);
	ck_assert_msg(child < 0 && errno == ECHILD,
		      "%s, walk %d, n %lu: child "
		      "%ld",
		      name, (int)t->walk, n, (long)child);
}

static void walk_scenario(int which, enum walk walk)
{
	const char *name = scenarios[which].name;
	struct state before;
	bool failed = true;
	unsigned long n;

	for (n = 0; n <= 1 || failed; n++) {
		struct trial t = {.walk = walk};

		ck_assert_msg(n < 10000, "%s allocates without end", name);
		alloc_track(true);
		before = state_now();
		/* The first run finds out what is kept for ever. */
		failed = run_once(&t, scenarios[which].fn, n);
		if (n == 0)
			before.live = alloc_live();
		assert_clean(&t, &before, name, n);
	}
}

START_TEST(no_memory_for_one)
{
	walk_scenario(_i, ONE);
}
END_TEST

START_TEST(no_memory_from_one_on)
{
	walk_scenario(_i, ONWARD);
}
END_TEST

START_TEST(no_memory_for_a_while)
{
	walk_scenario(_i, RECOVERED);
}
END_TEST

START_TEST(no_room_for_one)
{
	walk_scenario(_i, CALL);
}
END_TEST

START_TEST(no_room_for_a_while)
{
	walk_scenario(_i, CALLS);
}
END_TEST

static void prepare(void)
{
	const char *dir = getenv("PRUN_TEST_PLUGINS");
	FILE *file = tmpfile();
	int i;

	ck_assert_ptr_nonnull(file);
	snprintf(plugin_path, sizeof(plugin_path), "%s/good.so",
		 dir ? dir : "build/tests/plugins");
	memset(big_argument, 'x', sizeof(big_argument) - 1);
	for (i = 0; i < SMALL; i++)
		fprintf(file, "%s%d\n", i == 5 ? big_argument : "line ", i);
	ck_assert_int_eq(fflush(file), 0);
	lines_fd = dup(fileno(file));
	fclose(file);
	ck_assert_int_ge(lines_fd, 0);
}

static void clean_up(void)
{
	close(lines_fd);
}

static TCase *memory_case(Suite *s, const char *name)
{
	TCase *tc = pool_case(s, name);

	tcase_add_checked_fixture(tc, prepare, clean_up);
	return tc;
}

int main(void)
{
	struct rlimit none = {0, 0};
	Suite *s = suite_create("memory");
	TCase *tc;

	setrlimit(RLIMIT_CORE, &none);
	tc = memory_case(s, "allocations");
	tcase_add_loop_test(tc, no_memory_for_one, 0, SCENARIOS);
	tcase_add_loop_test(tc, no_memory_from_one_on, 0, SCENARIOS);
	tcase_add_loop_test(tc, no_memory_for_a_while, 0, SCENARIOS);
	tc = memory_case(s, "calls");
	tcase_add_loop_test(tc, no_room_for_one, 0, SCENARIOS);
	tcase_add_loop_test(tc, no_room_for_a_while, 0, SCENARIOS);
	tc = memory_case(s, "workers");
	tcase_add_loop_test(tc, no_memory_in_a_worker, 0, CHORES);
	tcase_add_test(tc, no_memory_in_the_fork_server);
	tc = memory_case(s, "late tasks");
	tcase_add_loop_test(tc, no_memory_while_a_task_is_late, 0, 2);
	return suite_main(s);
}
