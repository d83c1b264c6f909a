/* SPDX-License-Identifier: MIT */

#include "help.h"

#include <stddef.h>
#include <string.h>

/* As they look on the terminal. */
/* clang-format off */
static const char help_prun[] =
"prun runs a function over many items, on all CPUs.\n"
"\n"
"  prun map FUNC [ITEM...]    run FUNC over the ITEMs, or over the lines of\n"
"                             standard input\n"
"  prun funcs [PLUGIN]        list the functions, prun's own or a plugin's\n"
"  prun help [map|funcs]      say more\n"
"  prun --version\n"
"\n"
"Examples:\n"
"  prun map sha256 *.iso > SHA256SUMS\n"
"  find . -type f -print0 | prun map -0 xxh128\n"
"  prun map ./plugin.so:rot13 < words.txt\n"
"\n"
"Exit status: 0 all well; 1 some item failed; 2 the command line is wrong;\n"
"3 prun itself failed (write error, no memory ...).\n";

static const char help_funcs[] =
"Usage: prun funcs [PLUGIN]\n"
"\n"
"List prun's built-in functions, or those of the shared object PLUGIN, whose\n"
"path must hold a '/', one a line with a word of help.\n"
"\n"
"Examples:\n"
"  prun funcs\n"
"  prun funcs ./plugin.so\n";

static const char help_map[] =
"Usage: prun map [OPTION...] FUNC [ITEM...]\n"
"  or:  prun map [OPTION...] FUNC ::: ITEM...\n"
"\n"
"Run FUNC over each item, in parallel, and write the results in the order of\n"
"the items. FUNC is a name from 'prun funcs', or ./PLUGIN.so:NAME for a\n"
"function of your own shared object; that path must hold a '/'.\n"
"\n"
"Input: the ITEMs, then the lines of each --arg-file; with neither of them the\n"
"lines of standard input. A line is an item as it is, without any quoting;\n"
"an empty line is an empty item. What follows ::: is never an option, and so\n"
"is what follows --, where ::: is an item like any other.\n"
"  -0, --null             items end with NUL, not newline\n"
"  -d, --delimiter C      items end with the character C; escapes as in\n"
"                         xargs: \\n \\t \\0 \\a \\b \\f \\r \\v \\\\ \\NNN \\xHH\n"
"  -a, --arg-file FILE    read items from FILE ('-': standard input); may be\n"
"                         given several times\n"
"  -r, --no-run-if-empty  accepted, without effect: an empty input runs nothing\n"
"\n"
"Pool:\n"
"  -j, --workers N        N worker processes; N% of the CPUs, +N: CPUs plus N,\n"
"                         -N: CPUs minus N; 0: one an item, at most 1024\n"
"                         (default: one a CPU this process may use)\n"
"  -P, --max-procs N      the same, as xargs calls it\n"
"      --jobs N           the same, as GNU parallel calls it\n"
"  -c, --chunksize N      hand out N items at a time; auto (default): as many\n"
"                         as suits the time that they take\n"
"      --maxtasksperchild N\n"
"                         replace a worker after N items\n"
"\n"
"Output:\n"
"  -k, --keep-order       results in the order of the items (default)\n"
"      --unordered        results as they come\n"
"  -z, --zero             lines end with NUL, and no name is escaped\n"
"  -t, --tag              ITEM and a TAB before each line (not for digests)\n"
"      --bsd-tag          digests as 'MD5 (NAME) = HEX'\n"
"  -q, --quiet            say nothing about items that fail; the exit status\n"
"                         still tells of them\n"
"\n"
"Progress, on standard error:\n"
"  -p, --progress[=HOW]   bar: one line, drawn again and again; line: a line\n"
"                         every second; auto (when HOW is missing): bar on a\n"
"                         terminal, else line; none (default)\n"
"      --total N          the number of items, when prun cannot know it\n"
"\n"
"Files, for functions that read them:\n"
"      --special-files    read FIFOs and devices too; without it they are items\n"
"                         that fail\n"
"  The item '-' is standard input, when that does not hold the items.\n"
"\n"
"      --help             this text\n"
"\n"
"A digest's line is that of md5sum: HEX, two spaces, NAME. A name with a\n"
"backslash, LF or CR in it is escaped, and its line begins with a backslash.\n"
"wc writes LINES WORDS BYTES NAME, stat SIZE KIND NAME, with names escaped in\n"
"the same way. The result of a plugin is written as it is if it is a string;\n"
"numbers are text, nil is nothing, and an array is a line with TABs.\n"
"\n"
"An item that fails gives a message on standard error and no line; the others\n"
"go on. So it is with an item whose worker crashes.\n"
"\n"
"Exit status: 0 all well; 1 some item failed; 2 the command line is wrong, an\n"
"unknown function, a bad plugin, a list that cannot be opened; 3 prun itself\n"
"failed (write error, no memory ...). When the reader of its output goes away,\n"
"prun ends by SIGPIPE. After SIGINT, SIGTERM or SIGHUP it finishes what runs\n"
"and ends by that signal; a second one kills what runs.\n"
"\n"
"Examples:\n"
"  prun map md5 *.iso > MD5SUMS && md5sum -c MD5SUMS\n"
"  find . -type f -print0 | prun map -0 -p sha256\n"
"  prun map -j 50% --unordered ./plugin.so:solve < cases.txt\n";
/* clang-format on */

const char *help_text(const char *topic)
{
	if (!topic)
		return help_prun;
	if (strcmp(topic, "help") == 0 || strcmp(topic, "--help") == 0)
		return help_prun;
	if (strcmp(topic, "map") == 0)
		return help_map;
	if (strcmp(topic, "funcs") == 0)
		return help_funcs;
	return NULL;
}
