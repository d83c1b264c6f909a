/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <string.h>

/* The longest absence of the caller that is believed. */
#define GAP_MAX_NS 10000000000u
#define GLANCE_SUBMITS 512u
/* How often a source is asked that waits for what cannot be polled. */
#define POLL_SOURCE_NS 10000000u

/* -- Rules of every call -- */

bool pool_is_forked(const struct prun_pool *pool)
{
	return *(volatile unsigned char *)pool->alive == 0;
}

/* For calls that change something but do not drive the pool. */
int pool_check(const struct prun_pool *pool)
{
	if (pool_is_forked(pool) || pool->engine->busy)
		return PRUN_EFORKED;
	return pool->in_source ? PRUN_EDEADLK : 0;
}

/* For calls that drive the pool. */
int pool_check_drive(const struct prun_pool *pool)
{
	if (pool_is_forked(pool) || pool->engine->busy)
		return PRUN_EFORKED;
	if (pool->in_source)
		return PRUN_EDEADLK;
	/* Of a pool with a thread of its own, that is where callbacks run. */
	return pool->in_callback &&
			       (!pool->driver || driver_is_self(pool->driver)) ?
		       PRUN_EDEADLK :
		       0;
}

void pool_begin_callback(struct prun_pool *pool)
{
	if (!pool->driver || driver_is_self(pool->driver))
		pool->in_callback = true;
	pool_unlock(pool);
}

void pool_end_callback(struct prun_pool *pool)
{
	pool_lock(pool);
	if (!pool->driver || driver_is_self(pool->driver))
		pool->in_callback = false;
}

uint64_t pool_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	if (timeout_ms == 0)
		return 0;
	return now_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* -- Lists of jobs -- */

void pool_activate(struct prun_pool *pool, struct prun_job *job)
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

void pool_deactivate(struct prun_pool *pool, struct prun_job *job)
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

void pool_tell(struct prun_pool *pool, struct prun_job *job)
{
	if (job->news)
		return;
	job->news = true;
	job->next_news = NULL;
	*pool->news_last = job;
	pool->news_last = &job->next_news;
}

void pool_link(struct prun_pool *pool, struct prun_job *job)
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
void pool_ask_again(struct prun_pool *pool, struct prun_job *job)
{
	poller_unwatch(&pool->engine->poller, &job->wait_fd);
	job->waiting = false;
	job->wait_poll = false;
	pool_activate(pool, job);
}

/* The copy lets two jobs wait for one descriptor. */
static void start_waiting(struct prun_pool *pool, struct prun_job *job)
{
	int rc;

	if (job->wait_fd < 0) {
		pool->waiting++; /* until somebody calls */
		return;
	}
	rc = poller_watch(&pool->engine->poller, job->wait_fd,
			  (uintptr_t)job | ENGINE_DATA_OTHER);
	job->wait_fd = rc < 0 ? -1 : rc;
	if (rc == -EPERM) {
		/* Always readable, says the system of a file. The source knows
		 * better: a file grows. */
		job->wait_poll = true;
		if (pool->due_ns > now_ns() + POLL_SOURCE_NS)
			pool->due_ns = now_ns() + POLL_SOURCE_NS;
	} else if (rc < 0) {
		job_end(job, rc, prun_strerror(rc));
		pool_tell(pool, job);
	}
}

void pool_ask_all(struct prun_pool *pool)
{
	struct prun_job *job;

	if (pool->waiting == 0)
		return;
	pool->waiting = 0;
	for (job = pool->jobs; job; job = job->next)
		if (job->waiting && job->wait_fd < 0 && !job->wait_poll)
			pool_ask_again(pool, job);
}

/* -- Events from the engine -- */

static bool on_done(void *ctx, struct chunk *c, uint32_t first, uint32_t count,
		    const struct engine_result *results,
		    const struct engine_worker *worker)
{
	struct prun_pool *pool = ctx;
	struct prun_job *job = c->job;
	uint64_t slow = pool->gone.slowest[PRUN_SLOWEST - 1].run_ns;
	bool formed;
	uint32_t i;

	for (i = 0; i < count; i++)
		if (results[i].run_ns > slow)
			pool_note_slow(pool, job->id, c->index + first + i,
				       results[i].run_ns);
	pool->in_engine -= count;
	pool->given_back += count;
	pool_tell(ctx, job);
	formed = job_done(job, c, first, count, results, worker);
	if (job->terms && job_retry_due(job) < pool->due_ns)
		pool->due_ns = job_retry_due(job);
	if (job_limit_changed(job))
		pool->engine->ops->relimit(pool->engine);
	return formed;
}

static void on_withdrawn(void *ctx, struct chunk *c, uint32_t first,
			 uint32_t count)
{
	struct prun_pool *pool = ctx;

	pool->in_engine -= count;
	pool->given_back += count;
	pool_tell(ctx, c->job);
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
		pool_ask_again(ctx, job);
}

/* What was cancelled while a worker had it need not be run. */
static bool is_wanted(const struct chunk *c)
{
	return !c->job->given_up;
}

const struct engine_events pool_events = {
	.wanted = is_wanted,
	.done = on_done,
	.withdrawn = on_withdrawn,
	.broken = on_broken,
	.readable = on_readable,
};

/* -- The loop: fill, poll, collect -- */

static void serve_due(struct prun_pool *pool);

/* When the pool has something to do though nothing happens. */
static void set_tick(struct prun_pool *pool)
{
	uint64_t tick = pool->due_ns < pool->report_ns ? pool->due_ns :
							 pool->report_ns;

	pool->engine->tick_ns = pool->news ? 1 : tick;
}

/* Pull from the job, and let the next one have its turn. */
static void pull(struct prun_pool *pool, struct prun_job *job, uint32_t want)
{
	struct chunk *c;

	pool->in_source = true;
	c = job_pull(job, want);
	pool->in_source = false;
	pool_deactivate(pool, job);
	if (job->waiting)
		start_waiting(pool, job);
	if (job_all_done(job))
		pool_tell(pool, job);
	pool_activate(pool, job);
	if (c) {
		pool->in_engine += c->count;
		pool->engine->ops->submit(pool->engine, c);
	}
}

void pool_ask_first(struct prun_pool *pool, struct prun_job *job)
{
	if (job->active && !job->asked && !pool->in_source)
		pull(pool, job, 1);
}

/* Pull from the jobs in turn until the engine has enough. */
void pool_fill(struct prun_pool *pool, bool lazy)
{
	struct prun_job *job;
	uint32_t want;

	if (pool->in_source)
		return;
	if (pool->due_ns != UINT64_MAX)
		serve_due(pool);
	while ((job = pool->active) != NULL) {
		want = pool->engine->ops->room(pool->engine, job->next_func);
		if (want == 0)
			break;
		pull(pool, job, want);
	}
	set_tick(pool);
	pool->engine->ops->flush(pool->engine, lazy);
}

/* What a job has to be done at a time: when next; UINT64_MAX: nothing. */
static uint64_t serve_job(struct prun_pool *pool, struct prun_job *job,
			  uint64_t now)
{
	struct chunk *c;

	if (job->wait_poll)
		pool_ask_again(pool, job);
	if (!job->terms || job->completed)
		return UINT64_MAX;
	if (job->terms->deadline_ns <= now) {
		job->terms->deadline_ns = UINT64_MAX;
		pool_cancel(pool, job, true, PRUN_ETIMEDOUT);
	}
	while ((c = job_pull_retry(job, now)) != NULL) {
		pool->in_engine++;
		pool->engine->ops->submit(pool->engine, c);
	}
	return job_retry_due(job) < job->terms->deadline_ns ?
		       job_retry_due(job) :
		       job->terms->deadline_ns;
}

/* Deadlines, and tries that have waited long enough. */
static void serve_due(struct prun_pool *pool)
{
	uint64_t now = now_ns(), due, next = UINT64_MAX;
	struct prun_job *job;

	if (pool->due_ns > now)
		return;
	pool->due_ns = UINT64_MAX;
	for (job = pool->jobs; job; job = job->next) {
		due = serve_job(pool, job, now);
		if (due < next)
			next = due;
	}
	if (next < pool->due_ns)
		pool->due_ns = next;
}

static int pool_poll(struct prun_pool *pool, uint64_t deadline_ns)
{
	struct engine *e = pool->engine;
	int rc = e->ops->step(e, pool->news ? 0 : deadline_ns);

	if (rc < 0)
		return rc;
	return rc > 0 || pool->news;
}

/*
 * In a row of submissions, look at the engine once in a while: the workers
 * are refilled though the caller does not drive the pool. Nothing is collected,
 * so no callback runs.
 */
void pool_glance(struct prun_pool *pool)
{
	if (!pool->engine->remote || pool->in_callback || pool->driver ||
	    ++pool->submitted % GLANCE_SUBMITS)
		return;
	pool->engine->ops->step(pool->engine, 0);
	pool_fill(pool, true);
}

static int call_back(struct prun_pool *pool, struct prun_job *job,
		     prun_callback_fn fn, const struct prun_result *result)
{
	struct prun_result shown;
	int rc;

	if (!fn)
		return 0;
	/* Another thread may look at a result of the job meanwhile. */
	if (result && pool->driver) {
		shown = *result;
		result = &shown;
	}
	job->in_callback = true;
	pool_begin_callback(pool);
	rc = fn(job, result, job->payload);
	pool_end_callback(pool);
	job->in_callback = false;
	if (rc && !job->callback_error)
		job->callback_error = rc;
	return rc;
}

/* A callback like the others: it may free the job, too. */
static void free_payload(struct prun_pool *pool, struct prun_job *job)
{
	if (!job->payload_free)
		return;
	job->in_callback = true;
	pool_begin_callback(pool);
	job_free_payload(job);
	pool_end_callback(pool);
	job->in_callback = false;
}

void pool_call_done(struct prun_pool *pool, struct prun_job *job)
{
	bool nested = pool->in_callback;
	struct job_done done;

	if (job->in_callback)
		return; /* whoever runs them comes to those added meanwhile */
	job->in_callback = true;
	while (job_next_done(job, &done)) {
		pool_begin_callback(pool);
		done.fn(job, done.payload);
		pool_end_callback(pool);
	}
	job->in_callback = false;
	if (nested)
		pool->in_callback = true;
}

static void push_results(struct prun_pool *pool, struct prun_job *job)
{
	while (job_take(job))
		call_back(pool, job,
			  job->result->status < 0 ? job->error_callback :
						    job->callback,
			  job->result);
	pool_activate(pool, job);
}

/* The one callback of an apply or a map. */
static void say_completed(struct prun_pool *pool, struct prun_job *job)
{
	bool failed = job->failed > 0;
	const struct prun_result *which = NULL;
	struct prun_result shown;

	if (job_is_stream(job) || (!job->callback && !job->error_callback))
		return;
	/* Not in the job's own result, which the caller may have borrowed. */
	if (failed ? job_look_failed(&shown, job) :
		     job_is_apply(job) && job_look(&shown, job, 0))
		which = &shown;
	if (failed)
		call_back(pool, job, job->error_callback, which);
	else if (job->error < 0)
		call_back(pool, job, job->error_callback, NULL);
	else
		call_back(pool, job, job->callback, which);
}

void pool_release(struct prun_pool *pool, struct prun_job *job)
{
	pool_deactivate(pool, job);
	unlink_job(pool, job);
	pool_add_counts(&pool->gone, job);
	job_destroy(job);
}

void pool_release_unused(struct prun_pool *pool, struct prun_job *job)
{
	if (job->completed && !job->handle && !job->news && !job->in_callback &&
	    !job->pins)
		pool_release(pool, job);
}

void pool_let_go(struct prun_pool *pool, struct prun_job *job)
{
	job->handle = false;
	/* In a forked copy the pool's free takes it along. */
	if (pool_is_forked(pool))
		return;
	if (pool->in_source || pool->engine->busy) {
		job->free_later = true;
		pool_tell(pool, job);
		return;
	}
	job->free_later = false;
	if (!job->callback && !job->error_callback) {
		if (!job->completed)
			pool_cancel(pool, job, false, PRUN_ECANCELLED);
		job_discard(job);
	}
	pool_release_unused(pool, job);
}

void pool_pin(struct prun_job *job)
{
	job->pins++;
}

bool pool_unpin(struct prun_pool *pool, struct prun_job *job)
{
	bool freed = !job->handle;

	job->pins--;
	pool_release_unused(pool, job);
	return !freed;
}

static void collect_job(struct prun_pool *pool, struct prun_job *job)
{
	if (job->free_later) {
		job->pins++; /* there is more to do with it here */
		pool_let_go(pool, job);
		job->pins--;
	}
	if (job_pushes(job))
		push_results(pool, job);
	if (!job->completed && job_all_done(job)) {
		job->completed = true;
		job->finishing = true;
		job->completed_at = ++pool->completions;
		pool->unfinished--;
		if (job->wait_fd >= 0)
			pool_ask_again(pool, job);
		pool_deactivate(pool, job);
		say_completed(pool, job);
		free_payload(pool, job);
		if (job->on_done)
			pool_call_done(pool, job);
		job->finishing = false;
	}
	/* A callback may have made news of it again: the next round's. */
	pool_release_unused(pool, job);
}

/* Tasks that run when the job is to end by force come back as withdrawn later:
 * that, too, is a change. */
int pool_cancel(struct prun_pool *pool, struct prun_job *job, bool force,
		int status)
{
	uint64_t before = job->finished;
	bool was_ended = job->ended, was_given_up = job->given_up;
	int error = job->error;

	if (job->completed || job_all_done(job) || (job->forced && force))
		return 0;
	job->forced = force;
	job_end(job, status, prun_strerror(status));
	if (job->wait_fd >= 0)
		pool_ask_again(pool, job);
	pool_deactivate(pool, job);
	/* What is to come back later is a change, the first time. */
	if (pool->engine->ops->withdraw(pool->engine, job, force) &&
	    (force || !was_given_up))
		was_ended = false;
	pool_tell(pool, job);
	pool_leave(pool);
	/* All of it was running already, and goes on. */
	if (was_ended && job->finished == before) {
		job_unend(job, error, was_given_up);
		return 0;
	}
	return 1;
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
			pool_tell(pool, job);
	pool->closed = true;
	pool->draining = true;
	pool->engine->ops->stop(pool->engine, ENGINE_KILL);
}

/* Deliver what has come. Callbacks run here and nowhere else. */
void pool_collect(struct prun_pool *pool)
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
	if (pool->progress)
		pool_report(pool);
}

/* How long the caller stays away decides how much work the workers hold. */
void pool_enter(struct prun_pool *pool, bool attended)
{
	uint64_t now = ticks_now(&pool->ticks);
	uint64_t gap = pool->left_ns ? now - pool->left_ns : 0;

	if (gap > GAP_MAX_NS)
		gap = GAP_MAX_NS;
	if (gap >= pool->gap_ns ||
	    now - pool->gap_at > 16 * pool->gap_ns + 2ull * GAP_FIRST_NS) {
		pool->gap_ns = gap;
		pool->gap_at = now;
	}
	pool->engine->now_ns = now;
	pool->engine->margin_ns = attended || pool->driver ? 0 :
							     2 * pool->gap_ns;
}

void pool_leave(struct prun_pool *pool)
{
	/* What is left to collect makes the pool's descriptor readable. */
	if (pool->news)
		poller_arm(&pool->engine->poller, 1);
	pool->left_ns = ticks_now(&pool->ticks);
}

/* One turn. 1: something happened, 0: not, PRUN_EWOKEN, or an error. */
int pool_turn(struct prun_pool *pool, uint64_t deadline_ns)
{
	int rc;

	pool_fill(pool, false);
	rc = pool_poll(pool, deadline_ns);
	pool_collect(pool);
	pool_fill(pool, false);
	if (pool->engine->poller.woken) {
		pool->engine->poller.woken = false;
		pool_ask_all(pool);
		return PRUN_EWOKEN;
	}
	return rc;
}

bool pool_round(void *ctx)
{
	struct prun_pool *pool = ctx;
	int rc;

	pool_enter(pool, true);
	pool_ask_all(pool);
	rc = pool_turn(pool, 0);
	pool_leave(pool);
	return rc == PRUN_EWOKEN;
}

/* The driver turns; here one waits for what comes of it. */
static int wait_for_driver(struct prun_pool *pool, struct prun_job *job,
			   bool (*done)(struct prun_pool *, struct prun_job *),
			   uint64_t deadline_ns)
{
	struct driver *d = pool->driver;
	uint64_t wakes = d->wakes;

	pool_fill(pool, false);
	while (!done(pool, job)) {
		if (driver_take_wake(d))
			return PRUN_EWOKEN;
		/* What done() did may be news for the driver. */
		if (pool->news)
			poller_arm(&pool->engine->poller, 1);
		if (!driver_wait(d, deadline_ns))
			return PRUN_ETIMEDOUT;
		if (d->wakes != wakes)
			return PRUN_EWOKEN;
	}
	return 0;
}

/* Turn until `done` says so. 0, PRUN_ETIMEDOUT, PRUN_EWOKEN, or an error. */
int pool_drive(struct prun_pool *pool, struct prun_job *job,
	       bool (*done)(struct prun_pool *, struct prun_job *),
	       uint64_t deadline_ns)
{
	int rc = 0;

	if (pool->driver)
		return wait_for_driver(pool, job, done, deadline_ns);
	pool_ask_all(pool);
	pool_collect(pool);
	while (!done(pool, job)) {
		rc = pool_turn(pool, deadline_ns);
		if (rc < 0)
			break;
		if (done(pool, job))
			break;
		/* However much happens in the meantime. */
		if (deadline_ns != UINT64_MAX && now_ns() >= deadline_ns) {
			rc = PRUN_ETIMEDOUT;
			break;
		}
		rc = 0;
	}
	return rc < 0 ? rc : 0;
}
