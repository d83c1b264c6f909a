/* SPDX-License-Identifier: MIT */
#ifndef TRACE_ROWS_H
#define TRACE_ROWS_H

/*
 * The rows that one worker has in a trace. A worker that runs one task at a
 * time has one. One that runs several side by side (a batch function) needs as
 * many as run at once, and each task is put into the first row in which it
 * overlaps with none. Tasks come in the order of their results, not of time, so
 * a row remembers when it was taken: its last spans, in the order of time, with
 * those that lie close together made one.
 */

#include <stdint.h>

#define TRACE_SPANS 16
#define TRACE_ROWS_MAX 256 /* of a worker; what fits nowhere is in the last */

struct trace_span {
	uint64_t from_ns, to_ns;
};

struct trace_row {
	struct trace_span spans[TRACE_SPANS];
	unsigned nspans;
	uint64_t forgotten_ns; /* what was before is not known any more */
};

struct trace_rows {
	struct trace_row *rows;
	unsigned nrows;
};

/* The row of a task that ran in this time, from 0; taken then. -ENOMEM. */
int trace_rows_take(struct trace_rows *r, uint64_t from_ns, uint64_t to_ns);
void trace_rows_release(struct trace_rows *r);

#endif
