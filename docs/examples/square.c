/* SPDX-License-Identifier: MIT */
/* Add up the squares of 0 to 999, on all CPUs. */
#include <inttypes.h>
#include <stdio.h>

#include <prun.h>

static int square(struct prun_task *task)
{
	int64_t n = 0;
	int rc = prun_arg_int(task, &n);

	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

int main(void)
{
	struct prun_func funcs[] = {{.name = "square", .fn = square}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {0, 1000, 1};
	const struct prun_result *result;
	struct prun_pool *pool;
	struct prun_job *job = NULL;
	int64_t n, sum = 0;
	int rc;

	options.funcs = funcs;
	options.nfuncs = 1;
	call.func = "square";
	call.source = prun_source_range;
	call.source_payload = &range;

	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = prun_imap(&job, pool, &call);
	if (rc == 0) {
		while ((rc = prun_job_next(&result, job, -1)) == 1)
			if (prun_result_int(result, &n) == 0)
				sum += n;
	}
	if (rc < 0)
		fprintf(stderr, "square: %s\n", prun_strerror(rc));
	else
		printf("%" PRId64 "\n", sum);
	prun_job_free(job);
	prun_pool_free(pool);
	return rc < 0;
}
