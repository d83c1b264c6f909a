/* SPDX-License-Identifier: MIT */

#include "function.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "dry_run.h"
#include "message.h"
#include "output.h"
#include "program.h"
#include "tasks/file.h"

/* The plugin whose constructors run. */
static const char *loading;

/* They may call exit(), and with 0 it would look as if all were well. */
static void loading_ended(int code, void *unused)
{
	(void)unused;
	if (!loading)
		return;
	message("%s: called exit(%d) when it was loaded", loading, code);
	_exit(EXIT_USAGE);
}

int function_plugin(struct prun_plugin_handle **plugin,
		    const struct prun_func **funcs, size_t *nfuncs,
		    const char *path)
{
	int results = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	char *text = NULL;
	int rc;

	if (results < 0) {
		message("%s: %s", path, prun_strerror(-errno));
		return EXIT_PRUN_FAILED;
	}
	/* What its constructors print must not land among the results. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	on_exit(loading_ended, NULL);
	loading = path;
	rc = prun_plugin_open(plugin, funcs, nfuncs, &text, path);
	loading = NULL;
	fflush(stdout);
	dup2(results, STDOUT_FILENO);
	close(results);
	/* The library's text names the path. */
	if (rc < 0 && text)
		message("%s", text);
	else if (rc < 0)
		message("%s: %s", path, prun_strerror(rc));
	free(text);
	return rc < 0 ? EXIT_USAGE : 0;
}

/* PATH:NAME. The last colon divides, as a path may hold others. */
static int plugin_find(struct function *f, const char *spec)
{
	const struct prun_func *funcs;
	const char *colon = strrchr(spec, ':');
	size_t nfuncs;
	char *path;
	int rc;

	if (!colon || strchr(colon, '/'))
		return message_usage("'%s' names no function: give it "
				     "as PLUGIN:FUNCTION",
				     spec);
	if (strchr(colon, ','))
		return message_usage("'%s': a plugin's function takes no "
				     "arguments but its items",
				     spec);
	path = strndup(spec, (size_t)(colon - spec));
	if (!path) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	rc = function_plugin(&f->plugin, &funcs, &nfuncs, path);
	for (size_t i = 0; rc == 0 && i < nfuncs && funcs[i].name; i++)
		if (strcmp(funcs[i].name, colon + 1) == 0)
			f->func = funcs[i];
	if (rc == 0 && !f->func.name) {
		message("%s: no function '%s'; '%s funcs %s' lists those it "
			"has",
			path, colon + 1, program_name(), path);
		rc = EXIT_USAGE;
	}
	free(path);
	return rc;
}

/* NAME or NAME,ARGUMENTS: false when there is no such built-in function. */
static bool task_find(struct function *f, const char *spec)
{
	char name[64];
	size_t len = strcspn(spec, ",");

	if (len >= sizeof(name))
		return false;
	memcpy(name, spec, len);
	name[len] = '\0';
	f->task = tasks_find(name);
	if (f->task)
		f->func = f->task->func;
	return f->task;
}

static int arguments_find(const struct function *f, const char *spec)
{
	const char *comma = strchr(spec, ',');

	return comma ? arguments_set(f->task, comma + 1) : 0;
}

/* What is asked for by the name of a command, such as MD5 or md5sum; or NULL. */
static const char *function_meant(const char *name)
{
	const struct task *task;
	char word[64];
	size_t len = 0;

	for (; name[len] && len + 1 < sizeof(word); len++)
		word[len] = (char)tolower((unsigned char)name[len]);
	word[len] = '\0';
	if (len > 3 && strcmp(word + len - 3, "sum") == 0)
		word[len - 3] = '\0';
	if (strcmp(word, "b2") == 0)
		return "blake2b512";
	task = tasks_find(word);
	return task ? task->func.name : NULL;
}

static int nothing_found(const char *name)
{
	const char *meant = function_meant(name);

	if (strchr(name, ':') || strstr(name, ".so"))
		message("unknown function '%s'; a plugin's path must hold a "
			"'/', as in ./%s",
			name, name);
	else if (meant)
		message("unknown function '%s'; did you mean '%s'?", name,
			meant);
	else
		message("unknown function '%s'; '%s funcs' lists them", name,
			program_name());
	return EXIT_USAGE;
}

static int options_check(const struct function *f, const struct options *o)
{
	bool is_digest = f->task && f->task->kind == TASK_DIGEST;

	if (o->tag && is_digest)
		return message_usage("--tag: a line of '%s' has the "
				     "name in it already; see --bsd-tag",
				     o->func);
	if (o->bsd_tag && !is_digest)
		return message_usage("--bsd-tag: '%s' is not a digest",
				     o->func);
	if (o->special_files && !(f->task && f->task->opens))
		return message_usage("--special-files: '%s' reads no "
				     "files for prun",
				     o->func);
	return 0;
}

int function_find(struct function *f, const struct options *o)
{
	int rc;

	*f = (struct function){.task = NULL};
	if (task_find(f, o->func))
		rc = arguments_find(f, o->func);
	else if (strchr(o->func, '/'))
		rc = plugin_find(f, o->func);
	else
		rc = nothing_found(o->func);
	if (rc == 0)
		rc = options_check(f, o);
	if (rc == 0 && o->dry_run)
		f->func = dry_run_func(o->func);
	return rc;
}

int function_ready(const struct function *f, const struct options *o,
		   const struct input *in)
{
	int rc;

	if (!f->task || !f->task->opens || o->dry_run)
		return 0;
	file_options.special = o->special_files;
	if (input_uses_stdin(in))
		return 0;
	rc = file_stdin_offer(STDIN_FILENO);
	if (rc < 0) {
		message("standard input: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

int function_format(struct format *format, const struct function *f,
		    const struct options *o)
{
	const struct task *task = o->dry_run ? NULL : f->task;

	if (format_init(format, &standard_output, o, task) == 0)
		return 0;
	message("out of memory");
	return EXIT_PRUN_FAILED;
}

void function_release(struct function *f)
{
	prun_plugin_close(f->plugin);
	*f = (struct function){.task = NULL};
}
