/* SPDX-License-Identifier: MIT */

#include "workers.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "message.h"
#include "output.h"
#include "prun.h"
#include "signals.h"

#define WORKERS_PER_ITEM_MAX 1024
#define DESCRIPTORS_RESERVED 64

/* The descriptors that prun may have, and those that its workers were meant to
 * have. */
static struct rlimit descriptors;

static pid_t prun_pid;
static uint32_t count;

uint32_t workers_count(void)
{
	return count;
}

/* Each worker takes two, and some are needed for the rest. The workers get
 * back what was; a program that select()s is not to be surprised. */
static uint32_t workers_possible(void)
{
	struct rlimit all;

	if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		return WORKERS_PER_ITEM_MAX;
	all = descriptors;
	all.rlim_cur = all.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &all) < 0)
		all = descriptors;
	if (all.rlim_cur > 2 * WORKERS_PER_ITEM_MAX + DESCRIPTORS_RESERVED)
		return WORKERS_PER_ITEM_MAX;
	if (all.rlim_cur <= DESCRIPTORS_RESERVED + 2)
		return 1;
	return (uint32_t)(all.rlim_cur - DESCRIPTORS_RESERVED) / 2;
}

/* More workers than items would only be forked and killed. */
static uint32_t workers_needed(const struct options *o, struct input *in)
{
	uint32_t workers = o->workers;
	uint64_t total;

	if (!o->has_workers)
		workers = (uint32_t)prun_cpu_count();
	else if (workers > DESCRIPTORS_RESERVED)
		workers_possible();
	if (workers == 0) {
		workers = workers_possible();
		/* A list in a short file tells how many items there are. */
		input_count(in, (size_t)1 << 20);
	}
	total = input_total(in);
	if (total < workers)
		workers = total > 0 ? (uint32_t)total : 1;
	return workers;
}

/* What a process of its own needs; with `inline` the worker is prun itself. */
static int process_prepare(void)
{
	signals_ignore();
	if (descriptors.rlim_max > 0)
		setrlimit(RLIMIT_NOFILE, &descriptors);
	return dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -errno : 0;
}

static int worker_start(void **state, int worker_id, void *initarg, char *text,
			size_t size)
{
	const struct work *work = initarg;
	int rc = getpid() == prun_pid ? 0 : process_prepare();

	if (rc < 0 || !work->worker_start)
		return rc;
	return work->worker_start(work->self, state, worker_id, text, size);
}

static void worker_end(void *state, int worker_id, void *initarg)
{
	const struct work *work = initarg;

	work->worker_end(work->self, state, worker_id);
}

int workers_start(struct prun_pool **pool, const struct work *work,
		  const struct options *o, struct input *in)
{
	struct prun_options options = PRUN_OPTIONS_INIT;
	int rc;

	count = workers_needed(o, in);
	options.workers = count;
	options.funcs = work->funcs ? work->funcs : &work->func;
	options.nfuncs = work->funcs ? work->nfuncs : 1;
	options.maxtasksperchild = o->maxtasks;
	options.start_method = (enum prun_start_method)o->start_method;
	options.nice = (int)o->nice;
	options.pin = o->pin;
	options.memory_limit = o->memory_limit;
	if (work->guarded) {
		options.start_method = PRUN_START_FORKSERVER;
		options.kill_leftovers = 1;
	}
	options.initializer = worker_start;
	options.finalizer = work->worker_end ? worker_end : NULL;
	/* The library wants it writable for those who write there. */
	options.initarg = (void *)(uintptr_t)work;
	prun_pid = getpid();
	/* What a function prints must not land among the results. */
	rc = options.start_method == PRUN_START_INLINE ?
		     output_move(&standard_output) :
		     0;
	if (rc == 0)
		rc = prun_pool_new(pool, &options);
	if (rc < 0) {
		message("cannot start %u workers: %s", options.workers,
			prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}
