/* SPDX-License-Identifier: MIT */
/* The figures of a pool, and the calls that show them. */
#include <string.h>

#include "loop.h"

void pool_add_counts(struct prun_stats *stats, const struct prun_job *job)
{
	stats->done += job->finished - job->failed;
	stats->failed += job->failed - job->cancelled;
	stats->cancelled += job->cancelled;
	stats->retried += job->terms ? job->terms->retried : 0;
}

/* The list is sorted, the slowest first. */
void pool_note_slow(struct prun_pool *pool, uint64_t job, uint64_t index,
		    uint64_t run_ns)
{
	struct prun_slow *slowest = pool->gone.slowest;
	uint32_t i = pool->gone.nslowest;

	if (i < PRUN_SLOWEST)
		pool->gone.nslowest++;
	else
		i--;
	for (; i > 0 && slowest[i - 1].run_ns < run_ns; i--)
		slowest[i] = slowest[i - 1];
	if (slowest[i].run_ns < run_ns)
		slowest[i] = (struct prun_slow){job, index, run_ns};
}

struct count_call {
	const struct prun_job *job;
	uint64_t count;
};

static void count_one(void *ctx, struct chunk *c, uint32_t i, uint64_t start_ns,
		      int id, pid_t pid)
{
	struct count_call *call = ctx;

	(void)i;
	(void)start_ns;
	(void)id;
	(void)pid;
	if (!call->job || c->job == call->job)
		call->count++;
}

uint64_t pool_count_running(struct prun_pool *pool, const struct prun_job *job)
{
	struct count_call call = {job, 0};

	pool->engine->ops->running(pool->engine, count_one, &call);
	return call.count;
}

static void gather(struct prun_pool *pool, struct prun_stats *stats)
{
	const struct prun_job *job;
	uint64_t open = 0;

	*stats = pool->gone;
	for (job = pool->jobs; job; job = job->next) {
		pool_add_counts(stats, job);
		open += job->pulled - job->finished;
	}
	stats->workers = pool->config.workers;
	stats->jobs = (uint32_t)pool->unfinished;
	stats->retried += pool->engine->retried;
	stats->running = pool_count_running(pool, NULL);
	/* One that has just ended is on a board, and not counted yet. */
	if (stats->running > open)
		stats->running = open;
	stats->queued = open - stats->running;
}

int prun_pool_stats(struct prun_pool *pool, struct prun_stats *stats,
		    size_t size)
{
	struct prun_stats now;
	int rc;

	if (size == 0 || size > sizeof(now))
		return PRUN_EVERSION;
	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		gather(pool, &now);
	pool_unlock(pool);
	if (rc == 0)
		memcpy(stats, &now, size);
	return rc;
}

int prun_pool_worker_stats(struct prun_pool *pool,
			   struct prun_worker_stats *stats, size_t size,
			   uint32_t count)
{
	int rc;

	if (size != sizeof(*stats))
		return PRUN_EVERSION;
	pool_lock(pool);
	rc = pool_check(pool);
	if (rc == 0)
		rc = (int)pool->engine->ops->stats(pool->engine, stats, count);
	pool_unlock(pool);
	return rc;
}

/* -- Progress -- */

static void report_now(struct prun_pool *pool)
{
	struct prun_stats stats;
	bool nested = pool->in_callback;

	pool->progress_seen = pool->given_back + pool->completions;
	pool->progress_due_ns = now_ns() + pool->progress_every_ns;
	gather(pool, &stats);
	pool_begin_callback(pool);
	pool->progress(pool, &stats, pool->progress_payload);
	pool_end_callback(pool);
	if (nested)
		pool->in_callback = true;
}

void pool_report(struct prun_pool *pool)
{
	/* Tasks and jobs that have ended. */
	if (pool->given_back + pool->completions != pool->progress_seen &&
	    (pool->unfinished == 0 || now_ns() >= pool->progress_due_ns))
		report_now(pool);
	pool->report_ns = pool->given_back + pool->completions ==
					  pool->progress_seen ?
				  UINT64_MAX :
				  pool->progress_due_ns;
}
