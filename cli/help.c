/* SPDX-License-Identifier: MIT */

#include "help.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "option_table.h"
#include "output.h"

#define WIDTH 79

/* -------------------------------------------------------------- two columns */

/* How much of `text` goes on a line of `room` columns: up to a blank. */
static size_t line_length(const char *text, size_t room)
{
	size_t len = strlen(text), n;

	if (len <= room)
		return len;
	for (n = room; n > 0 && text[n] != ' '; n--)
		;
	/* A word that is too long gets a line to itself. */
	return n > 0 ? n : strcspn(text, " ");
}

/* A head of `len` columns is written: `text` beside it from `column` on, or
 * below it if there is no room. */
static void put_beside(FILE *f, size_t len, size_t column, const char *text)
{
	if (len + 2 > column) {
		putc('\n', f);
		len = 0;
	}
	while (*text) {
		size_t n = line_length(text, WIDTH - column);

		fprintf(f, "%*s%.*s\n", (int)(column - len), "", (int)n, text);
		text += n;
		text += strspn(text, " ");
		len = 0;
	}
}

/* ------------------------------------------------------------------ the parts */

static void put_option(FILE *f, const struct option_row *row)
{
	const char *metavar = row->metavar ? row->metavar : "";
	char head[80];
	int n;

	if (row->letter)
		n = snprintf(head, sizeof(head), "  -%c, --%s", row->letter,
			     row->name);
	else
		n = snprintf(head, sizeof(head), "      --%s", row->name);
	n += snprintf(head + n, sizeof(head) - (size_t)n,
		      row->argument == no_argument	 ? "%s" :
		      row->argument == required_argument ? " %s" :
							   "[=%s]",
		      metavar);
	fputs(head, f);
	put_beside(f, (size_t)n, 25, row->help);
}

static void put_section(FILE *f, enum option_section section, unsigned bit)
{
	const struct option_row *row = NULL;
	bool begun = false;

	while ((row = option_next(row, bit))) {
		if (row->section != section)
			continue;
		if (!begun)
			putc('\n', f);
		if (!begun && option_heading(section))
			fprintf(f, "%s:\n", option_heading(section));
		begun = true;
		put_option(f, row);
	}
}

static void put_command(FILE *f, const struct command *c)
{
	for (size_t i = 0; c->usage[i]; i++)
		fprintf(f, "%s prun %s %s\n",
			i == 0 ? "Usage:" : "  or: ", c->name, c->usage[i]);
	fprintf(f, "\n%s", c->about);
	for (int s = 0; s < SECTIONS; s++)
		put_section(f, (enum option_section)s, c->bit);
	if (c->after)
		fprintf(f, "\n%s", c->after);
	fprintf(f, "\nThe manual page prun-%s(1) says more.\n", c->name);
}

static void put_all(FILE *f)
{
	const struct command *c;

	fputs("prun runs a function or a command over many items, on all CPUs.\n\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		int n = fprintf(f, "  prun %s %s", c->name, c->usage[0]);

		put_beside(f, (size_t)n, 29, c->line);
	}
	fputs("  prun --version\n"
	      "\n"
	      "Examples:\n"
	      "  prun map sha256 *.iso > SHA256SUMS\n"
	      "  find . -type f -print0 | prun map -0 xxh128\n"
	      "  prun map ./plugin.so:rot13 < words.txt\n"
	      "\n"
	      "Exit status: 0 all well; 1 some item failed; 2 the command line is "
	      "wrong;\n"
	      "3 prun itself failed (write error, no memory ...); 4 stopped by "
	      "--halt.\n"
	      "\n"
	      "'prun help COMMAND' and the manual page prun(1) say more.\n",
	      f);
}

int help_show(const struct command *command)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	if (command)
		put_command(f, command);
	else
		put_all(f);
	if (fclose(f) != 0) {
		message("out of memory");
		rc = EXIT_PRUN_FAILED;
	} else {
		rc = output_text(&standard_output, text);
	}
	free(text);
	return rc;
}

/* ------------------------------------------------------------- the sub-command */

static int help_run(const struct options *o)
{
	const struct command *c = NULL;

	if (o->nwords > 0) {
		c = command_find(o->words[0]);
		if (!c)
			return message_usage("there is no help on '%s'",
					     o->words[0]);
	}
	return help_show(c);
}

const struct command command_help = {
	.name = "help",
	.bit = COMMAND_HELP,
	.operands = {.kind = OPERANDS_WORDS, .most = 1},
	.line = "say more about COMMAND",
	.usage = {"[COMMAND]"},
	.about = "Show what prun can do, or the help of a sub-command.\n",
	.run = help_run,
};
