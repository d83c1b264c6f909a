/* SPDX-License-Identifier: MIT */
/* The median of a stream, against the middle of what was sorted. */
#include <stdlib.h>

#include "median.h"
#include "suite.h"

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The lower one of two in the middle, or up to a sixteenth more. */
static void check_values(uint64_t *values, size_t count)
{
	static struct median m;
	uint64_t middle, found;

	m = (struct median){.count = 0};
	for (size_t i = 0; i < count; i++)
		median_add(&m, values[i]);
	qsort(values, count, sizeof(*values), by_value);
	middle = values[(count - 1) / 2];
	found = median_value(&m);
	ck_assert_uint_ge(found, middle);
	ck_assert_uint_le(found - middle, middle / 16);
}

START_TEST(nothing_has_none)
{
	static struct median m;

	ck_assert_uint_eq(median_value(&m), 0);
}
END_TEST

START_TEST(one_value)
{
	for (unsigned power = 0; power < 64; power++) {
		for (int step = -1; step <= 1; step++) {
			uint64_t value =
				((uint64_t)1 << power) + (uint64_t)step;

			check_values(&value, 1);
		}
	}
}
END_TEST

START_TEST(many_values)
{
	static uint64_t values[1000];
	uint64_t seed = 1;

	for (size_t count = 1; count <= 1000; count += 37) {
		for (size_t i = 0; i < count; i++) {
			seed = seed * 6364136223846793005u +
			       1442695040888963407u;
			values[i] = seed >> (seed >> 58);
		}
		check_values(values, count);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("median");
	TCase *tc = suite_case(s, "median");

	tcase_add_test(tc, nothing_has_none);
	tcase_add_test(tc, one_value);
	tcase_add_test(tc, many_values);
	return suite_main(s);
}
