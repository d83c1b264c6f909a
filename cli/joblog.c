/* SPDX-License-Identifier: MIT */

#include "joblog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "message.h"
#include "program.h"
#include "quote.h"

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int joblog_open(struct joblog *l, const struct options *o)
{
	bool go_on = o->resume || o->retry_failed;
	const char *name = o->joblog;

	*l = (struct joblog){.options = o};
	if (!name || o->dry_run)
		return 0;
	l->clock_offset_ns = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
	l->file = fopen(name, go_on ? "ae" : "we");
	if (!l->file) {
		const char *text = prun_strerror(-errno);

		message_item(name, strlen(name), text, strlen(text));
		return EXIT_USAGE;
	}
	if (fseek(l->file, 0, SEEK_END) != 0 || ftell(l->file) <= 0)
		fputs("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\t"
		      "Exitval\tSignal\tCommand\n",
		      l->file);
	return 0;
}

void joblog_put_command(FILE *f, const struct options *o,
			const struct prun_result *result)
{
	const char *item;
	size_t len;

	fprintf(f, "%s %s", program_name(), o->command_name);
	if (o->func) {
		putc(' ', f);
		quote_put(f, o->func, strlen(o->func));
	}
	for (size_t i = 0; i < o->nwords; i++) {
		putc(' ', f);
		quote_put(f, o->words[i], strlen(o->words[i]));
	}
	fputs(" ::: ", f);
	format_item(&item, &len, result->argument, result->argument_size);
	quote_put(f, item, len);
}

/* A line is a line, and a column is one. */
static void put_column(FILE *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putc_unlocked(
			text[i] == '\n' || text[i] == '\t' ? ' ' : text[i], f);
}

static void put_line(struct joblog *l, const struct prun_result *result,
		     uint64_t place, uint64_t received,
		     const struct joblog_task *task, const char *command,
		     size_t len)
{
	double start = 0;

	if (result->start_ns > 0)
		start = (double)((int64_t)result->start_ns +
				 l->clock_offset_ns) /
			1e9;
	fprintf(l->file,
		"%" PRIu64 "\t:\t%.3f\t%10.3f\t0\t%" PRIu64 "\t%d\t%d\t", place,
		start, (double)result->run_ns / 1e9, received, task->exitval,
		task->signal);
	put_column(l->file, command, len);
	putc('\n', l->file);
}

void joblog_note(struct joblog *l, const struct prun_result *result,
		 bool failed, uint64_t place, uint64_t received,
		 void (*describe)(void *self, const struct prun_result *result,
				  struct joblog_task *task),
		 void *self)
{
	struct joblog_task task = {.exitval = failed};
	char *command;
	size_t len;

	if (!l->file)
		return;
	task.command = open_memstream(&command, &len);
	if (!task.command)
		return;
	task.signal = result->worker_signal;
	if (task.signal != 0)
		task.exitval = 0;
	if (describe)
		describe(self, result, &task);
	else
		joblog_put_command(task.command, l->options, result);
	if (fclose(task.command) == 0)
		put_line(l, result, place, received, &task, command, len);
	free(command);
}

int joblog_flush(struct joblog *l)
{
	if (l->file && !l->error && fflush(l->file) != 0)
		l->error = -errno;
	return l->error;
}

int joblog_end(struct joblog *l, int code)
{
	const char *name;

	if (!l->file)
		return code;
	joblog_flush(l);
	if (fclose(l->file) != 0 && !l->error)
		l->error = -errno;
	l->file = NULL;
	if (!l->error)
		return code;
	name = l->options->joblog;
	message("%s: write error: %s", name, prun_strerror(l->error));
	return EXIT_PRUN_FAILED;
}
