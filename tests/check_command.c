/* SPDX-License-Identifier: MIT */
/* The rooms of the command line that can be had without a process. */
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "options.h"
#include "suite.h"

/* A command line that fails in the middle of a cluster of short options leaves
 * nothing of it to the next one. */
START_TEST(parsed_after_a_failed_cluster)
{
	char map[] = "map", failing[] = "-Qj", func[] = "echo", item[] = "9";
	char *first[] = {map, failing, func, NULL};
	char *second[] = {map, func, item, NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, 2, first), EXIT_USAGE);
	options_release(&o);
	ck_assert_int_eq(options_parse(&o, 3, second), OPTIONS_RUN);
	ck_assert_str_eq(o.func, "echo");
	ck_assert_uint_eq(o.nitems, 1);
	ck_assert_str_eq(o.items[0], "9");
	ck_assert(!o.has_workers);
	options_release(&o);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("command");
	TCase *tc = suite_case(s, "options");

	tcase_add_test(tc, parsed_after_a_failed_cluster);
	return suite_main(s);
}
