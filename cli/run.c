/* SPDX-License-Identifier: MIT */

#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "format.h"
#include "function.h"
#include "input.h"
#include "message.h"
#include "output.h"
#include "progress.h"
#include "prun.h"
#include "signals.h"
#include "tasks/file.h"

#define WORKERS_PER_ITEM_MAX 1024
#define JOIN_TIMEOUT_MS 1000
#define DESCRIPTORS_RESERVED 64

/* Enough for some 13,000 short items; the process stays below 8 MiB. */
#define READ_AHEAD_BYTES ((uint64_t)1 << 20)

struct run {
	const struct options *options;
	struct function function;
	struct input input;
	struct format format;
	struct progress progress;
	struct prun_pool *pool;
	struct prun_job *job;
	bool item_failed;
	int stopping; /* signals that were acted upon */
	uint64_t done, failed;
};

/* Outside of struct run, for its buffer. */
static struct output out;

/* ------------------------------------------------------------------- before */

/* The descriptors that prun may have, and those that its workers were meant to
 * have. */
static struct rlimit descriptors;

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

/* What a plugin prints must not land among the results. */
static int worker_init(void **state, int worker_id, void *initarg, char *text,
		       size_t size)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	(void)text;
	(void)size;
	signals_ignore();
	if (descriptors.rlim_max > 0)
		setrlimit(RLIMIT_NOFILE, &descriptors);
	return dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -errno : 0;
}

/* More workers than items would only be forked and killed. */
static uint32_t workers_needed(struct run *r)
{
	const struct options *o = r->options;
	uint32_t workers = o->workers;
	uint64_t total;

	if (!o->has_workers)
		workers = (uint32_t)prun_cpu_count();
	else if (workers > DESCRIPTORS_RESERVED)
		workers_possible();
	if (workers == 0) {
		workers = workers_possible();
		/* A list in a short file tells how many items there are. */
		input_count(&r->input, (size_t)1 << 20);
	}
	total = input_total(&r->input);
	if (total < workers)
		workers = total > 0 ? (uint32_t)total : 1;
	return workers;
}

static int files_prepare(struct run *r)
{
	int rc;

	if (!r->function.task || !r->function.task->opens)
		return 0;
	file_options.special = r->options->special_files;
	if (input_uses_stdin(&r->input))
		return 0;
	rc = file_stdin_offer(STDIN_FILENO);
	if (rc < 0) {
		message("standard input: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

static int pool_start(struct run *r)
{
	struct prun_options options = PRUN_OPTIONS_INIT;
	int rc;

	options.workers = workers_needed(r);
	options.funcs = &r->function.func;
	options.nfuncs = 1;
	options.maxtasksperchild = r->options->maxtasks;
	options.initializer = worker_init;
	rc = prun_pool_new(&r->pool, &options);
	if (rc < 0) {
		message("cannot start %u workers: %s", options.workers,
			prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	signals_catch(r->pool);
	return 0;
}

static int job_start(struct run *r)
{
	struct prun_call call = PRUN_CALL_INIT;
	uint64_t total = input_total(&r->input);
	int rc;

	call.func = r->function.func.name;
	call.source = input_source;
	call.source_payload = &r->input;
	call.length = total != INPUT_UNKNOWN ? total : r->options->total;
	call.chunksize = r->options->chunksize;
	call.bufferbytes = READ_AHEAD_BYTES;
	rc = r->options->unordered ?
		     prun_imap_unordered(&r->job, r->pool, &call) :
		     prun_imap(&r->job, r->pool, &call);
	if (rc < 0) {
		message("cannot start: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

static int run_prepare(struct run *r)
{
	const struct options *o = r->options;
	int rc;

	rc = function_find(&r->function, o);
	if (rc == 0)
		rc = input_open(&r->input, o);
	if (rc == 0)
		rc = files_prepare(r);
	if (rc == 0 && format_init(&r->format, &out, o, r->function.task) < 0) {
		message("out of memory");
		rc = EXIT_PRUN_FAILED;
	}
	if (rc == 0)
		rc = pool_start(r);
	if (rc == 0)
		rc = job_start(r);
	return rc;
}

/* ------------------------------------------------------------------- during */

static void item_failed(struct run *r, const struct prun_result *result,
			const char *text, size_t len)
{
	const char *item;
	size_t item_len;

	r->item_failed = true;
	r->failed++;
	r->progress.failed++;
	if (r->options->quiet)
		return;
	if (out.shares_terminal)
		output_flush(&out);
	format_item(&item, &item_len, result->argument, result->argument_size);
	message_item(item, item_len, text, len);
}

/* Its text was never read. */
static void item_too_long(struct run *r, const struct prun_result *result)
{
	r->item_failed = true;
	r->failed++;
	r->progress.failed++;
	if (!r->options->quiet)
		message("item %" PRIu64 ": longer than 256 MiB",
			result->index + 1);
}

static void result_take(struct run *r, const struct prun_result *result)
{
	int rc;

	/* The end of the job says once why its rest was not run. */
	if (result->status == PRUN_ECANCELLED || result->status == PRUN_EINIT) {
		r->item_failed = true;
		if (r->stopping)
			r->progress.not_run++;
		else
			r->progress.failed++;
	} else if (result->cookie == INPUT_TOO_LONG) {
		item_too_long(r, result);
	} else if (result->status < 0) {
		item_failed(r, result, result->message, result->message_size);
	} else {
		rc = format_result(&r->progress.bytes, &r->format, result);
		if (rc < 0) {
			const char *text = prun_strerror(rc);

			item_failed(r, result, text, strlen(text));
			return;
		}
		r->done++;
	}
}

/* What was asked for by signals since the last time. */
static void obey(struct run *r)
{
	int count = signals_count();

	if (count == r->stopping)
		return;
	r->stopping = count;
	prun_job_cancel(r->job, count > 1);
}

/*
 * Take results until the job ends: 0, or its error. Stops when standard output
 * fails. What is in the buffer goes out before every wait, so that the results
 * of a slow input are seen at once.
 */
static int results_take(struct run *r)
{
	int wait_ms = progress_timeout_ms(&r->progress);

	for (;;) {
		const struct prun_result *result;
		int rc = prun_job_next(&result, r->job, 0);

		if (rc == PRUN_ETIMEDOUT) {
			if (output_flush(&out) < 0)
				return 0;
			obey(r);
			rc = prun_job_next(&result, r->job, wait_ms);
		}
		obey(r);
		if (rc == 1)
			result_take(r, result);
		else if (rc != PRUN_ETIMEDOUT && rc != PRUN_EWOKEN)
			return rc;
		if (out.error)
			return 0;
		progress_tick(&r->progress, r->pool, r->job, &r->input);
	}
}

/* -------------------------------------------------------------------- after */

static int job_fail(struct run *r, int rc)
{
	const char *text = NULL;

	if (r->stopping) {
		message("interrupted: %" PRIu64 " done, %" PRIu64 " failed, "
			"rest not run",
			r->done, r->failed);
		return EXIT_ITEM_FAILED;
	}
	if (r->input.error) {
		message("%s: read error: %s",
			r->input.files[r->input.current].name,
			prun_strerror(r->input.error));
	} else {
		prun_pool_error(r->pool, &text);
		message("the workers failed: %s",
			text && *text ? text : prun_strerror(rc));
	}
	return EXIT_PRUN_FAILED;
}

/* Workers of a run that is complete end by themselves. */
static void pool_end(struct run *r)
{
	signals_forget_pool();
	if (!out.error) {
		prun_pool_close(r->pool);
		prun_pool_join(r->pool, JOIN_TIMEOUT_MS);
	}
	prun_pool_free(r->pool);
	r->pool = NULL;
}

static void run_release(struct run *r)
{
	prun_pool_free(r->pool);
	prun_job_free(r->job);
	format_release(&r->format);
	input_close(&r->input);
	function_release(&r->function);
}

static int run_all(struct run *r)
{
	int code = EXIT_ALL_WELL;
	int rc;

	progress_init(&r->progress, r->options);
	rc = results_take(r);
	output_flush(&out);
	progress_finish(&r->progress, r->job, &r->input);
	if (r->item_failed)
		code = EXIT_ITEM_FAILED;
	if (rc < 0)
		code = job_fail(r, rc);
	pool_end(r);
	if (output_close(&out) < 0)
		code = output_fail(&out);
	return code;
}

static void on_file_limit(int sig)
{
	(void)sig;
}

/*
 * A write that cannot be done is to be an error first, so that the pool is
 * gone before prun is, and the reason told. The limit of a file's size is
 * caught, not ignored, so that the workers have it as usual. Where SIGCHLD is
 * ignored nobody learns how a worker ended.
 */
static void dispositions_prepare(void)
{
	struct sigaction sa = {.sa_handler = on_file_limit,
			       .sa_flags = SA_RESTART};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigaction(SIGXFSZ, &sa, NULL);
}

int run_map(const struct options *o)
{
	struct run r = {.options = o};
	int rc;

	dispositions_prepare();
	output_init(&out);
	rc = run_prepare(&r);
	if (rc == 0)
		rc = run_all(&r);
	run_release(&r);
	signals_raise();
	return rc;
}
