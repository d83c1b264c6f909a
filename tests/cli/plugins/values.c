/* SPDX-License-Identifier: MIT */

/* A plugin for the tests of the command line: results of every kind, and
 * functions that tell of the workers. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prun.h"

/* Shared by all workers, as the plugin is loaded before they are forked. */
static pthread_barrier_t *barrier;

__attribute__((constructor)) static void barrier_make(void)
{
	const char *count = getenv("MEET");
	pthread_barrierattr_t attr;

	if (!count)
		return;
	barrier = mmap(NULL, sizeof(*barrier), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (barrier == MAP_FAILED)
		abort();
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attr, (unsigned)atoi(count));
}

/* Ends only when $MEET workers are in it at once. */
static int meet(struct prun_task *task)
{
	pthread_barrier_wait(barrier);
	return prun_ret_str(task, "met", 3);
}

static int pid(struct prun_task *task)
{
	return prun_ret_int(task, getpid());
}

/* Its parameters in brackets, each a string. */
static int params(struct prun_task *task)
{
	char text[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < prun_task_params(task); i++) {
		const void *data;
		const char *s;
		size_t size, len;
		int rc = prun_task_param(&data, &size, task, i);

		if (rc == 0)
			rc = prun_unpack(data, size, NULL, "s#", &s, &len);
		if (rc < 0)
			return rc;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "[%.*s]", (int)len, s);
	}
	return prun_ret_str(task, text, used);
}

/* The bytes of its argument, in hexadecimal. */
static int packed(struct prun_task *task)
{
	static char text[4096];
	size_t size;
	const unsigned char *p = prun_task_arg(task, &size);

	if (2 * size >= sizeof(text))
		return prun_task_fail(task, PRUN_ETOOBIG, "too long to show");
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", p[i]);
	return prun_ret_str(task, text, 2 * size);
}

/* The worker's parent, and itself. */
static int family(struct prun_task *task)
{
	return prun_ret_pack(task, "[i, i]", (int)getppid(), (int)getpid());
}

static int niceness(struct prun_task *task)
{
	return prun_ret_int(task, getpriority(PRIO_PROCESS, 0));
}

/* How many CPUs the worker may use. */
static int cpus(struct prun_task *task)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	return prun_ret_int(task, CPU_COUNT(&set));
}

/* Takes that many MiB of memory, and says whether it got them. */
static int grab(struct prun_task *task)
{
	const char *s;
	char *memory;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	memory = malloc((size_t)atoi(s) << 20);
	free(memory);
	return prun_ret_str(task, memory ? "yes" : "no", memory ? 3 : 2);
}

/* Succeeds at the try that the item says. */
static int try(struct prun_task *task)
{
	const char *s;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	if ((int)prun_task_attempt(task) < atoi(s))
		return prun_task_fail(task, PRUN_EFAILED, "not yet");
	return prun_ret_int(task, prun_task_attempt(task));
}

/* Runs until it is asked to stop. */
static int obey(struct prun_task *task)
{
	while (!prun_task_cancelled(task))
		sched_yield();
	return prun_ret_str(task, "stopped", 7);
}

/* What standard input and output are in a worker: "eof" when the first is at
 * its end at once, then whether the second is the same file as stderr. */
static int stdio(struct prun_task *task)
{
	char c;

	if (read(STDIN_FILENO, &c, 1) != 0)
		return prun_ret_str(task, "input", 5);
	if (write(STDOUT_FILENO, "loose\n", 6) != 6)
		return -errno;
	return prun_ret_str(task, "eof", 3);
}

/* A result of the kind that the item names. */
static int value(struct prun_task *task)
{
	const char *s;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	if (len == 3 && memcmp(s, "nil", 3) == 0)
		return prun_ret_pack(task, "n");
	if (len == 3 && memcmp(s, "int", 3) == 0)
		return prun_ret_int(task, -42);
	if (len == 4 && memcmp(s, "uint", 4) == 0)
		return prun_ret_pack(task, "u", UINT64_MAX);
	if (len == 5 && memcmp(s, "float", 5) == 0)
		return prun_ret_double(task, 0.1);
	if (len == 5 && memcmp(s, "third", 5) == 0)
		return prun_ret_double(task, 1.0 / 3.0);
	if (len == 4 && memcmp(s, "bool", 4) == 0)
		return prun_ret_pack(task, "b", 1);
	if (len == 3 && memcmp(s, "bin", 3) == 0)
		return prun_ret_bin(task, "a\\b\377", 4);
	if (len == 5 && memcmp(s, "lines", 5) == 0)
		return prun_ret_str(task, "one\ntwo", 7);
	if (len == 5 && memcmp(s, "array", 5) == 0)
		return prun_ret_pack(task, "[i, s, n, b, f]", 1, "two", 1, 2.5);
	if (len == 5 && memcmp(s, "empty", 5) == 0)
		return prun_ret_pack(task, "[]");
	if (len == 6 && memcmp(s, "nested", 6) == 0)
		return prun_ret_pack(task, "{s: [i, i], s: s}", "a", 1, 2, "b",
				     "c");
	return prun_task_fail(task, PRUN_EFAILED, "no such kind");
}

static const struct prun_func funcs[] = {
	{.name = "meet", .fn = meet},
	{.name = "params", .fn = params},
	{.name = "packed", .fn = packed},
	{.name = "family", .fn = family},
	{.name = "niceness", .fn = niceness},
	{.name = "cpus", .fn = cpus},
	{.name = "grab", .fn = grab},
	{.name = "try", .fn = try},
	{.name = "obey", .fn = obey},
	{.name = "pid", .fn = pid, .help = "the worker's pid"},
	{.name = "stdio", .fn = stdio},
	{.name = "value", .fn = value},
};

PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
