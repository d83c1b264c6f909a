/* SPDX-License-Identifier: MIT */
/* The rows of a trace: no two tasks of a row overlap, in whatever order they
 * come, and there are not many more rows than tasks at a time. */
#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "suite.h"
#include "trace_rows.h"

#define TASKS 500

struct task {
	uint64_t from, to;
	int row;
};

static uint64_t seed = 1;

static uint64_t chance(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % below;
}

/* Each lane runs one task after the other. */
static void tasks_make(struct task *tasks, unsigned lanes, uint64_t longest)
{
	uint64_t now[64] = {0};

	for (unsigned i = 0; i < TASKS; i++) {
		uint64_t *lane = &now[i % lanes];

		*lane += chance(3) * longest / 4;
		tasks[i].from = *lane;
		*lane += chance(longest);
		tasks[i].to = *lane;
	}
}

/* Those that are `far` from each other at the most change places. */
static void tasks_mix(struct task *tasks, unsigned far)
{
	for (unsigned i = 0; i < TASKS; i++) {
		unsigned j = i + (unsigned)chance(far + 1);
		struct task one = tasks[i];

		if (j >= TASKS)
			continue;
		tasks[i] = tasks[j];
		tasks[j] = one;
	}
}

static void check_apart(const struct task *tasks)
{
	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned j = 0; j < i; j++)
			if (tasks[i].row == tasks[j].row &&
			    tasks[i].to > tasks[j].from &&
			    tasks[j].to > tasks[i].from)
				ck_abort_msg("tasks %u and %u overlap", i, j);
}

static unsigned rows_of(struct task *tasks)
{
	struct trace_rows r = {.rows = NULL};
	unsigned rows;

	for (unsigned i = 0; i < TASKS; i++) {
		tasks[i].row = trace_rows_take(&r, tasks[i].from, tasks[i].to);
		ck_assert_int_ge(tasks[i].row, 0);
	}
	rows = r.nrows;
	trace_rows_release(&r);
	return rows;
}

START_TEST(in_their_order)
{
	static struct task tasks[TASKS];

	for (unsigned lanes = 1; lanes <= 64; lanes *= 2) {
		tasks_make(tasks, lanes, 1000000);
		ck_assert_uint_le(rows_of(tasks) / 3, lanes);
		check_apart(tasks);
	}
}
END_TEST

START_TEST(one_lane_has_one_row)
{
	static struct task tasks[TASKS];

	tasks_make(tasks, 1, 1000);
	ck_assert_uint_eq(rows_of(tasks), 1);
}
END_TEST

START_TEST(mixed)
{
	static struct task tasks[TASKS];

	for (unsigned far = 1; far <= TASKS; far *= 4)
		for (uint64_t longest = 10; longest < 100000000;
		     longest *= 20) {
			tasks_make(tasks, 8, longest);
			tasks_mix(tasks, far);
			if (rows_of(tasks) < TRACE_ROWS_MAX)
				check_apart(tasks);
			if (far < 16)
				ck_assert_uint_lt(rows_of(tasks), 64);
		}
}
END_TEST

START_TEST(no_memory)
{
	struct trace_rows r = {.rows = NULL};

	alloc_fail_at(1);
	ck_assert_int_eq(trace_rows_take(&r, 0, 1), -ENOMEM);
	alloc_fail_at(0);
	ck_assert_int_eq(trace_rows_take(&r, 0, 1), 0);
	trace_rows_release(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace");
	TCase *tc = suite_case(s, "trace");

	tcase_add_test(tc, in_their_order);
	tcase_add_test(tc, one_lane_has_one_row);
	tcase_add_test(tc, mixed);
	tcase_add_test(tc, no_memory);
	return suite_main(s);
}
