/* SPDX-License-Identifier: MIT */
/* The public calls that submit a job. */
#include <signal.h>
#include <stddef.h>

#include "loop.h"

static int check_call(const struct prun_pool *pool,
		      const struct prun_call *call)
{
	int rc = pool_check(pool);

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
	if (call->retries > PRUN_RETRIES_MAX ||
	    call->retry_on & ~(PRUN_RETRY_LOST | PRUN_RETRY_TIMEOUT |
			       PRUN_RETRY_ERROR) ||
	    call->task_signal < 0 || call->task_signal >= NSIG)
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
	struct job_config config = {.funcs = &pool->config.funcs,
				    .workers = pool->config.workers,
				    .max_payload = pool->config.max_payload,
				    .cache = &pool->cache,
				    .blocks = pool->blocks,
				    .scratch = &pool->scratch,
				    .handle = handle};
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
	job->discard = !handle && !call->callback && !call->error_callback;
	job->id = ++pool->last_id;
	if (job->terms && call->deadline_ms) {
		job->terms->deadline_ns =
			now_ns() + call->deadline_ms * 1000000ull;
		if (job->terms->deadline_ns < pool->due_ns)
			pool->due_ns = job->terms->deadline_ns;
	}
	pool_link(pool, job);
	pool->unfinished++;
	pool_activate(pool, job);
	pool_enter(pool, false);
	pool_fill(pool, true);
	if (job->order != PRUN_ORDER_APPLY)
		pool_ask_first(pool, job);
	pool_glance(pool);
	pool_leave(pool);
	*out = job;
	return 0;
}

int prun_pool_submit(struct prun_job **out, struct prun_pool *pool,
		     const struct prun_call *call)
{
	struct prun_job *job = NULL;
	int rc;

	pool_lock(pool);
	rc = submit(&job, pool, call, out != NULL);
	pool_unlock(pool);
	if (out)
		*out = job;
	if (rc < 0 && call->payload_free)
		call->payload_free(call->payload);
	return rc;
}

static int submit_as(struct prun_job **job, struct prun_pool *pool,
		     const struct prun_call *call, enum prun_order order,
		     bool star)
{
	struct prun_call c = *call;

	c.order = order;
	c.star |= star;
	return prun_pool_submit(job, pool, &c);
}

static bool is_completed(struct prun_pool *pool, struct prun_job *job)
{
	(void)pool;
	return job_is_over(job);
}

static int wait_for(struct prun_job **out, struct prun_pool *pool,
		    uint32_t timeout_ms)
{
	struct prun_job *job = *out;
	uint64_t deadline_ns = timeout_ms ? now_ns() + timeout_ms * 1000000ull :
					    UINT64_MAX;
	int rc;

	pool_lock(pool);
	pool_pin(job);
	do {
		pool_enter(pool, true);
		rc = pool_drive(pool, job, is_completed, deadline_ns);
		pool_leave(pool);
	} while (rc == PRUN_EWOKEN);
	if (rc == 0)
		rc = job->error;
	if (!pool_unpin(pool, job))
		*out = NULL; /* a callback has freed it */
	pool_unlock(pool);
	return rc;
}

/* Submit, and stay until it is done. */
static int submit_and_wait(struct prun_job **out, struct prun_pool *pool,
			   const struct prun_call *call, enum prun_order order,
			   bool star)
{
	struct prun_job *job = NULL;
	int rc;

	if (out)
		*out = NULL;
	pool_lock(pool);
	rc = pool_check_drive(pool);
	pool_unlock(pool);
	if (rc < 0) {
		if (call->payload_free)
			call->payload_free(call->payload);
		return rc;
	}
	rc = submit_as(&job, pool, call, order, star);
	if (rc == 0)
		rc = wait_for(&job, pool, call->timeout_ms);
	if (out)
		*out = job;
	else
		prun_job_free(job);
	return rc;
}

int prun_map(struct prun_job **job, struct prun_pool *pool,
	     const struct prun_call *call)
{
	return submit_and_wait(job, pool, call, PRUN_ORDER_MAP, false);
}

int prun_map_async(struct prun_job **job, struct prun_pool *pool,
		   const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_MAP, false);
}

int prun_starmap(struct prun_job **job, struct prun_pool *pool,
		 const struct prun_call *call)
{
	return submit_and_wait(job, pool, call, PRUN_ORDER_MAP, true);
}

int prun_starmap_async(struct prun_job **job, struct prun_pool *pool,
		       const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_MAP, true);
}

int prun_imap(struct prun_job **job, struct prun_pool *pool,
	      const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_IMAP, false);
}

int prun_imap_unordered(struct prun_job **job, struct prun_pool *pool,
			const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_UNORDERED, false);
}

int prun_apply(struct prun_job **job, struct prun_pool *pool,
	       const struct prun_call *call)
{
	return submit_and_wait(job, pool, call, PRUN_ORDER_APPLY, false);
}

int prun_apply_async(struct prun_job **job, struct prun_pool *pool,
		     const struct prun_call *call)
{
	return submit_as(job, pool, call, PRUN_ORDER_APPLY, false);
}

uint32_t prun_chunksize_default(uint64_t n, uint32_t workers)
{
	uint64_t share = 4 * (uint64_t)(workers ? workers : 1);
	uint64_t size = n / share + (n % share != 0);

	if (size < 1)
		return 1;
	return size > PRUN_CHUNKSIZE_MAX ? PRUN_CHUNKSIZE_MAX : (uint32_t)size;
}
