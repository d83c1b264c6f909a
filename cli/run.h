/* SPDX-License-Identifier: MIT */
#ifndef RUN_H
#define RUN_H

/*
 * A run over items: what all sub-commands that have one share. The items come
 * from the input, a pool runs a function over them, results are taken in order,
 * failures are told and counted, signals end it early.
 *
 * What differs is the work: a sub-command fills one in and calls run_items().
 */

#include "input.h"
#include "joblog.h"
#include "options.h"
#include "prun.h"
#include "tally.h"

/*
 * All functions but `result` may be NULL. `self` is the sub-command's own, and
 * the first argument of each; in a worker it is what it was when the workers
 * were started.
 */
struct work {
	void *self;
	struct prun_func func; /* what a worker runs, */
	/* and all it can run where the source chooses; NULL: no other. */
	const struct prun_func *funcs;
	size_t nfuncs;
	bool star;    /* each argument is an array of its parameters */
	bool batches; /* one that is an array is of several items */
	bool lasting; /* workers may take their time to end */
	bool guarded; /* what tasks start and leave behind is killed with their
			 worker */
	int late_signal; /* for a worker whose task takes too long; 0: none */

	/* In prun, before there is a worker, when the input is open: 0, or an
	 * exit code after a message. What is opened or said here comes after
	 * what is wrong with the input. */
	int (*ready)(void *self, struct input *in);
	/*
	 * Turns items into arguments, with `self` as its payload. May call
	 * input_source() and look at what that has packed. Without one each
	 * item is an argument, as a bin.
	 */
	prun_source_fn source;

	/* In each worker, as a pool's initializer and finalizer; its standard
	 * output is standard error already. */
	int (*worker_start)(void *self, void **state, int worker_id, char *text,
			    size_t size);
	void (*worker_end)(void *self, void *state, int worker_id);

	/*
	 * Writes what a task that succeeded has given, and adds what it has
	 * read to tally->bytes. 0: the item is done. 1: it has failed all the
	 * same, which has been told. Negative: it has failed with this error,
	 * which is told as a task's own.
	 */
	int (*result)(void *self, const struct prun_result *result,
		      struct tally *tally);
	/* After `result` gave 1: why the item has failed. NULL: nothing is
	 * known of it. */
	const char *(*reason)(void *self);
	/* Tells of a task that has failed. Without one it is run_tell(). */
	void (*failure)(void *self, const struct prun_result *result,
			const char *text, size_t len);
	/*
	 * A task has failed, and was told of: it may be written as well. One
	 * whose item was never read, or was wrong in itself, has nil for its
	 * argument, and no worker.
	 */
	void (*failed)(void *self, const struct prun_result *result,
		       const char *text, size_t len);
	/* For --joblog: how a task has ended. Without one it is what the result
	 * says, and a command line of prun's. */
	void (*describe)(void *self, const struct prun_result *result,
			 struct joblog_task *task);
	/* All results are out, the workers gone, and `code` is to be the exit
	 * code: what it is instead. Not called when prun itself failed. */
	int (*end)(void *self, const struct tally *tally, int code);
};

/* The exit code. A work's `result`, `failure` and `end` write to
 * standard_output. */
int run_items(const struct work *work, const struct options *o);

/* "prun: ITEM: TEXT", unless there is --quiet. */
void run_tell(const struct options *o, const struct prun_result *result,
	      const char *text, size_t len);

#endif
