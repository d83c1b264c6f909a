/* SPDX-License-Identifier: MIT */

#include "arguments.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"

/* There is none of that name: say what there is. */
static int name_fail(const struct task *task, const char *name)
{
	const struct task_argument *a = task->arguments;

	if (!a)
		return message_usage("'%s' takes no arguments",
				     task->func.name);
	return message_usage("'%s' takes no argument '%s', but '%s'",
			     task->func.name, name, a->name);
}

/* NAME=VALUE, which is taken apart. */
static int argument_set(const struct task *task, char *text)
{
	const struct task_argument *a = task->arguments;
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	while (a && a->name && strcmp(a->name, text) != 0)
		a++;
	if (!a || !a->name)
		return name_fail(task, text);
	if (!value || !a->set(value))
		return message_usage("'%s': its argument '%s' is %s",
				     task->func.name, a->name, a->values);
	return 0;
}

int arguments_set(const struct task *task, const char *text)
{
	char *copy = strdup(text), *rest = copy, *one;
	int rc = 0;

	if (!copy) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	while (rc == 0 && (one = strsep(&rest, ",")))
		rc = argument_set(task, one);
	free(copy);
	return rc;
}
