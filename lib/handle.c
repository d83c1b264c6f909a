/* SPDX-License-Identifier: MIT */
/* The public calls on a job's handle: take results, wait, cancel, free. */
#include <time.h>

#include "loop.h"

/* prun_job_next drives the pool once in so many results, or when a coarse
 * clock has ticked, lest the workers starve while the caller takes what is
 * ready. */
#define VISIT_RESULTS 32u

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
	return job_take(job) || (job->completed && job->delivered == job->pulled);
}

int prun_job_next(const struct prun_result **result, struct prun_job *job,
		  int timeout_ms)
{
	struct prun_pool *pool = job->pool;
	uint64_t before = job->delivered;
	int rc = 0;

	if (pool)
		rc = pool_check_drive(pool);
	if (rc == 0 && job_pushes(job))
		rc = PRUN_EINVAL;
	if (rc < 0)
		return rc;
	if (pool && !job->completed && visit_due(pool, job)) {
		pool_enter(pool, false);
		pool_turn(pool, 0);
		remember_visit(pool);
	}
	if (!job_take(job)) {
		if (!pool || next_or_end(pool, job)) {
			if (job->delivered == before)
				return job->error;
		} else {
			pool_enter(pool, false);
			pool_activate(pool, job);
			rc = pool_drive(pool, job, next_or_end,
					 pool_deadline(timeout_ms));
			remember_visit(pool);
		}
		if (job->delivered == before)
			return rc < 0 ? rc : job->error;
	}
	if (pool && !job->completed)
		pool_activate(pool, job);
	*result = job->result;
	return 1;
}

int prun_job_at(const struct prun_result **result, struct prun_job *job,
		uint64_t index)
{
	if (job->pool && pool_is_forked(job->pool))
		return PRUN_EFORKED;
	if (job_is_stream(job))
		return PRUN_EINVAL;
	if (!job->completed)
		return PRUN_ENOTREADY;
	if (!job_look(job, index))
		return PRUN_EINVAL;
	*result = job->result;
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
	rc = pool_check_drive(pool);
	if (rc < 0 || job->completed)
		return rc;
	pool_enter(pool, true);
	rc = pool_drive(pool, job, completed_or_stuck,
			 pool_deadline(timeout_ms));
	pool_leave(pool);
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
	*result = job->result;
	return job->result->status < 0 ? job->result->status : job->error;
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
	rc = pool_check(pool);
	if (rc < 0)
		return rc;
	if (job->completed || job_all_done(job))
		return 0;
	job_end(job, PRUN_ECANCELLED, prun_strerror(PRUN_ECANCELLED));
	if (job->wait_fd >= 0)
		pool_ask_again(pool, job);
	pool_deactivate(pool, job);
	pool->engine->ops->withdraw(pool->engine, job);
	pool_tell(pool, job);
	pool_leave(pool);
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
	if (pool_is_forked(pool) || pool->in_source)
		return; /* the pool's free takes it along */
	if (!job->callback && !job->error_callback) {
		if (!job->completed)
			prun_job_cancel(job);
		job_discard(job);
	}
	if (job->completed && !job->in_callback && !job->news)
		pool_release(pool, job);
}
