/* SPDX-License-Identifier: MIT */
#ifndef TASK_H
#define TASK_H

/* What a function sees of its task and of its batch, and the calls by which
 * it reads the argument and gives the result. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "prun.h"
#include "value.h"

struct prun_task {
	const struct prun_func *func;
	const unsigned char *arg;
	size_t arg_size;
	uint64_t index;
	struct prun_packer ret;
	struct prun_packer message; /* text of the failure, no msgpack */
	int code;		    /* of prun_task_fail; 0: not called */
	void *state;
	int worker_id;

	/* The worker's own. */
	struct prun_batch *batch; /* NULL for a plain function */
	unsigned char *arg_copy;  /* of a batch: outlives the frame */
	size_t arg_capacity;
	uint64_t start_ns;
	uint32_t number;
	unsigned lane;
	bool open;	  /* claimed, and not finished */
	bool star;	  /* its argument is an array of parameters, */
	uint32_t params;  /* so many */
	uint32_t attempt; /* from 1 */
	const _Atomic uint64_t *stop; /* on the board; NULL: not asked ever */
	const unsigned char *self;    /* 0 in a child of the worker */
};

struct prun_batch {
	const struct prun_func *func;
	void *state;
	int (*next)(struct prun_task **task, struct prun_batch *batch);
	void (*done)(struct prun_task *task, int status);
};

void task_init(struct prun_task *t, uint64_t max_payload);
void task_release(struct prun_task *t);
/* Before each use: an empty result, no failure. */
void task_clear(struct prun_task *t);

/* 0, or PRUN_ETYPE, said to the task, when its argument was to be an array of
 * parameters and is none. */
int task_params(struct prun_task *t);

/*
 * The outcome of a task whose function returned `rc`: the status, and the
 * bytes of its value or failure text (borrowed from the task).
 */
int task_outcome(struct prun_task *t, int rc, const void **data, size_t *size);

#endif
