/* SPDX-License-Identifier: MIT */

#include "dry_run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "quote.h"

/* The parameters of a task, which are strings; one that is too long to be one
 * is nil, and told otherwise. */
static void put_parameters(FILE *f, struct prun_task *task)
{
	unsigned count = prun_task_params(task);
	bool options_ended = false;

	for (unsigned i = 0; i < count; i++) {
		const void *data;
		const char *s = NULL;
		size_t size, len = 0;

		if (prun_task_param(&data, &size, task, i) < 0 ||
		    prun_unpack(data, size, NULL, "s#", &s, &len) < 0)
			continue;
		if (len > 0 && (s[0] == '-' || s[0] == ':') && !options_ended) {
			fputs(" --", f);
			options_ended = true;
		}
		putc(' ', f);
		quote_put(f, s, len);
	}
}

static int dry_run(struct prun_task *task)
{
	const char *name = prun_task_ctx(task);
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f)
		return -ENOMEM;
	fprintf(f, "%s apply ", program_name());
	quote_put(f, name, strlen(name));
	put_parameters(f, task);
	rc = fclose(f) == 0 ? prun_ret_str(task, text, size) : -ENOMEM;
	free(text);
	return rc;
}

struct prun_func dry_run_func(const char *name)
{
	return (struct prun_func){
		.name = "dry-run", .fn = dry_run, .ctx = name};
}
