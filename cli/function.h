/* SPDX-License-Identifier: MIT */
#ifndef FUNCTION_H
#define FUNCTION_H

/* The function that FUNC names, and whether the options suit it. */

#include "options.h"
#include "prun.h"
#include "tasks/tasks.h"

struct function {
	const struct task *task; /* NULL for a function of a plugin */
	struct prun_func func;
	struct prun_plugin_handle *plugin;
};

/* Each 0, or an exit code after a message. */
int function_find(struct function *f, const struct options *o);
void function_release(struct function *f);

/* `prun funcs [PLUGIN]`; plugin may be NULL. Returns the exit code. */
int function_list(const char *plugin);

#endif
