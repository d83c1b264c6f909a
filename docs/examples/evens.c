/* SPDX-License-Identifier: MIT */
/*
 * evens [COUNT]: a worker that fails on even numbers, given 1 to COUNT. One
 * failure costs its own result alone. A function that is called when the job
 * is done reports which tasks failed, and what they said.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <prun.h>

static int odds_only(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	if (n % 2 == 0)
		return prun_task_fail(task, PRUN_EFAILED, "%" PRId64 " is even",
				      n);
	return prun_ret_int(task, n);
}

struct report {
	uint64_t good;
	uint64_t failed;
};

/* The job is finished: all its results can be read, the failed ones too. */
static void done(struct prun_job *job, void *payload)
{
	const struct prun_result *result;
	struct report *report = payload;
	uint64_t i;

	for (i = 0; i < prun_job_finished(job); i++) {
		if (prun_job_at(&result, job, i) < 0)
			continue;
		if (result->status == 0) {
			report->good++;
			continue;
		}
		report->failed++;
		printf("task %" PRIu64 ": %s: %s\n", result->index,
		       prun_error_name(result->status), result->message);
	}
	printf("%" PRIu64 " good, %" PRIu64 " failed\n", report->good,
	       report->failed);
}

int main(int argc, char **argv)
{
	int64_t count = argc > 1 ? strtoll(argv[1], NULL, 10) : 10;
	struct prun_func funcs[] = {{.name = "odds_only", .fn = odds_only}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {1, count + 1, 1};
	struct report report = {0, 0};
	struct prun_job *job = NULL;
	struct prun_pool *pool;
	int rc;

	options.funcs = funcs;
	options.nfuncs = 1;
	call.func = "odds_only";
	call.source = prun_source_range;
	call.source_payload = &range;

	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = prun_map_async(&job, pool, &call);
	if (rc == 0)
		rc = prun_job_on_done(job, done, &report);
	if (rc == 0)
		rc = prun_job_wait(job, -1); /* calls done() before it ends */
	if (rc == 0)
		rc = prun_job_error(job); /* of the source, or of the pool */
	if (rc < 0)
		fprintf(stderr, "evens: %s\n", prun_strerror(rc));
	prun_job_free(job);
	prun_pool_free(pool);
	return rc < 0;
}
