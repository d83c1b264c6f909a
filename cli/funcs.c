/* SPDX-License-Identifier: MIT */

/* prun funcs: the functions there are. */

#include <string.h>

#include "command.h"
#include "function.h"
#include "message.h"
#include "output.h"

static void list_put(const char *name, const char *help)
{
	static const char blanks[] = "              ";
	struct output *out = &standard_output;
	size_t len = strlen(name);

	output_put(out, name, len);
	if (help) {
		size_t column = sizeof(blanks) - 1;

		output_put(out, blanks, len + 2 < column ? column - len : 2);
		output_put(out, help, strlen(help));
	}
	output_put(out, "\n", 1);
}

static int list_plugin(struct prun_plugin_handle **plugin, const char *path)
{
	const struct prun_func *funcs;
	size_t nfuncs;
	int rc;

	if (!strchr(path, '/'))
		return message_usage("'%s': a plugin's path must hold a '/'",
				     path);
	rc = function_plugin(plugin, &funcs, &nfuncs, path);
	for (size_t i = 0; rc == 0 && i < nfuncs && funcs[i].name; i++)
		list_put(funcs[i].name, funcs[i].help);
	return rc;
}

static int funcs_run(const struct options *o)
{
	struct prun_plugin_handle *plugin = NULL;
	const struct task *task;
	int rc;

	output_init(&standard_output);
	if (o->nwords > 0) {
		rc = list_plugin(&plugin, o->words[0]);
		if (rc != 0)
			return rc;
	} else {
		for (size_t i = 0; (task = tasks_at(i)); i++)
			list_put(task->func.name, task->func.help);
	}
	rc = output_end(&standard_output);
	prun_plugin_close(plugin);
	return rc;
}

/* clang-format off */
const struct command command_funcs = {
	.name = "funcs",
	.bit = COMMAND_FUNCS,
	.operands = {.kind = OPERANDS_WORDS, .most = 1},
	.line = "list the functions, prun's own or a plugin's",
	.usage = {"[PLUGIN]"},
	.run = funcs_run,
	.about =
"List prun's built-in functions, or those of the shared object PLUGIN, whose\n"
"path must hold a '/', one a line with a word of help.\n",
	.after =
"Examples:\n"
"  prun funcs\n"
"  prun funcs ./plugin.so\n",
};
/* clang-format on */
