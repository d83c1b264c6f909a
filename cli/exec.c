/* SPDX-License-Identifier: MIT */

/* prun exec: a command for every item. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "exec.h"
#include "leftovers.h"
#include "message.h"
#include "output.h"
#include "spawn.h"

/* --------------------------------------------------------------- before the run */

/* Of items that are records one is a command's, with its columns. */
static int records_check(const struct options *o)
{
	if (o->shape == SHAPE_LINES || (!o->max_args && !o->many))
		return 0;
	return message_usage("--%s: not with --%s, where the columns of one "
			     "record are the items of a command",
			     o->max_args ? "max-args" : "many",
			     o->shape_option ? o->shape_option : "colsep");
}

/* Options that want what a command writes, and those that leave it alone. */
static int output_check(const struct options *o)
{
	bool straight = o->ungroup || o->tty;
	const char *how = o->tty ? "tty" : "ungroup";

	if (o->format != FORMAT_TEXT && (straight || o->line_buffer))
		return message_usage("--format: with --%s the output of a "
				     "command is not there when it has ended",
				     straight ? how : "line-buffer");
	if (o->tty && o->has_workers && o->workers != 1)
		return message_usage("--tty: there is one terminal, so there "
				     "can be one worker only");
	if (straight && o->line_buffer)
		return message_usage("--line-buffer and --%s exclude each "
				     "other",
				     how);
	if (straight && o->tag)
		return message_usage("--tag: with --%s prun sees no output",
				     how);
	if (o->zero && !o->tag && !o->line_buffer && !o->dry_run &&
	    o->format == FORMAT_TEXT)
		return message_usage("--zero: only with --tag, --line-buffer, "
				     "--format or --dry-run; output is copied "
				     "as it is otherwise");
	return 0;
}

static int options_check(const struct options *o)
{
	int rc = records_check(o);

	if (rc == 0)
		rc = output_check(o);
	if (rc == 0 && o->has_start_method &&
	    o->start_method != PRUN_START_FORKSERVER)
		return message_usage("--start-method: exec has the fork server "
				     "always, as the guard that kills what "
				     "commands leave behind");
	return rc;
}

/* An item may be a record whose columns have names. */
static bool has_names(const struct options *o)
{
	return o->header || o->shape == SHAPE_JSONL ||
	       o->shape == SHAPE_MSGPACK;
}

/* With --shell the text is the shell's third argument, and what is replaced
 * stands behind it. */
static int template_make(struct exec *e)
{
	static const char *const shell[] = {"/bin/sh", "-c", NULL, "sh"};
	const struct options *o = e->options;
	const char **words = calloc(o->nwords + 4, sizeof(*words));
	size_t n = 0, literal = 0;

	if (words && o->shell) {
		memcpy(words, shell, sizeof(shell));
		words[2] = o->words[0];
		n = literal = 4;
	}
	for (size_t i = o->shell; words && i < o->nwords; i++)
		words[n++] = o->words[i];
	if (words)
		e->template = template_new(words, n, literal, o->replace,
					   has_names(o));
	free(words);
	if (e->template)
		return 0;
	message("out of memory");
	return EXIT_PRUN_FAILED;
}

/* Once for all, unless it is another one for each item. */
static int command_find_path(struct exec *e)
{
	const char *name = e->options->shell ? "/bin/sh" : e->options->words[0];

	if (template_varies(e->template, 0))
		return 0;
	return spawn_find_or_tell(e->plan.path, name);
}

/* For the worker, out of the way of the standard ones. */
static int descriptors_open(struct exec *e)
{
	int rc = 0;

	e->plan.output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (e->plan.output < 0) {
		message("standard output: %s", prun_strerror(-errno));
		return EXIT_PRUN_FAILED;
	}
	if (!e->options->tty || e->options->dry_run)
		return 0;
	e->plan.input = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (e->plan.input < 0) {
		rc = -errno;
		message("/dev/tty: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

static int exec_ready(void *self, struct input *in)
{
	struct exec *e = self;
	int rc = spool_new(&e->plan.spool);

	if (rc == 0)
		rc = report_init(&e->report, &standard_output, e->options);
	if (rc < 0) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	batch_open(&e->batch, in);
	input_keep_names(in);
	rc = descriptors_open(e);
	e->report.commands = true;
	if (rc == 0 && e->options->format != FORMAT_TEXT)
		report_begin(&e->report);
	return rc;
}

static int exec_source(struct prun_item *item, void *self)
{
	struct exec *e = self;

	return batch_source(item, &e->batch);
}

/* ------------------------------------------------------------------ in a worker */

static int exec_worker_start(void *self, void **state, int worker_id,
			     char *text, size_t size)
{
	const struct exec *e = self;

	(void)text;
	(void)size;
	return runner_start(&e->plan, state, worker_id);
}

static void exec_worker_end(void *self, void *state, int worker_id)
{
	(void)self;
	(void)worker_id;
	runner_end(state);
}

/* ------------------------------------------------------------------------ all */

static int exec_prepare(struct exec *e)
{
	const struct options *o = e->options;
	int rc = options_check(o);

	if (rc == 0)
		rc = template_make(e);
	if (rc == 0)
		rc = command_find_path(e);
	if (rc != 0)
		return rc;
	batch_init(&e->batch, o, e->template);
	e->plan.template = e->template;
	e->plan.kind = o->ungroup || o->tty ? OUTPUT_STRAIGHT :
		       o->line_buffer	    ? OUTPUT_LINES :
					      OUTPUT_GROUPED;
	e->plan.own_group = !o->tty;
	e->plan.tag = o->tag;
	e->plan.records = o->shape != SHAPE_LINES;
	e->plan.memory_limit = o->memory_limit;
	e->plan.end = o->zero ? '\0' : '\n';
	e->plan.retries = o->retries;
	return 0;
}

static void exec_release(struct exec *e)
{
	batch_release(&e->batch);
	spool_free(e->plan.spool);
	template_free(e->template);
	report_release(&e->report);
	items_release(&e->items);
	columns_release(&e->columns);
	free(e->name);
	if (e->plan.output >= 0)
		close(e->plan.output);
	if (e->plan.input >= 0)
		close(e->plan.input);
}

static int exec_run(const struct options *given)
{
	struct options o = *given;
	struct exec e = {.options = &o, .plan = {.input = -1, .output = -1}};
	struct work work = {
		.self = &e,
		.func = {.name = "exec",
			 .fn = o.dry_run ? runner_dry_task : runner_task},
		.guarded = true,
		.batches = o.shape == SHAPE_LINES,
		.late_signal = runner_late_signal(),
		.ready = exec_ready,
		.source = exec_source,
		.worker_start = exec_worker_start,
		.worker_end = exec_worker_end,
		.result = exec_result,
		.reason = exec_reason,
		.failure = exec_failure,
		.failed = exec_failed,
		.describe = exec_describe,
	};
	struct leftovers leftovers;
	int rc = exec_prepare(&e);

	o.start_method = PRUN_START_FORKSERVER; /* the guard */
	o.memory_limit = 0;			/* of commands, not workers */
	if (o.tty) {
		o.has_workers = true;
		o.workers = 1;
	}
	if (rc == 0) {
		leftovers_adopt(&leftovers);
		rc = run_items(&work, &o);
		leftovers_kill(&leftovers);
		leftovers_release(&leftovers);
	}
	exec_release(&e);
	return rc;
}

/* As they look on the terminal. */
/* clang-format off */
const struct command command_exec = {
	.name = "exec",
	.bit = COMMAND_EXEC,
	.operands = {.kind = OPERANDS_COMMAND, .what = "command"},
	.line = "run CMD for each ITEM, or for each line of standard input",
	.usage = {"CMD [ARG...] [::: ITEM...]"},
	.run = exec_run,
	.about =
"Run the command CMD for each item, in parallel and without a shell, and write\n"
"what the commands write, of each in one piece, in the order of the items.\n"
"Options stand before CMD.\n"
"\n"
"In CMD and its arguments these stand for the item:\n"
"  {}   the item itself        {/}   its last component\n"
"  {.}  without extension      {//}  its directory\n"
"  {#}  its number, from 1     {/.}  last component without extension\n"
"  {%}  the number of the worker\n"
"  {1} {2} ... {-1}, {1.} {1/} ...  one of several items, or of the columns\n"
"  {name}, {name.} {name/} ...  the column of that name (--header, --jsonl)\n"
"If there is none of them, {} is added as the last argument. An argument with\n"
"one of {} {.} {/} {//} {/.} in it is repeated for each of several items, and\n"
"for each column.\n"
"\n"
"The items are what follows :::, then the lines of each --arg-file; with neither\n"
"of them the lines of standard input. A line is an item as it is, without any\n"
"quoting, and reaches the command byte for byte.\n",
	.after =
"Commands read from /dev/null, run in process groups of their own, and have in\n"
"their environment PRUN_SEQ, the number of the command; PRUN_SLOT, that of the\n"
"worker; PRUN_JOBS, how many workers there are; PRUN_ATTEMPT, which try it is.\n"
"\n"
"A command is done when it has ended, even if what it has started still holds\n"
"its output. What commands leave behind, daemons too, is killed at the end.\n"
"Output beyond 256 KiB of a command waits in a file in TMPDIR.\n"
"\n"
"Exit status: 0 all well; 1 some command failed; 2 the command line is wrong;\n"
"3 prun itself failed; 4 stopped by --halt; 126 CMD cannot be run; 127 CMD is\n"
"not found. After SIGINT, SIGTERM or SIGHUP prun finishes what runs and ends by\n"
"that signal; a second one kills what runs.\n"
"\n"
"Examples:\n"
"  find . -name '*.wav' -print0 | prun exec -0 flac -s {} -o out/{/.}.flac\n"
"  prun exec -j4 gzip -9 ::: *.log\n"
"  prun exec --shell 'wc -l < \"$1\" > \"$1.lines\"' ::: *.txt\n"
"  prun exec --csv --header -a list.csv cp {from} {to}\n",
};
/* clang-format on */
