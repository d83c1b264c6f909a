/* SPDX-License-Identifier: MIT */
/* What a page is made of: times and names of records, and of such as nobody
 * should write. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "history.h"
#include "suite.h"

#define RECORDS 64

static struct record records[RECORDS];
static char bodies[RECORDS][64];
static size_t nrecords;

static struct record *add(enum record_kind kind, unsigned number,
			  uint32_t start_ms, float seconds)
{
	struct record *r = &records[nrecords++];

	*r = (struct record){.kind = kind,
			     .number = (uint16_t)number,
			     .start_ms = start_ms,
			     .seconds = seconds};
	return r;
}

static void set_body(struct record *r, const char *item, const char *text)
{
	char *body = bodies[r - records];
	size_t size = strlen(item);

	r->body = body;
	r->body_size = size + strlen(text);
	if (r->kind == RECORD_FAILED) {
		memcpy(body, (char[]){(char)size, 0, 0, 0}, 4);
		body += 4;
		r->body_size += 4;
	}
	snprintf(body, 32, "%s%s", item, text);
}

/* The bodies' own room has no part in this test. */
bool record_failure(const void **item, size_t *item_size, const char **text,
		    size_t *text_size, const struct record *r)
{
	const char *p = r->body;

	if (r->kind != RECORD_FAILED)
		return false;
	*item = p + 4;
	*item_size = (size_t)p[0];
	*text = p + 4 + *item_size;
	*text_size = r->body_size - 4 - *item_size;
	return true;
}

/* 0 or -ENOMEM. Runs take `seconds` each. */
static int take(struct history *h, double seconds)
{
	double total = 0;
	int rc = 0;

	*h = (struct history){.runs = NULL};
	for (size_t i = 0; i < nrecords && rc == 0; i++) {
		rc = history_meet(h, &records[i], total);
		if (records[i].kind == RECORD_RUN)
			total += seconds;
	}
	if (rc == 0)
		rc = history_measure(h, total);
	for (size_t i = 0; i < nrecords && rc == 0; i++)
		rc = history_add(h, &records[i],
				 records[i].kind == RECORD_FAILED, false);
	if (rc == 0)
		history_end(h);
	return rc;
}

/* Two runs of three seconds, on two workers. */
static void two_runs(void)
{
	nrecords = 0;
	add(RECORD_RUN, 0, 0, 0);
	add(RECORD_DONE, 0, 0, 1.5f);
	set_body(add(RECORD_MORE, 3, 0, 0), "name", "");
	add(RECORD_DONE, 1, 500, 2.5f);
	add(RECORD_END, 0, 0, 3);
	add(RECORD_RUN, 0, 0, 0);
	set_body(add(RECORD_FAILED, 0, 1000, 0.5f), "item", "why");
	set_body(add(RECORD_FAILED, 0, 1500, 1), "other", "why");
}

START_TEST(times_and_names)
{
	struct history h;

	two_runs();
	ck_assert_int_eq(take(&h, 3), 0);
	ck_assert_uint_eq(h.nruns, 2);
	ck_assert_uint_eq(h.nworkers, 2);
	ck_assert_uint_eq(h.tasks, 4);
	ck_assert_uint_eq(h.retried, 1);
	ck_assert_double_eq_tol(history_busy(&h, 0, 0, HISTORY_BINS), .5, 1e-5);
	ck_assert_double_eq_tol(history_busy(&h, 0, 0, 75), 1, 1e-5);
	ck_assert_double_eq_tol(history_busy(&h, 0, 75, 125), 0, 1e-5);
	ck_assert_double_eq_tol(history_busy(&h, 1, 25, 125), 1, 1e-5);
	ck_assert_uint_eq(h.nslowest, 3);
	ck_assert_mem_eq(h.slowest[0].name, "name", 4);
	ck_assert_uint_eq(h.slowest[0].tries, 3);
	ck_assert_mem_eq(h.slowest[1].name, "other", 5);
	ck_assert_double_eq_tol(h.slowest[1].from, 4.5, 1e-6);
	ck_assert_uint_eq(h.nfailures, 2);
	ck_assert_uint_eq(h.nreasons, 1);
	ck_assert_uint_eq(h.reasons[0].items, 2);
	ck_assert_uint_eq(h.nbars, 4);
	ck_assert_uint_eq(h.bars[3].worker, 1);
	for (size_t i = 0; i < h.nbars; i++)
		ck_assert_uint_eq(h.bars[i].lane, 0);
	history_release(&h);
}
END_TEST

START_TEST(side_by_side)
{
	struct history h;

	nrecords = 0;
	add(RECORD_RUN, 0, 0, 0);
	for (unsigned i = 0; i < 8; i++)
		add(RECORD_DONE, 0, i % 4 * 100, .5f + (float)i / 100);
	ck_assert_int_eq(take(&h, 1), 0);
	for (size_t i = 0; i < h.nbars; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert(h.bars[i].lane != h.bars[j].lane ||
				  h.bars[j].to <= h.bars[i].from + .002f);
	ck_assert_double_le(history_busy(&h, 0, 0, HISTORY_BINS), 1);
	history_release(&h);
}
END_TEST

/* A day and more, in which one follows the other at once. */
START_TEST(one_behind_the_other)
{
	struct history h;
	double at = 0;

	nrecords = 0;
	add(RECORD_RUN, 0, 0, 0);
	while (nrecords < RECORDS) {
		double seconds = 2000 + (double)nrecords * 3.3333;

		add(RECORD_DONE, 0, (uint32_t)(at * 1e3), (float)seconds);
		at += seconds + 2e-5;
	}
	ck_assert_int_eq(take(&h, at), 0);
	ck_assert_uint_eq(h.nbars, RECORDS - 1);
	for (size_t i = 0; i < h.nbars; i++)
		ck_assert_uint_eq(h.bars[i].lane, 0);
	history_release(&h);
}
END_TEST

/* Each of those may be in a file that somebody has made. */
START_TEST(nonsense)
{
	static const float times[] = {NAN, INFINITY, -INFINITY, -1, 3e38f, 0};
	static const double lengths[] = {0, 1, 1e300, NAN, INFINITY, -5};
	struct history h;

	for (size_t t = 0; t < 36; t++) {
		nrecords = 0;
		add(RECORD_DONE, 2, UINT32_MAX, times[t / 6]);
		add(RECORD_RUN, 0, 0, 0);
		add(RECORD_MORE, 0, 0, 0);
		add(RECORD_MORE, 65535, 0, 0);
		add(RECORD_DONE, 65535, 5, times[t / 6]);
		set_body(add(RECORD_FAILED, 4096, 0, times[t / 6]), "", "");
		add(RECORD_RUN, 0, 0, 0);
		set_body(add(RECORD_FAILED, 0, UINT32_MAX, 1), "a", "b");
		add(RECORD_END, 0, 0, times[t / 6]);
		ck_assert_int_eq(take(&h, lengths[t % 6]), 0);
		ck_assert(isfinite(h.seconds) && h.seconds > 0);
		ck_assert_uint_eq(h.nworkers, 3);
		for (unsigned w = 0; w < h.nworkers; w++) {
			double busy = history_busy(&h, w, 0, HISTORY_BINS);

			ck_assert(busy >= 0 && busy <= 1.0001);
		}
		for (size_t i = 0; i < h.nbars; i++)
			ck_assert(h.bars[i].from >= 0 &&
				  h.bars[i].to >= h.bars[i].from);
		history_release(&h);
	}
}
END_TEST

START_TEST(no_memory)
{
	struct history h;
	bool failed = true;
	int rc;

	two_runs();
	for (unsigned long n = 1; failed; n++) {
		alloc_fail_at(n);
		rc = take(&h, 3);
		failed = alloc_failed();
		alloc_fail_at(0);
		history_release(&h);
		ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("history");
	TCase *tc = suite_case(s, "history");

	tcase_add_test(tc, times_and_names);
	tcase_add_test(tc, side_by_side);
	tcase_add_test(tc, one_behind_the_other);
	tcase_add_test(tc, nonsense);
	tcase_add_test(tc, no_memory);
	return suite_main(s);
}
