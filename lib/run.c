/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* So many are kept for the next ones: 800 KiB. */
#define UNUSED_MAX 16384u

void run_queue_init(struct run_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

void run_queue_push(struct run_queue *q, struct run *r)
{
	r->next = NULL;
	*q->last = r;
	q->last = &r->next;
}

void run_queue_push_front(struct run_queue *q, struct run *r)
{
	r->next = q->first;
	if (!q->first)
		q->last = &r->next;
	q->first = r;
}

void run_queue_prepend(struct run_queue *q, struct run_queue *front)
{
	if (!front->first)
		return;
	*front->last = q->first;
	if (q->first == NULL)
		q->last = front->last;
	q->first = front->first;
	run_queue_init(front);
}

struct run *run_new(struct engine *e, struct chunk *c, uint32_t at,
		    uint32_t count, bool solo)
{
	struct run *r = e->unused_runs;

	if (r) {
		e->unused_runs = r->next;
		e->unused_count--;
	} else {
		r = malloc(sizeof(*r));
	}
	if (!r)
		return NULL;
	r->next = NULL;
	r->chunk = c;
	r->at = at;
	r->count = count;
	r->number = 0;
	r->left = count;
	r->solo = solo;
	r->strikes = 0;
	return r;
}

void run_free(struct engine *e, struct run *r)
{
	if (e->unused_count == UNUSED_MAX) {
		free(r);
		return;
	}
	r->next = e->unused_runs;
	e->unused_runs = r;
	e->unused_count++;
}

void run_free_unused(struct engine *e)
{
	struct run *r;

	while ((r = e->unused_runs) != NULL) {
		e->unused_runs = r->next;
		free(r);
	}
	e->unused_count = 0;
}

struct run *run_cut(struct engine *e, struct run *r, uint32_t count)
{
	struct run *rest =
		run_new(e, r->chunk, r->at + count, r->count - count, r->solo);

	if (rest) {
		r->count = count;
		r->left = count;
		rest->strikes = r->strikes;
	}
	return rest;
}

uint64_t run_bytes(const struct run *r)
{
	const uint32_t *offsets = r->chunk->offsets + r->at;

	return offsets[r->count] - offsets[0];
}

void run_mark(struct run *r, enum task_state state)
{
	uint32_t i;

	for (i = r->at; i < r->at + r->count; i++)
		if (r->chunk->states[i] < TASK_DONE)
			r->chunk->states[i] = (uint8_t)state;
}

void run_give_back(struct engine *e, const struct run *r,
		   const struct engine_result *failure)
{
	static const struct engine_worker nobody = {-1, 0, 0, -1};
	uint8_t *states = r->chunk->states;
	uint32_t left = r->left, i;

	/* Of a run that was in flight some tasks may be done. With the last one
	 * that is not, the chunk may go. */
	for (i = r->at; left > 0; i++) {
		if (states[i] >= TASK_DONE)
			continue;
		states[i] = TASK_DONE;
		left--;
		if (failure)
			e->events->done(e->ctx, r->chunk, i, 1, failure,
					&nobody);
		else
			e->events->withdrawn(e->ctx, r->chunk, i, 1);
	}
}

/* Those of one job (NULL: all) are withdrawn, the others stay in the queue. */
void run_queue_withdraw(struct engine *e, struct run_queue *q,
			const struct prun_job *job)
{
	struct run *r = q->first, *next;

	run_queue_init(q);
	for (; r; r = next) {
		next = r->next;
		if (job && r->chunk->job != job) {
			run_queue_push(q, r);
			continue;
		}
		run_give_back(e, r, NULL);
		run_free(e, r);
	}
}

void run_queue_drop_unwanted(struct engine *e, struct run_queue *q)
{
	struct run *r = q->first, *next;

	run_queue_init(q);
	for (; r; r = next) {
		next = r->next;
		if (e->events->wanted(r->chunk)) {
			run_queue_push(q, r);
			continue;
		}
		run_give_back(e, r, NULL);
		run_free(e, r);
	}
}

void run_fail(struct engine *e, struct run *r, int status)
{
	struct engine_result failure = {.status = status};

	failure.data = prun_strerror(status);
	failure.size = strlen(failure.data);
	run_give_back(e, r, &failure);
	run_free(e, r);
}

void run_queue_free(struct run_queue *q)
{
	struct run *r, *next;

	for (r = q->first; r; r = next) {
		next = r->next;
		free(r);
	}
	run_queue_init(q);
}

struct run *run_queue_pop(struct run_queue *q)
{
	struct run *r = q->first;

	if (!r)
		return NULL;
	q->first = r->next;
	if (!q->first)
		q->last = &q->first;
	r->next = NULL;
	return r;
}
