/* SPDX-License-Identifier: MIT */
#ifndef RUN_H
#define RUN_H

/* Runs of tasks, and queues of them: what a local engine moves about. */

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

/* A run of tasks of one chunk, waiting or in flight. */
struct run {
	struct run *next;
	struct chunk *chunk;
	uint32_t at; /* first task in the chunk */
	uint32_t count;
	uint32_t number;  /* in flight: of the first task */
	uint32_t left;	  /* in flight: without a result */
	uint32_t strikes; /* workers that died before they could start it */
	bool solo;
};

struct run_queue {
	struct run *first;
	struct run **last;
};

void run_queue_init(struct run_queue *q);
void run_queue_push(struct run_queue *q, struct run *r);
void run_queue_push_front(struct run_queue *q, struct run *r);
/* All of `front` before what is in q; front is empty then. */
void run_queue_prepend(struct run_queue *q, struct run_queue *front);
/* NULL: no memory. The engine keeps used ones for the next. */
struct run *run_new(struct engine *e, struct chunk *c, uint32_t at,
		    uint32_t count, bool solo);
void run_free(struct engine *e, struct run *r);
void run_free_unused(struct engine *e);
/* Cut the run after its first `count` tasks: the rest, or NULL: no memory. */
struct run *run_cut(struct engine *e, struct run *r, uint32_t count);
/* The bytes of its arguments. */
uint64_t run_bytes(const struct run *r);
/* Set the state of its tasks, save of those that are done. */
void run_mark(struct run *r, enum task_state state);

/* Give its tasks back, save those that are done: as failed, or with NULL as
 * withdrawn. */
void run_give_back(struct engine *e, const struct run *r,
		   const struct engine_result *failure);
/* The same with an error code; frees the run. */
void run_fail(struct engine *e, struct run *r, int status);
/* The runs of one job (NULL: all) are withdrawn and freed, the others stay. */
void run_queue_withdraw(struct engine *e, struct run_queue *q,
			const struct prun_job *job);
/* The same for those that nobody wants any more. */
void run_queue_drop_unwanted(struct engine *e, struct run_queue *q);
void run_queue_free(struct run_queue *q);
/* The first one, taken out; NULL: none. */
struct run *run_queue_pop(struct run_queue *q);

#endif
