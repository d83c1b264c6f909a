/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "job.h"
#include "prun.h"

#define MAX_PAYLOAD_DEFAULT ((uint64_t)256 << 20)
#define GRACE_MS_DEFAULT 1000u
/* prun_job_next drives the pool once in so many results, or when this clock
 * has ticked, lest the workers starve while the caller takes what is ready. */
#define VISIT_RESULTS 32u
/* How long the caller is taken to be away before anything is known, and the
 * longest that is believed. */
#define GAP_FIRST_NS 50000000u
#define GAP_MAX_NS 10000000000u

struct prun_pool {
	struct engine *engine;
	struct engine_config config;
	struct chunk_cache cache;
	/* One byte in a page that the kernel wipes in a forked copy. */
	unsigned char *alive;
	struct prun_job *jobs;		 /* all */
	struct prun_job *active, *active_last; /* to pull from, in turn */
	struct prun_job *news, **news_last; /* to collect from */
	uint64_t unfinished;		 /* jobs not completed */
	bool closed;
	bool draining; /* the engine was told to stop */
	int error;     /* that broke it */
	char *message;
	bool in_callback, in_source;
	uint64_t left_ns;	 /* when the caller was last here */
	uint64_t gap_ns, gap_at; /* its longest recent absence, and when */
	time_t visit_s;		 /* coarse clock of the last visit */
	long visit_ns;
};

/* -- Rules of every call -- */

static bool is_forked(const struct prun_pool *pool)
{
	return *(volatile unsigned char *)pool->alive == 0;
}

/* For calls that change something but do not drive the pool. */
static int check(const struct prun_pool *pool)
{
	if (is_forked(pool))
		return PRUN_EFORKED;
	return pool->in_source ? PRUN_EDEADLK : 0;
}

/* For calls that drive the pool. */
static int check_drive(const struct prun_pool *pool)
{
	if (is_forked(pool))
		return PRUN_EFORKED;
	return pool->in_source || pool->in_callback ? PRUN_EDEADLK : 0;
}

static uint64_t deadline_after(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	if (timeout_ms == 0)
		return 0;
	return now_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* -- Lists of jobs -- */

static void activate(struct prun_pool *pool, struct prun_job *job)
{
	if (job->active || !job_pullable(job) || pool->draining)
		return;
	job->active = true;
	job->next_active = NULL;
	job->prev_active = pool->active_last;
	if (pool->active_last)
		pool->active_last->next_active = job;
	else
		pool->active = job;
	pool->active_last = job;
}

static void deactivate(struct prun_pool *pool, struct prun_job *job)
{
	if (!job->active)
		return;
	job->active = false;
	if (job->prev_active)
		job->prev_active->next_active = job->next_active;
	else
		pool->active = job->next_active;
	if (job->next_active)
		job->next_active->prev_active = job->prev_active;
	else
		pool->active_last = job->prev_active;
}

static void tell(struct prun_pool *pool, struct prun_job *job)
{
	if (job->news)
		return;
	job->news = true;
	job->next_news = NULL;
	*pool->news_last = job;
	pool->news_last = &job->next_news;
}

static void link_job(struct prun_pool *pool, struct prun_job *job)
{
	job->pool = pool;
	job->prev = NULL;
	job->next = pool->jobs;
	if (pool->jobs)
		pool->jobs->prev = job;
	pool->jobs = job;
}

static void unlink_job(struct prun_pool *pool, struct prun_job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		pool->jobs = job->next;
	if (job->next)
		job->next->prev = job->prev;
	job->pool = NULL;
}

/* -- Waiting sources -- */

/* Ask the source again. */
static void stop_waiting(struct prun_pool *pool, struct prun_job *job)
{
	poller_unwatch(&pool->engine->poller, &job->wait_fd);
	job->waiting = false;
	activate(pool, job);
}

/* The copy lets two jobs wait for one descriptor. */
static void start_waiting(struct prun_pool *pool, struct prun_job *job)
{
	int rc;

	if (job->wait_fd < 0)
		return; /* until somebody calls */
	rc = poller_watch(&pool->engine->poller, job->wait_fd,
			  (uintptr_t)job | ENGINE_DATA_OTHER);
	job->wait_fd = rc < 0 ? -1 : rc;
	if (rc == -EPERM) {
		job->waiting = false;
	} else if (rc < 0) {
		job_end(job, rc, prun_strerror(rc));
		tell(pool, job);
	}
}

static void wake_sources(struct prun_pool *pool)
{
	struct prun_job *job;

	for (job = pool->jobs; job; job = job->next)
		if (job->waiting && job->wait_fd < 0)
			stop_waiting(pool, job);
}

/* -- Events from the engine -- */

static bool on_done(void *ctx, struct chunk *c, uint32_t first, uint32_t count,
		    const struct engine_result *results,
		    const struct engine_worker *worker)
{
	struct prun_job *job = c->job;

	tell(ctx, job);
	return job_done(job, c, first, count, results, worker);
}

static void on_withdrawn(void *ctx, struct chunk *c, uint32_t first,
			 uint32_t count)
{
	tell(ctx, c->job);
	job_withdrawn(c->job, c, first, count);
}

static void on_broken(void *ctx, int code, const char *message)
{
	struct prun_pool *pool = ctx;

	pool->error = code;
	pool->message = strdup(message);
}

static void on_readable(void *ctx, uint64_t data)
{
	struct prun_job *job =
		(struct prun_job *)(uintptr_t)(data & ~(uint64_t)3);

	if (job->waiting && job->wait_fd >= 0)
		stop_waiting(ctx, job);
}

static const struct engine_events engine_events = {
	.done = on_done,
	.withdrawn = on_withdrawn,
	.broken = on_broken,
	.readable = on_readable,
};

/* -- The loop: fill, poll, collect -- */

/* Pull from the jobs in turn until the engine has enough. */
static void pool_fill(struct prun_pool *pool)
{
	const struct engine_ops *ops = pool->engine->ops;
	struct prun_job *job;
	struct chunk *c;
	uint32_t want;

	if (pool->in_source)
		return;
	while ((job = pool->active) != NULL) {
		want = ops->room(pool->engine, job->func);
		if (want == 0)
			break;
		pool->in_source = true;
		c = job_pull(job, want);
		pool->in_source = false;
		deactivate(pool, job);
		if (job->waiting)
			start_waiting(pool, job);
		if (job_all_done(job))
			tell(pool, job);
		activate(pool, job);
		if (c)
			ops->submit(pool->engine, c);
	}
	ops->flush(pool->engine);
}

static int pool_poll(struct prun_pool *pool, uint64_t deadline_ns)
{
	struct engine *e = pool->engine;
	int rc = e->ops->step(e, pool->news ? 0 : deadline_ns);

	if (rc < 0)
		return rc;
	return rc > 0 || pool->news;
}

static int call_back(struct prun_pool *pool, struct prun_job *job,
		     prun_callback_fn fn, const struct prun_result *result)
{
	int rc;

	if (!fn)
		return 0;
	pool->in_callback = true;
	job->in_callback = true;
	rc = fn(job, result, job->call.payload);
	job->in_callback = false;
	pool->in_callback = false;
	if (rc && !job->callback_error)
		job->callback_error = rc;
	return rc;
}

static void push_results(struct prun_pool *pool, struct prun_job *job)
{
	while (job_take(job))
		call_back(pool, job,
			  job->result.status < 0 ? job->call.error_callback :
						   job->call.callback,
			  &job->result);
	activate(pool, job);
}

/* The one callback of an apply or a map. */
static void say_completed(struct prun_pool *pool, struct prun_job *job)
{
	bool failed = job->failed > 0;

	if (job_is_stream(job) || (!job->call.callback &&
				   !job->call.error_callback))
		return;
	if (job->call.order == PRUN_ORDER_APPLY && !failed)
		job_look(job, 0);
	else if (failed)
		job_look_failed(job);
	if (failed || job->error < 0)
		call_back(pool, job, job->call.error_callback,
			  failed ? &job->result : NULL);
	else
		call_back(pool, job, job->call.callback,
			  job->call.order == PRUN_ORDER_APPLY ? &job->result :
								NULL);
}

static void release_job(struct prun_pool *pool, struct prun_job *job)
{
	deactivate(pool, job);
	unlink_job(pool, job);
	job_destroy(job);
}

static void collect_job(struct prun_pool *pool, struct prun_job *job)
{
	if (job_pushes(job))
		push_results(pool, job);
	if (!job->completed && job_all_done(job)) {
		job->completed = true;
		pool->unfinished--;
		if (job->wait_fd >= 0)
			stop_waiting(pool, job);
		deactivate(pool, job);
		say_completed(pool, job);
		job_free_payload(job);
	}
	/* A callback may have made news of it again: the next round's. */
	if (job->completed && !job->handle && !job->news)
		release_job(pool, job);
}

/* When the engine broke, all that is left ends with its error. */
static void fail_all(struct prun_pool *pool)
{
	struct prun_job *job;

	for (job = pool->jobs; job; job = job->next)
		if (job_end(job, pool->error,
			    pool->message && pool->message[0] ?
				    pool->message :
				    prun_strerror(pool->error)))
			tell(pool, job);
	pool->closed = true;
	pool->draining = true;
	pool->engine->ops->stop(pool->engine, ENGINE_KILL);
}

/* Deliver what has come. Callbacks run here and nowhere else. */
static void pool_collect(struct prun_pool *pool)
{
	struct prun_job *job;

	if (pool->error < 0 && !pool->draining)
		fail_all(pool);
	while ((job = pool->news) != NULL) {
		pool->news = job->next_news;
		if (!pool->news)
			pool->news_last = &pool->news;
		job->news = false;
		collect_job(pool, job);
	}
}

/* How long the caller stays away decides how much work the workers hold. */
static void enter(struct prun_pool *pool, bool attended)
{
	uint64_t now = now_ns();
	uint64_t gap = pool->left_ns ? now - pool->left_ns : 0;

	if (gap > GAP_MAX_NS)
		gap = GAP_MAX_NS;
	if (gap >= pool->gap_ns ||
	    now - pool->gap_at > 16 * pool->gap_ns + 2 * GAP_FIRST_NS) {
		pool->gap_ns = gap;
		pool->gap_at = now;
	}
	pool->engine->now_ns = now;
	pool->engine->margin_ns = attended ? 0 : 2 * pool->gap_ns;
}

static void leave(struct prun_pool *pool)
{
	/* What is left to collect makes the pool's descriptor readable. */
	if (pool->news)
		poller_arm(&pool->engine->poller, 1);
	pool->left_ns = now_ns();
}

/* One turn. 1: something happened, 0: not, PRUN_EWOKEN, or an error. */
static int turn(struct prun_pool *pool, uint64_t deadline_ns)
{
	int rc;

	pool_fill(pool);
	rc = pool_poll(pool, deadline_ns);
	pool_collect(pool);
	pool_fill(pool);
	if (pool->engine->poller.woken) {
		pool->engine->poller.woken = false;
		wake_sources(pool);
		return PRUN_EWOKEN;
	}
	return rc;
}

/* Turn until `done` says so. 0, PRUN_ETIMEDOUT, PRUN_EWOKEN, or an error. */
static int drive_until(struct prun_pool *pool, struct prun_job *job,
		       bool (*done)(struct prun_pool *, struct prun_job *),
		       uint64_t deadline_ns)
{
	int rc = 0;

	wake_sources(pool);
	pool_collect(pool);
	while (!done(pool, job)) {
		rc = turn(pool, deadline_ns);
		if (rc < 0)
			break;
		if (done(pool, job))
			break;
		if (rc == 0 && deadline_ns != UINT64_MAX &&
		    now_ns() >= deadline_ns) {
			rc = PRUN_ETIMEDOUT;
			break;
		}
		rc = 0;
	}
	return rc < 0 ? rc : 0;
}

/* -- Life of a pool -- */

static int check_options(const struct prun_options *o)
{
	if (!o)
		return PRUN_EINVAL;
	if (o->version != PRUN_OPTIONS_VERSION)
		return PRUN_EVERSION;
	if (o->workers > PRUN_WORKERS_MAX || !o->funcs ||
	    o->max_payload > SIZE_MAX / 8)
		return PRUN_EINVAL;
	if (o->start_method != PRUN_START_FORK &&
	    o->start_method != PRUN_START_INLINE)
		return PRUN_EINVAL;
	return 0;
}

static void set_config(struct engine_config *c, const struct prun_options *o)
{
	c->workers = o->workers ? o->workers : (uint32_t)prun_cpu_count();
	if (o->start_method == PRUN_START_INLINE)
		c->workers = 1;
	c->maxtasksperchild = o->maxtasksperchild;
	c->max_payload = o->max_payload ? o->max_payload : MAX_PAYLOAD_DEFAULT;
	c->grace_ms = o->grace_ms ? o->grace_ms : GRACE_MS_DEFAULT;
	c->initializer = o->initializer;
	c->finalizer = o->finalizer;
	c->initarg = o->initarg;
}

static int map_alive(struct prun_pool *pool)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	pool->alive = p;
	*pool->alive = 1;
	return madvise(p, page, MADV_WIPEONFORK) < 0 ? -errno : 0;
}

static void release_memory(struct prun_pool *pool)
{
	if (pool->alive)
		munmap(pool->alive, (size_t)sysconf(_SC_PAGESIZE));
	chunk_cache_release(&pool->cache);
	func_table_release(&pool->config.funcs);
	free(pool->message);
	free(pool);
}

int prun_pool_new(struct prun_pool **out, const struct prun_options *options)
{
	struct prun_pool *pool;
	int rc = check_options(options);

	*out = NULL;
	if (rc < 0)
		return rc;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->news_last = &pool->news;
	set_config(&pool->config, options);
	rc = func_table_init(&pool->config.funcs, options->funcs,
			     options->nfuncs);
	if (rc == 0)
		rc = map_alive(pool);
	if (rc == 0)
		rc = (options->start_method == PRUN_START_INLINE ?
			      engine_inline_new :
			      engine_fork_new)(&pool->engine, &pool->config,
					       &engine_events, pool);
	if (rc < 0) {
		release_memory(pool);
		return rc;
	}
	pool->gap_ns = GAP_FIRST_NS;
	pool->gap_at = now_ns();
	*out = pool;
	return 0;
}

int prun_pool_close(struct prun_pool *pool)
{
	int rc = check(pool);

	if (rc == 0)
		pool->closed = true;
	return rc;
}

int prun_pool_terminate(struct prun_pool *pool)
{
	struct prun_job *job;
	int rc = check(pool);

	if (rc < 0)
		return rc;
	pool->closed = true;
	pool->draining = true;
	for (job = pool->jobs; job; job = job->next) {
		deactivate(pool, job);
		if (job_end(job, PRUN_ECANCELLED,
			    prun_strerror(PRUN_ECANCELLED)))
			tell(pool, job);
	}
	pool->engine->ops->stop(pool->engine, ENGINE_TERM);
	leave(pool);
	return 0;
}

/* Nobody will take the results of a stream that waits for that to go on. */
static void cancel_stuck(struct prun_pool *pool)
{
	struct prun_job *job;

	for (job = pool->jobs; job; job = job->next)
		if (job_stuck(job) &&
		    job_end(job, PRUN_ECANCELLED,
			    prun_strerror(PRUN_ECANCELLED)))
			tell(pool, job);
}

static bool joined(struct prun_pool *pool, struct prun_job *none)
{
	(void)none;
	cancel_stuck(pool);
	if (pool->unfinished == 0 && !pool->draining) {
		pool->draining = true;
		pool->engine->ops->stop(pool->engine, ENGINE_DRAIN);
	}
	return pool->unfinished == 0 && !pool->news &&
	       pool->engine->ops->stopped(pool->engine);
}

int prun_pool_join(struct prun_pool *pool, int timeout_ms)
{
	int rc = check_drive(pool);

	if (rc < 0)
		return rc;
	if (!pool->closed)
		return PRUN_EOPEN;
	enter(pool, true);
	rc = drive_until(pool, NULL, joined, deadline_after(timeout_ms));
	leave(pool);
	return rc;
}

/* Jobs without a handle go, the others lose their pool. */
static void part_from_jobs(struct prun_pool *pool)
{
	struct prun_job *job, *next;

	for (job = pool->jobs; job; job = next) {
		next = job->next;
		job->cache = NULL;
		job->pool = NULL;
		if (!job->handle)
			job_destroy(job);
	}
}

int prun_pool_free(struct prun_pool *pool)
{
	struct engine *e;
	int rc;

	if (!pool)
		return 0;
	e = pool->engine;
	if (is_forked(pool)) {
		part_from_jobs(pool);
		e->ops->forget(e);
		release_memory(pool);
		return 0;
	}
	rc = check_drive(pool);
	if (rc < 0)
		return rc;
	prun_pool_terminate(pool);
	e->ops->stop(e, ENGINE_KILL);
	pool_collect(pool);
	part_from_jobs(pool);
	e->ops->free(e);
	release_memory(pool);
	return 0;
}

int prun_pool_step(struct prun_pool *pool, int timeout_ms)
{
	int rc = check_drive(pool);

	if (rc < 0)
		return rc;
	enter(pool, false);
	wake_sources(pool);
	rc = turn(pool, deadline_after(timeout_ms));
	leave(pool);
	return rc;
}

int prun_pool_fd(struct prun_pool *pool)
{
	int rc = check(pool);

	if (rc < 0)
		return rc;
	pool->engine->poller.foreign = true;
	return pool->engine->poller.epfd;
}

int prun_pool_wake(struct prun_pool *pool)
{
	if (is_forked(pool))
		return PRUN_EFORKED;
	return poller_wake(&pool->engine->poller);
}

int prun_pool_error(struct prun_pool *pool, const char **message)
{
	if (message)
		*message = pool->message ? pool->message : "";
	return pool->error;
}

int prun_pool_workers(const struct prun_pool *pool)
{
	return (int)pool->config.workers;
}

struct running_call {
	prun_running_fn fn;
	void *payload;
};

static void show_running(void *ctx, struct chunk *c, uint32_t i,
			 uint64_t start_ns, int id, pid_t pid)
{
	const struct running_call *call = ctx;
	struct prun_running r;

	r.job = c->job->handle ? c->job : NULL;
	r.index = c->index + i;
	r.argument = chunk_argument(c, i, &r.argument_size);
	r.start_ns = start_ns;
	r.worker_id = id;
	r.worker_pid = pid;
	call->fn(&r, call->payload);
}

int prun_pool_running(struct prun_pool *pool, prun_running_fn fn, void *payload)
{
	struct running_call call = { fn, payload };
	int rc = check(pool);

	if (rc < 0)
		return rc;
	return pool->engine->ops->running(pool->engine, show_running, &call);
}

/* -- Submission -- */

static int check_call(const struct prun_pool *pool,
		      const struct prun_call *call)
{
	int rc = check(pool);

	if (rc < 0)
		return rc;
	if (call->version != PRUN_CALL_VERSION)
		return PRUN_EVERSION;
	if (pool->error < 0)
		return pool->error;
	if (pool->closed)
		return PRUN_ECLOSED;
	if (!call->func || (unsigned)call->order > PRUN_ORDER_APPLY ||
	    (call->order == PRUN_ORDER_APPLY) != (call->source == NULL) ||
	    call->chunksize > PRUN_CHUNKSIZE_MAX ||
	    (call->buffersize && call->chunksize > call->buffersize))
		return PRUN_EINVAL;
	if ((call->order == PRUN_ORDER_IMAP ||
	     call->order == PRUN_ORDER_UNORDERED) &&
	    !call->callback != !call->error_callback)
		return PRUN_EINVAL;
	return 0;
}

static int submit(struct prun_job **out, struct prun_pool *pool,
		  const struct prun_call *call, bool handle)
{
	struct job_config config = { 0, pool->config.workers,
				     pool->config.max_payload, &pool->cache };
	int rc = check_call(pool, call);
	struct prun_job *job;

	if (rc < 0)
		return rc;
	rc = func_lookup(&pool->config.funcs, call->func);
	if (rc < 0)
		return rc;
	config.func = (uint32_t)rc;
	rc = job_new(&job, call, &config);
	if (rc < 0)
		return rc;
	job->call.func = NULL; /* the name need not outlive the call */
	job->handle = handle;
	job->discard = !handle && !call->callback && !call->error_callback;
	link_job(pool, job);
	pool->unfinished++;
	activate(pool, job);
	enter(pool, false);
	pool_fill(pool);
	leave(pool);
	*out = job;
	return 0;
}

int prun_pool_submit(struct prun_job **out, struct prun_pool *pool,
		     const struct prun_call *call)
{
	struct prun_job *job = NULL;
	int rc = submit(&job, pool, call, out != NULL);

	if (out)
		*out = job;
	if (rc < 0 && call->payload_free)
		call->payload_free(call->payload);
	return rc;
}

static int submit_as(struct prun_job **job, struct prun_pool *pool,
		     const struct prun_call *call, enum prun_order order)
{
	struct prun_call c = *call;

	c.order = order;
	return prun_pool_submit(job, pool, &c);
}

static bool is_completed(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job->completed;
}

/* Submit, and stay until it is done. */
static int submit_and_wait(struct prun_job **out, struct prun_pool *pool,
			   const struct prun_call *call, enum prun_order order)
{
	struct prun_job *job;
	int rc;

	*out = NULL;
	rc = check_drive(pool);
	if (rc < 0) {
		if (call->payload_free)
			call->payload_free(call->payload);
		return rc;
	}
	rc = submit_as(out, pool, call, order);
	if (rc < 0)
		return rc;
	job = *out;
	do {
		enter(pool, true);
		rc = drive_until(pool, job, is_completed, UINT64_MAX);
		leave(pool);
	} while (rc == PRUN_EWOKEN);
	return rc < 0 ? rc : job->error;
}

int prun_map(struct prun_job **job, struct prun_pool *pool,
	     const struct prun_call *call)
{
	return submit_and_wait(job, pool, call, PRUN_ORDER_MAP);
}

int prun_map_async(struct prun_job **job, struct prun_pool *pool,
		   const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_MAP);
}

int prun_imap(struct prun_job **job, struct prun_pool *pool,
	      const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_IMAP);
}

int prun_imap_unordered(struct prun_job **job, struct prun_pool *pool,
			const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_UNORDERED);
}

int prun_apply(struct prun_job **job, struct prun_pool *pool,
	       const struct prun_call *call)
{
	return submit_and_wait(job, pool, call, PRUN_ORDER_APPLY);
}

int prun_apply_async(struct prun_job **job, struct prun_pool *pool,
		     const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_APPLY);
}

uint32_t prun_chunksize_default(uint64_t n, uint32_t workers)
{
	uint64_t share = 4 * (uint64_t)(workers ? workers : 1);
	uint64_t size = n / share + (n % share != 0);

	if (size < 1)
		return 1;
	return size > PRUN_CHUNKSIZE_MAX ? PRUN_CHUNKSIZE_MAX : (uint32_t)size;
}

/* -- Jobs -- */

/* Whether the workers should be looked after now, though results are ready. */
static bool visit_due(struct prun_pool *pool, struct prun_job *job)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	if (++job->visits < VISIT_RESULTS && t.tv_sec == pool->visit_s &&
	    t.tv_nsec == pool->visit_ns)
		return false;
	job->visits = 0;
	return true;
}

static void remember_visit(struct prun_pool *pool)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	pool->visit_s = t.tv_sec;
	pool->visit_ns = t.tv_nsec;
	leave(pool);
}

static bool next_or_end(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job_take(job) || (job->completed && job->delivered == job->pulled);
}

int prun_job_next(const struct prun_result **result, struct prun_job *job,
		  int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	uint64_t before = job->delivered;
	int rc = 0;

	if (pool)
		rc = check_drive(pool);
	if (rc == 0 && job_pushes(job))
		rc = PRUN_EINVAL;
	if (rc < 0)
		return rc;
	if (pool && !job->completed && visit_due(pool, job)) {
		enter(pool, false);
		turn(pool, 0);
		remember_visit(pool);
	}
	if (!job_take(job)) {
		if (!pool || next_or_end(pool, job)) {
			if (job->delivered == before)
				return job->error;
		} else {
			enter(pool, false);
			activate(pool, job);
			rc = drive_until(pool, job, next_or_end,
					 deadline_after(timeout_ms));
			remember_visit(pool);
		}
		if (job->delivered == before)
			return rc < 0 ? rc : job->error;
	}
	if (pool)
		activate(pool, job);
	*result = &job->result;
	return 1;
}

int prun_job_at(const struct prun_result **result, struct prun_job *job,
		uint64_t index)
{
	if (job->pool && is_forked(job->pool))
		return PRUN_EFORKED;
	if (job_is_stream(job))
		return PRUN_EINVAL;
	if (!job->completed)
		return PRUN_ENOTREADY;
	if (!job_look(job, index))
		return PRUN_EINVAL;
	*result = &job->result;
	return 0;
}

static bool completed_or_stuck(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job->completed || job_stuck(job);
}

int prun_job_wait(struct prun_job *job, int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	int rc;

	if (!pool)
		return 0;
	rc = check_drive(pool);
	if (rc < 0 || job->completed)
		return rc;
	enter(pool, true);
	rc = drive_until(pool, job, completed_or_stuck,
			 deadline_after(timeout_ms));
	leave(pool);
	if (rc == 0 && !job->completed)
		return PRUN_ENOTREADY;
	return rc;
}

int prun_job_get(const struct prun_result **result, struct prun_job *job,
		 int timeout_ms)
{
	int rc;

	*result = NULL;
	if (job_is_stream(job))
		return PRUN_EINVAL;
	rc = prun_job_wait(job, timeout_ms);
	if (rc < 0)
		return rc;
	if (!job_look_failed(job) && !job_look(job, 0))
		return job->error;
	*result = &job->result;
	return job->result.status < 0 ? job->result.status : job->error;
}

int prun_job_ready(const struct prun_job *job)
{
	return job->completed;
}

int prun_job_successful(const struct prun_job *job)
{
	if (!job->completed)
		return PRUN_ENOTREADY;
	return job->failed == 0 && job->error == 0;
}

uint64_t prun_job_submitted(const struct prun_job *job)
{
	return job->pulled;
}

uint64_t prun_job_finished(const struct prun_job *job)
{
	return job->finished;
}

int prun_job_error(const struct prun_job *job)
{
	return job->error;
}

int prun_job_callback_error(const struct prun_job *job)
{
	return job->callback_error;
}

int prun_job_cancel(struct prun_job *job)
{
	struct prun_pool *pool = job->pool;
	uint64_t before = job->finished;
	bool was_ended = job->ended;
	int error = job->error;
	int rc;

	if (!pool)
		return 0;
	rc = check(pool);
	if (rc < 0)
		return rc;
	if (job->completed || job_all_done(job))
		return 0;
	job_end(job, PRUN_ECANCELLED, prun_strerror(PRUN_ECANCELLED));
	if (job->wait_fd >= 0)
		stop_waiting(pool, job);
	deactivate(pool, job);
	pool->engine->ops->withdraw(pool->engine, job);
	tell(pool, job);
	leave(pool);
	if (was_ended && job->finished == before) {
		job->error = error; /* all of it was running already */
		return 0;
	}
	return 1;
}

void prun_job_free(struct prun_job *job)
{
	struct prun_pool *pool;

	if (!job || !job->handle)
		return;
	pool = job->pool;
	job->handle = false;
	if (!pool) {
		job_destroy(job);
		return;
	}
	if (is_forked(pool) || pool->in_source)
		return; /* the pool's free takes it along */
	if (!job->call.callback && !job->call.error_callback) {
		if (!job->completed)
			prun_job_cancel(job);
		job_discard(job);
	}
	if (job->completed && !job->in_callback && !job->news)
		release_job(pool, job);
}
