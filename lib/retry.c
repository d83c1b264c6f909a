/* SPDX-License-Identifier: MIT */
/* Tasks that are tried once more, in chunks of their own. */
#include <errno.h>
#include <stdlib.h>

#include "job.h"

#define RETRY_DELAY_MAX_NS 60000000000ull

/* Twice as long from time to time. */
static uint64_t retry_delay(const struct job_terms *terms, uint32_t tries)
{
	uint64_t delay = terms->delay_ns;

	while (--tries > 0 && delay < RETRY_DELAY_MAX_NS)
		delay *= 2;
	return delay < RETRY_DELAY_MAX_NS ? delay : RETRY_DELAY_MAX_NS;
}

/* The task by itself, as it is; NULL: no memory. */
static struct chunk *copy_task(struct prun_job *job, struct chunk *of,
			       uint32_t i)
{
	struct chunk *c = chunk_new(job->cache, NULL, 1);
	const unsigned char *argument;
	struct prun_packer copy;
	size_t size;
	bool good;

	if (!c)
		return NULL;
	argument = chunk_argument(of, i, &size);
	packer_init(&copy, size);
	good = prun_packer_write(&copy, (const char *)argument, size) == 0 &&
	       chunk_add(c, size, NULL) == 0 &&
	       chunk_set_retry_of(c, of, i) == 0;
	if (good)
		chunk_take_args(c, &copy);
	packer_release(&copy);
	if (!good) {
		chunk_unref(job->cache, c);
		return NULL;
	}
	c->job = job;
	c->func = of->func;
	c->index = of->index + i;
	c->left = 1;
	job_set_terms(job, c);
	return c;
}

static bool wants_retry(const struct job_terms *terms, int status)
{
	uint32_t kind = PRUN_RETRY_ERROR;

	if (terms->no_more)
		return false;
	if (status == PRUN_EWORKER || status == PRUN_EPROTO)
		kind = PRUN_RETRY_LOST;
	else if (status == PRUN_ETIMEDOUT)
		kind = PRUN_RETRY_TIMEOUT;
	return (terms->retry_on & kind) != 0;
}

static bool reserve_retry(struct job_terms *terms)
{
	size_t room = terms->waiting_room ? terms->waiting_room * 2 : 16;
	struct job_retry *waiting;

	if (terms->nwaiting < terms->waiting_room)
		return true;
	waiting = realloc(terms->waiting, room * sizeof(*waiting));
	if (!waiting)
		return false;
	terms->waiting = waiting;
	terms->waiting_room = room;
	return true;
}

static bool is_before(const struct job_retry *a, const struct job_retry *b)
{
	if (a->due_ns != b->due_ns)
		return a->due_ns < b->due_ns;
	return a->chunk->index < b->chunk->index;
}

/* There is room for it. */
static void insert_retry(struct job_terms *terms, struct job_retry r)
{
	struct job_retry *heap = terms->waiting;
	size_t at = terms->nwaiting++, up;

	for (; at > 0; at = up) {
		up = (at - 1) / 2;
		if (!is_before(&r, &heap[up]))
			break;
		heap[at] = heap[up];
	}
	heap[at] = r;
}

/* False: this failure is the task's result. */
bool job_try_again(struct prun_job *job, struct chunk *c, uint32_t i,
		   const struct engine_result *result)
{
	struct job_terms *terms = job->terms;
	struct job_retry r;
	uint32_t tries;

	if (!terms || terms->retries == 0 ||
	    !wants_retry(terms, result->status) ||
	    chunk_tries(c, i) >= terms->retries)
		return false;
	r.chunk = reserve_retry(terms) ? copy_task(job, c, i) : NULL;
	tries = r.chunk ? chunk_count_try(c, i) : 0;
	if (tries == 0) {
		if (r.chunk)
			chunk_unref(job->cache, r.chunk);
		return false;
	}
	r.chunk->attempt = (uint8_t)tries;
	/* One that could not even start has no time of its own. */
	r.due_ns = (result->start_ns ? result->start_ns + result->run_ns :
				       now_ns()) +
		   retry_delay(terms, tries);
	insert_retry(terms, r);
	terms->retried++;
	c->states[i] = TASK_AGAIN;
	return true;
}

uint64_t job_retry_due(const struct prun_job *job)
{
	return job->terms && job->terms->nwaiting ?
		       job->terms->waiting[0].due_ns :
		       UINT64_MAX;
}

static struct chunk *take_retry(struct prun_job *job)
{
	struct job_retry *heap = job->terms->waiting, last;
	size_t count = --job->terms->nwaiting, at = 0, down;
	struct chunk *c = heap[0].chunk;

	last = heap[count];
	for (; (down = 2 * at + 1) < count; at = down) {
		if (down + 1 < count && is_before(&heap[down + 1], &heap[down]))
			down++;
		if (!is_before(&heap[down], &last))
			break;
		heap[at] = heap[down];
	}
	heap[at] = last;
	return c;
}

struct chunk *job_pull_retry(struct prun_job *job, uint64_t now_ns)
{
	return job_retry_due(job) <= now_ns ? take_retry(job) : NULL;
}

/* Those that wait will not be tried. */
void job_end_retries(struct prun_job *job)
{
	struct chunk *c;

	if (!job->terms)
		return;
	job->terms->no_more = true;
	while (job->terms->nwaiting) {
		c = take_retry(job);
		job_withdrawn(job, c, 0, 1);
	}
}

void job_drop_retries(struct prun_job *job)
{
	while (job->terms->nwaiting)
		chunk_unref(job->cache, take_retry(job));
}
