/* SPDX-License-Identifier: MIT */
/* Arguments in: the source is asked, and chunks go out to be submitted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "item.h"
#include "job.h"

/* An adapted chunk ends at so many tasks or bytes of arguments. */
#define CHUNK_TASKS_MAX 1024u
#define CHUNK_BYTES_MAX ((size_t)64 << 10)
/* A chunk that was begun because the function has changed is no larger: where
 * it changes often, most of the room of large ones would be left empty. */
#define CHUNK_CHANGED_TASKS 8u
/* From so many tasks on a map takes slabs. */
#define SLAB_TASKS 8192u

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
	if (job_is_apply(job))
		return job->building != NULL;
	if (job->ended || job->waiting)
		return false;
	if (job->building) /* its room was taken when it was begun */
		return true;
	return job_room(job) >= (job->chunksize ? job->chunksize : 1);
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

void job_link_chunk(struct prun_job *job, struct chunk *c)
{
	c->job = job;
	job->next_func = job->building ? job->building->func : c->func;
	job_set_terms(job, c);
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
	if (job_is_apply(job))
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

	if (job_is_apply(job)) {
		c = job->building;
		job->building = NULL;
		job->ended = true;
		job_link_chunk(job, c);
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
	job_link_chunk(job, c);
	return c;
}
