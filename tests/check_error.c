/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "prun.h"
#include "suite.h"

struct listed {
	int code;
	const char *name;
	const char *text;
};

static const struct listed list[] = {
#define LISTED(name, code, text) {code, #name, text},
	PRUN_ERROR_MAP(LISTED)
#undef LISTED
};

#define LIST_COUNT (sizeof(list) / sizeof(list[0]))

START_TEST(every_code_has_name_and_text)
{
	size_t i;

	for (i = 0; i < LIST_COUNT; i++) {
		ck_assert_str_eq(prun_error_name(list[i].code), list[i].name);
		ck_assert_str_eq(prun_strerror(list[i].code), list[i].text);
	}
	ck_assert_str_eq(prun_error_name(PRUN_EWORKER), "PRUN_EWORKER");
	ck_assert_str_eq(prun_strerror(PRUN_EWORKER), "the worker died");
}
END_TEST

START_TEST(codes_are_distinct_and_no_errno)
{
	size_t i, j;

	for (i = 0; i < LIST_COUNT; i++) {
		ck_assert_int_lt(list[i].code, -4095);
		for (j = 0; j < i; j++) {
			ck_assert_int_ne(list[i].code, list[j].code);
			ck_assert_str_ne(list[i].text, list[j].text);
		}
	}
}
END_TEST

START_TEST(errno_codes)
{
	ck_assert_str_eq(prun_error_name(-ENOMEM), "ENOMEM");
	ck_assert_str_eq(prun_error_name(-EPERM), "EPERM");
	ck_assert_str_eq(prun_strerror(-ENOENT), "No such file or directory");
}
END_TEST

START_TEST(codes_of_neither_kind)
{
	static const int codes[] = {1,	   ENOMEM,  INT_MAX,	-4095,
				    -4096, -5000,   -4999,	-5024,
				    -6000, INT_MIN, INT_MIN + 1};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ck_assert_str_eq(prun_error_name(codes[i]), "UNKNOWN");
		ck_assert_str_eq(prun_strerror(codes[i]), "unknown error");
	}
	ck_assert_str_eq(prun_error_name(0), "UNKNOWN");
	ck_assert_str_eq(prun_strerror(0), "success");
}
END_TEST

START_TEST(never_null)
{
	int code;

	for (code = -7000; code < 300; code++) {
		ck_assert_ptr_nonnull(prun_strerror(code));
		ck_assert_ptr_nonnull(prun_error_name(code));
	}
}
END_TEST

START_TEST(version_is_the_headers)
{
	char text[32];

	ck_assert_str_eq(prun_version(), PRUN_VERSION);
	snprintf(text, sizeof(text), "%d.%d.%d", PRUN_VERSION_MAJOR,
		 PRUN_VERSION_MINOR, PRUN_VERSION_PATCH);
	ck_assert_str_eq(prun_version(), text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("error");
	TCase *tc = suite_case(s, "error");

	tcase_add_test(tc, every_code_has_name_and_text);
	tcase_add_test(tc, codes_are_distinct_and_no_errno);
	tcase_add_test(tc, errno_codes);
	tcase_add_test(tc, codes_of_neither_kind);
	tcase_add_test(tc, never_null);
	tcase_add_test(tc, version_is_the_headers);
	return suite_main(s);
}
