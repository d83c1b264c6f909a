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

static int null_set(struct options *o, const struct option_row *row,
		    const char *arg)
{
	(void)row;
	(void)arg;
	o->delimiter = '\0';
	return 0;
}

static int delimiter_set(struct options *o, const struct option_row *row,
			 const char *arg)
{
	return number_delimiter(&o->delimiter, row->name, arg);
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
	static const char *const names[] = {
		[PROGRESS_NONE] = "none",
		[PROGRESS_AUTO] = "auto",
		[PROGRESS_BAR] = "bar",
		[PROGRESS_LINE] = "line",
	};

	if (!arg)
		arg = "auto";
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(arg, names[i]) == 0) {
			o->progress = (enum progress_mode)i;
			return 0;
		}
	}
	return message_usage("--%s: '%s' is not auto, bar, line or none",
			     row->name, arg);
}

/* ------------------------------------------------------------------ the table */

/* Those that run something over items. */
#define RUNS (COMMAND_MAP | COMMAND_EXEC)
/* Those that take FUNC. */
#define FUNCTIONS (COMMAND_MAP)
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
	{"no-run-if-empty", 'r', no_argument, NULL, RUNS, SECTION_INPUT,
	 "accepted, without effect: an empty input runs nothing",
	 nothing_set, 0, 0, 0},

	{"workers", 'j', required_argument, "N", RUNS, SECTION_POOL,
	 "N worker processes; N% of the CPUs, +N: CPUs plus N, -N: CPUs minus "
	 "N; 0: one an item, at most 1024 (default: one a CPU this process may "
	 "use)",
	 workers_set, 0, 0, 0},
	{"max-procs", 'P', required_argument, "N", RUNS, SECTION_POOL,
	 "the same, as xargs calls it",
	 workers_set, 0, 0, 0},
	{"jobs", 0, required_argument, "N", RUNS, SECTION_POOL,
	 "the same, as GNU parallel calls it",
	 workers_set, 0, 0, 0},
	{"chunksize", 'c', required_argument, "N", RUNS, SECTION_POOL,
	 "hand out N items at a time; auto (default): as many as suits the "
	 "time that they take",
	 number_or_auto_set, FIELD(chunksize), 1, PRUN_CHUNKSIZE_MAX},
	{"maxtasksperchild", 0, required_argument, "N", RUNS, SECTION_POOL,
	 "replace a worker after N items",
	 number_set, FIELD(maxtasks), 1, UINT64_MAX},

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
	 "lines end with NUL, for --tag and --line-buffer",
	 flag_set, FIELD(zero), 0, 0},
	{"tag", 't', no_argument, NULL, COMMAND_EXEC, SECTION_OUTPUT,
	 "ITEM and a TAB before each line, on standard error too",
	 flag_set, FIELD(tag), 0, 0},
	{"zero", 'z', no_argument, NULL, FUNCTIONS, SECTION_OUTPUT,
	 "lines end with NUL, and no name is escaped",
	 flag_set, FIELD(zero), 0, 0},
	{"tag", 't', no_argument, NULL, FUNCTIONS, SECTION_OUTPUT,
	 "ITEM and a TAB before each line (not for digests)",
	 flag_set, FIELD(tag), 0, 0},
	{"bsd-tag", 0, no_argument, NULL, FUNCTIONS, SECTION_OUTPUT,
	 "digests as 'MD5 (NAME) = HEX'",
	 flag_set, FIELD(bsd_tag), 0, 0},
	{"quiet", 'q', no_argument, NULL, RUNS, SECTION_OUTPUT,
	 "say nothing about items that fail; the exit status still tells of "
	 "them",
	 flag_set, FIELD(quiet), 0, 0},

	{"progress", 'p', optional_argument, "HOW", RUNS, SECTION_PROGRESS,
	 "bar: one line, drawn again and again; line: a line every second; "
	 "auto (when HOW is missing): bar on a terminal, else line; none "
	 "(default)",
	 progress_set, 0, 0, 0},
	{"total", 0, required_argument, "N", RUNS, SECTION_PROGRESS,
	 "the number of items, when prun cannot know it",
	 number_set, FIELD(total), 1, UINT64_MAX},

	{"special-files", 0, no_argument, NULL, FUNCTIONS, SECTION_FILES,
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

const char *option_heading(enum option_section section)
{
	static const char *const headings[SECTIONS] = {
		[SECTION_COMMAND] = "Command",
		[SECTION_INPUT] = "Input",
		[SECTION_POOL] = "Pool",
		[SECTION_OUTPUT] = "Output",
		[SECTION_PROGRESS] = "Progress, on standard error",
		[SECTION_FILES] = "Files, for functions that read them",
	};

	return headings[section];
}
