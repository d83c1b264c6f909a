/* SPDX-License-Identifier: MIT */
#ifndef TRACE_H
#define TRACE_H

/*
 * --trace: the run as events of Chrome's trace format, for Perfetto and
 * chrome://tracing. It is the format's array of objects, one a line, of which
 * the viewers accept a beginning: so what a killed run leaves can be seen, too.
 * All have ph, pid, tid and name; pid is that of prun.
 *
 *   M   process_name, thread_name, thread_sort_index: what a row is. A worker
 *       has the row PRUN_SLOT, and further ones when its function runs tasks
 *       side by side, a lane each; what belongs to none is in a row of prun's.
 *   X   a task that ran: ts, dur (microseconds, with three digits behind the
 *       point; 0 is the beginning of the run), cat ("done", "failed"), and args:
 *       index     from 1 on
 *       item      as in --format=jsonl, see cell.h
 *       status    "ok", or the name of an error
 *       attempt   how often it was tried; the bar is of the last try
 *       worker    its number
 *       pid       the process that it was
 *       error     its text; null for one that did well
 *   i   with ts and s, its scope: "t", a row's: "process PID", a process has
 *       its place, at the first task that it is known to have run; "worker
 *       died"; "try N"; or an item that failed without having run, with its
 *       args. "g", the whole's: how the run ended, with args done and failed.
 *
 * Events come in the order of the results, which in a row need not be that of
 * their times. No two bars of a row overlap.
 */

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "output.h"
#include "prun_msgpack.h"
#include "tally.h"
#include "trace_rows.h"

/* What is known of the place of a worker. */
struct trace_worker {
	pid_t pid;		/* the newest process that it was; 0: none */
	uint64_t start_ns;	/* of its task that was begun last */
	int named;		/* rows whose names were told */
	struct trace_rows rows; /* where tasks run side by side */
};

struct trace {
	const struct options *options;
	struct output *out; /* NULL: there is none */
	bool begun;	    /* there is an event */
	bool own_row;	    /* that of prun itself has its name */
	bool lanes;	    /* a worker may run several tasks at a time */
	bool zone_made;
	msgpack_zone zone;
	int pid;
	uint64_t start_ns;
	struct trace_worker *workers;
	int nworkers;
};

/* `lanes`: a worker may run several tasks at a time. 0, or an exit code after a
 * message. */
int trace_open(struct trace *t, const struct options *o, bool lanes);
/* An item has ended, or was none in itself. `text`: why it has failed. */
void trace_note(struct trace *t, const struct prun_result *result, bool failed,
		const char *text, size_t len);
/* Write out what there is. */
void trace_flush(struct trace *t);
/* 0, or -errno of the first write that failed. */
int trace_error(const struct trace *t);
/* The run has ended, in this way. */
void trace_tell_end(struct trace *t, const char *how,
		    const struct tally *tally);
/* `code`, or another exit code after a message. */
int trace_close(struct trace *t, int code);

#endif
