/* SPDX-License-Identifier: MIT */
/* Link with -rdynamic and all of lib/task: good.so wants its functions. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prun.h"
#include "suite.h"
#include "task.h"

static struct prun_plugin_handle *plugin;
static const struct prun_func *funcs;
static size_t nfuncs;
static char *message;

/* The path lives until the next call. */
static const char *path_of(const char *name)
{
	static char path[PATH_MAX];
	const char *dir = getenv("PRUN_TEST_PLUGINS");

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "build/tests/plugins",
		 name);
	return path;
}

static int open_plugin(const char *path)
{
	/* What a failed open must not, and must, touch. */
	plugin = (struct prun_plugin_handle *)1;
	funcs = (const struct prun_func *)1;
	nfuncs = 77;
	message = (char *)1;
	return prun_plugin_open(&plugin, &funcs, &nfuncs, &message, path);
}

static void expect_error(const char *path, int code, const char *words)
{
	ck_assert_int_eq(open_plugin(path), code);
	ck_assert_ptr_null(plugin);
	ck_assert_ptr_eq(funcs, (const struct prun_func *)1);
	ck_assert_uint_eq(nfuncs, 77);
	ck_assert_ptr_nonnull(message);
	ck_assert_msg(strstr(message, words) != NULL, "'%s' is not in '%s'",
		      words, message);
	free(message);
	/* The message is optional. */
	ck_assert_int_eq(prun_plugin_open(&plugin, &funcs, &nfuncs, NULL, path),
			 code);
}

static const struct prun_func *find(const char *name)
{
	size_t i;

	for (i = 0; i < nfuncs; i++)
		if (strcmp(funcs[i].name, name) == 0)
			return &funcs[i];
	ck_abort_msg("the plugin has no %s", name);
	return NULL;
}

/* Run a function of the plugin here, as a worker would. */
static int run(struct prun_task *t, const char *name,
	       const struct prun_packer *arg, const void **data, size_t *size)
{
	task_init(t, 1000);
	t->func = find(name);
	t->arg = prun_packer_data(arg, &t->arg_size);
	return task_outcome(t, t->func->fn(t), data, size);
}

START_TEST(good)
{
	ck_assert_int_eq(open_plugin(path_of("good.so")), 0);
	ck_assert_ptr_nonnull(plugin);
	ck_assert_ptr_null(message);
	ck_assert_uint_eq(nfuncs, 6);
	ck_assert_str_eq(funcs[0].name, "rot13");
	ck_assert_str_eq(funcs[5].name, "sum");
	prun_plugin_close(plugin);
}
END_TEST

START_TEST(good_twice)
{
	struct prun_plugin_handle *first;

	ck_assert_int_eq(open_plugin(path_of("good.so")), 0);
	first = plugin;
	ck_assert_int_eq(open_plugin(path_of("good.so")), 0);
	prun_plugin_close(first);
	ck_assert_str_eq(funcs[0].name, "rot13");
	prun_plugin_close(plugin);
}
END_TEST

START_TEST(its_functions_run)
{
	struct prun_packer *arg;
	struct prun_task t;
	const void *data;
	const char *s;
	size_t size, len;
	int64_t number;

	ck_assert_int_eq(open_plugin(path_of("good.so")), 0);
	ck_assert_int_eq(prun_packer_new(&arg), 0);
	ck_assert_int_eq(prun_pack(arg, "s", "Hello, Uryyb!"), 0);
	ck_assert_int_eq(run(&t, "rot13", arg, &data, &size), 0);
	ck_assert_int_eq(value_str(data, size, &s, &len), 0);
	ck_assert_uint_eq(len, 13);
	ck_assert_mem_eq(s, "Uryyb, Hello!", len);
	task_release(&t);

	ck_assert_int_eq(run(&t, "fail", arg, &data, &size), PRUN_EFAILED);
	ck_assert_mem_eq(data, "no luck with 'Hello, Uryyb!'", size);
	task_release(&t);

	ck_assert_int_eq(run(&t, "sum", arg, &data, &size), PRUN_ETYPE);
	ck_assert_mem_eq(data,
			 "the argument: value: expected an array, "
			 "found a string",
			 size);
	task_release(&t);

	prun_packer_clear(arg);
	ck_assert_int_eq(prun_pack(arg, "[i,i]", 40, 2), 0);
	ck_assert_int_eq(run(&t, "sum", arg, &data, &size), 0);
	ck_assert_int_eq(value_int(data, size, &number), 0);
	ck_assert_int_eq(number, 42);
	task_release(&t);
	prun_packer_free(arg);
	prun_plugin_close(plugin);
}
END_TEST

START_TEST(path_needs_a_slash)
{
	expect_error("good.so", PRUN_EINVAL, "good.so");
	expect_error("", PRUN_EINVAL, "'/'");
	expect_error(NULL, PRUN_EINVAL, "'/'");
}
END_TEST

START_TEST(no_such_file)
{
	expect_error("/nonexistent/nowhere.so", PRUN_EPLUGIN, "nowhere.so");
}
END_TEST

START_TEST(no_shared_object)
{
	expect_error("/proc/self/status", PRUN_EPLUGIN, "/proc/self/status");
	expect_error("/", PRUN_EPLUGIN, "/");
}
END_TEST

START_TEST(no_symbol)
{
	expect_error(path_of("nosymbol.so"), PRUN_EPLUGIN, "prun_plugin");
}
END_TEST

START_TEST(another_version)
{
	expect_error(path_of("noversion.so"), PRUN_EVERSION, "ABI 1001");
}
END_TEST

START_TEST(bad_table)
{
	expect_error(path_of("badtable.so"), PRUN_EPLUGIN,
		     prun_strerror(PRUN_EDUPFUNC));
}
END_TEST

START_TEST(close_nothing)
{
	prun_plugin_close(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plugin");
	TCase *tc = suite_case(s, "plugin");

	tcase_add_test(tc, good);
	tcase_add_test(tc, good_twice);
	tcase_add_test(tc, its_functions_run);
	tcase_add_test(tc, path_needs_a_slash);
	tcase_add_test(tc, no_such_file);
	tcase_add_test(tc, no_shared_object);
	tcase_add_test(tc, no_symbol);
	tcase_add_test(tc, another_version);
	tcase_add_test(tc, bad_table);
	tcase_add_test(tc, close_nothing);
	return suite_main(s);
}
