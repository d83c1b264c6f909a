/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERSIZE_DEFAULT 65536u
#define BUFFERBYTES_DEFAULT ((uint64_t)4 << 20)
#define NO_LIMIT_NS ((uint64_t)1 << 62)
/* How many tasks a limit is learnt from. */
#define PACE_SAMPLE 3

/* -- Life -- */

/* An argument is checked before it is taken. */
static int check_argument(const struct prun_call *call, uint64_t max_payload)
{
	if (!call->argument)
		return 0;
	if (call->argument_size > max_payload)
		return PRUN_ETOOBIG;
	return prun_value_check(call->argument, call->argument_size);
}

/* Sizes that keep what follows aligned for anything. */
static size_t aligned(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

/* The job, its result if it has its own, and the one chunk of an apply lie in
 * one block. */
static size_t job_size(bool apply, bool handle)
{
	size_t size = aligned(apply ? offsetof(struct prun_job, source) :
				      sizeof(struct prun_job));

	return handle ? aligned(size + sizeof(struct prun_result)) : size;
}

/* The argument of an apply, in a chunk that waits to be pulled. */
static void place_argument(struct prun_job *job, const void *data, size_t size)
{
	struct chunk *c = chunk_place((char *)job + job_size(true, job->handle),
				      data, size);

	c->job = job;
	c->func = job->func;
	job_set_terms(job, c);
	job->building = c;
	job->pulled = 1;
}

/* What an apply has not. */
static void init_stream(struct prun_job *job, const struct prun_call *call,
			const struct job_config *config)
{
	job->source = call->source;
	job->source_payload = call->source_payload;
	job->length = call->length;
	job->chunksize = call->chunksize;
	job->workers = config->workers;
	job->funcs = config->funcs;
	job->max_payload = config->max_payload;
	packer_init(&job->packer, CHUNK_ARGS_MAX);
	job->buffersize = call->buffersize;
	if (!job->buffersize)
		job->buffersize = call->chunksize > BUFFERSIZE_DEFAULT ?
					  call->chunksize :
					  BUFFERSIZE_DEFAULT;
	job->bufferbytes = call->bufferbytes ? call->bufferbytes :
					       BUFFERBYTES_DEFAULT;
}

/* Everything that is not zero, or nil. */
static void job_init(struct prun_job *job, const struct prun_call *call,
		     const struct job_config *config)
{
	bool apply = call->order == PRUN_ORDER_APPLY;
	size_t size = job_size(apply, false);

	job->order = call->order;
	job->star = call->star != 0;
	job->callback = call->callback;
	job->error_callback = call->error_callback;
	job->payload = call->payload;
	job->payload_free = call->payload_free;
	job->func = config->func;
	job->next_func = config->func;
	job->cache = config->cache;
	job->handle = config->handle;
	job->result = config->handle ?
			      (struct prun_result *)((char *)job + size) :
			      config->scratch;
	job->wait_fd = -1;
	job->withdrawn_status = PRUN_ECANCELLED;
	job->withdrawn_text = prun_strerror(PRUN_ECANCELLED);
	if (!apply)
		init_stream(job, call, config);
}

static bool has_terms(const struct prun_call *call)
{
	return call->task_timeout_ms || call->deadline_ms || call->retries ||
	       call->task_timeout_percent;
}

/* A limit that is to be learnt has to be there, but not to matter. */
static struct job_pace *pace_new(const struct prun_call *call,
				 struct chunk_limits *limits)
{
	struct job_pace *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (limits->timeout_ns == 0)
		limits->timeout_ns = NO_LIMIT_NS;
	p->percent = call->task_timeout_percent;
	p->most_ns = limits->timeout_ns;
	p->due_count = PACE_SAMPLE;
	return p;
}

bool job_limit_changed(struct prun_job *job)
{
	bool changed = job->terms && job->terms->pace &&
		       job->terms->pace->changed;

	if (changed)
		job->terms->pace->changed = false;
	return changed;
}

static struct job_terms *terms_new(const struct prun_call *call)
{
	struct job_terms *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->limits.timeout_ns = call->task_timeout_ms * 1000000ull;
	t->limits.grace_ns = call->task_grace_ms * 1000000ull;
	t->limits.signal = call->task_signal;
	t->deadline_ns = UINT64_MAX;
	t->retries = call->retries;
	t->retry_on = call->retry_on ? call->retry_on :
				       PRUN_RETRY_LOST | PRUN_RETRY_TIMEOUT;
	t->delay_ns = call->retry_delay_ms * 1000000ull;
	if (call->task_timeout_percent) {
		t->pace = pace_new(call, &t->limits);
		if (!t->pace) {
			free(t);
			return NULL;
		}
	}
	return t;
}

/* All zero, with room for a chunk behind it; NULL: no memory. */
static struct prun_job *job_take_block(const struct job_config *config,
				       size_t chunk)
{
	struct prun_job *job;
	unsigned char kind;

	job = blocks_take(config->blocks,
			  job_size(true, config->handle) + chunk, &kind);
	if (!job)
		return NULL;
	memset(job, 0, job_size(true, false));
	job->blocks = config->blocks;
	job->block_kind = kind;
	return job;
}

static void job_give_block(struct prun_job *job)
{
	if (job->blocks)
		blocks_give(job->blocks, job, job->block_kind);
	else
		free(job);
}

int job_new(struct prun_job **out, const struct prun_call *call,
	    const struct job_config *config)
{
	static const unsigned char nil = 0xc0;
	bool apply = call->order == PRUN_ORDER_APPLY;
	const void *data = call->argument ? call->argument : &nil;
	size_t size = call->argument ? call->argument_size : 1;
	struct prun_job *job;
	int rc = apply ? check_argument(call, config->max_payload) : 0;

	if (rc < 0)
		return rc;
	job = apply ? job_take_block(config, chunk_placed_size(size)) :
		      calloc(1, job_size(false, config->handle));
	if (!job)
		return -ENOMEM;
	job_init(job, call, config);
	if (has_terms(call)) {
		job->terms = terms_new(call);
		if (!job->terms) {
			job_give_block(job);
			return -ENOMEM;
		}
	}
	if (apply)
		place_argument(job, data, size);
	*out = job;
	return 0;
}

int job_add_done(struct prun_job *job, prun_done_fn fn, void *payload)
{
	struct job_done *d = malloc(sizeof(*d)), **at = &job->on_done;

	if (!d)
		return -ENOMEM;
	*d = (struct job_done){NULL, fn, payload};
	while (*at)
		at = &(*at)->next;
	*at = d;
	return 0;
}

bool job_next_done(struct prun_job *job, struct job_done *done)
{
	struct job_done *d = job->on_done;

	if (!d)
		return false;
	*done = *d;
	job->on_done = d->next;
	free(d);
	return true;
}

void job_free_payload(struct prun_job *job)
{
	void (*payload_free)(void *) = job->payload_free;

	job->payload_free = NULL;
	if (payload_free)
		payload_free(job->payload);
}

void job_destroy(struct prun_job *job)
{
	struct chunk *c, *next;
	struct job_done done;

	while (job_next_done(job, &done))
		;
	if (job->terms) {
		job_drop_retries(job);
		free(job->terms->waiting);
		free(job->terms->pace);
	}
	free(job->terms);
	if (!job_is_apply(job) && job->borrowed)
		chunk_unref(job->cache, job->borrowed);
	if (job->building)
		chunk_unref(job->cache, job->building);
	for (c = job->first; c; c = next) {
		next = c->next;
		chunk_unref(job->cache, c);
	}
	if (!job_is_apply(job)) {
		packer_release(&job->packer);
		slab_release(&job->slabs);
		free(job->ready);
		free(job->index);
	}
	job_free_payload(job);
	job_give_block(job);
}

bool job_stuck(const struct prun_job *job)
{
	return job_is_stream(job) && !job_pushes(job) && !job->ended &&
	       !job->waiting && !job_pullable(job) &&
	       job->finished == job->pulled;
}

/* -- The end -- */

bool job_end(struct prun_job *job, int error, const char *text)
{
	struct chunk *c = job->building;
	bool changed = !job->ended || c || job->finished < job->pulled;

	if (!changed)
		return false;
	if (!job->error)
		job->error = error;
	job->withdrawn_status = error;
	job->withdrawn_text = text;
	job->ended = true;
	job->given_up = true;
	job->waiting = false;
	job->building = NULL;
	job_end_retries(job);
	if (c) {
		if (!job_is_apply(job))
			chunk_take_args(c, &job->packer);
		job_link_chunk(job, c);
		job_withdrawn(job, c, 0, c->count);
	}
	return true;
}

void job_unend(struct prun_job *job, int error, bool given_up)
{
	job->error = error;
	job->given_up = given_up;
	if (job->terms && !given_up)
		job->terms->no_more = false;
}
