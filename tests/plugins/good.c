/* SPDX-License-Identifier: MIT */
/* A plugin with something of everything, for the tests. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "prun.h"

static char rotate(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)('a' + (c - 'a' + 13) % 26);
	if (c >= 'A' && c <= 'Z')
		return (char)('A' + (c - 'A' + 13) % 26);
	return c;
}

static int rot13(struct prun_task *task)
{
	const char *s;
	char *turned;
	size_t len, i;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	turned = malloc(len + 1);
	if (!turned)
		return prun_task_fail(task, PRUN_EFAILED, "out of memory");
	for (i = 0; i < len; i++)
		turned[i] = rotate(s[i]);
	rc = prun_ret_str(task, turned, len);
	free(turned);
	return rc;
}

static int crash(struct prun_task *task)
{
	(void)task;
	raise(SIGSEGV);
	return 0;
}

static int exit7(struct prun_task *task)
{
	(void)task;
	exit(7);
}

/* Through stdio, so that the test sees whether it was flushed. */
static int print(struct prun_task *task)
{
	const char *s;
	size_t size, len;
	const void *arg = prun_task_arg(task, &size);
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	printf("%.*s\n", (int)len, s);
	return prun_packer_write(prun_task_packer(task), arg, size);
}

static int fail(struct prun_task *task)
{
	const char *s;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	return prun_task_fail(task, PRUN_EFAILED, "no luck with '%.*s'",
			      (int)len, s);
}

static int sum(struct prun_task *task)
{
	int64_t a, b, total;
	int rc = prun_arg_unpack(task, "[I,I]", &a, &b);

	if (rc < 0)
		return rc;
	if (__builtin_add_overflow(a, b, &total))
		return prun_task_fail(task, PRUN_EFAILED, "the sum is too big");
	return prun_ret_int(task, total);
}

static const struct prun_func funcs[] = {
	{.name = "rot13", .fn = rot13, .help = "letters 13 places on"},
	{.name = "crash", .fn = crash, .help = "die of SIGSEGV"},
	{.name = "exit7", .fn = exit7, .help = "call exit(7)"},
	{.name = "print", .fn = print, .help = "print and return the argument"},
	{.name = "fail", .fn = fail, .help = "fail with the argument's name"},
	{.name = "sum", .fn = sum, .help = "add an array of two integers"},
};

PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
