/* SPDX-License-Identifier: MIT */

#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "format.h"
#include "journal.h"
#include "message.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "stop.h"
#include "trace.h"
#include "verbose.h"
#include "workers.h"

#define JOIN_TIMEOUT_MS 1000

/* Enough for some 13,000 short items; the process stays below 8 MiB. */
#define READ_AHEAD_BYTES ((uint64_t)1 << 20)

struct run {
	const struct work *work;
	const struct options *options;
	struct input input;
	struct tally tally;
	struct progress progress;
	struct journal journal;
	struct joblog joblog;
	struct trace trace;
	uint64_t put; /* bytes of output before the result in hand */
	struct prun_pool *pool;
	struct prun_job *job;
	struct stop stop;
	struct verbose verbose;
};

/* ------------------------------------------------------------------- before */

static int job_start(struct run *r)
{
	const struct options *o = r->options;
	struct prun_call call = PRUN_CALL_INIT;
	uint64_t total = input_total(&r->input);
	int rc;

	call.func = r->work->func.name;
	call.star = r->work->star;
	call.source = r->work->source ? r->work->source : input_source;
	call.source_payload = r->work->source ? r->work->self : &r->input;
	call.length = total != INPUT_UNKNOWN ? total : o->total;
	call.chunksize = (uint32_t)o->chunksize;
	call.bufferbytes = READ_AHEAD_BYTES;
	call.task_timeout_ms = (uint32_t)o->timeout_ms;
	call.task_timeout_percent = (uint32_t)o->timeout_percent;
	call.task_grace_ms = (uint32_t)o->kill_after_ms;
	call.task_signal = r->work->late_signal;
	call.retries = (uint32_t)o->retries;
	call.retry_on = PRUN_RETRY_LOST | PRUN_RETRY_TIMEOUT | PRUN_RETRY_ERROR;
	call.retry_delay_ms = (uint32_t)o->retry_delay_ms;
	rc = o->unordered ? prun_imap_unordered(&r->job, r->pool, &call) :
			    prun_imap(&r->job, r->pool, &call);
	if (rc < 0) {
		message("cannot start: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

static bool skip(void *run, const void *argument, size_t size)
{
	struct run *r = run;

	return journal_skip(&r->journal, argument, size);
}

/* A word in between for signals and for the progress. */
static void pause_skipping(void *run)
{
	struct run *r = run;

	prun_pool_wake(r->pool);
}

/* Whether a worker may run several tasks at a time. */
static bool has_lanes(const struct work *work)
{
	bool lanes = work->func.lanes > 1;

	for (size_t i = 0; i < work->nfuncs; i++)
		lanes |= work->funcs[i].lanes > 1;
	return lanes;
}

static int journals_prepare(struct run *r)
{
	int rc = journal_open(&r->journal, r->options);

	r->journal.batches = r->work->batches;
	r->journal.packed = r->work->star || r->options->shape != SHAPE_LINES;
	if (r->journal.choosing) {
		r->input.skip = skip;
		r->input.pause = pause_skipping;
		r->input.skip_payload = r;
	}
	if (rc == 0)
		rc = joblog_open(&r->joblog, r->options);
	return rc == 0 ? trace_open(&r->trace, r->options, has_lanes(r->work)) :
			 rc;
}

static int run_prepare(struct run *r)
{
	const struct work *work = r->work;
	int rc = input_open(&r->input, r->options);

	if (rc == 0 && work->ready)
		rc = work->ready(work->self, &r->input);
	if (rc == 0)
		rc = journals_prepare(r);
	if (rc == 0)
		rc = workers_start(&r->pool, work, r->options, &r->input);
	if (rc != 0)
		return rc;
	signals_catch(r->pool);
	if (verbose_init(&r->verbose, r->options, r->pool) < 0) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	rc = journal_begin(&r->journal);
	return rc == 0 ? job_start(r) : rc;
}

/* ------------------------------------------------------------------- during */

void run_tell(const struct options *o, const struct prun_result *result,
	      const char *text, size_t len)
{
	const char *item;
	size_t item_len;

	if (o->quiet)
		return;
	if (standard_output.shares_terminal)
		output_flush(&standard_output);
	format_item(&item, &item_len, result->argument, result->argument_size);
	message_item(item, item_len, text, len);
}

/* The item has ended, and all is told of it. */
static void item_ended(struct run *r, const struct prun_result *result,
		       bool failed, const char *text, size_t len)
{
	if (failed)
		r->tally.failed++;
	else
		r->tally.done++;
	verbose_item(&r->verbose, result, failed ? "failed" : "done");
	journal_note(&r->journal, result, failed, text, len);
	trace_note(&r->trace, result, failed, text, len);
	joblog_note(&r->joblog, result, failed,
		    r->work->batches ? result->index + 1 : input_place(result),
		    output_place(&standard_output) - r->put, r->work->describe,
		    r->work->self);
}

static void item_failed(struct run *r, const struct prun_result *result,
			const char *text, size_t len)
{
	const struct work *work = r->work;

	if (work->failure)
		work->failure(work->self, result, text, len);
	else
		run_tell(r->options, result, text, len);
	if (work->failed)
		work->failed(work->self, result, text, len);
	item_ended(r, result, true, text, len);
}

/* What its function made of nil counts for nothing. */
static void faulty_failed(struct run *r, const struct prun_result *result,
			  int status, const char *text)
{
	struct prun_result faulty = {
		.index = result->index,
		.status = status,
		.argument = "\xc0",
		.argument_size = 1,
		.worker_id = -1,
	};

	r->tally.failed++;
	trace_note(&r->trace, &faulty, true, text, strlen(text));
	if (r->work->failed)
		r->work->failed(r->work->self, &faulty, text, strlen(text));
}

/* It never was one: too long, or wrong in itself. Whether that is so. */
static bool item_faulty(struct run *r, const struct prun_result *result)
{
	struct records *records = &r->input.records;
	const struct fault *fault = records_fault(records, result->cookie);

	if (!fault && result->cookie != INPUT_TOO_LONG)
		return false;
	if (standard_output.shares_terminal)
		output_flush(&standard_output);
	if (!fault) {
		if (!r->options->quiet)
			message("item %" PRIu64 ": longer than 256 MiB",
				result->index + 1);
		faulty_failed(r, result, PRUN_ETOOBIG, "longer than 256 MiB");
		return true;
	}
	if (!r->options->quiet)
		message_item(fault->name, strlen(fault->name), fault->text,
			     strlen(fault->text));
	faulty_failed(r, result, PRUN_EVALUE, fault->text);
	records_forget(records, fault);
	return true;
}

static void item_done(struct run *r, const struct prun_result *result)
{
	int rc = r->work->result(r->work->self, result, &r->tally);

	if (rc < 0) {
		const char *text = prun_strerror(rc);
		struct prun_result failed = *result;

		failed.status = rc;
		item_failed(r, &failed, text, strlen(text));
	} else {
		const char *why = rc > 0 && r->work->reason ?
					  r->work->reason(r->work->self) :
					  NULL;

		item_ended(r, result, rc > 0, why ? why : "",
			   why ? strlen(why) : 0);
	}
}

static void result_take(struct run *r, const struct prun_result *result)
{
	r->put = output_place(&standard_output);
	/* The end of the job says once why its rest was not run. */
	if (result->status == PRUN_ECANCELLED || result->status == PRUN_EINIT) {
		if (r->stop.stopped)
			r->tally.not_run++;
		else
			r->tally.unrun++;
	} else if (item_faulty(r, result)) {
		return;
	} else if (result->status < 0) {
		item_failed(r, result, result->message, result->message_size);
	} else {
		item_done(r, result);
	}
}

/* What comes cannot be written any more. */
static bool is_broken(const struct run *r)
{
	return standard_output.error || r->journal.error || r->joblog.error ||
	       trace_error(&r->trace);
}

/* How long a wait may be before somebody wants to look. */
static int wait_ms(const struct run *r)
{
	int ms = progress_timeout_ms(&r->progress);

	return stop_timeout_ms(&r->stop, verbose_timeout_ms(&r->verbose, ms));
}

/*
 * Take results until the job ends: 0, or its error. Stops when standard output,
 * a journal or a trace fails. What is in the buffer goes out before every wait, so that the results
 * of a slow input are seen at once.
 */
static int results_take(struct run *r)
{
	for (;;) {
		const struct prun_result *result;
		int rc = prun_job_next(&result, r->job, 0);

		if (rc == PRUN_ETIMEDOUT) {
			journal_flush(&r->journal);
			joblog_flush(&r->joblog);
			trace_flush(&r->trace);
			if (is_broken(r))
				return 0;
			stop_look_ahead(&r->stop, r->pool, r->job, &r->tally,
					&r->input);
			rc = prun_job_next(&result, r->job, wait_ms(r));
		}
		if (rc == 1)
			result_take(r, result);
		else if (rc != PRUN_ETIMEDOUT && rc != PRUN_EWOKEN)
			return rc;
		stop_look(&r->stop, r->job, &r->tally, &r->input);
		if (is_broken(r))
			return 0;
		if (signals_status_wanted())
			progress_tell(&r->progress, r->pool, r->job, &r->input);
		progress_tick(&r->progress, r->pool, r->job, &r->input);
		verbose_tick(&r->verbose, r->pool);
	}
}

/* -------------------------------------------------------------------- after */

static int job_fail(struct run *r, int rc)
{
	const char *text = NULL;

	if (r->stop.stopped)
		return stop_tell(&r->stop, &r->tally);
	if (r->input.error) {
		input_tell_error(&r->input);
	} else {
		prun_pool_error(r->pool, &text);
		message("the workers failed: %s",
			text && *text ? text : prun_strerror(rc));
	}
	return EXIT_PRUN_FAILED;
}

/* For as long as it takes, unless we are told twice to stop. */
static void workers_await(struct run *r)
{
	int rc;

	do {
		rc = prun_pool_join(r->pool, -1);
	} while (rc == PRUN_EWOKEN && signals_count() < 2);
}

/* Workers of a run that is complete end by themselves. */
static void pool_end(struct run *r)
{
	if (!is_broken(r))
		prun_pool_close(r->pool);
	if (!is_broken(r) && r->work->lasting)
		workers_await(r);
	signals_forget_pool();
	if (!is_broken(r) && !r->work->lasting)
		prun_pool_join(r->pool, JOIN_TIMEOUT_MS);
	prun_pool_free(r->pool);
	r->pool = NULL;
}

static void run_release(struct run *r)
{
	prun_pool_free(r->pool);
	prun_job_free(r->job);
	verbose_release(&r->verbose);
	journal_close(&r->journal);
	joblog_end(&r->joblog, 0);
	trace_close(&r->trace, 0);
	input_close(&r->input);
}

static const char *how_ended(const struct run *r)
{
	if (!r->stop.stopped)
		return "ended";
	return r->stop.signals > 0 ? "interrupted" : "halted";
}

static int run_all(struct run *r)
{
	const struct tally *tally = &r->tally;
	int code = EXIT_ALL_WELL;
	int rc;

	progress_init(&r->progress, r->options, tally);
	stop_init(&r->stop, r->options, &r->input);
	rc = results_take(r);
	output_flush(&standard_output);
	progress_finish(&r->progress, r->job, &r->input);
	verbose_finish(&r->verbose, r->pool);
	if (tally->failed + tally->unrun + tally->not_run > 0)
		code = EXIT_ITEM_FAILED;
	if (r->stop.halted)
		code = EXIT_HALTED;
	if (rc < 0)
		code = job_fail(r, rc);
	pool_end(r);
	if (r->work->end && code != EXIT_PRUN_FAILED)
		code = r->work->end(r->work->self, tally, code);
	code = journal_end(&r->journal, tally, code);
	code = joblog_end(&r->joblog, code);
	trace_tell_end(&r->trace, how_ended(r), tally);
	code = trace_close(&r->trace, code);
	if (output_close(&standard_output) < 0)
		code = output_fail(&standard_output);
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

int run_items(const struct work *work, const struct options *o)
{
	struct run r = {.work = work, .options = o, .journal = {.fd = -1}};
	int rc;

	dispositions_prepare();
	output_init(&standard_output);
	rc = run_prepare(&r);
	if (rc == 0)
		rc = run_all(&r);
	run_release(&r);
	signals_raise();
	return rc;
}
