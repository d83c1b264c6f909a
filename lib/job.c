/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "item.h"

#define BUFFERSIZE_DEFAULT 65536u
#define BUFFERBYTES_DEFAULT ((uint64_t)4 << 20)
/* An adapted chunk ends at so many tasks or bytes of arguments. */
#define CHUNK_TASKS_MAX 1024u
#define CHUNK_BYTES_MAX ((size_t)64 << 10)
/* A chunk that was begun because the function has changed is no larger: where
 * it changes often, most of the room of large ones would be left empty. */
#define CHUNK_CHANGED_TASKS 8u
/* From so many tasks on a map takes slabs. */
#define SLAB_TASKS 8192u
#define RETRY_DELAY_MAX_NS 60000000000ull

#define NO_LIMIT_NS ((uint64_t)1 << 62)
/* How many tasks a limit is learnt from, and how short it may become. */
#define PACE_SAMPLE 3
#define PACE_LEAST_NS 1e6

static struct chunk *take_retry(struct prun_job *job);

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

static bool is_apply(const struct prun_job *job)
{
	return job->order == PRUN_ORDER_APPLY;
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

/* What holds for all tasks of the job. */
static void set_terms(struct prun_job *job, struct chunk *c)
{
	c->star = job->star;
	c->limits = job->terms && job->terms->limits.timeout_ns ?
			    &job->terms->limits :
			    NULL;
}

/* The argument of an apply, in a chunk that waits to be pulled. */
static void place_argument(struct prun_job *job, const void *data, size_t size)
{
	struct chunk *c = chunk_place((char *)job + job_size(true, job->handle),
				      data, size);

	c->job = job;
	c->func = job->func;
	set_terms(job, c);
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

/* When a tenth more of them has come the median may have changed. */
static void pace_note(struct job_terms *t, uint64_t run_ns)
{
	struct job_pace *p = t->pace;
	double limit_ns;

	median_add(&p->median, run_ns);
	if (p->median.count < p->due_count)
		return;
	p->due_count += 1 + p->median.count / 10;
	limit_ns = (double)median_value(&p->median) * p->percent / 100.0;
	if (limit_ns < PACE_LEAST_NS)
		limit_ns = PACE_LEAST_NS;
	if (limit_ns > (double)p->most_ns)
		limit_ns = (double)p->most_ns;
	p->changed |= t->limits.timeout_ns != (uint64_t)limit_ns;
	t->limits.timeout_ns = (uint64_t)limit_ns;
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
	while (job->terms && job->terms->nwaiting)
		chunk_unref(job->cache, take_retry(job));
	if (job->terms) {
		free(job->terms->waiting);
		free(job->terms->pace);
	}
	free(job->terms);
	if (!is_apply(job) && job->borrowed)
		chunk_unref(job->cache, job->borrowed);
	if (job->building)
		chunk_unref(job->cache, job->building);
	for (c = job->first; c; c = next) {
		next = c->next;
		chunk_unref(job->cache, c);
	}
	if (!is_apply(job)) {
		packer_release(&job->packer);
		slab_release(&job->slabs);
		free(job->ready);
		free(job->index);
	}
	job_free_payload(job);
	job_give_block(job);
}

bool job_is_stream(const struct prun_job *job)
{
	return job->order == PRUN_ORDER_IMAP ||
	       job->order == PRUN_ORDER_UNORDERED;
}

bool job_pushes(const struct prun_job *job)
{
	return job_is_stream(job) && job->callback;
}

/* -- Arguments in -- */

/* How many more tasks may be pulled before results are taken. */
static uint64_t job_room(const struct prun_job *job)
{
	uint64_t ahead = job->pulled - job->delivered;
	uint64_t room, bytes;

	if (!job_is_stream(job) || job->discard)
		return UINT32_MAX;
	if (ahead >= job->buffersize)
		return 0;
	if (ahead > 0 && job->bytes >= job->bufferbytes)
		return 0;
	room = job->buffersize - ahead;
	bytes = ahead > 0 ? job->bytes / ahead : 0;
	if (bytes > 0 && room > (job->bufferbytes - job->bytes) / bytes + 1)
		room = (job->bufferbytes - job->bytes) / bytes + 1;
	/* Full, it takes no more before there is room for something: chunks of
	 * one task, one for each that is delivered, would cost more than they
	 * hold. */
	return room < job->buffersize / 64 && room < ahead / 64 ? 0 : room;
}

bool job_pullable(const struct prun_job *job)
{
	if (is_apply(job))
		return job->building != NULL;
	if (job->ended || job->waiting)
		return false;
	if (job->building) /* its room was taken when it was begun */
		return true;
	return job_room(job) >= (job->chunksize ? job->chunksize : 1);
}

bool job_all_done(const struct prun_job *job)
{
	return job->ended && !job->building && job->finished == job->pulled;
}

bool job_stuck(const struct prun_job *job)
{
	return job_is_stream(job) && !job_pushes(job) && !job->ended &&
	       !job->waiting && !job_pullable(job) &&
	       job->finished == job->pulled;
}

/* How many tasks the next chunk is to hold. */
static uint32_t chunk_target(const struct prun_job *job, uint32_t want)
{
	uint64_t room = job_room(job);
	uint64_t target = want < CHUNK_TASKS_MAX ? want : CHUNK_TASKS_MAX;

	if (job->chunk_most && target > job->chunk_most)
		target = job->chunk_most;
	if (job->chunksize)
		return job->chunk_most && job->chunk_most < job->chunksize ?
			       job->chunk_most :
			       job->chunksize;
	/* Toward a known end chunks shrink, so that all end together. */
	if (job->length > job->pulled) {
		uint64_t rest = job->length - job->pulled;
		uint64_t share = rest / (2ull * job->workers) + 1;

		if (target > share)
			target = share;
	}
	return (uint32_t)(target < room ? target : room);
}

/* Room in the ring of an unordered job for all that may become ready. */
static int reserve_ready(struct prun_job *job, uint64_t count)
{
	uint64_t need = job->pulled - job->delivered + count;
	uint64_t capacity = job->ready_capacity ? job->ready_capacity : 64;
	struct job_ref *ready;
	uint64_t i;

	if (job->order != PRUN_ORDER_UNORDERED || need <= job->ready_capacity)
		return 0;
	while (capacity < need)
		capacity *= 2;
	ready = malloc(capacity * sizeof(*ready));
	if (!ready)
		return -ENOMEM;
	for (i = 0; i < job->ready_count; i++)
		ready[i] = job->ready[(job->ready_first + i) &
				      (job->ready_capacity - 1)];
	free(job->ready);
	job->ready = ready;
	job->ready_first = 0;
	job->ready_capacity = capacity;
	return 0;
}

/* A map that has become large takes its memory in large pieces. */
static struct slab **job_slabs(struct prun_job *job)
{
	bool large = job->order == PRUN_ORDER_MAP && !job->discard &&
		     job->pulled > SLAB_TASKS;

	return large ? &job->slabs : NULL;
}

/* The argument was packed behind those of a chunk, but has another function, or
 * no room there: it begins the next chunk. 0 or -ENOMEM. */
static int begin_next(struct prun_job *job, struct chunk *c, size_t before,
		      const struct prun_item *item)
{
	struct prun_packer *args = &job->packer, first;
	size_t size = args->size - before;
	struct chunk *next =
		chunk_new(job->cache, job_slabs(job), CHUNK_CHANGED_TASKS);

	if (!next)
		return -ENOMEM;
	next->func = item->func;
	packer_init(&first, CHUNK_ARGS_MAX);
	if (prun_packer_write(&first, (char *)args->data + before, size) < 0 ||
	    chunk_add(next, size, item->cookie) < 0) {
		packer_release(&first);
		chunk_unref(job->cache, next);
		return -ENOMEM;
	}
	packer_truncate(args, before);
	chunk_take_args(c, args);
	packer_release(args);
	*args = first;
	job->building = next;
	job->chunk_most = 2 * c->count;
	if (job->chunk_most < CHUNK_CHANGED_TASKS)
		job->chunk_most = CHUNK_CHANGED_TASKS;
	return 0;
}

static int add_argument(struct prun_job *job, struct chunk *c, size_t before,
			const struct prun_item *item)
{
	if (c->count == 0)
		c->func = item->func;
	return c->func == item->func && job->packer.size <= CHUNK_ARGS_MAX ?
		       chunk_add(c, job->packer.size, item->cookie) :
		       begin_next(job, c, before, item);
}

/* Ask the source once: 1 a task was added, here or to the next chunk, 0 the
 * end, PRUN_SOURCE_WAIT. */
static int pull_one(struct prun_job *job, struct chunk *c,
		    struct prun_item *item)
{
	struct prun_packer *args = &job->packer;
	size_t before = args->size;
	size_t size;
	int rc;

	item->index = job->pulled;
	item->cookie = NULL;
	args->base = before;
	args->max = before + (size_t)job->max_payload;
	item->func = job->func;
	rc = job->source(item, job->source_payload);
	if (rc == 1) {
		size = args->size - before;
		if (args->error)
			rc = args->error;
		else if (!value_is_whole(args->data + before, size))
			rc = PRUN_EVALUE;
		else
			rc = add_argument(job, c, before, item);
		if (rc == 0) {
			job->pulled++;
			job->bytes += size + CHUNK_TASK_OVERHEAD;
			return 1;
		}
	}
	packer_truncate(args, before);
	return rc > PRUN_SOURCE_WAIT ? PRUN_EINVAL : rc;
}

static void link_chunk(struct prun_job *job, struct chunk *c)
{
	c->job = job;
	job->next_func = job->building ? job->building->func : c->func;
	set_terms(job, c);
	c->index = job->pulled - c->count;
	if (job->building)
		c->index -= job->building->count;
	c->left = c->count;
	c->prev = job->last;
	if (job->last)
		job->last->next = c;
	else
		job->first = c;
	job->last = c;
	if (is_apply(job))
		return;
	job->chunks++;
	c->exact = job->chunksize > 0;
	job->bytes += CHUNK_OVERHEAD;
	if (!job->cursor) {
		job->cursor = c;
		job->cursor_at = 0;
	}
}

/* Whether a chunk may take more bytes: one of exact size always, an adapted
 * one up to its own measure and the job's. */
static bool chunk_open(const struct prun_job *job, const struct chunk *c)
{
	if (job->chunksize || c->count == 0)
		return true;
	if (job->packer.size >= CHUNK_BYTES_MAX)
		return false;
	return !job_is_stream(job) || job->discard ||
	       job->bytes < job->bufferbytes;
}

/* The chunk to go on with, and how many tasks it is to hold; NULL: no memory.
 * Without memory for more, one that was begun is taken as it is. */
static struct chunk *open_chunk(struct prun_job *job, uint32_t want,
				uint32_t *target)
{
	struct chunk *c = job->building;

	job->building = NULL;
	*target = chunk_target(job, want);
	if (c && *target > c->capacity)
		*target = c->capacity;
	if (reserve_ready(job, *target) < 0) {
		*target = 0;
		return c;
	}
	return c ? c : chunk_new(job->cache, job_slabs(job), *target);
}

/* Ask the source until the chunk is full, or the next one begun. */
static int fill_chunk(struct prun_job *job, struct chunk *c, uint32_t target)
{
	struct prun_item item = {
		.packer = &job->packer, .funcs = job->funcs, .wait_fd = -1};
	int rc = 1;

	while (rc == 1 && c->count < target && chunk_open(job, c) &&
	       !job->building)
		rc = pull_one(job, c, &item);
	/* The function does not change so often any more. */
	if (c->count == target && job->chunk_most &&
	    job->chunk_most < UINT32_MAX / 2)
		job->chunk_most *= 2;
	if (rc == PRUN_SOURCE_WAIT) {
		job->waiting = true;
		job->wait_fd = item.wait_fd;
	}
	return rc;
}

struct chunk *job_pull(struct prun_job *job, uint32_t want)
{
	struct chunk *c;
	uint32_t target;
	int rc;

	if (is_apply(job)) {
		c = job->building;
		job->building = NULL;
		job->ended = true;
		link_chunk(job, c);
		return c;
	}
	job->asked = true;
	c = open_chunk(job, want, &target);
	if (!c) {
		job->ended = true;
		job->error = -ENOMEM;
		return NULL;
	}
	rc = fill_chunk(job, c, target);
	if (rc <= 0) {
		job->ended = true;
		job->error = rc;
	}
	if (c->count == 0 ||
	    (job->waiting && job->chunksize && c->count < target)) {
		job->building = c->count ? c : NULL;
		if (!c->count)
			chunk_unref(job->cache, c);
		return NULL;
	}
	if (!job->building)
		chunk_take_args(c, &job->packer);
	link_chunk(job, c);
	return c;
}

/* -- Once more -- */

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
	set_terms(job, c);
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
static bool try_again(struct prun_job *job, struct chunk *c, uint32_t i,
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
static void end_retries(struct prun_job *job)
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
	end_retries(job);
	if (c) {
		if (!is_apply(job))
			chunk_take_args(c, &job->packer);
		link_chunk(job, c);
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

/* -- Results in -- */

static void unlink_chunk(struct prun_job *job, struct chunk *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		job->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		job->last = c->prev;
	if (!is_apply(job) && job->cursor == c) {
		job->cursor = c->next;
		job->cursor_at = 0;
	}
	chunk_unref(job->cache, c);
}

/* False: there was no memory for it, and it is kept as that failure. */
static bool keep_result(struct chunk *c, uint32_t i,
			const struct engine_result *r)
{
	struct chunk_result *kept = chunk_result(c, i);

	kept->start_ns = r->start_ns;
	kept->run = chunk_run_pack(r->run_ns);
	if (r->status < 0)
		return chunk_keep_failure(c, i, r->status, r->data,
					  (size_t)r->size);
	return chunk_keep_value(c, i, r->data, (size_t)r->size);
}

static bool well_formed(const struct engine_result *r)
{
	return r->status < 0 || value_is_whole(r->data, (size_t)r->size);
}

static void account(struct prun_job *job, struct chunk *c, uint32_t count)
{
	job->finished += count;
	c->left -= count;
	if (job->discard && c->left == 0)
		unlink_chunk(job, c);
}

/* What the worker sent, or what is to be said of it, in `text`. False: it sent
 * no value. */
static bool checked(const struct engine_result **r, struct engine_result *bad,
		    char *text, size_t size, pid_t pid)
{
	if (well_formed(*r))
		return true;
	snprintf(text, size,
		 "the worker (pid %d) sent a value that is no "
		 "msgpack",
		 (int)pid);
	*bad = **r;
	bad->status = PRUN_EPROTO;
	bad->data = text;
	bad->size = strlen(text);
	*r = bad;
	return false;
}

/* A task has its result. */
static void take_result(struct prun_job *job, struct chunk *c, uint32_t i,
			const struct engine_result *r)
{
	if (r->status < 0)
		job->failed++;
	else if (job->terms && job->terms->pace)
		pace_note(job->terms, r->run_ns);
	if (job->discard)
		return;
	c->states[i] = TASK_DONE;
	if (!keep_result(c, i, r) && r->status == 0)
		job->failed++;
	if (!is_apply(job))
		job->bytes += chunk_result(c, i)->size;
	if (job->order == PRUN_ORDER_UNORDERED)
		job->ready[(job->ready_first + job->ready_count++) &
			   (job->ready_capacity - 1)] = (struct job_ref){c, i};
}

bool job_done(struct prun_job *job, struct chunk *c, uint32_t first,
	      uint32_t count, const struct engine_result *results,
	      const struct engine_worker *worker)
{
	struct chunk_who who = {worker->id, worker->pid,
				(int16_t)worker->exit_code,
				(uint8_t)worker->signal};
	uint32_t of_i;
	struct chunk *of = chunk_retry_of(c, &of_i);
	struct engine_result bad;
	bool all_formed = true;
	char text[96];
	uint32_t i, again = 0;

	if (of) { /* its result is that of the task it was made for */
		first = of_i;
		chunk_unref(job->cache, c);
		c = of;
	}
	if (!job->discard)
		chunk_set_who(c, first, count, &who);
	for (i = 0; i < count; i++) {
		const struct engine_result *r = &results[i];

		all_formed &=
			checked(&r, &bad, text, sizeof(text), worker->pid);
		if (r->status < 0 && try_again(job, c, first + i, r))
			again++;
		else
			take_result(job, c, first + i, r);
	}
	account(job, c, count - again);
	return all_formed;
}

void job_withdrawn(struct prun_job *job, struct chunk *c, uint32_t first,
		   uint32_t count)
{
	static const struct engine_worker nobody = {-1, 0, 0, -1};
	struct engine_result r = {.status = job->withdrawn_status};
	uint32_t i;

	r.data = job->withdrawn_text;
	r.size = strlen(job->withdrawn_text);
	for (i = 0; i < count; i++)
		job_done(job, c, first + i, 1, &r, &nobody);
	if (r.status == PRUN_ECANCELLED)
		job->cancelled += count;
}

/* -- Results out -- */

static void show(struct prun_result *r, const struct chunk *c, uint32_t i)
{
	const struct chunk_result *from = chunk_result(c, i);
	const struct chunk_who *who = chunk_get_who(c, i);
	bool failed = c->states[i] == TASK_FAILED;
	size_t size;
	const unsigned char *value = chunk_value(c, i, &size);

	r->index = c->index + i;
	r->cookie = chunk_cookie(c, i);
	r->status = failed ? chunk_status(c, i) : 0;
	r->message = failed ? (const char *)value : NULL;
	r->message_size = failed ? size : 0;
	r->value = failed ? NULL : value;
	r->value_size = failed ? 0 : size;
	r->argument = chunk_argument(c, i, &r->argument_size);
	r->worker_id = who->worker_id;
	r->worker_pid = who->worker_pid;
	r->worker_signal = who->signal;
	r->worker_exit = who->exit_code;
	r->start_ns = from->start_ns;
	r->run_ns = chunk_run_ns(from);
	r->attempts = chunk_tries(c, i) + (who->worker_id >= 0);
}

static bool is_finished(uint8_t state)
{
	return state == TASK_DONE || state == TASK_FAILED;
}

/* Which task is next in the job's order: false when it is not finished. */
static bool next_ready(struct prun_job *job, struct chunk **c, uint32_t *i)
{
	struct job_ref *ref;

	if (job->order == PRUN_ORDER_UNORDERED) {
		if (job->ready_count == 0)
			return false;
		ref = &job->ready[job->ready_first++ &
				  (job->ready_capacity - 1)];
		job->ready_count--;
		*c = ref->chunk;
		*i = ref->i;
		return true;
	}
	if (job->cursor && job->cursor_at == job->cursor->count) {
		if (!job->cursor->next)
			return false;
		job->cursor = job->cursor->next;
		job->cursor_at = 0;
	}
	if (!job->cursor || !is_finished(job->cursor->states[job->cursor_at]))
		return false;
	*c = job->cursor;
	*i = job->cursor_at++;
	return true;
}

bool job_take(struct prun_job *job)
{
	struct chunk *c;
	uint32_t i;

	if (is_apply(job)) {
		if (job->discard || job->delivered || !job_all_done(job))
			return false;
		job->delivered = 1;
		show(job->result, job->first, 0);
		return true;
	}
	if (job->discard || !next_ready(job, &c, &i))
		return false;
	show(job->result, c, i);
	job->delivered++;
	if (!job_is_stream(job))
		return true; /* kept until the job is freed */
	c->states[i] = TASK_TAKEN;
	job->bytes -= chunk_argument_size(c, i) + chunk_result(c, i)->size +
		      CHUNK_TASK_OVERHEAD;
	if (job->borrowed != c) {
		if (job->borrowed)
			chunk_unref(job->cache, job->borrowed);
		chunk_ref(c);
		job->borrowed = c;
	}
	if (++c->taken == c->count) {
		job->bytes -= CHUNK_OVERHEAD;
		unlink_chunk(job, c);
	}
	return true;
}

/* The chunks of a finished map by their number. Without memory for it the
 * list does, slowly. */
static struct chunk *chunk_of(struct prun_job *job, uint64_t index)
{
	uint64_t low = 0, high, n = 0;
	struct chunk *c;

	if (is_apply(job))
		return job->first;
	high = job->chunks;
	if (!job->index && job->completed && job->chunks > 8) {
		job->index = calloc(job->chunks, sizeof(struct chunk *));
		for (c = job->first; job->index && c; c = c->next)
			job->index[n++] = c;
	}
	if (!job->index) {
		for (c = job->first; c; c = c->next)
			if (index - c->index < c->count)
				break;
		return c;
	}
	while (low + 1 < high) {
		uint64_t middle = low + (high - low) / 2;

		if (job->index[middle]->index <= index)
			low = middle;
		else
			high = middle;
	}
	return job->index[low];
}

bool job_look(struct prun_result *result, struct prun_job *job, uint64_t index)
{
	struct chunk *c;

	if (index >= job->pulled || job->discard)
		return false;
	c = chunk_of(job, index);
	show(result, c, (uint32_t)(index - c->index));
	return true;
}

bool job_look_failed(struct prun_result *result, const struct prun_job *job)
{
	struct chunk *c;
	uint32_t i;

	if (job->failed == 0)
		return false;
	for (c = job->first; c; c = c->next)
		for (i = 0; i < c->count; i++)
			if (c->states[i] == TASK_FAILED) {
				show(result, c, i);
				return true;
			}
	return false;
}

void job_discard(struct prun_job *job)
{
	struct chunk *c, *next;

	job->discard = true;
	if (!is_apply(job)) {
		if (job->borrowed && !job->in_callback) {
			chunk_unref(job->cache, job->borrowed);
			job->borrowed = NULL;
		}
		job->ready_count = 0;
		job->bytes = 0;
	}
	for (c = job->first; c; c = next) {
		next = c->next;
		if (c->left == 0 && !job->in_callback)
			unlink_chunk(job, c);
	}
}
