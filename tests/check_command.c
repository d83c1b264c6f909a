/* SPDX-License-Identifier: MIT */
/* The rooms of the command line that can be had without a process. */
#include <string.h>
#include <unistd.h>

#include "line.h"
#include "command.h"
#include "halt.h"
#include "message.h"
#include "option_table.h"
#include "options.h"
#include "suite.h"

static const struct command like_map = {
	.name = "map",
	.bit = COMMAND_MAP,
	.operands = {.kind = OPERANDS_FUNC, .what = "function"},
};

/* One that runs another's command, with the options of map. */
static const struct command like_exec = {
	.name = "exec",
	.bit = COMMAND_MAP,
	.operands = {.kind = OPERANDS_COMMAND, .what = "command"},
};

/* A command line that fails in the middle of a cluster of short options leaves
 * nothing of it to the next one. */
START_TEST(parsed_after_a_failed_cluster)
{
	char map[] = "map", failing[] = "-Qj", func[] = "echo", item[] = "9";
	char *first[] = {map, failing, func, NULL};
	char *second[] = {map, func, item, NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, &like_map, 2, first), EXIT_USAGE);
	options_release(&o);
	ck_assert_int_eq(options_parse(&o, &like_map, 3, second), OPTIONS_RUN);
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

	line_put_name(&l, name, strlen(name));
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

/* Where a command is to be run, its arguments are its own, to a ::: . */
START_TEST(a_command_ends_the_options)
{
	char exec[] = "exec", zero[] = "-z", echo[] = "echo", j[] = "-j",
	     colons[] = ":::", help[] = "--help";
	char *line[] = {exec, zero, echo, j, help, colons, j, colons, NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, &like_exec, 8, line), OPTIONS_RUN);
	ck_assert(o.zero);
	ck_assert(!o.has_workers);
	ck_assert_uint_eq(o.nwords, 3);
	ck_assert_str_eq(o.words[0], "echo");
	ck_assert_str_eq(o.words[1], "-j");
	ck_assert_str_eq(o.words[2], "--help");
	ck_assert_ptr_null(o.words[3]);
	ck_assert_uint_eq(o.nitems, 2);
	ck_assert_str_eq(o.items[0], "-j");
	ck_assert_str_eq(o.items[1], ":::");
	options_release(&o);
}
END_TEST

START_TEST(a_command_without_items)
{
	char exec[] = "exec", dashes[] = "--", echo[] = "echo", j[] = "-j";
	char *line[] = {exec, dashes, echo, j, NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, &like_exec, 4, line), OPTIONS_RUN);
	ck_assert_uint_eq(o.nwords, 2);
	ck_assert(!o.has_items);
	options_release(&o);
}
END_TEST

START_TEST(no_command_to_run)
{
	char exec[] = "exec", zero[] = "-z", colons[] = ":::", a[] = "a";
	char *none[] = {exec, zero, NULL};
	char *items[] = {exec, colons, a, NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, &like_exec, 2, none), EXIT_USAGE);
	options_release(&o);
	ck_assert_int_eq(options_parse(&o, &like_exec, 3, items), EXIT_USAGE);
	options_release(&o);
}
END_TEST

/* A sub-command has each of its options once; help would show both, and
 * getopt take the first. */
START_TEST(options_are_unique)
{
	for (unsigned place = 0; place < 32; place++) {
		const struct option_row *a = NULL, *b;

		while ((a = option_next(a, 1u << place))) {
			ck_assert(a->apply);
			for (b = a; (b = option_next(b, 1u << place));) {
				ck_assert_str_ne(a->name, b->name);
				ck_assert(!a->letter || a->letter != b->letter);
			}
		}
	}
}
END_TEST

static bool due(const char *rule, uint64_t done, uint64_t failed,
		uint64_t total)
{
	struct tally tally = {.done = done, .failed = failed, .not_run = 99};
	struct halt h;

	ck_assert_int_eq(halt_parse(&h, "halt", rule), 0);
	return halt_due(&h, &tally, total);
}

START_TEST(halt_by_number)
{
	const uint64_t unknown = HALT_TOTAL_UNKNOWN;

	ck_assert(!due("now,fail=2", 9, 1, 10));
	ck_assert(due("now,fail=2", 0, 2, unknown));
	ck_assert(!due("soon,success=2", 1, 9, unknown));
	ck_assert(due("soon,success=2", 3, 0, 10));
	ck_assert(!due("soon,done=4", 1, 2, 3));
	ck_assert(due("soon,done=4", 2, 2, unknown));
	ck_assert(!due("never", 9, 9, 18));
}
END_TEST

START_TEST(halt_by_part)
{
	const uint64_t unknown = HALT_TOTAL_UNKNOWN;

	ck_assert(!due("now,fail=30%", 0, 2, 10));
	ck_assert(due("now,fail=30%", 0, 3, 10));
	ck_assert(due("now,done=100%", 4, 6, 10));
	ck_assert(!due("now,done=100%", 4, 5, 10));
	ck_assert(!due("now,fail=1%", 0, 0, 0));
	/* Of those that have ended, when there are some. */
	ck_assert(!due("now,fail=30%", 0, 2, unknown));
	ck_assert(due("now,fail=30%", 7, 3, unknown));
	ck_assert(!due("now,fail=30%", 8, 3, unknown));
	ck_assert(due("now,success=50%", 3, 3, unknown));
	ck_assert(!due("now,done=1%", 5, 5, unknown));
	ck_assert(due("now,fail=100%", 0, UINT64_MAX / 2, UINT64_MAX / 2));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("command");
	TCase *tc = suite_case(s, "options");

	tcase_add_test(tc, parsed_after_a_failed_cluster);
	tcase_add_test(tc, a_command_ends_the_options);
	tcase_add_test(tc, a_command_without_items);
	tcase_add_test(tc, no_command_to_run);
	tcase_add_test(tc, options_are_unique);
	tc = suite_case(s, "lines");
	tcase_add_test(tc, names_in_a_line);
	tcase_add_test(tc, names_that_are_no_utf8);
	tc = suite_case(s, "halt");
	tcase_add_test(tc, halt_by_number);
	tcase_add_test(tc, halt_by_part);
	return suite_main(s);
}
