/* SPDX-License-Identifier: MIT */
#ifndef JOBLOG_H
#define JOBLOG_H

/*
 * --joblog: a line for each task when it has ended, as GNU parallel writes it,
 * for people and programs that read those. Columns with TABs between them:
 *
 *   Seq Host Starttime JobRuntime Send Receive Exitval Signal Command
 */

#include <stdint.h>
#include <stdio.h>

#include "options.h"
#include "prun.h"

/* What a sub-command knows better: how its task has ended, and what it ran. */
struct joblog_task {
	int exitval;
	int signal;
	FILE *command; /* write a command line that would run it */
};

struct joblog {
	const struct options *options;
	FILE *file;		 /* NULL: there is none */
	int error;		 /* -errno of a write that failed */
	int64_t clock_offset_ns; /* of CLOCK_REALTIME to CLOCK_MONOTONIC */
};

/* 0, or an exit code after a message. A run that is gone on with goes on with
 * its log. */
int joblog_open(struct joblog *l, const struct options *o);
/* `place`: of the item in the input; `received`: the bytes of output.
 * `describe`, called with `self`, may be NULL, and fills in what it knows. */
void joblog_note(struct joblog *l, const struct prun_result *result,
		 bool failed, uint64_t place, uint64_t received,
		 void (*describe)(void *self, const struct prun_result *result,
				  struct joblog_task *task),
		 void *self);
/* A command line of prun's for this item alone, where nobody knows better. */
void joblog_put_command(FILE *f, const struct options *o,
			const struct prun_result *result);
/* Write out what there is: 0 or -errno, which stays. */
int joblog_flush(struct joblog *l);
/* `code`, or another exit code after a message. */
int joblog_end(struct joblog *l, int code);

#endif
