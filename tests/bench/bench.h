/* SPDX-License-Identifier: MIT */

/*
 * What the C programs of the benches share: the end for whatever goes wrong,
 * the clocks, and the checks of results.
 */

#ifndef PRUN_BENCH_H
#define PRUN_BENCH_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "prun.h"

#define NS_PER_S 1000000000u
#define MSGPACK_NIL 0xc0

/* What one run has measured: between begin and the last end. */
struct measure {
	uint64_t tasks;
	uint64_t ns;
	uint64_t cpu_ns; /* of this process, without its children */
	uint64_t begun_ns;
	uint64_t begun_cpu_ns;
	uint64_t median_ns; /* of one task; 0: not measured one by one */
	uint64_t p99_ns;
};

static inline void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static inline void need(int rc, const char *what)
{
	if (rc < 0)
		die("%s: %s", what, prun_strerror(rc));
}

/* For what the system gives: -1 and errno. */
static inline void need_system(int rc, const char *what)
{
	if (rc < 0)
		die("%s: %s", what, strerror(errno));
}

static inline void need_number(uint64_t got, uint64_t wanted, const char *what)
{
	if (got != wanted)
		die("%s: %" PRIu64 " instead of %" PRIu64, what, got, wanted);
}

/* ----------------------------------------------------------------- clocks */

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	need_system(clock_gettime(clock, &t), "clock_gettime");
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000u;
}

static inline uint64_t own_cpu_ns(void)
{
	struct rusage usage;

	need_system(getrusage(RUSAGE_SELF, &usage), "getrusage");
	return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static inline void measure_begin(struct measure *measure)
{
	measure->begun_cpu_ns = own_cpu_ns();
	measure->begun_ns = now_ns();
}

static inline void measure_end(struct measure *measure)
{
	measure->ns = now_ns() - measure->begun_ns;
	measure->cpu_ns = own_cpu_ns() - measure->begun_cpu_ns;
}

/* ---------------------------------------------------------------- results */

static inline void need_ok(const struct prun_result *result)
{
	if (result->status != 0)
		die("task %" PRIu64 ": %s", result->index, result->message);
}

static inline void need_nil(const struct prun_result *result)
{
	need_ok(result);
	if (result->value_size != 1 ||
	    *(const unsigned char *)result->value != MSGPACK_NIL)
		die("task %" PRIu64 ": the result is not nil", result->index);
}

/* The job's next result; NULL at its end. */
static inline const struct prun_result *next_result(struct prun_job *job)
{
	const struct prun_result *result;
	int rc = prun_job_next(&result, job, -1);

	need(rc, "prun_job_next");
	return rc > 0 ? result : NULL;
}

/* ------------------------------------------------------------- submitting */

static inline struct prun_call call_over(struct prun_range *range,
					 const char *func, uint64_t tasks)
{
	struct prun_call call = PRUN_CALL_INIT;

	*range = (struct prun_range){.stop = (int64_t)tasks};
	call.func = func;
	call.source = prun_source_range;
	call.source_payload = range;
	call.length = tasks;
	return call;
}

/* A job that teaches the pool how long such tasks take, and what else is
 * learned or touched the first time only. */
static inline void warm_up(struct prun_pool *pool, const char *func,
			   uint64_t tasks)
{
	struct prun_range range;
	struct prun_call call = call_over(&range, func, tasks);
	struct prun_job *job;

	need(prun_map(&job, pool, &call), "the warm-up");
	need_number((uint64_t)prun_job_successful(job), 1, "the warm-up");
	prun_job_free(job);
}

/* ----------------------------------------------------- the command line */

static inline uint64_t read_count(const char *text)
{
	char *end;
	unsigned long long count = strtoull(text, &end, 10);

	if (*end || count == 0 || count > 1000000000u)
		die("not a number above 0: %s", text);
	return count;
}

#endif
