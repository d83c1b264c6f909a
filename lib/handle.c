/* SPDX-License-Identifier: MIT */
/* The public calls on a job's handle: take results, wait, cancel, free. */
#include <time.h>

#include "loop.h"

/* prun_job_next drives the pool once in so many results, or when a coarse
 * clock has ticked, lest the workers starve while the caller takes what is
 * ready. */
#define VISIT_RESULTS 256u

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
	pool_leave(pool);
}

static bool next_or_end(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job_take(job) ||
	       (job_is_over(job) && job->delivered == job->pulled);
}

/* Results are there: see to it that there will be more. */
static int visit(struct prun_pool *pool)
{
	int rc;

	if (pool->driver) {
		pool_fill(pool, true);
		return 0;
	}
	pool_enter(pool, false);
	rc = pool_turn(pool, 0);
	remember_visit(pool);
	return rc < 0 ? rc : 0;
}

static int wait_for_next(struct prun_pool *pool, struct prun_job *job,
			 int timeout_ms)
{
	int rc;

	pool_enter(pool, false);
	pool_activate(pool, job);
	rc = pool_drive(pool, job, next_or_end, pool_deadline(timeout_ms));
	remember_visit(pool);
	return rc;
}

/* The pool may have gone before. */
static void unpin(struct prun_pool *pool, struct prun_job *job)
{
	if (pool)
		pool_unpin(pool, job);
	else
		job->pins--;
}

static int take_next(const struct prun_result **result, struct prun_job *job,
		     int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	uint64_t before = job->delivered;
	int rc = job->forked ? PRUN_EFORKED : 0;

	if (pool)
		rc = pool_check_drive(pool);
	if (rc == 0 && job_pushes(job))
		rc = PRUN_EINVAL;
	if (rc < 0)
		return rc;
	if (pool && !job->completed && visit_due(pool, job))
		rc = visit(pool);
	if (!job->handle)
		return PRUN_EINVAL;
	if (job_take(job)) {
		/* The call after this one is told. */
		if (rc == PRUN_EWOKEN)
			prun_pool_wake(pool);
	} else {
		if (rc == 0 && pool && !next_or_end(pool, job))
			rc = wait_for_next(pool, job, timeout_ms);
		if (!job->handle)
			return PRUN_EINVAL;
		if (job->delivered == before)
			return rc < 0 ? rc : job->error;
	}
	if (pool && !job->completed)
		pool_activate(pool, job);
	if (pool && pool->driver && job->active)
		pool_fill(pool, false);
	*result = job->result;
	return 1;
}

int prun_job_next(const struct prun_result **result, struct prun_job *job,
		  int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	int rc;

	pool_lock(pool);
	pool_pin(job);
	rc = take_next(result, job, timeout_ms);
	unpin(pool, job);
	pool_unlock(pool);
	return rc;
}

static int look_at(const struct prun_result **result, struct prun_job *job,
		   uint64_t index)
{
	if (job->forked || (job->pool && pool_is_forked(job->pool)))
		return PRUN_EFORKED;
	if (job_is_stream(job))
		return PRUN_EINVAL;
	if (!job->completed)
		return PRUN_ENOTREADY;
	if (!job_look(job->result, job, index))
		return PRUN_EINVAL;
	*result = job->result;
	return 0;
}

int prun_job_at(const struct prun_result **result, struct prun_job *job,
		uint64_t index)
{
	struct prun_pool *pool = job->pool;
	int rc;

	pool_lock(pool);
	rc = look_at(result, job, index);
	pool_unlock(pool);
	return rc;
}

static bool completed_or_stuck(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job_is_over(job) || job_stuck(job);
}

static int wait_for_end(struct prun_job *job, int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	int rc;

	if (!pool)
		return job->forked ? PRUN_EFORKED : 0;
	rc = pool_check_drive(pool);
	if (rc < 0 || job_is_over(job))
		return rc;
	pool_enter(pool, true);
	rc = pool_drive(pool, job, completed_or_stuck,
			pool_deadline(timeout_ms));
	pool_leave(pool);
	if (!job->handle)
		return PRUN_EINVAL; /* a callback has freed it */
	if (rc == 0 && !job->completed)
		return PRUN_ENOTREADY;
	return rc;
}

int prun_job_wait(struct prun_job *job, int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	int rc;

	pool_lock(pool);
	pool_pin(job);
	rc = wait_for_end(job, timeout_ms);
	unpin(pool, job);
	pool_unlock(pool);
	return rc;
}

static int get_result(const struct prun_result **result, struct prun_job *job,
		      int timeout_ms)
{
	int rc;

	if (job_is_stream(job))
		return PRUN_EINVAL;
	rc = wait_for_end(job, timeout_ms);
	if (rc < 0)
		return rc;
	if (!job_look_failed(job->result, job) &&
	    !job_look(job->result, job, 0))
		return job->error;
	*result = job->result;
	return job->result->status < 0 ? job->result->status : job->error;
}

int prun_job_get(const struct prun_result **result, struct prun_job *job,
		 int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	int rc;

	*result = NULL;
	pool_lock(pool);
	pool_pin(job);
	rc = get_result(result, job, timeout_ms);
	unpin(pool, job);
	pool_unlock(pool);
	return rc;
}

static int read_int(const struct prun_job *job, const int *field)
{
	const struct prun_pool *pool = job->pool;
	int value;

	pool_lock(pool);
	value = *field;
	pool_unlock(pool);
	return value;
}

static uint64_t read_count(const struct prun_job *job, const uint64_t *field)
{
	const struct prun_pool *pool = job->pool;
	uint64_t value;

	pool_lock(pool);
	value = *field;
	pool_unlock(pool);
	return value;
}

static bool is_completed(const struct prun_job *job)
{
	const struct prun_pool *pool = job->pool;
	bool value;

	pool_lock(pool);
	value = job->completed;
	pool_unlock(pool);
	return value;
}

int prun_job_ready(const struct prun_job *job)
{
	return is_completed(job);
}

int prun_job_successful(const struct prun_job *job)
{
	if (!is_completed(job))
		return PRUN_ENOTREADY;
	return job->failed == 0 && job->error == 0;
}

uint64_t prun_job_id(const struct prun_job *job)
{
	return job->id;
}

uint64_t prun_job_submitted(const struct prun_job *job)
{
	return read_count(job, &job->pulled);
}

uint64_t prun_job_finished(const struct prun_job *job)
{
	return read_count(job, &job->finished);
}

int prun_job_error(const struct prun_job *job)
{
	return read_int(job, &job->error);
}

int prun_job_callback_error(const struct prun_job *job)
{
	return read_int(job, &job->callback_error);
}

static enum prun_job_state state(struct prun_job *job)
{
	struct prun_pool *pool = job->pool;

	if (!job->completed && pool)
		return job->finished > job->cancelled ||
				       pool_count_running(pool, job) ?
			       PRUN_JOB_RUNNING :
			       PRUN_JOB_PENDING;
	if (job->cancelled > 0 || job->error == PRUN_ECANCELLED)
		return PRUN_JOB_CANCELLED;
	return job->failed > 0 || job->error < 0 ? PRUN_JOB_FAILED :
						   PRUN_JOB_DONE;
}

int prun_job_state(struct prun_job *job)
{
	struct prun_pool *pool = job->pool;
	int rc;

	if (pool && pool_is_forked(pool))
		return PRUN_EFORKED;
	pool_lock(pool);
	rc = (int)state(job);
	pool_unlock(pool);
	return rc;
}

int prun_job_on_done(struct prun_job *job, prun_done_fn fn, void *payload)
{
	struct prun_pool *pool = job->pool;
	int rc;

	if (!fn)
		return PRUN_EINVAL;
	if (!pool) {
		fn(job, payload); /* nothing is left to come */
		return 0;
	}
	if (pool_is_forked(pool))
		return PRUN_EFORKED;
	pool_lock(pool);
	rc = job_add_done(job, fn, payload);
	if (rc == 0 && job->completed)
		pool_call_done(pool, job);
	/* It may have freed the job. */
	pool_release_unused(pool, job);
	pool_unlock(pool);
	return rc;
}

int prun_job_cancel(struct prun_job *job, int force)
{
	struct prun_pool *pool = job->pool;
	int rc;

	if (!pool)
		return 0;
	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		rc = pool_cancel(pool, job, force != 0, PRUN_ECANCELLED);
	pool_unlock(pool);
	return rc;
}

void prun_job_free(struct prun_job *job)
{
	struct prun_pool *pool;

	if (!job || !job->handle)
		return;
	pool = job->pool;
	if (!pool) {
		job_destroy(job);
		return;
	}
	pool_lock(pool);
	pool_let_go(pool, job);
	pool_unlock(pool);
}
