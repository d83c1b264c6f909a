/* SPDX-License-Identifier: MIT */
#ifndef FUNCTION_H
#define FUNCTION_H

/* The function that FUNC names, and whether the options suit it. */

#include "format.h"
#include "input.h"
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

/* For a function that reads files, before the workers are forked. */
int function_ready(const struct function *f, const struct options *o,
		   const struct input *in);

/* How its results are written. */
int function_format(struct format *format, const struct function *f,
		    const struct options *o);

/* A plugin's table; `path` must hold a '/'. */
int function_plugin(struct prun_plugin_handle **plugin,
		    const struct prun_func **funcs, size_t *nfuncs,
		    const char *path);

#endif
