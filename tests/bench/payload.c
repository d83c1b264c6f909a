/* SPDX-License-Identifier: MIT */

/*
 * Large payloads: `payload MIB...` sends one argument of each size to a worker,
 * takes one result of that size from another, and does both in one task, and
 * prints how long that took and how much memory the caller had at the most
 * beyond what it had before, by VmHWM. Bytes that are not what they should be,
 * and more than twice the payload (of both: of their sum), end it with status 1,
 * and so does more than the payload once, when the result is there. A size for
 * which the machine has not eight times as much to spare is left out, and says
 * so.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "prun.h"

#define MIB ((uint64_t)1 << 20)
#define ROOM 8 /* in payloads: caller, worker, and some */
/* What the pool and its buffers take besides. */
#define SLACK (4 * MIB)
/* Freed blocks that are smaller may stay with glibc's malloc. */
#define MALLOC_KEEPS (32 * MIB)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A line of a file in /proc, in bytes; 0: it is not there. */
static uint64_t proc_bytes(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	uint64_t kib = 0;

	while (file && !kib && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoull(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	return kib * 1024;
}

static uint64_t word_at(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15u;
}

static void fill(unsigned char *data, uint64_t size)
{
	uint64_t i, word;

	for (i = 0; i + 8 <= size; i += 8) {
		word = word_at(i);
		memcpy(data + i, &word, 8);
	}
}

static int is_filled(const unsigned char *data, uint64_t size)
{
	uint64_t i, word;

	for (i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, data + i, 8);
		if (word != word_at(i))
			return 0;
	}
	return 1;
}

/* Whether the argument came as it was. */
static int task_take(struct prun_task *task)
{
	const void *data;
	size_t size;
	int rc = prun_arg_bin(task, &data, &size);

	return rc < 0 ? rc : prun_ret_int(task, is_filled(data, size));
}

static int task_give(struct prun_task *task)
{
	unsigned char *data;
	int64_t size;
	int rc = prun_arg_int(task, &size);

	if (rc < 0)
		return rc;
	data = malloc((size_t)size);
	if (!data)
		return -ENOMEM;
	fill(data, (uint64_t)size);
	rc = prun_ret_bin(task, data, (size_t)size);
	free(data);
	return rc;
}

/* The argument, if it came as it was. */
static int task_both(struct prun_task *task)
{
	const void *data;
	size_t size;
	int rc = prun_arg_bin(task, &data, &size);

	if (rc < 0)
		return rc;
	if (!is_filled(data, size))
		return -EILSEQ;
	return prun_ret_bin(task, data, size);
}

/* The ways of a payload. */
enum way { ARGUMENT, RESULT, BOTH };

static const char *const names[] = {"argument", "result", "both"};

/* One argument. */
struct input {
	enum way way;
	const unsigned char *data; /* RESULT: only its size is sent */
	uint64_t size;
	int given;
};

static int source(struct prun_item *item, void *payload)
{
	struct input *in = payload;

	if (in->given++)
		return 0;
	if (in->way == RESULT)
		prun_item_int(item, (int64_t)in->size);
	else
		prun_item_bin(item, in->data, (size_t)in->size);
	return 1;
}

static int check(const struct prun_result *r, const struct input *in)
{
	const char *data;
	int64_t whole = 0;
	size_t size;

	if (r->status < 0) {
		fprintf(stderr, "payload: %s\n", r->message);
		return -1;
	}
	if (in->way == ARGUMENT)
		return prun_result_int(r, &whole) == 0 && whole ? 0 : -1;
	return prun_result_str(r, &data, &size) == 0 && size == in->size &&
			       is_filled((const unsigned char *)data, size) ?
		       0 :
		       -1;
}

/* VmHWM is what there is now, from now on. */
static void forget_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (!file)
		return;
	fputs("5", file);
	fclose(file);
}

/* What it had at the most, and has now that the result is there. 0 when that is
 * no more than it may be. */
static int report(const struct input *in, uint64_t before, uint64_t begun)
{
	uint64_t payload = in->way == BOTH ? 2 * in->size : in->size;
	uint64_t peak = proc_bytes("/proc/self/status", "VmHWM") - before;
	uint64_t rest = proc_bytes("/proc/self/status", "VmRSS") - before;

	printf("%8" PRIu64 "  %-8s  %8.3f s  %8.1f MiB  %8.2f  %8.1f MiB\n",
	       in->size / MIB, names[in->way], (double)(now_ns() - begun) / 1e9,
	       (double)peak / (double)MIB, (double)peak / (double)payload,
	       (double)rest / (double)MIB);
	fflush(stdout);
	return peak > 2 * payload + SLACK ||
			       rest > payload + SLACK + MALLOC_KEEPS ?
		       -1 :
		       0;
}

/* One way of one size, in a pool of its own. */
static int measure(enum way way, const unsigned char *data, uint64_t size)
{
	static const struct prun_func funcs[] = {
		{.name = "argument", .fn = task_take},
		{.name = "result", .fn = task_give},
		{.name = "both", .fn = task_both},
		{.name = NULL},
	};
	struct prun_options o = PRUN_OPTIONS_INIT;
	struct prun_call c = PRUN_CALL_INIT;
	struct input in = {way, data, size, 0};
	const struct prun_result *r = NULL;
	struct prun_pool *pool;
	struct prun_job *job;
	uint64_t before, begun;
	int rc;

	o.workers = 1;
	o.funcs = funcs;
	o.max_payload = size + MIB;
	if (prun_pool_new(&pool, &o) < 0)
		return -1;
	forget_peak();
	before = proc_bytes("/proc/self/status", "VmHWM");
	c.func = names[way];
	c.source = source;
	c.source_payload = &in;
	begun = now_ns();
	rc = prun_imap(&job, pool, &c);
	rc = rc < 0 || prun_job_next(&r, job, -1) != 1 ? -1 : check(r, &in);
	rc |= report(&in, before, begun);
	prun_job_free(job);
	prun_pool_free(pool);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned char *data;
	uint64_t size;
	int i, failed = 0;

	printf("%8s  %-8s  %10s  %12s  %8s  %12s\n", "MiB", "as", "time",
	       "memory", "payloads", "then");
	for (i = 1; i < argc; i++) {
		size = strtoull(argv[i], NULL, 10) * MIB;
		if (size == 0) {
			fputs("usage: payload MIB...\n", stderr);
			return 2;
		}
		if (proc_bytes("/proc/meminfo", "MemAvailable") < ROOM * size) {
			printf("%8s  skipped: less than %d times as much memory is available\n",
			       argv[i], ROOM);
			continue;
		}
		data = malloc((size_t)size);
		if (!data)
			return 1;
		fill(data, size);
		failed |= measure(ARGUMENT, data, size) < 0;
		failed |= measure(BOTH, data, size) < 0;
		free(data);
		failed |= measure(RESULT, NULL, size) < 0;
	}
	if (failed)
		fputs("payload: failed\n", stderr);
	return failed;
}
