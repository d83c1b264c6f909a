/* SPDX-License-Identifier: MIT */

#include "trace_rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Nothing that runs beside others fits into a gap so short. */
#define CLOSE_NS 20000u

/* How many of its spans begin before this time. */
static unsigned spans_before(const struct trace_row *row, uint64_t ns)
{
	unsigned n = 0;

	while (n < row->nspans && row->spans[n].from_ns < ns)
		n++;
	return n;
}

static bool is_free(const struct trace_row *row, uint64_t from_ns,
		    uint64_t to_ns)
{
	unsigned n = spans_before(row, from_ns);

	if (from_ns < row->forgotten_ns)
		return false;
	if (n > 0 && row->spans[n - 1].to_ns > from_ns)
		return false;
	return n == row->nspans || row->spans[n].from_ns >= to_ns;
}

static void span_remove(struct trace_row *row, unsigned i)
{
	row->nspans--;
	memmove(row->spans + i, row->spans + i + 1,
		(row->nspans - i) * sizeof(row->spans[0]));
}

/* The one before it and this one as one, if they are close. */
static void span_join(struct trace_row *row, unsigned i)
{
	struct trace_span *s = &row->spans[i];

	if (i == 0 || i >= row->nspans || s[-1].to_ns + CLOSE_NS < s->from_ns)
		return;
	if (s[-1].to_ns < s->to_ns)
		s[-1].to_ns = s->to_ns;
	span_remove(row, i);
}

static void take(struct trace_row *row, uint64_t from_ns, uint64_t to_ns)
{
	unsigned n;

	if (row->nspans == TRACE_SPANS) {
		/* What comes now may be from before it. */
		if (row->forgotten_ns < row->spans[0].to_ns)
			row->forgotten_ns = row->spans[0].to_ns;
		span_remove(row, 0);
	}
	n = spans_before(row, from_ns);
	memmove(row->spans + n + 1, row->spans + n,
		(row->nspans - n) * sizeof(row->spans[0]));
	row->spans[n] = (struct trace_span){from_ns, to_ns};
	row->nspans++;
	span_join(row, n + 1);
	span_join(row, n);
}

int trace_rows_take(struct trace_rows *r, uint64_t from_ns, uint64_t to_ns)
{
	struct trace_row *rows;
	unsigned i = 0;

	while (i < r->nrows && !is_free(&r->rows[i], from_ns, to_ns))
		i++;
	if (i == TRACE_ROWS_MAX)
		return TRACE_ROWS_MAX - 1;
	if (i == r->nrows) {
		rows = realloc(r->rows, (i + 1) * sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		r->rows = rows;
		r->rows[r->nrows++] = (struct trace_row){.nspans = 0};
	}
	take(&r->rows[i], from_ns, to_ns);
	return (int)i;
}

void trace_rows_release(struct trace_rows *r)
{
	free(r->rows);
	*r = (struct trace_rows){.rows = NULL};
}
