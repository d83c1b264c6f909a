/* SPDX-License-Identifier: MIT */
/*
 * A plugin: functions for prun and for any program that loads it.
 *
 *	cc -shared -fPIC -o rot13.so rot13.c $(pkg-config --cflags libprun)
 *	prun funcs ./rot13.so
 *	prun map ./rot13.so:rot13 hello
 *
 * It is not linked with libprun: the program that loads it provides prun_*.
 */
#include <errno.h>
#include <stdlib.h>

#include <prun.h>

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
	turned = (char *)malloc(len + 1);
	if (!turned)
		return -ENOMEM;
	for (i = 0; i < len; i++)
		turned[i] = rotate(s[i]);
	rc = prun_ret_str(task, turned, len);
	free(turned);
	return rc;
}

static const struct prun_func funcs[] = {
	{.name = "rot13", .fn = rot13, .help = "letters 13 places on"},
};

PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
