/* SPDX-License-Identifier: MIT */

/* prun starmap: a function over records, whose columns are its parameters. */

#include "command.h"
#include "map.h"

static int starmap_run(const struct options *o)
{
	return map_items(o, true);
}

/* clang-format off */
const struct command command_starmap = {
	.name = "starmap",
	.bit = COMMAND_STARMAP,
	.operands = {.kind = OPERANDS_FUNC, .what = "function"},
	.line = "run FUNC over records, with their columns as its parameters",
	.usage = {"FUNC [RECORD...]", "FUNC ::: RECORD..."},
	.run = starmap_run,
	.about =
"Run FUNC over each record, in parallel, and write the results in the order of\n"
"the records, as 'prun map' does; but FUNC gets the columns of a record as its\n"
"parameters, one by one. --colsep, --csv, --tsv, --jsonl or --msgpack say what\n"
"a column is; without any of them a line is one. An array of --jsonl or\n"
"--msgpack is columns, any other value is one, and an object or map fails, as\n"
"its columns have no order. FUNC, RECORDs and all else are as for 'prun map'.\n",
	.after =
"The results are written, and the exit status is, as by 'prun map'; see\n"
"'prun help map'.\n"
"\n"
"Examples:\n"
"  prun starmap --csv --header ./plugin.so:price < orders.csv\n"
"  prun starmap -C : ./plugin.so:add ::: 1:2 3:4\n",
};
/* clang-format on */
