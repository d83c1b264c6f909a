/* SPDX-License-Identifier: MIT */

/* Functions for trying things out and for measuring prun itself. */

#include "tasks.h"

static int echo(struct prun_task *task)
{
	const void *item;
	size_t size;
	int rc = prun_arg_bin(task, &item, &size);

	return rc < 0 ? rc : prun_ret_bin(task, item, size);
}

static int noop(struct prun_task *task)
{
	(void)task;
	return 0;
}

const struct task tasks_basic[] = {
	{.func = {.name = "echo", .fn = echo, .help = "the item itself"}},
	{.func = {.name = "noop", .fn = noop, .help = "nothing at all"}},
	{.func = {.name = NULL}},
};
