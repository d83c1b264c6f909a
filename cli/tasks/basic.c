/* SPDX-License-Identifier: MIT */

/* Functions for trying things out and for measuring prun itself. */

#include "tasks.h"

static int echo(struct prun_task *task)
{
	const void *item;
	const char *s;
	size_t size, len;
	int rc;

	/* A string, of whatever kind, is bytes. */
	if (prun_task_params(task) != 1 ||
	    prun_task_param(&item, &size, task, 0) < 0 ||
	    prun_unpack(item, size, NULL, "s#", &s, &len) == 0) {
		rc = prun_arg_bin(task, &item, &size);
		return rc < 0 ? rc : prun_ret_bin(task, item, size);
	}
	return prun_packer_write(prun_task_packer(task), item, size);
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
