/* SPDX-License-Identifier: MIT */
/*
 * The squares of 0 to 19,999, added up, in three ways: a job for each with a
 * callback, one map, and one stream of results. Tasks as small as these cost
 * what handing them about costs; the times show how much that is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <prun.h>

#define COUNT 20000

struct tally {
	int64_t sum;
	int open;   /* jobs of by_apply_async() without an answer */
	int status; /* 0, or why a task failed */
};

static int square(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

static int add(struct tally *tally, const struct prun_result *result)
{
	int64_t n;
	int rc = prun_result_int(result, &n); /* also: the task's failure */

	if (rc < 0)
		tally->status = rc;
	else
		tally->sum += n;
	return rc;
}

/* Both callbacks of an apply: a failure is a result too. */
static int answer(struct prun_job *job, const struct prun_result *result,
		  void *payload)
{
	struct tally *tally = payload;

	(void)job;
	tally->open--;
	return add(tally, result);
}

static int by_apply_async(struct prun_pool *pool, struct tally *tally)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_packer *packer;
	int i, rc;

	call.func = "square";
	call.callback = answer;
	call.error_callback = answer;
	call.payload = tally;
	rc = prun_packer_new(&packer);
	for (i = 0; rc == 0 && i < COUNT; i++) {
		prun_packer_clear(packer);
		rc = prun_pack_int(packer, i);
		if (rc < 0)
			break;
		call.argument = prun_packer_data(packer, &call.argument_size);
		rc = prun_apply_async(NULL, pool, &call);
		if (rc == 0)
			tally->open++;
	}
	while (rc >= 0 && tally->open > 0)
		rc = prun_pool_step(pool, -1);
	prun_packer_free(packer);
	return rc < 0 ? rc : 0;
}

static int by_map_async(struct prun_pool *pool, struct tally *tally)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {0, COUNT, 1};
	const struct prun_result *result;
	struct prun_job *job;
	uint64_t i;
	int rc;

	call.func = "square";
	call.source = prun_source_range;
	call.source_payload = &range;
	call.length = COUNT;
	rc = prun_map_async(&job, pool, &call);
	if (rc == 0) /* here is where a program would do something else */
		rc = prun_job_wait(job, -1);
	if (rc == 0)
		rc = prun_job_error(job);
	for (i = 0; rc == 0 && i < prun_job_finished(job); i++) {
		rc = prun_job_at(&result, job, i);
		if (rc == 0)
			rc = add(tally, result);
	}
	prun_job_free(job);
	return rc;
}

static int by_imap(struct prun_pool *pool, struct tally *tally)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {0, COUNT, 1};
	const struct prun_result *result;
	struct prun_job *job;
	int rc;

	call.func = "square";
	call.source = prun_source_range;
	call.source_payload = &range;
	call.length = COUNT;
	rc = prun_imap(&job, pool, &call);
	while (rc == 0 && (rc = prun_job_next(&result, job, -1)) == 1)
		rc = add(tally, result);
	prun_job_free(job);
	return rc;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct way {
	const char *name;
	int (*run)(struct prun_pool *pool, struct tally *tally);
} ways[] = {
	{"apply_async", by_apply_async},
	{"map_async", by_map_async},
	{"imap", by_imap},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

int main(void)
{
	struct prun_func funcs[] = {{.name = "square", .fn = square}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct tally tallies[WAYS] = {{0}}; /* callbacks know them: they
					       outlive the pool */
	struct prun_pool *pool;
	int64_t n, sum = 0;
	int rc, same = 1;
	double start;
	size_t i;

	options.funcs = funcs;
	options.nfuncs = 1;
	rc = prun_pool_new(&pool, &options);
	for (i = 0; rc == 0 && i < WAYS; i++) {
		start = now();
		rc = ways[i].run(pool, &tallies[i]);
		if (rc == 0)
			rc = tallies[i].status;
		if (rc == 0)
			printf("%-11s %8.6f s, sum %" PRId64 "\n", ways[i].name,
			       now() - start, tallies[i].sum);
	}
	prun_pool_free(pool);
	if (rc < 0) {
		fprintf(stderr, "squares: %s\n", prun_strerror(rc));
		return 1;
	}

	for (n = 0; n < COUNT; n++)
		sum += n * n;
	for (i = 0; i < WAYS; i++)
		same &= tallies[i].sum == sum;
	printf("the sums %s\n", same ? "agree" : "DIFFER");
	return !same;
}
