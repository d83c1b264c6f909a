/* SPDX-License-Identifier: MIT */

#include "option_table.h"

#include <getopt.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "number.h"
#include "prun.h"

/* ------------------------------------------------------ how one is applied */

static void *field(struct options *o, const struct option_row *row)
{
	return (char *)o + row->offset;
}

static int flag_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	(void)arg;
	*(bool *)field(o, row) = true;
	return 0;
}

static int flag_clear(struct options *o, const struct option_row *row,
		      const char *arg)
{
	(void)arg;
	*(bool *)field(o, row) = false;
	return 0;
}

static int number_set(struct options *o, const struct option_row *row,
		      const char *arg)
{
	return number_parse(field(o, row), row->name, arg, row->least,
			    row->most);
}

static int number_or_auto_set(struct options *o, const struct option_row *row,
			      const char *arg)
{
	if (strcmp(arg, "auto") != 0)
		return number_set(o, row, arg);
	*(uint64_t *)field(o, row) = 0;
	return 0;
}

static int nothing_set(struct options *o, const struct option_row *row,
		       const char *arg)
{
	(void)o;
	(void)row;
	(void)arg;
	return 0;
}

static int help_ask(struct options *o, const struct option_row *row,
		    const char *arg)
{
	(void)o;
	(void)row;
	(void)arg;
	return OPTIONS_HELP;
}

/* The last one of the two counts. */
static int quiet_set(struct options *o, const struct option_row *row,
		     const char *arg)
{
	(void)row;
	(void)arg;
	o->quiet = true;
	o->verbose = 0;
	return 0;
}

static int verbose_add(struct options *o, const struct option_row *row,
		       const char *arg)
{
	(void)row;
	(void)arg;
	o->quiet = false;
	if (o->verbose < 2)
		o->verbose++;
	return 0;
}

static int null_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	(void)arg;
	o->delimiter_option = row->name;
	o->delimiter = '\0';
	return 0;
}

static int delimiter_set(struct options *o, const struct option_row *row,
			 const char *arg)
{
	o->delimiter_option = row->name;
	return number_delimiter(&o->delimiter, row->name, arg);
}

static int colsep_set(struct options *o, const struct option_row *row,
		      const char *arg)
{
	(void)row;
	o->colsep = arg;
	if (o->shape == SHAPE_LINES)
		o->shape = SHAPE_COLSEP;
	return 0;
}

static int shape_set(struct options *o, const struct option_row *row,
		     const char *arg)
{
	(void)arg;
	if (o->shape_option && strcmp(o->shape_option, row->name) != 0)
		return message_usage("--%s: not with --%s", row->name,
				     o->shape_option);
	o->shape_option = row->name;
	o->shape = (enum input_shape)row->least;
	return 0;
}

static int workers_set(struct options *o, const struct option_row *row,
		       const char *arg)
{
	o->has_workers = true;
	return number_workers(&o->workers, row->name, arg);
}

static int arg_file_add(struct options *o, const struct option_row *row,
			const char *arg)
{
	bool is_stdin = strcmp(arg, "-") == 0;

	if (is_stdin && o->stdin_is_arg_file)
		return message_usage(
			"--%s: standard input cannot be read twice", row->name);
	o->stdin_is_arg_file |= is_stdin;
	o->arg_files[o->narg_files++] = arg;
	return 0;
}

static int replace_set(struct options *o, const struct option_row *row,
		       const char *arg)
{
	if (!*arg)
		return message_usage("--%s: the text is empty", row->name);
	o->replace = arg;
	return 0;
}

static int progress_set(struct options *o, const struct option_row *row,
			const char *arg)
{
	static const char *const words[] = {
		[PROGRESS_NONE] = "none", [PROGRESS_AUTO] = "auto",
		[PROGRESS_BAR] = "bar",	  [PROGRESS_LINE] = "line",
		[PROGRESS_JSON] = "json",
	};
	unsigned place = PROGRESS_AUTO;
	int rc = 0;

	if (arg)
		rc = number_word(&place, row->name, arg, words, 5);
	o->progress = (enum progress_mode)place;
	return rc;
}

static int format_set(struct options *o, const struct option_row *row,
		      const char *arg)
{
	static const char *const words[] = {
		[FORMAT_TEXT] = "text",
		[FORMAT_JSONL] = "jsonl",
		[FORMAT_TSV] = "tsv",
		[FORMAT_MSGPACK] = "msgpack",
	};
	unsigned place = FORMAT_TEXT;
	int rc = number_word(&place, row->name, arg, words, 4);

	o->format = (enum output_format)place;
	return rc;
}

static int framing_set(struct options *o, const struct option_row *row,
		       const char *arg)
{
	static const char *const words[] = {
		[FRAMING_AUTO] = "auto",       [FRAMING_LINES] = "lines",
		[FRAMING_NULL] = "null",       [FRAMING_JSONL] = "jsonl",
		[FRAMING_MSGPACK] = "msgpack",
	};
	unsigned place = FRAMING_AUTO;
	int rc = number_word(&place, row->name, arg, words, 5);

	o->framing = (enum program_framing)place;
	return rc;
}

static int start_method_set(struct options *o, const struct option_row *row,
			    const char *arg)
{
	static const char *const words[] = {
		[PRUN_START_FORK] = "fork",
		[PRUN_START_INLINE] = "inline",
		[PRUN_START_FORKSERVER] = "forkserver",
	};

	o->has_start_method = true;
	return number_word(&o->start_method, row->name, arg, words, 3);
}

static int text_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	*(const char **)field(o, row) = arg;
	return 0;
}

static int nice_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	return number_signed(&o->nice, row->name, arg, -20, 19);
}

static int size_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	return number_size(field(o, row), row->name, arg);
}

static int halt_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	return halt_parse(&o->halt, row->name, arg);
}

static int fail_fast_set(struct options *o, const struct option_row *row,
			 const char *arg)
{
	(void)arg;
	return halt_parse(&o->halt, row->name, "now,fail=1");
}

/* In milliseconds, as the limits are. */
static int duration_set(struct options *o, const struct option_row *row,
			const char *arg)
{
	return number_duration(field(o, row), row->name, arg, row->least,
			       row->most);
}

static int timeout_set(struct options *o, const struct option_row *row,
		       const char *arg)
{
	size_t digits = strspn(arg, "0123456789");
	char number[24];

	o->timeout_ms = o->timeout_percent = 0;
	if (arg[digits] != '%' || arg[digits + 1] || digits >= sizeof(number))
		return duration_set(o, row, arg);
	memcpy(number, arg, digits);
	number[digits] = '\0';
	return number_parse(&o->timeout_percent, row->name, number, 1, 1000000);
}

static int kill_after_set(struct options *o, const struct option_row *row,
			  const char *arg)
{
	o->has_kill_after = true;
	return duration_set(o, row, arg);
}

static int algorithm_set(struct options *o, const struct option_row *row,
			 const char *arg)
{
	(void)row;
	o->algorithm = arg;
	return 0;
}

/* As with md5sum the last of them holds. */
static int report_set(struct options *o, const struct option_row *row,
		      const char *arg)
{
	(void)arg;
	o->report = (enum check_report)row->least;
	return 0;
}

/* ------------------------------------------------------------------ the table */

/* Those that run something over items. */
#define RUNS (COMMAND_MAP | COMMAND_STARMAP | COMMAND_EXEC | COMMAND_COPROC)
/* Those that run something at all. */
#define CALLS (RUNS | COMMAND_APPLY)
/* Those that take FUNC. */
#define FUNCTIONS (COMMAND_MAP | COMMAND_STARMAP | COMMAND_APPLY)
/* Those that write a result for an item. */
#define ANSWERS (FUNCTIONS | COMMAND_COPROC)
/* Those that have workers, and items; */
#define POOLED (RUNS | COMMAND_CHECK)
/* and those that may have one call only. */
#define WORKING (POOLED | COMMAND_APPLY)
#define EVERY (~0u)

#define FIELD(name) offsetof(struct options, name)

/* clang-format off */
static const struct option_row rows[] = {
	{"replace", 'I', required_argument, "R", COMMAND_EXEC, SECTION_COMMAND,
	 "R stands for the item, and {} for itself",
	 replace_set, 0, 0, 0},
	{"max-args", 'n', required_argument, "N", COMMAND_EXEC, SECTION_COMMAND,
	 "N items for each command, fewer if they do not fit or there are no "
	 "more",
	 number_set, FIELD(max_args), 1, UINT64_MAX},
	{"many", 'X', no_argument, NULL, COMMAND_EXEC, SECTION_COMMAND,
	 "as many items for each command as fit into it; shared out among the "
	 "workers where their number is known",
	 flag_set, FIELD(many), 0, 0},
	{"shell", 0, no_argument, NULL, COMMAND_EXEC, SECTION_COMMAND,
	 "CMD is a text for /bin/sh, to which the item is \"$1\"",
	 flag_set, FIELD(shell), 0, 0},
	{"tty", 0, no_argument, NULL, COMMAND_EXEC, SECTION_COMMAND,
	 "for an interactive command: it reads from the terminal, and writes "
	 "to where prun does; one worker",
	 flag_set, FIELD(tty), 0, 0},

	{"framing", 0, required_argument, "HOW", COMMAND_COPROC, SECTION_COMMAND,
	 "how items go to CMD and answers come back: lines, null, jsonl or "
	 "msgpack; auto (default): as the input is read",
	 framing_set, 0, 0, 0},

	{"null", '0', no_argument, NULL, RUNS, SECTION_INPUT,
	 "items end with NUL, not newline",
	 null_set, 0, 0, 0},
	{"delimiter", 'd', required_argument, "C", RUNS, SECTION_INPUT,
	 "items end with the character C; escapes as in xargs: "
	 "\\n \\t \\0 \\a \\b \\f \\r \\v \\\\ \\NNN \\xHH",
	 delimiter_set, 0, 0, 0},
	{"arg-file", 'a', required_argument, "FILE", RUNS, SECTION_INPUT,
	 "read items from FILE ('-': standard input); may be given several "
	 "times",
	 arg_file_add, 0, 0, 0},
	{"colsep", 'C', required_argument, "SEP", RUNS, SECTION_INPUT,
	 "a line is columns with SEP between them: an extended regular "
	 "expression, in which \\t, \\xHH ... are characters",
	 colsep_set, 0, 0, 0},
	{"csv", 0, no_argument, NULL, RUNS, SECTION_INPUT,
	 "items are records of CSV; --colsep gives another character than the "
	 "comma",
	 shape_set, 0, SHAPE_CSV, 0},
	{"tsv", 0, no_argument, NULL, RUNS, SECTION_INPUT,
	 "a line is columns with TABs between them, in which \\t \\n \\r "
	 "\\\\ stand for what they say",
	 shape_set, 0, SHAPE_TSV, 0},
	{"header", 0, no_argument, NULL, RUNS, SECTION_INPUT,
	 "the first record of each input is no item but the names of its "
	 "columns",
	 flag_set, FIELD(header), 0, 0},
	{"jsonl", 0, no_argument, NULL, RUNS, SECTION_INPUT,
	 "a line is a JSON value: a string is an item, an array is columns, an "
	 "object is columns with names",
	 shape_set, 0, SHAPE_JSONL, 0},
	{"msgpack", 0, no_argument, NULL, RUNS, SECTION_INPUT,
	 "items are msgpack values, one behind the other",
	 shape_set, 0, SHAPE_MSGPACK, 0},
	{"no-run-if-empty", 'r', no_argument, NULL, RUNS, SECTION_INPUT,
	 "accepted, without effect: an empty input runs nothing",
	 nothing_set, 0, 0, 0},

	{"workers", 'j', required_argument, "N", POOLED, SECTION_POOL,
	 "N worker processes; N% of the CPUs, +N: CPUs plus N, -N: CPUs minus "
	 "N; 0: one an item, at most 1024 (default: one a CPU this process may "
	 "use)",
	 workers_set, 0, 0, 0},
	{"max-procs", 'P', required_argument, "N", POOLED, SECTION_POOL,
	 "the same, as xargs calls it",
	 workers_set, 0, 0, 0},
	{"jobs", 0, required_argument, "N", POOLED, SECTION_POOL,
	 "the same, as GNU parallel calls it",
	 workers_set, 0, 0, 0},
	{"chunksize", 'c', required_argument, "N", POOLED, SECTION_POOL,
	 "hand out N items at a time; auto (default): as many as suits the "
	 "time that they take",
	 number_or_auto_set, FIELD(chunksize), 1, PRUN_CHUNKSIZE_MAX},
	{"maxtasksperchild", 0, required_argument, "N", POOLED & ~COMMAND_COPROC,
	 SECTION_POOL,
	 "replace a worker after N items",
	 number_set, FIELD(maxtasks), 1, UINT64_MAX},
	{"maxtasksperchild", 0, required_argument, "N", COMMAND_COPROC,
	 SECTION_POOL,
	 "start CMD anew after N items",
	 number_set, FIELD(maxtasks), 1, UINT64_MAX},

	{"start-method", 0, required_argument, "HOW", FUNCTIONS | COMMAND_CHECK,
	 SECTION_POOL,
	 "fork (default); forkserver: a small process forks the workers; "
	 "inline: no workers, prun runs the items itself, for debuggers",
	 start_method_set, 0, 0, 0},
	{"start-method", 0, required_argument, "HOW", COMMAND_EXEC,
	 SECTION_POOL,
	 "forkserver, the only one here: a small process forks the workers, and "
	 "kills what commands leave behind",
	 start_method_set, 0, 0, 0},
	{"nice", 0, required_argument, "N", WORKING, SECTION_POOL,
	 "add N to the niceness of the workers",
	 nice_set, 0, 0, 0},
	{"pin", 0, no_argument, NULL, WORKING, SECTION_POOL,
	 "pin each worker to one CPU",
	 flag_set, FIELD(pin), 0, 0},
	{"memory-limit", 0, required_argument, "SIZE", FUNCTIONS | COMMAND_CHECK,
	 SECTION_POOL,
	 "a worker may take that much memory beyond what it starts with; then "
	 "its allocations fail; bytes, or as 500M, 2GiB, 1GB",
	 size_set, FIELD(memory_limit), 0, 0},
	{"memory-limit", 0, required_argument, "SIZE", COMMAND_EXEC,
	 SECTION_POOL,
	 "a command, and each process that it starts, may take that much memory "
	 "(address space); then its allocations fail; bytes, or as 500M, 2GiB, "
	 "1GB",
	 size_set, FIELD(memory_limit), 0, 0},

	{"memory-limit", 0, required_argument, "SIZE", COMMAND_COPROC,
	 SECTION_POOL,
	 "CMD may take that much memory; then its allocations fail; bytes, or "
	 "as 500M, 2GiB, 1GB",
	 size_set, FIELD(memory_limit), 0, 0},

	{"timeout", 0, required_argument, "DUR", WORKING, SECTION_FAILURES,
	 "an item that takes longer fails; seconds, or as 1.5m, 250ms, 1h; N%: "
	 "than so much of the median of those before",
	 timeout_set, FIELD(timeout_ms), 1, UINT32_MAX},
	{"kill-after", 0, required_argument, "DUR", COMMAND_COPROC,
	 SECTION_FAILURES,
	 "what runs too long, or when prun is told to stop, is asked to end and "
	 "killed so much later, and so is a CMD that does not end after its last "
	 "item",
	 kill_after_set, FIELD(kill_after_ms), 0, UINT32_MAX},
	{"kill-after", 0, required_argument, "DUR", WORKING & ~COMMAND_COPROC,
	 SECTION_FAILURES,
	 "what runs too long, or when prun is told to stop, is asked to end and "
	 "killed so much later",
	 kill_after_set, FIELD(kill_after_ms), 0, UINT32_MAX},
	{"retries", 0, required_argument, "N", WORKING, SECTION_FAILURES,
	 "try an item that fails up to N times more",
	 number_set, FIELD(retries), 0, PRUN_RETRIES_MAX},
	{"retry-delay", 0, required_argument, "DUR", WORKING, SECTION_FAILURES,
	 "wait so long before the second try, and twice as long each time, a "
	 "minute at the most",
	 duration_set, FIELD(retry_delay_ms), 0, UINT32_MAX},

	{"halt", 0, required_argument, "WHEN,WHAT=N", POOLED, SECTION_FAILURES,
	 "stop when N, or N% of the items, have come to WHAT: fail, success or "
	 "done (either); WHEN is soon: finish what runs, or now: kill it; never "
	 "(default)",
	 halt_set, 0, 0, 0},
	{"fail-fast", 0, no_argument, NULL, POOLED, SECTION_FAILURES,
	 "the same as --halt now,fail=1",
	 fail_fast_set, 0, 0, 0},

	{"journal", 0, required_argument, "FILE", RUNS, SECTION_JOURNAL,
	 "write to FILE which items have ended, and how, so that the run can be "
	 "gone on with; 'prun log FILE' shows it",
	 text_set, FIELD(journal), 0, 0},
	{"resume", 0, no_argument, NULL, RUNS, SECTION_JOURNAL,
	 "go on with the run of --journal: leave out what was done well",
	 flag_set, FIELD(resume), 0, 0},
	{"retry-failed", 0, no_argument, NULL, RUNS, SECTION_JOURNAL,
	 "run only what has failed by --journal",
	 flag_set, FIELD(retry_failed), 0, 0},
	{"joblog", 0, required_argument, "FILE", RUNS, SECTION_JOURNAL,
	 "write to FILE a line for each item that has ended, with the columns of "
	 "GNU parallel's --joblog",
	 text_set, FIELD(joblog), 0, 0},
	{"failed", 0, no_argument, NULL, COMMAND_LOG, SECTION_OUTPUT,
	 "write the items that have failed in the end, one a line",
	 flag_set, FIELD(failed), 0, 0},
	{"html", 0, no_argument, NULL, COMMAND_LOG, SECTION_OUTPUT,
	 "write a page of HTML, complete in itself: how busy the workers were, "
	 "the slowest items, the failures",
	 flag_set, FIELD(html), 0, 0},
	{"zero", 'z', no_argument, NULL, COMMAND_LOG, SECTION_OUTPUT,
	 "end these items with NUL",
	 flag_set, FIELD(zero), 0, 0},

	{"keep-order", 'k', no_argument, NULL, RUNS, SECTION_OUTPUT,
	 "results in the order of the items (default)",
	 flag_clear, FIELD(unordered), 0, 0},
	{"unordered", 0, no_argument, NULL, RUNS, SECTION_OUTPUT,
	 "results as they come",
	 flag_set, FIELD(unordered), 0, 0},
	{"line-buffer", 0, no_argument, NULL, COMMAND_EXEC, SECTION_OUTPUT,
	 "whole lines as they come, of several commands mixed",
	 flag_set, FIELD(line_buffer), 0, 0},
	{"ungroup", 0, no_argument, NULL, COMMAND_EXEC, SECTION_OUTPUT,
	 "the commands write to where prun does, as they like",
	 flag_set, FIELD(ungroup), 0, 0},
	{"zero", 'z', no_argument, NULL, COMMAND_EXEC, SECTION_OUTPUT,
	 "lines end with NUL, for --tag, --line-buffer, --format and --dry-run",
	 flag_set, FIELD(zero), 0, 0},
	{"tag", 't', no_argument, NULL, COMMAND_EXEC, SECTION_OUTPUT,
	 "ITEM and a TAB before each line, on standard error too",
	 flag_set, FIELD(tag), 0, 0},
	{"format", 0, required_argument, "HOW", ANSWERS, SECTION_OUTPUT,
	 "text (default); jsonl, tsv or msgpack: a record an item, with index, "
	 "item, status, ms, worker, result and error, for those that fail too",
	 format_set, 0, 0, 0},
	{"format", 0, required_argument, "HOW", COMMAND_EXEC, SECTION_OUTPUT,
	 "text (default): what the commands write; jsonl, tsv or msgpack: a "
	 "record an item, with index, item, status, ms, worker, result (its "
	 "standard output), error, exit and signal",
	 format_set, 0, 0, 0},
	{"zero", 'z', no_argument, NULL, COMMAND_COPROC, SECTION_OUTPUT,
	 "answers end with NUL",
	 flag_set, FIELD(zero), 0, 0},
	{"zero", 'z', no_argument, NULL, FUNCTIONS, SECTION_OUTPUT,
	 "lines end with NUL, and no name is escaped",
	 flag_set, FIELD(zero), 0, 0},
	{"zero", 'z', no_argument, NULL, COMMAND_CHECK, SECTION_OUTPUT,
	 "lines of SUMFILE and of the output end with NUL, and no name is "
	 "escaped",
	 flag_set, FIELD(zero), 0, 0},
	{"tag", 't', no_argument, NULL,
	 COMMAND_MAP | COMMAND_STARMAP | COMMAND_COPROC, SECTION_OUTPUT,
	 "ITEM and a TAB before each line (not for digests)",
	 flag_set, FIELD(tag), 0, 0},
	{"bsd-tag", 0, no_argument, NULL, FUNCTIONS, SECTION_OUTPUT,
	 "digests as 'MD5 (NAME) = HEX'",
	 flag_set, FIELD(bsd_tag), 0, 0},
	{"dry-run", 'D', no_argument, NULL, ANSWERS | COMMAND_EXEC,
	 SECTION_OUTPUT,
	 "run nothing, but write for each item the command that would",
	 flag_set, FIELD(dry_run), 0, 0},
	{"quiet", 'q', no_argument, NULL, CALLS, SECTION_OUTPUT,
	 "say nothing about items that fail; the exit status still tells of "
	 "them",
	 quiet_set, 0, 0, 0},
	{"verbose", 'v', no_argument, NULL, CALLS, SECTION_OUTPUT,
	 "say of each item when it has ended which worker had it, and for how "
	 "long; twice: of births and deaths of workers too",
	 verbose_add, 0, 0, 0},

	{"progress", 'p', optional_argument, "HOW", POOLED, SECTION_PROGRESS,
	 "bar: one line, drawn again and again; line: a line every second; "
	 "json: an object every second, and at the end; auto (when HOW is "
	 "missing): bar on a terminal, else line; none (default)",
	 progress_set, 0, 0, 0},
	{"total", 0, required_argument, "N", POOLED, SECTION_PROGRESS,
	 "the number of items, when prun cannot know it",
	 number_set, FIELD(total), 1, UINT64_MAX},

	{"trace", 0, required_argument, "FILE", CALLS | COMMAND_CHECK,
	 SECTION_PROGRESS,
	 "write to FILE when each item ran, and in which worker, as JSON for "
	 "ui.perfetto.dev and chrome://tracing",
	 text_set, FIELD(trace), 0, 0},

	{"algorithm", 'a', required_argument, "NAME", COMMAND_CHECK,
	 SECTION_CHECK,
	 "all lines are of this digest, others improperly formatted (default: "
	 "by the tag of a line, or else by how many digits it has)",
	 algorithm_set, 0, 0, 0},
	{"ignore-missing", 0, no_argument, NULL, COMMAND_CHECK, SECTION_CHECK,
	 "say nothing of files that are missing, and do not fail for them",
	 flag_set, FIELD(ignore_missing), 0, 0},
	{"quiet", 'q', no_argument, NULL, COMMAND_CHECK, SECTION_CHECK,
	 "write no OK",
	 report_set, 0, REPORT_FAILURES, 0},
	{"status", 0, no_argument, NULL, COMMAND_CHECK, SECTION_CHECK,
	 "write nothing; the exit status tells",
	 report_set, 0, REPORT_STATUS, 0},
	{"strict", 0, no_argument, NULL, COMMAND_CHECK, SECTION_CHECK,
	 "fail for lines that are improperly formatted",
	 flag_set, FIELD(strict), 0, 0},
	{"warn", 'w', no_argument, NULL, COMMAND_CHECK, SECTION_CHECK,
	 "warn of each line that is improperly formatted",
	 report_set, 0, REPORT_WARN, 0},

	{"special-files", 0, no_argument, NULL, FUNCTIONS | COMMAND_CHECK, SECTION_FILES,
	 "read FIFOs and devices too; without it they are items that fail",
	 flag_set, FIELD(special_files), 0, 0},

	{"help", 0, no_argument, NULL, EVERY, SECTION_HELP,
	 "this text",
	 help_ask, 0, 0, 0},
};
/* clang-format on */

const struct option_row *option_next(const struct option_row *row,
				     unsigned commands)
{
	const struct option_row *end = rows + sizeof(rows) / sizeof(rows[0]);

	for (row = row ? row + 1 : rows; row < end; row++)
		if (row->commands & commands)
			return row;
	return NULL;
}

bool option_changes_results(const struct option_row *row)
{
	static const char *const harmless[] = {
		"null",	      "delimiter", "arg-file", "no-run-if-empty",
		"keep-order", "unordered", "quiet",    "verbose",
		"dry-run",
	};

	/* A new one does until it is known that it does not. */
	if (row->section == SECTION_POOL || row->section == SECTION_FAILURES ||
	    row->section == SECTION_JOURNAL ||
	    row->section == SECTION_PROGRESS || row->section == SECTION_HELP)
		return false;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strcmp(row->name, harmless[i]) == 0)
			return false;
	return true;
}

const char *option_heading(enum option_section section)
{
	static const char *const headings[SECTIONS] = {
		[SECTION_COMMAND] = "Command",
		[SECTION_INPUT] = "Input",
		[SECTION_POOL] = "Pool",
		[SECTION_JOURNAL] = "Going on with a run",
		[SECTION_FAILURES] = "Items that fail",
		[SECTION_OUTPUT] = "Output",
		[SECTION_PROGRESS] =
			"Seeing the run, progress on standard error",
		[SECTION_CHECK] = "Checking",
		[SECTION_FILES] = "Files, for functions that read them",
	};

	return headings[section];
}
