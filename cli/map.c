/* SPDX-License-Identifier: MIT */

/* prun map: a function over every item. */

#include "command.h"
#include "format.h"
#include "function.h"
#include "map.h"
#include "run.h"

struct map {
	const struct options *options;
	struct function function;
	struct format format;
	bool star;
};

static int map_ready(void *self, struct input *in)
{
	struct map *m = self;
	int rc;

	if (m->star)
		input_spread(in);
	rc = function_ready(&m->function, m->options, in);
	if (rc == 0)
		format_begin(&m->format);
	return rc;
}

static int map_result(void *self, const struct prun_result *result,
		      struct tally *tally)
{
	struct map *m = self;

	return format_result(&tally->bytes, &m->format, result);
}

static void map_failed(void *self, const struct prun_result *result,
		       const char *text, size_t len)
{
	struct map *m = self;

	format_failure(&m->format, result, text, len);
}

int map_items(const struct options *o, bool star)
{
	struct map m = {.options = o, .star = star};
	struct work work = {
		.self = &m,
		.star = star,
		.ready = map_ready,
		.result = map_result,
		.failed = map_failed,
	};
	int rc = function_find(&m.function, o);

	if (rc == 0)
		rc = function_format(&m.format, &m.function, o);
	if (rc == 0) {
		work.func = m.function.func;
		rc = run_items(&work, o);
	}
	format_release(&m.format);
	function_release(&m.function);
	return rc;
}

static int map_run(const struct options *o)
{
	return map_items(o, false);
}

/* As they look on the terminal. */
/* clang-format off */
const struct command command_map = {
	.name = "map",
	.bit = COMMAND_MAP,
	.operands = {.kind = OPERANDS_FUNC, .what = "function"},
	.line = "run FUNC over the ITEMs, or over the lines of standard input",
	.usage = {"FUNC [ITEM...]", "FUNC ::: ITEM..."},
	.run = map_run,
	.about =
"Run FUNC over each item, in parallel, and write the results in the order of\n"
"the items. FUNC is a name from 'prun funcs', or ./PLUGIN.so:NAME for a\n"
"function of your own shared object; that path must hold a '/'. Arguments of a\n"
"built-in function stand behind it, as in xxh64,seed=7.\n"
"\n"
"The items are the ITEMs, then the lines of each --arg-file; with neither of\n"
"them the lines of standard input. A line is an item as it is, without any\n"
"quoting; an empty line is an empty item. What follows ::: is never an option,\n"
"and so is what follows --, where ::: is an item like any other. For functions\n"
"that read files the item '-' is standard input, when that does not hold the\n"
"items.\n"
"\n"
"With --colsep, --csv or --tsv an item is a record of columns, which FUNC gets\n"
"as an array if there are several; with --jsonl or --msgpack it gets the value.\n"
"A record that is wrong fails as an item does, but for CSV with wrong quotes,\n"
"which ends the input.\n",
	.after =
"A digest's line is that of md5sum: HEX, two spaces, NAME. A name with a\n"
"backslash, LF or CR in it is escaped, and its line begins with a backslash.\n"
"wc writes LINES WORDS BYTES NAME, stat SIZE KIND NAME, with names escaped in\n"
"the same way. The result of a plugin is written as it is if it is a string;\n"
"numbers are text, nil is nothing, and an array is a line with TABs.\n"
"\n"
"An item that fails gives a message on standard error and, but for --format, no\n"
"line; the others go on. So it is with an item whose worker crashes.\n"
"\n"
"Exit status: 0 all well; 1 some item failed; 2 the command line is wrong, an\n"
"unknown function, a bad plugin, a list that cannot be opened; 3 prun itself\n"
"failed (write error, broken input, no memory ...); 4 stopped by --halt. When\n"
"the reader of its output goes away, prun ends by SIGPIPE. After SIGINT, SIGTERM\n"
"or SIGHUP it finishes what runs and ends by that signal; a second one kills\n"
"what runs.\n"
"\n"
"Examples:\n"
"  prun map md5 *.iso > MD5SUMS && md5sum -c MD5SUMS\n"
"  find . -type f -print0 | prun map -0 -p sha256\n"
"  prun map -j 50% --unordered ./plugin.so:solve < cases.txt\n",
};
/* clang-format on */
