/* SPDX-License-Identifier: MIT */
/*
 * append INPUT OUTPUT: the lines of INPUT in upper case. Workers convert them,
 * and the callback of an imap appends them to OUTPUT, in the order of the
 * input, for an imap gives its results in that order. So one process alone
 * writes, and no lock is needed. Then OUTPUT is read again and compared.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <prun.h>

static int upper(struct prun_task *task)
{
	const char *s;
	size_t i, len;
	char *text;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	for (i = 0; i < len; i++)
		text[i] = (char)toupper((unsigned char)s[i]);
	rc = prun_ret_str(task, text, len);
	free(text);
	return rc;
}

/* What it returns is kept as the job's callback error; the first one counts. */
static int append(struct prun_job *job, const struct prun_result *result,
		  void *payload)
{
	FILE *out = payload;
	const char *s;
	size_t len;
	int rc = prun_result_str(result, &s, &len);

	if (rc == 0 &&
	    (fwrite(s, 1, len, out) != len || putc('\n', out) == EOF))
		rc = errno ? -errno : -EIO;
	if (rc < 0) /* a gap in the file would be worse than its end */
		prun_job_cancel(job, 0);
	return rc;
}

/* The whole job: 0 when every line was appended. */
static int convert(struct prun_pool *pool, struct prun_lines *lines, FILE *out)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_job *job;
	int rc;

	call.func = "upper";
	call.source = prun_source_lines;
	call.source_payload = lines;
	call.callback = append;
	call.error_callback = append; /* a failed task has no string */
	call.payload = out;
	rc = prun_imap(&job, pool, &call);
	if (rc == 0)
		rc = prun_pool_close(pool);
	if (rc == 0) /* when it returns the callbacks have had all results */
		rc = prun_pool_join(pool, -1);
	if (rc == 0)
		rc = prun_job_callback_error(job);
	if (rc == 0)
		rc = prun_job_error(job);
	if (rc == 0)
		printf("%" PRIu64 " lines appended\n", prun_job_finished(job));
	prun_job_free(job);
	return rc;
}

/* 1 when `out` is `in` in upper case, each line ended. */
static int verify(FILE *in, FILE *out)
{
	int c, before = '\n';

	rewind(in);
	rewind(out);
	while ((c = getc(in)) != EOF) {
		if (getc(out) != toupper(c))
			return 0;
		before = c;
	}
	if (before != '\n' && getc(out) != '\n')
		return 0;
	return getc(out) == EOF && !ferror(in) && !ferror(out);
}

int main(int argc, char **argv)
{
	struct prun_func funcs[] = {{.name = "upper", .fn = upper}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_lines *lines = NULL;
	struct prun_pool *pool = NULL;
	FILE *in = NULL, *out = NULL;
	int rc = 0, good = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: append INPUT OUTPUT\n");
		return 2;
	}
	in = fopen(argv[1], "r");
	if (in)
		out = fopen(argv[2], "w+");
	if (!in || !out)
		rc = -errno;
	options.funcs = funcs;
	options.nfuncs = 1;
	if (rc == 0)
		rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = prun_lines_new(&lines, fileno(in), '\n');
	if (rc == 0)
		rc = convert(pool, lines, out);
	if (rc == 0 && fflush(out) == EOF)
		rc = -errno;
	if (rc == 0) {
		good = verify(in, out);
		printf("the file is %s\n", good ? "right" : "WRONG");
	} else {
		fprintf(stderr, "append: %s\n", prun_strerror(rc));
	}
	prun_pool_free(pool); /* first, as its jobs use all the others */
	prun_lines_free(lines);
	if (out)
		fclose(out);
	if (in)
		fclose(in);
	return !good;
}
