/* SPDX-License-Identifier: MIT */
/* A plugin with two functions of one name. */
#include "prun.h"

static int same(struct prun_task *task)
{
	(void)task;
	return 0;
}

static const struct prun_func funcs[] = {
	{.name = "same", .fn = same},
	{.name = "other", .fn = same},
	{.name = "same", .fn = same},
};

PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
