/* SPDX-License-Identifier: MIT */
/*
 * An input without an end, in constant memory. `buffersize` bounds the tasks
 * that are submitted and not yet taken, so the pool reads no further ahead
 * than that. Memory is looked at after 100,000 results, and again after
 * 2,000,000, or after two seconds more. Then the job is cancelled.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <prun.h>

#define WARM 100000
#define MANY 2000000
#define SECONDS 2
#define NO_LIMIT 1e18 /* seconds */
#define BUFFER 250
#define GROWTH_KIB 1024

/* 0, 1, 2 ... The index that the task will have is all the state it needs. */
static int count(struct prun_item *item, void *payload)
{
	int rc = prun_item_int(item, (int64_t)prun_item_index(item));

	(void)payload;
	return rc < 0 ? rc : 1; /* 0 would be the end */
}

static int twice(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	return rc < 0 ? rc : prun_ret_int(task, 2 * n);
}

/* The most memory that this process has ever had, in KiB. */
static int peak_kib(long *kib)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	int rc = -ENOENT;

	if (!file)
		return -errno;
	while (rc < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %ld kB", kib) == 1)
			rc = 0;
	fclose(file);
	return rc;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Take results until *taken is `end`, or the time is `until`. */
static int take(uint64_t *taken, struct prun_job *job, uint64_t end,
		double until)
{
	const struct prun_result *result;
	int64_t n;
	int rc;

	while (*taken < end && (*taken % 1024 || now() < until)) {
		rc = prun_job_next(&result, job, -1);
		if (rc < 1) /* an input without an end should have none */
			return rc < 0 ? rc : PRUN_EFAILED;
		rc = prun_result_int(result, &n);
		if (rc < 0)
			return rc;
		if (n != 2 * (int64_t)*taken)
			return PRUN_EFAILED;
		++*taken;
	}
	return 0;
}

/* Cancel it, and take what is left: at most what the buffer held. */
static int finish(uint64_t *left, struct prun_job *job)
{
	const struct prun_result *result;
	int rc;

	prun_job_cancel(job, 0);
	for (*left = 0; (rc = prun_job_next(&result, job, -1)) == 1; ++*left)
		;
	return rc == PRUN_ECANCELLED ? 0 : PRUN_EFAILED;
}

static int run(struct prun_pool *pool, int *constant)
{
	struct prun_call call = PRUN_CALL_INIT;
	uint64_t taken = 0, left;
	struct prun_job *job;
	long warm = 0, many = 0;
	int rc;

	call.func = "twice";
	call.source = count;
	call.buffersize = BUFFER;
	rc = prun_imap(&job, pool, &call);
	if (rc == 0)
		rc = take(&taken, job, WARM, NO_LIMIT);
	if (rc == 0)
		rc = peak_kib(&warm);
	if (rc == 0)
		printf("after %7" PRIu64 " results: %ld KiB\n", taken, warm);
	if (rc == 0)
		rc = take(&taken, job, MANY, now() + SECONDS);
	if (rc == 0)
		rc = peak_kib(&many);
	if (rc == 0) {
		printf("after %7" PRIu64 " results: %ld KiB\n", taken, many);
		rc = finish(&left, job);
	}
	if (rc == 0) {
		*constant = many - warm <= GROWTH_KIB && left <= BUFFER;
		printf("memory %s; cancelled\n",
		       *constant ? "is constant" : "GROWS");
	}
	prun_job_free(job);
	return rc;
}

int main(void)
{
	struct prun_func funcs[] = {{.name = "twice", .fn = twice}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;
	int rc, constant = 0;

	options.funcs = funcs;
	options.nfuncs = 1;
	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = run(pool, &constant);
	if (rc < 0)
		fprintf(stderr, "endless: %s\n", prun_strerror(rc));
	prun_pool_free(pool);
	return !constant;
}
