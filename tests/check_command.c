/* SPDX-License-Identifier: MIT */
/* The rooms of the command line that can be had without a process. */
#include <string.h>
#include <unistd.h>

#include "line.h"
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

/* What a name looks like in a line of so many columns. */
static void assert_shown(const char *name, size_t width, const char *shown)
{
	struct line l = {.width = width};

	line_put_name(&l, name);
	ck_assert_uint_lt(l.size, sizeof(l.text));
	l.text[l.size] = '\0';
	ck_assert_str_eq(l.text, shown);
	ck_assert_uint_le(l.columns, width);
}

START_TEST(names_in_a_line)
{
	assert_shown("a\xc3\xa9\xe2\x82\xac\xf4\x8f\xbf\xbf", 80,
		     "a\xc3\xa9\xe2\x82\xac\xf4\x8f\xbf\xbf");
	assert_shown("\x1b[2J\x7f\xc2\x9b", 80, "?[2J???");
	assert_shown("cut\xe2\x82", 80, "cut??");
	assert_shown("\xe2\x82\xac\xe2\x82\xac", 3, "\xe2\x82\xac");
}
END_TEST

/* Other programs read these forms as something else, or not at all. */
START_TEST(names_that_are_no_utf8)
{
	assert_shown("\xc0\xaf", 80, "??");			/* '/' */
	assert_shown("\xe0\x82\x9b", 80, "???");		/* U+009B */
	assert_shown("\xf0\x80\x82\x9b", 80, "????");		/* again */
	assert_shown("\xed\xa0\x80\xed\xb0\x80", 80, "??????"); /* a pair */
	assert_shown("\xf4\x90\x80\x80", 80, "????");		/* U+110000 */
	assert_shown("\xff\x80", 80, "??");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("command");
	TCase *tc = suite_case(s, "options");

	tcase_add_test(tc, parsed_after_a_failed_cluster);
	tc = suite_case(s, "lines");
	tcase_add_test(tc, names_in_a_line);
	tcase_add_test(tc, names_that_are_no_utf8);
	return suite_main(s);
}
