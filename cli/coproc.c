/* SPDX-License-Identifier: MIT */

/* prun coproc: a long-lived program for each worker, asked by lines. */

#include <string.h>
#include <sys/mman.h>

#include "command.h"
#include "dialogue.h"
#include "dry_run.h"
#include "format.h"
#include "framing.h"
#include "group.h"
#include "leftovers.h"
#include "message.h"
#include "output.h"
#include "run.h"
#include "spawn.h"

struct coproc {
	const struct options *options;
	struct dialogue_plan plan;
	struct format format;
};

static int coproc_ready(void *self, struct input *in)
{
	struct coproc *c = self;

	(void)in;
	c->plan.mishaps = mmap(NULL, sizeof(*c->plan.mishaps),
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->plan.mishaps == MAP_FAILED) {
		c->plan.mishaps = NULL;
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	format_begin(&c->format);
	return 0;
}

static int coproc_worker_start(void *self, void **state, int worker_id,
			       char *text, size_t size)
{
	const struct coproc *c = self;

	(void)text;
	(void)size;
	return dialogue_start(&c->plan, state, worker_id);
}

static void coproc_worker_end(void *self, void *state, int worker_id)
{
	(void)self;
	(void)worker_id;
	dialogue_end(state);
}

static int coproc_result(void *self, const struct prun_result *result,
			 struct tally *tally)
{
	struct coproc *c = self;

	return format_result(&tally->bytes, &c->format, result);
}

static void coproc_failed(void *self, const struct prun_result *result,
			  const char *text, size_t len)
{
	struct coproc *c = self;

	format_failure(&c->format, result, text, len);
}

/* For --joblog. One that has ended too soon has failed, though it says 0. */
static void coproc_describe(void *self, const struct prun_result *result,
			    struct joblog_task *task)
{
	const struct coproc *c = self;
	int code, sig;

	if (dialogue_ending(&code, &sig, result)) {
		task->exitval = sig ? 0 : code ? code : 1;
		task->signal = sig;
	}
	joblog_put_command(task->command, c->options, result);
}

/* A program that has failed without an item has been told of. */
static int coproc_end(void *self, const struct tally *tally, int code)
{
	const struct coproc *c = self;

	(void)tally;
	if (code == EXIT_ALL_WELL && atomic_load(c->plan.mishaps) > 0)
		return EXIT_ITEM_FAILED;
	return code;
}

static int coproc_prepare(struct coproc *c)
{
	const struct options *o = c->options;
	int rc = spawn_find_or_tell(c->plan.path, o->words[0]);

	c->plan.options = o;
	if (rc == 0 && format_init(&c->format, &standard_output, o, NULL) < 0) {
		message("out of memory");
		rc = EXIT_PRUN_FAILED;
	}
	return rc;
}

static void coproc_release(struct coproc *c)
{
	format_release(&c->format);
	if (c->plan.mishaps)
		munmap((void *)c->plan.mishaps, sizeof(*c->plan.mishaps));
}

static int coproc_run(const struct options *o)
{
	struct coproc c = {.options = o};
	struct options of_pool = *o;
	struct work work = {
		.self = &c,
		.func = {.name = "coproc", .fn = dialogue_task},
		.guarded = true,
		.lasting = true,
		.late_signal = group_late_signal(),
		.ready = coproc_ready,
		.worker_start = coproc_worker_start,
		.worker_end = coproc_worker_end,
		.result = coproc_result,
		.failed = coproc_failed,
		.describe = coproc_describe,
		.end = coproc_end,
	};
	struct leftovers leftovers;
	int rc = coproc_prepare(&c);

	if (o->dry_run)
		work.func = dry_run_program(o);
	of_pool.start_method = PRUN_START_FORKSERVER; /* the guard */
	of_pool.memory_limit = 0;		      /* the program's */
	if (rc == 0) {
		leftovers_adopt(&leftovers);
		rc = run_items(&work, &of_pool);
		leftovers_kill(&leftovers);
		leftovers_release(&leftovers);
	}
	coproc_release(&c);
	return rc;
}

/* As they look on the terminal. */
/* clang-format off */
const struct command command_coproc = {
	.name = "coproc",
	.bit = COMMAND_COPROC,
	.operands = {.kind = OPERANDS_COMMAND, .what = "command"},
	.line = "give each ITEM to one of several running copies of CMD",
	.usage = {"CMD [ARG...] [::: ITEM...]"},
	.run = coproc_run,
	.about =
"Start CMD once for each worker, without a shell; give each copy one item after\n"
"the other on its standard input, a line each; and write what it answers to\n"
"each, which is a line too, in the order of the items. Options stand before CMD.\n"
"\n"
"CMD must answer each item with one line, and write it out at once: what stays\n"
"in a buffer is never seen, and both sides wait. See prun-coproc(1) for how\n"
"several languages flush, and --timeout.\n"
"\n"
"The items are what follows :::, then the lines of each --arg-file; with neither\n"
"of them the lines of standard input. With --null items and answers end with\n"
"NUL; with --jsonl each is JSON on a line, with --msgpack a msgpack value;\n"
"--framing says otherwise. Columns of an item have TABs between them on a line.\n",
	.after =
"An item fails with CMD when that ends, or closes a pipe, before it has answered,\n"
"writes more than one answer, or takes too long; CMD is then started anew for the\n"
"next item. What CMD writes on standard error goes there as it is.\n"
"\n"
"At the end CMD finds the end of its input, and is waited for. If it fails then,\n"
"or between two items, that is told, and the exit status is 1.\n"
"\n"
"CMD runs in a process group of its own, and has in its environment PRUN_SLOT,\n"
"the number of its worker, and PRUN_JOBS, how many workers there are.\n"
"\n"
"Exit status: 0 all well; 1 some item failed, or CMD did without one; 2 the\n"
"command line is wrong; 3 prun itself failed; 4 stopped by --halt; 126 CMD cannot\n"
"be run; 127 CMD is not found. After SIGINT, SIGTERM or SIGHUP prun finishes\n"
"what runs and ends by that signal; a second one kills what runs.\n"
"\n"
"Examples:\n"
"  prun coproc python3 score.py < words > scores\n"
"  prun coproc --jsonl --timeout 10 ./solve < cases.jsonl\n"
"  prun coproc -0 perl -0lne '$| = 1; print length' < names\n",
};
/* clang-format on */
