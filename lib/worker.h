/* SPDX-License-Identifier: MIT */
#ifndef WORKER_H
#define WORKER_H

/*
 * The child's life: frame -> claim -> function -> result. The same code runs
 * in a worker process and, over a board of its own, in the inline engine.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "board.h"
#include "frame.h"
#include "func.h"
#include "rlimits.h"
#include "prun.h"
#include "task.h"

struct worker_setup {
	const struct func_table *funcs;
	prun_initializer_fn initializer;
	prun_finalizer_fn finalizer;
	void *initarg;
	uint64_t max_payload;
	struct limits limits;
};

struct worker;

/* Bytes out: all of them, or a negative error, after which nothing more. */
typedef int (*worker_send_fn)(void *ctx, struct iovec *iov, int count);
/* More bytes for the reader: 1, 0: none now, negative: no more, ever. `block`
 * says whether to wait for them. NULL: there is nothing to read from. */
typedef int (*worker_receive_fn)(void *ctx, struct frame_reader *reader,
				 bool block);

/* NULL: no memory. */
struct worker *worker_new(const struct worker_setup *setup, struct board *board,
			  int id, worker_send_fn send,
			  worker_receive_fn receive, void *ctx);
void worker_free(struct worker *w);
/* Run the initializer and say how it went: 0 or the error. */
int worker_ready(struct worker *w);
void worker_finish(struct worker *w);
/* Where TASKS frames are fed. */
struct frame_reader *worker_reader(struct worker *w);
/* Run what was fed until the reader is empty: 0; 1 after STOP; negative when
 * the other side speaks wrongly or is gone. */
int worker_run(struct worker *w);

/* Send the results that still wait for company. */
void worker_flush(struct worker *w);

/* A whole worker process, over a socket. Does not return. */
void worker_main(const struct worker_setup *setup, struct board *board, int id,
		 int fd) __attribute__((noreturn));

#endif
