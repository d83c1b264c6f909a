/* SPDX-License-Identifier: MIT */
/*
 * Submit tasks one by one, and have their results handed to callbacks by a
 * loop of our own. No handles are kept: a job that was submitted with NULL
 * for its handle is released when its callback has returned.
 */
#include <inttypes.h>
#include <stdio.h>

#include <prun.h>

struct tally {
	int open;   /* jobs without an answer */
	int failed; /* answers that were failures */
};

/* Divide the first number of the argument by the second. */
static int divide(struct prun_task *task)
{
	int64_t a, b;
	int rc = prun_arg_unpack(task, "[I, I]", &a, &b);

	if (rc < 0)
		return rc;
	if (b == 0)
		return prun_task_fail(task, PRUN_EFAILED,
				      "%" PRId64 " divided by 0", a);
	return prun_ret_int(task, a / b);
}

static int done(struct prun_job *job, const struct prun_result *result,
		void *payload)
{
	struct tally *tally = payload;
	int64_t quotient;

	(void)job;
	tally->open--;
	if (prun_result_int(result, &quotient) == 0)
		printf("%" PRId64 "\n", quotient);
	return 0;
}

static int failed(struct prun_job *job, const struct prun_result *result,
		  void *payload)
{
	struct tally *tally = payload;

	(void)job;
	tally->open--;
	tally->failed++;
	printf("failed: %s\n", result->message);
	return 0;
}

static int submit(struct prun_pool *pool, struct prun_packer *packer,
		  struct tally *tally, int a, int b)
{
	struct prun_call call = PRUN_CALL_INIT;
	int rc;

	prun_packer_clear(packer);
	rc = prun_pack(packer, "[i, i]", a, b);
	if (rc < 0)
		return rc;
	call.func = "divide";
	call.argument = prun_packer_data(packer, &call.argument_size);
	call.callback = done;
	call.error_callback = failed;
	call.payload = tally;
	rc = prun_apply_async(NULL, pool, &call); /* copies the argument */
	if (rc == 0)
		tally->open++;
	return rc;
}

int main(void)
{
	struct prun_func funcs[] = {{.name = "divide", .fn = divide}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_packer *packer = NULL;
	struct prun_pool *pool = NULL;
	struct tally tally = {0, 0};
	int b, rc;

	options.funcs = funcs;
	options.nfuncs = 1;
	rc = prun_packer_new(&packer);
	if (rc == 0)
		rc = prun_pool_new(&pool, &options);
	for (b = 3; rc == 0 && b >= 0; b--)
		rc = submit(pool, packer, &tally, 60, b);

	/* In a program with a loop of its own, poll prun_pool_fd() there, and
	 * call prun_pool_step(pool, 0) whenever it is readable. */
	while (rc >= 0 && tally.open > 0)
		rc = prun_pool_step(pool, -1);
	if (rc < 0)
		fprintf(stderr, "callbacks: %s\n", prun_strerror(rc));
	else
		printf("%d failed\n", tally.failed);
	prun_pool_free(pool);
	prun_packer_free(packer);
	return rc < 0;
}
