/* SPDX-License-Identifier: MIT */
/* The public calls on a pool: its life, and its loop from outside. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loop.h"

#define MAX_PAYLOAD_DEFAULT ((uint64_t)256 << 20)
#define GRACE_MS_DEFAULT 1000u
#define PROGRESS_MS_DEFAULT 100u

static int check_options(const struct prun_options *o)
{
	if (!o)
		return PRUN_EINVAL;
	if (o->version != PRUN_OPTIONS_VERSION)
		return PRUN_EVERSION;
	if (o->workers > PRUN_WORKERS_MAX || !o->funcs ||
	    o->max_payload > PRUN_PAYLOAD_MAX)
		return PRUN_EINVAL;
	if ((unsigned)o->start_method > PRUN_START_FORKSERVER)
		return PRUN_EINVAL;
	/* Its thread would be forked over, and its locks with it. */
	if (o->background && o->start_method != PRUN_START_FORKSERVER)
		return PRUN_EINVAL;
	if (o->kill_leftovers && o->start_method != PRUN_START_FORKSERVER)
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
	c->start_timeout_ms = o->start_timeout_ms;
	c->forkserver = o->start_method == PRUN_START_FORKSERVER;
	c->kill_leftovers = o->kill_leftovers != 0;
	c->limits = (struct limits){.pin = o->pin != 0,
				    .ignore_sigint = o->ignore_sigint != 0,
				    .nice = o->nice,
				    .memory_limit = o->memory_limit,
				    .max_rss = o->max_rss};
}

static void set_progress(struct prun_pool *pool, const struct prun_options *o)
{
	uint64_t ms = o->progress_ms ? o->progress_ms : PROGRESS_MS_DEFAULT;

	pool->due_ns = UINT64_MAX;
	pool->report_ns = UINT64_MAX;
	pool->progress = o->progress;
	pool->progress_payload = o->progress_payload;
	pool->progress_every_ns = ms * 1000000u;
	pool->progress_due_ns = now_ns() + pool->progress_every_ns;
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
	free(pool->driver); /* in a forked copy; its lock may be held for ever */
	chunk_cache_release(&pool->cache);
	blocks_free(pool->blocks);
	func_table_release(&pool->config.funcs);
	free(pool->message);
	free(pool);
}

static int start_driver(struct prun_pool *pool)
{
	pool->engine->poller.foreign = true;
	return driver_start(&pool->driver, pool->engine->poller.epfd,
			    pool_round, pool);
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
	set_progress(pool, options);
	rc = func_table_init(&pool->config.funcs, options->funcs,
			     options->nfuncs);
	pool->blocks = blocks_new();
	if (rc == 0 && !pool->blocks)
		rc = -ENOMEM;
	if (rc == 0)
		rc = map_alive(pool);
	if (rc == 0)
		rc = (options->start_method == PRUN_START_INLINE ?
			      engine_inline_new :
			      engine_fork_new)(&pool->engine, &pool->config,
					       &pool_events, pool);
	if (rc < 0) {
		release_memory(pool);
		return rc;
	}
	pool->gap_ns = GAP_FIRST_NS;
	pool->gap_at = now_ns();
	if (options->background)
		rc = start_driver(pool);
	if (rc < 0) {
		prun_pool_free(pool);
		return rc;
	}
	*out = pool;
	return 0;
}

int prun_pool_close(struct prun_pool *pool)
{
	int rc;

	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		pool->closed = true;
	pool_unlock(pool);
	return rc;
}

static void terminate(struct prun_pool *pool)
{
	struct prun_job *job;

	pool->closed = true;
	pool->draining = true;
	for (job = pool->jobs; job; job = job->next) {
		pool_deactivate(pool, job);
		if (job_end(job, PRUN_ECANCELLED,
			    prun_strerror(PRUN_ECANCELLED)))
			pool_tell(pool, job);
	}
	pool->engine->ops->stop(pool->engine, ENGINE_TERM);
	pool_leave(pool);
}

int prun_pool_terminate(struct prun_pool *pool)
{
	int rc;

	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		terminate(pool);
	pool_unlock(pool);
	return rc;
}

int prun_pool_cancel_pending(struct prun_pool *pool)
{
	struct prun_job *job;
	int rc, count = 0;

	pool_lock(pool);
	rc = pool_check(pool);
	for (job = pool->jobs; job && rc == 0; job = job->next)
		count += pool_cancel(pool, job, false, PRUN_ECANCELLED);
	pool_unlock(pool);
	return rc < 0 ? rc : count;
}

/* Nobody will take the results of a stream that waits for that to go on. */
static void cancel_stuck(struct prun_pool *pool)
{
	struct prun_job *job;

	for (job = pool->jobs; job; job = job->next)
		if (job_stuck(job) && job_end(job, PRUN_ECANCELLED,
					      prun_strerror(PRUN_ECANCELLED)))
			pool_tell(pool, job);
}

static bool joined(struct prun_pool *pool, struct prun_job *none)
{
	(void)none;
	if (pool->in_engine == 0)
		cancel_stuck(pool);
	if (pool->unfinished == 0 && !pool->draining) {
		pool->draining = true;
		pool->engine->ops->stop(pool->engine, ENGINE_DRAIN);
	}
	return pool->unfinished == 0 && !pool->news &&
	       pool->engine->ops->stopped(pool->engine);
}

static int join(struct prun_pool *pool, int timeout_ms)
{
	int rc = pool_check_drive(pool);

	if (rc < 0)
		return rc;
	if (!pool->closed)
		return PRUN_EOPEN;
	pool_enter(pool, true);
	rc = pool_drive(pool, NULL, joined, pool_deadline(timeout_ms));
	pool_leave(pool);
	return rc;
}

int prun_pool_join(struct prun_pool *pool, int timeout_ms)
{
	int rc;

	pool_lock(pool);
	rc = join(pool, timeout_ms);
	pool_unlock(pool);
	return rc;
}

/* Jobs without a handle go, the others lose their pool. */
static void part_from_jobs(struct prun_pool *pool, bool forked)
{
	struct prun_job *job, *next;

	for (job = pool->jobs; job; job = next) {
		next = job->next;
		/* The payload is the parent's business. */
		if (forked)
			job->payload_free = NULL;
		job->forked = forked;
		job->cache = NULL;
		job->pool = NULL;
		if (!job->handle)
			job_destroy(job);
	}
}

static void wake_driver(void *pool)
{
	prun_pool_wake(pool);
}

/* From here on the pool is one thread's. */
static void stop_driver(struct prun_pool *pool)
{
	if (!pool->driver)
		return;
	driver_stop(pool->driver, wake_driver);
	driver_free(pool->driver);
	pool->driver = NULL;
}

int prun_pool_free(struct prun_pool *pool)
{
	struct engine *e;
	int rc;

	if (!pool)
		return 0;
	e = pool->engine;
	if (pool_is_forked(pool)) {
		part_from_jobs(pool, true);
		e->ops->forget(e);
		release_memory(pool);
		return 0;
	}
	pool_lock(pool);
	rc = pool_check_drive(pool);
	pool_unlock(pool);
	if (rc < 0)
		return rc;
	stop_driver(pool);
	terminate(pool);
	e->ops->stop(e, ENGINE_KILL);
	pool_collect(pool);
	part_from_jobs(pool, false);
	e->ops->free(e);
	release_memory(pool);
	return 0;
}

static int wait_for_round(struct prun_pool *pool, int timeout_ms)
{
	struct driver *d = pool->driver;
	uint64_t wakes = d->wakes;
	int rc;

	if (driver_take_wake(d))
		return PRUN_EWOKEN;
	rc = driver_wait(d, pool_deadline(timeout_ms));
	return d->wakes != wakes ? PRUN_EWOKEN : rc;
}

static int step(struct prun_pool *pool, int timeout_ms)
{
	uint64_t deadline_ns = pool_deadline(timeout_ms);
	int rc = pool_check_drive(pool);

	if (rc < 0)
		return rc;
	if (pool->driver)
		return wait_for_round(pool, timeout_ms);
	pool_enter(pool, false);
	pool_ask_all(pool);
	/* A timer of the pool's own is nothing that happened. */
	do {
		rc = pool_turn(pool, deadline_ns);
	} while (rc == 0 && deadline_ns && now_ns() < deadline_ns);
	pool_leave(pool);
	return rc;
}

int prun_pool_step(struct prun_pool *pool, int timeout_ms)
{
	int rc;

	pool_lock(pool);
	rc = step(pool, timeout_ms);
	pool_unlock(pool);
	return rc;
}

int prun_pool_fd(struct prun_pool *pool)
{
	int rc;

	pool_lock(pool);
	rc = pool_check(pool);
	pool_unlock(pool);
	if (rc < 0)
		return rc;
	if (pool->driver)
		return PRUN_EINVAL;
	pool->engine->poller.foreign = true;
	return pool->engine->poller.epfd;
}

int prun_pool_wake(struct prun_pool *pool)
{
	if (pool_is_forked(pool))
		return PRUN_EFORKED;
	return poller_wake(&pool->engine->poller);
}

int prun_pool_error(struct prun_pool *pool, const char **message)
{
	int error;

	pool_lock(pool);
	if (message)
		*message = pool->message ? pool->message : "";
	error = pool->error;
	pool_unlock(pool);
	return error;
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
	struct running_call call = {fn, payload};
	int rc;

	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		rc = pool->engine->ops->running(pool->engine, show_running,
						&call);
	pool_unlock(pool);
	return rc;
}
