/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "func.h"
#include "suite.h"

#define MANY 5000

static int run(struct prun_task *task)
{
	(void)task;
	return 0;
}

static int run_batch(struct prun_batch *batch)
{
	(void)batch;
	return 0;
}

static const struct prun_func three[] = {
	{.name = "one", .fn = run},
	{.name = "two", .batch = run_batch, .lanes = 8},
	{.name = "three", .fn = run},
	{.name = NULL},
};

static int try(const struct prun_func *f, size_t n)
{
	struct func_table t;
	int rc = func_table_init(&t, f, n);

	/* After a failure too, and twice. */
	func_table_release(&t);
	func_table_release(&t);
	return rc;
}

START_TEST(lookup)
{
	struct func_table t;

	ck_assert_int_eq(func_table_init(&t, three, 3), 0);
	ck_assert_uint_eq(t.count, 3);
	ck_assert_int_eq(func_lookup(&t, "one"), 0);
	ck_assert_int_eq(func_lookup(&t, "two"), 1);
	ck_assert_int_eq(func_lookup(&t, "three"), 2);
	ck_assert_uint_eq(t.funcs[1].lanes, 8);
	ck_assert_int_eq(func_lookup(&t, "four"), PRUN_ENOFUNC);
	ck_assert_int_eq(func_lookup(&t, ""), PRUN_ENOFUNC);
	ck_assert_int_eq(func_lookup(&t, "One"), PRUN_ENOFUNC);
	ck_assert_int_eq(func_lookup(&t, "one "), PRUN_ENOFUNC);
	ck_assert_int_eq(func_lookup(&t, NULL), PRUN_ENOFUNC);
	func_table_release(&t);
	ck_assert_int_eq(func_lookup(&t, "one"), PRUN_ENOFUNC);
}
END_TEST

START_TEST(where_the_table_ends)
{
	struct func_table t;

	ck_assert_int_eq(func_table_init(&t, three, 0), 0);
	ck_assert_uint_eq(t.count, 3);
	func_table_release(&t);
	ck_assert_int_eq(func_table_init(&t, three, 2), 0);
	ck_assert_uint_eq(t.count, 2);
	ck_assert_int_eq(func_lookup(&t, "three"), PRUN_ENOFUNC);
	func_table_release(&t);
	/* The NULL entry ends it before nfuncs does. */
	ck_assert_int_eq(func_table_init(&t, three, 4), 0);
	ck_assert_uint_eq(t.count, 3);
	func_table_release(&t);
}
END_TEST

START_TEST(copied)
{
	struct prun_func mine = {.name = "mine", .fn = run, .ctx = &mine};
	struct func_table t;

	ck_assert_int_eq(func_table_init(&t, &mine, 1), 0);
	memset(&mine, 0, sizeof(mine));
	ck_assert_int_eq(func_lookup(&t, "mine"), 0);
	ck_assert(t.funcs[0].fn == run);
	ck_assert_ptr_eq(t.funcs[0].ctx, &mine);
	func_table_release(&t);
}
END_TEST

START_TEST(names)
{
	struct prun_func f = {.fn = run};
	char name[2] = "";
	int c;

	for (c = 1; c < 256; c++) {
		int good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || strchr("_.-", c) != NULL;

		name[0] = (char)c;
		f.name = name;
		ck_assert_int_eq(try(&f, 1), good ? 0 : PRUN_EINVAL);
	}
	f.name = "";
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.name = "good\n";
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.name = "a.good_name-2";
	ck_assert_int_eq(try(&f, 1), 0);
}
END_TEST

START_TEST(kinds)
{
	struct prun_func f = {.name = "f"};

	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.fn = run;
	ck_assert_int_eq(try(&f, 1), 0);
	f.lanes = 1;
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.batch = run_batch;
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.fn = NULL;
	ck_assert_int_eq(try(&f, 1), 0);
	f.lanes = PRUN_LANES_MAX;
	ck_assert_int_eq(try(&f, 1), 0);
	f.lanes = PRUN_LANES_MAX + 1;
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
	f.lanes = 0;
	ck_assert_int_eq(try(&f, 1), PRUN_EINVAL);
}
END_TEST

START_TEST(no_function_at_all)
{
	ck_assert_int_eq(try(NULL, 0), PRUN_EINVAL);
	ck_assert_int_eq(try(NULL, 3), PRUN_EINVAL);
	ck_assert_int_eq(try(&three[3], 0), PRUN_EINVAL);
	ck_assert_int_eq(try(&three[3], 1), PRUN_EINVAL);
}
END_TEST

START_TEST(duplicates)
{
	static const struct prun_func twice[] = {
		{.name = "a", .fn = run},
		{.name = "b", .fn = run},
		{.name = "a", .batch = run_batch, .lanes = 1},
	};

	ck_assert_int_eq(try(twice, 3), PRUN_EDUPFUNC);
	ck_assert_int_eq(try(twice, 2), 0);
}
END_TEST

START_TEST(many)
{
	static struct prun_func funcs[MANY];
	static char texts[MANY][16];
	struct func_table t;
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "f%d", i);
		funcs[i] = (struct prun_func){.name = texts[i], .fn = run};
	}
	ck_assert_int_eq(func_table_init(&t, funcs, MANY), 0);
	/* A search for what is not there must meet an empty bucket. */
	ck_assert_uint_gt(t.nbuckets, t.count);
	for (i = 0; i < MANY; i++)
		ck_assert_int_eq(func_lookup(&t, texts[i]), i);
	for (i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "g%d", i);
		ck_assert_int_eq(func_lookup(&t, name), PRUN_ENOFUNC);
	}
	func_table_release(&t);
	strcpy(texts[MANY - 1], "f0");
	ck_assert_int_eq(try(funcs, MANY), PRUN_EDUPFUNC);
}
END_TEST

START_TEST(allocation_failure)
{
	unsigned long n;

	for (n = 1;; n++) {
		bool failed;
		int rc;

		alloc_fail_at(n);
		rc = try(three, 0);
		failed = alloc_failed();
		alloc_fail_at(0);
		ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
		if (!failed)
			break;
	}
	ck_assert_uint_eq(n, 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("func");
	TCase *tc = suite_case(s, "func");

	tcase_add_test(tc, lookup);
	tcase_add_test(tc, where_the_table_ends);
	tcase_add_test(tc, copied);
	tcase_add_test(tc, names);
	tcase_add_test(tc, kinds);
	tcase_add_test(tc, no_function_at_all);
	tcase_add_test(tc, duplicates);
	tcase_add_test(tc, many);
	tcase_add_test(tc, allocation_failure);
	return suite_main(s);
}
