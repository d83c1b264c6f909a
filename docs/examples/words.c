/* SPDX-License-Identifier: MIT */
/*
 * Count the lines and words of the files given on the command line, one task
 * a file, and print them in the order given. A file that cannot be read costs
 * its own line alone.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <prun.h>

/* The argument is the name of a file, the result a map of two counts. */
static int count(struct prun_task *task)
{
	uint64_t lines = 0, words = 0;
	int c, before = ' ', rc;
	const char *s;
	size_t len;
	char *name;
	FILE *file;

	rc = prun_arg_str(task, &s, &len);
	if (rc < 0)
		return rc;
	name = strndup(s, len); /* the argument has no NUL at its end */
	if (!name)
		return -ENOMEM;
	file = fopen(name, "r");
	free(name);
	if (!file)
		return -errno;
	while ((c = getc(file)) != EOF) {
		lines += c == '\n';
		words += !isspace(c) && isspace(before);
		before = c;
	}
	rc = ferror(file) ? -EIO : 0;
	fclose(file);
	if (rc < 0)
		return prun_task_fail(task, rc, "reading failed");
	return prun_ret_pack(task, "{s:u, s:u}", "lines", lines, "words",
			     words);
}

static int print(const struct prun_result *result, char **names)
{
	const char *name = names[result->index];
	uint64_t lines, words;
	int rc;

	if (result->status < 0) {
		fprintf(stderr, "words: %s: %s\n", name, result->message);
		return result->status;
	}
	rc = prun_result_unpack(result, "{s:u, s:u}", "lines", &lines, "words",
				&words);
	if (rc == 0)
		printf("%8" PRIu64 " %8" PRIu64 " %s\n", lines, words, name);
	return rc;
}

int main(int argc, char **argv)
{
	struct prun_func funcs[] = {{.name = "count", .fn = count}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_strings names = {(const char *const *)argv + 1,
				     (size_t)argc - 1, 0};
	const struct prun_result *result;
	struct prun_pool *pool;
	struct prun_job *job = NULL;
	int rc, failed = 0;

	options.funcs = funcs;
	options.nfuncs = 1;
	call.func = "count";
	call.source = prun_source_strings;
	call.source_payload = &names;
	call.length = names.count;

	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = prun_imap(&job, pool, &call);
	if (rc == 0)
		while ((rc = prun_job_next(&result, job, -1)) == 1)
			failed |= print(result, argv + 1) < 0;
	if (rc < 0)
		fprintf(stderr, "words: %s\n", prun_strerror(rc));
	prun_job_free(job);
	prun_pool_free(pool);
	return rc < 0 || failed;
}
