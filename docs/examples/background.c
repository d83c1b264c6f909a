/* SPDX-License-Identifier: MIT */
/*
 * background FILE...: a pool that drives itself. Workers count the lines of
 * the files, callbacks add them up on a thread of the pool's own, and the
 * caller meanwhile computes something else, here prime numbers, and does not
 * call the pool at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <prun.h>

#define SLICE 1000 /* numbers between two looks at `done` */

/*
 * Only the pool's thread writes the sums, one callback at a time. The caller
 * reads them when `done` says that the last callback is over; being atomic it
 * brings with it all that was written before it.
 */
struct totals {
	int64_t files;
	int64_t lines;
	int failed;
	atomic_int done;
};

static int count_lines(struct prun_task *task)
{
	int64_t lines = 0;
	const char *s;
	size_t len;
	char *name;
	FILE *file;
	int c, rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	name = strndup(s, len); /* the argument has no NUL at its end */
	if (!name)
		return -ENOMEM;
	file = fopen(name, "r");
	free(name);
	if (!file)
		return -errno;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	rc = ferror(file) ? -EIO : 0;
	fclose(file);
	return rc < 0 ? rc : prun_ret_int(task, lines);
}

static int counted(struct prun_job *job, const struct prun_result *result,
		   void *payload)
{
	struct totals *totals = payload;
	int64_t lines;
	int rc = prun_result_int(result, &lines);

	(void)job;
	if (rc == 0) {
		totals->files++;
		totals->lines += lines;
	}
	return rc;
}

static int not_counted(struct prun_job *job, const struct prun_result *result,
		       void *payload)
{
	struct totals *totals = payload;
	const char *name = "";
	size_t len = 0;

	(void)job;
	totals->failed++;
	prun_unpack(result->argument, result->argument_size, NULL, "s#", &name,
		    &len);
	fprintf(stderr, "background: %.*s: %s\n", (int)len, name,
		result->message);
	return 0;
}

/* After the last callback, on the same thread. */
static void all_done(struct prun_job *job, void *payload)
{
	struct totals *totals = payload;

	(void)job;
	atomic_store(&totals->done, 1);
}

static int is_prime(int64_t n)
{
	int64_t i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

/* What the caller has to do until then: the primes below *end. */
static int64_t compute(int64_t *end, struct totals *totals)
{
	int64_t n = 0, primes = 0;

	for (*end = 0; *end == 0 || !atomic_load(&totals->done);)
		for (*end += SLICE; n < *end; n++)
			primes += is_prime(n);
	return primes;
}

static int run(struct prun_pool *pool, struct prun_strings *files,
	       struct totals *totals)
{
	struct prun_call call = PRUN_CALL_INIT;
	int64_t end, primes;
	struct prun_job *job;
	int rc;

	call.func = "count_lines";
	call.source = prun_source_strings;
	call.source_payload = files;
	call.length = files->count;
	call.callback = counted;
	call.error_callback = not_counted;
	call.payload = totals;
	rc = prun_imap_unordered(&job, pool, &call);
	if (rc == 0)
		rc = prun_job_on_done(job, all_done, totals);
	if (rc == 0) {
		primes = compute(&end, totals);
		printf("%" PRId64 " lines in %" PRId64 " files\n",
		       totals->lines, totals->files);
		printf("meanwhile: %" PRId64 " primes below %" PRId64 "\n",
		       primes, end);
		rc = prun_job_error(job);
	}
	prun_job_free(job);
	return rc;
}

int main(int argc, char **argv)
{
	struct prun_func funcs[] = {{.name = "count_lines", .fn = count_lines}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_strings files = {(const char *const *)argv + 1,
				     (size_t)argc - 1, 0};
	struct totals totals = {0};
	struct prun_pool *pool;
	int rc;

	options.funcs = funcs;
	options.nfuncs = 1;
	options.start_method = PRUN_START_FORKSERVER; /* it needs this one */
	options.background = 1;
	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = run(pool, &files, &totals);
	if (rc < 0)
		fprintf(stderr, "background: %s\n", prun_strerror(rc));
	prun_pool_free(pool); /* ends its thread: totals is ours again */
	return rc < 0 || totals.failed;
}
