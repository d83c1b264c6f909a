/* SPDX-License-Identifier: MIT */

/* What the commands of prun exec have written, and what they have come to. */

#include "exec.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ending.h"
#include "lines.h"
#include "message.h"
#include "output.h"
#include "quote.h"

/* The output of a command that is part of a record: as long as an item. */
#define RECORD_OUTPUT_MAX ((size_t)256 << 20)

static int to_output(void *to, const void *data, size_t size)
{
	return output_put(to, data, size);
}

static int to_message(void *to, const void *data, size_t size)
{
	(void)to;
	message_bytes(data, size);
	return 0;
}

static int to_memory(void *to, const void *data, size_t size)
{
	return fwrite(data, 1, size, to) == size ? 0 : -ENOMEM;
}

static int items_take(struct exec *e, const struct prun_result *result)
{
	const void *argument = result->argument;
	size_t size = result->argument_size;

	return e->plan.records ? items_unpack_record(&e->items, &e->columns,
						     argument, size) :
				 items_unpack(&e->items, argument, size);
}

/* The item or the items, to be told of and for --tag. */
static int name_make(struct exec *e, const struct prun_result *result)
{
	int rc = items_take(e, result);

	free(e->name);
	e->name = rc == 0 ? items_join(&e->items, runner_between(&e->plan),
				       &e->name_len) :
			    NULL;
	return e->name ? 0 : rc < 0 ? rc : -ENOMEM;
}

static void tell(struct exec *e, const char *text, size_t len)
{
	/* When nobody reads any more that is all there is to say. */
	if (e->options->quiet || standard_output.error)
		return;
	output_flush(&standard_output);
	message_item(e->name ? e->name : "?", e->name ? e->name_len : 1, text,
		     len);
}

/* One stream of a command. 0, or why it cannot be read. */
static int stream_show(struct exec *e, const struct written *w,
		       lines_put_fn put, void *to)
{
	struct lines lines = {.put = put,
			      .to = to,
			      .end = e->plan.end,
			      .whole = e->options->tag || e->options->dry_run,
			      .tag = e->options->tag ? e->name : NULL,
			      .tag_len = e->name_len};

	for (size_t i = 0; i + sizeof(uint32_t) <= w->blocks_size;
	     i += sizeof(uint32_t)) {
		uint32_t block;

		memcpy(&block, (const char *)w->blocks + i, sizeof(block));
		lines_put_blocks(&lines, e->plan.spool, &block, 1);
		spool_drop(e->plan.spool, block);
	}
	lines_put(&lines, w->rest, w->rest_size);
	lines_end(&lines);
	return to && standard_output.error ? 0 : lines.error;
}

static int error_show(struct exec *e, const struct outcome *o)
{
	const struct written *err = &o->streams[1];

	if (err->rest_size == 0 && err->blocks_size == 0)
		return 0;
	/* So that the two keep their order where they are one. */
	output_flush(&standard_output);
	return stream_show(e, err, to_message, NULL);
}

/* Both streams, each in one piece. What the system says of one that is written
 * to is kept there. */
static int streams_show(struct exec *e, const struct outcome *o)
{
	int rc = stream_show(e, &o->streams[0], to_output, &standard_output);
	int rc2 = error_show(e, o);

	return rc < 0 ? rc : rc2;
}

/* Standard output, all of it, for the record; yours to free, also after an
 * error, when some of it may still be in the spool. */
static int output_take(struct exec *e, char **text, size_t *size,
		       const struct outcome *o)
{
	const struct written *out = &o->streams[0];
	size_t blocks = out->blocks_size / sizeof(uint32_t);
	FILE *f;
	int rc;

	*text = NULL;
	*size = 0;
	if (blocks > RECORD_OUTPUT_MAX / SPOOL_BLOCK)
		return PRUN_ETOOBIG;
	f = open_memstream(text, size);
	if (!f)
		return -ENOMEM;
	rc = stream_show(e, out, to_memory, f);
	return fclose(f) == 0 ? rc : -ENOMEM;
}

static int signal_text(char *text, size_t size, const struct exec *e,
		       const struct outcome *o)
{
	int n = ending_text(text, 0, o->signal);

	if (o->signal == SIGTTIN || o->signal == SIGTTOU)
		n += snprintf(text + n, size - (size_t)n, " (see --tty)");
	else if (e->plan.memory_limit > 0)
		n += snprintf(text + n, size - (size_t)n,
			      "; it could have %" PRIu64 " bytes of memory",
			      e->plan.memory_limit);
	return n;
}

/* Why a command has failed, if it has, in e->why: the length of the text, or 0.
 * `rc` is what came of showing its output. */
static size_t outcome_text(struct exec *e, const struct outcome *o, int rc)
{
	char *text = e->why;
	size_t size = sizeof(e->why);
	int n = 0;

	if (rc == PRUN_ETOOBIG)
		n = snprintf(text, size, "its output is longer than 256 MiB");
	else if (rc < 0)
		n = snprintf(text, size, "its output is lost: %s",
			     prun_strerror(rc));
	else if (o->code > 0)
		n = ending_text(text, o->code, 0);
	else if (o->code < 0)
		n = signal_text(text, size, e, o);
	return (size_t)n;
}

/* 0, or 1: it has failed and that was told. */
static int outcome_show(struct exec *e, const struct outcome *o)
{
	int rc = streams_show(e, o);
	size_t n = outcome_text(e, o, o->error ? o->error : rc);

	if (n > 0)
		tell(e, e->why, n);
	return n > 0;
}

/* The same as a record, for --format; standard error is as ever. */
static int outcome_report(struct exec *e, const struct prun_result *result,
			  const struct outcome *o)
{
	struct report_end end = {.code = o->code, .signal = o->signal};
	char *output;
	int rc = output_take(e, &output, &end.output_size, o);
	int rc2 = error_show(e, o);

	if (rc < 0)
		spool_drop_all(e->plan.spool, runner_owner(result->index));
	rc = o->error ? o->error : rc < 0 ? rc : rc2;
	end.output = rc == 0 ? output : NULL;
	end.error_size = outcome_text(e, o, rc);
	if (end.error_size > 0) {
		end.error = e->why;
		end.status = rc < 0 ? rc : PRUN_EFAILED;
	}
	report_command(&e->report, result, &end);
	free(output);
	if (end.error)
		tell(e, e->why, end.error_size);
	return end.error != NULL;
}

/* What would have been run. */
static int line_show(struct exec *e, const struct prun_result *result)
{
	struct written line = {.blocks = NULL};
	int rc = name_make(e, result);

	if (rc == 0)
		rc = prun_result_str(result, &line.rest, &line.rest_size);
	if (rc < 0)
		return rc;
	if (e->options->format != FORMAT_TEXT)
		report_result(&e->report, result, NULL, 0);
	else
		stream_show(e, &line, to_output, &standard_output);
	return 0;
}

int exec_result(void *self, const struct prun_result *result,
		struct tally *tally)
{
	struct exec *e = self;
	struct outcome o;
	int rc, failed;

	if (e->options->dry_run)
		return line_show(e, result);
	rc = runner_outcome(&o, result);
	if (rc == 0)
		rc = name_make(e, result);
	if (rc < 0)
		return rc;
	if (o.output_error && !standard_output.error)
		standard_output.error = o.output_error;
	failed = e->options->format != FORMAT_TEXT ?
			 outcome_report(e, result, &o) :
			 outcome_show(e, &o);
	/* The run counts commands; people count items. */
	if (!e->plan.records)
		*(failed ? &tally->failed : &tally->done) += e->items.count - 1;
	return failed;
}

const char *exec_reason(void *self)
{
	const struct exec *e = self;

	return e->why;
}

void exec_failure(void *self, const struct prun_result *result,
		  const char *text, size_t len)
{
	struct exec *e = self;

	spool_drop_all(e->plan.spool, runner_owner(result->index));
	if (name_make(e, result) < 0)
		e->name = NULL;
	tell(e, text, len);
}

void exec_failed(void *self, const struct prun_result *result, const char *text,
		 size_t len)
{
	struct exec *e = self;

	if (e->options->format != FORMAT_TEXT)
		report_failure(&e->report, result, text, len);
}

/* For --joblog: as the command has ended, and its words. */
void exec_describe(void *self, const struct prun_result *result,
		   struct joblog_task *task)
{
	struct exec *e = self;
	struct substitutes values = {.items = &e->items,
				     .columns = &e->columns,
				     .number = result->index + 1,
				     .worker =
					     (unsigned)(result->worker_id + 1)};
	struct args args = {.argv = NULL};
	struct outcome o;

	if (result->status >= 0 && runner_outcome(&o, result) == 0) {
		task->exitval = o.code < 0 ? 0 : o.code;
		task->signal = o.signal;
	}
	if (items_take(e, result) == 0 &&
	    template_expand(&args, e->template, &values) == 0)
		quote_words(task->command, args.argv);
	args_release(&args);
}
