/* SPDX-License-Identifier: MIT */

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "option_table.h"
#include "prun.h"

/* More than one sub-command accepts. */
#define ROWS_MAX 128

/* What getopt gives: a letter, LONG and the place of a row, or OPERAND, which
 * stands for one when the short options begin with '-'. */
enum {
	OPERAND = 1,
	LONG = 256,
};

/* The rows of one sub-command, as getopt wants them. */
struct tables {
	const struct command *command;
	const struct option_row *rows[ROWS_MAX];
	size_t nrows;
	struct option longs[ROWS_MAX + 1];
	char shorts[3 * ROWS_MAX + 3];
};

static void tables_fill(struct tables *t, const struct command *command)
{
	const struct option_row *row = NULL;
	char *s = t->shorts;

	/* Options end with the command that is to be run, or nowhere. */
	*s++ = command->operands.kind == OPERANDS_COMMAND ? '+' : '-';
	*s++ = ':';
	while (t->nrows < ROWS_MAX && (row = option_next(row, command->bit))) {
		t->longs[t->nrows] =
			(struct option){.name = row->name,
					.has_arg = row->argument,
					.val = LONG + (int)t->nrows};
		t->rows[t->nrows++] = row;
		if (!row->letter)
			continue;
		*s++ = row->letter;
		for (int i = 0; i < row->argument; i++) /* 0, 1 or 2 */
			*s++ = ':';
	}
}

static const struct option_row *tables_row(const struct tables *t, int c)
{
	if (c >= LONG)
		return t->rows[c - LONG];
	for (size_t i = 0; i < t->nrows; i++)
		if (t->rows[i]->letter == c)
			return t->rows[i];
	return NULL;
}

/* ------------------------------------------------------------------- failures */

/* By the place of their bits. */
static const char *const command_names[] = {
#define COMMAND_NAME(NAME, name) [COMMAND_PLACE_##NAME] = #name,
	COMMANDS(COMMAND_NAME)
#undef COMMAND_NAME
};

/* One that only other sub-commands have: which, or 0. */
static unsigned others_with(const char *name, size_t len)
{
	const struct option_row *row = NULL;
	unsigned commands = 0;

	while ((row = option_next(row, ~0u)))
		if (strncmp(row->name, name, len) == 0 && !row->name[len])
			commands |= row->commands;
	return commands;
}

static int others_fail(const struct tables *t, const char *argument, size_t len,
		       unsigned commands)
{
	size_t count = sizeof(command_names) / sizeof(command_names[0]);
	char names[256] = "";
	size_t size = 0;

	for (size_t i = 0; i < count && size < sizeof(names); i++)
		if (commands & (1u << i))
			size += (size_t)snprintf(names + size,
						 sizeof(names) - size, "%s %s",
						 size > 0 ? "," : "",
						 command_names[i]);
	return message_usage("option '%.*s' is not for %s, but for%s", (int)len,
			     argument, t->command->name, names);
}

/* No long option of that name, or several that begin so. */
static int long_fail(const struct tables *t, const char *argument, size_t len)
{
	char names[1024];
	size_t size = 0;
	unsigned others = others_with(argument + 2, len - 2);

	if (others)
		return others_fail(t, argument, len, others);
	names[0] = '\0';
	for (size_t i = 0; i < t->nrows; i++)
		if (strncmp(t->rows[i]->name, argument + 2, len - 2) == 0 &&
		    size < sizeof(names))
			size += (size_t)snprintf(names + size,
						 sizeof(names) - size,
						 " '--%s'", t->rows[i]->name);
	if (size > 0)
		return message_usage("option '%.*s' is ambiguous; "
				     "possibilities:%s",
				     (int)len, argument, names);
	return message_usage("unrecognized option '%.*s'", (int)len, argument);
}

/* What getopt would say, which would give the argument to the terminal as it
 * is. `argument` is the last one that it took whole. */
static int getopt_fail(const struct tables *t, int c, const char *argument)
{
	size_t name = strcspn(argument, "=");

	if (c == ':' && strncmp(argument, "--", 2) == 0)
		return message_usage("option '%s' requires an argument",
				     argument);
	if (c == ':')
		return message_usage("option requires an argument -- '%c'",
				     optopt);
	if (optopt == 0)
		return long_fail(t, argument, name);
	/* One that is known can only have an argument too many. */
	if (optopt >= LONG)
		return message_usage("option '%.*s' doesn't allow an argument",
				     (int)name, argument);
	return message_usage("invalid option -- '%c'", optopt);
}

static int nothing_given(const struct operands *operands, bool items)
{
	if (items)
		return message_usage("no %s before ':::'", operands->what);
	return message_usage("no %s given", operands->what);
}

/* ------------------------------------------------------------------- operands */

static void word_add(struct options *o, const char *text)
{
	o->words[o->nwords++] = text;
}

static void item_add(struct options *o, const char *text)
{
	o->items[o->nitems++] = text;
	o->has_items = true;
}

static void operand_add(struct options *o, const struct operands *operands,
			const char *text)
{
	if (operands->kind == OPERANDS_WORDS)
		word_add(o, text);
	else if (!o->func)
		o->func = text;
	else
		item_add(o, text);
}

/* A command and its arguments, and after ::: the items. */
static int command_take(struct options *o, const struct operands *operands,
			char **argv)
{
	for (; *argv && strcmp(*argv, ":::") != 0; argv++)
		word_add(o, *argv);
	o->has_items = *argv;
	if (o->nwords == 0)
		return nothing_given(operands, o->has_items);
	if (*argv)
		argv++;
	for (; *argv; argv++)
		item_add(o, *argv);
	return OPTIONS_RUN;
}

/* What getopt has left over when it has come to its end, or to a ::: . */
static int rest_take(struct options *o, const struct operands *operands,
		     char **argv)
{
	if (operands->kind == OPERANDS_COMMAND)
		return command_take(o, operands, argv);
	if (operands->kind == OPERANDS_FUNC && o->has_items && !o->func)
		return nothing_given(operands, true);
	for (; *argv; argv++)
		operand_add(o, operands, *argv);
	if (operands->what && !o->func && o->nwords == 0)
		return nothing_given(operands, false);
	if (operands->most > 0 && o->nwords > operands->most)
		return message_usage("'%s' is one argument too many",
				     o->words[operands->most]);
	return OPTIONS_RUN;
}

/*
 * Operands come in their order among the options, so that ::: can end the
 * options where it stands; after -- no argument means anything special.
 */
static int arguments_parse(struct options *o, const struct command *command,
			   int argc, char **argv)
{
	static char name[] = "prun"; /* getopt begins its messages with it */
	const struct operands *operands = &command->operands;
	struct tables t = {.command = command};
	int c, rc;

	tables_fill(&t, command);
	argv[0] = name;
	/* Not 1: that would go on in a cluster that failed before. */
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct option_row *row;

		if (c == OPERAND && operands->kind == OPERANDS_FUNC &&
		    strcmp(optarg, ":::") == 0) {
			o->has_items = true;
			break;
		}
		if (c == OPERAND) {
			operand_add(o, operands, optarg);
			continue;
		}
		if (c == '?' || c == ':')
			return getopt_fail(&t, c, argv[optind - 1]);
		row = tables_row(&t, c);
		if (!row) /* getopt has got one that it was not told of */
			return getopt_fail(&t, '?', argv[optind - 1]);
		rc = row->apply(o, row, optarg);
		if (rc != 0)
			return rc;
		o->given[o->ngiven++] =
			(struct option_given){.row = row, .arg = optarg};
	}
	return rest_take(o, operands, argv + optind);
}

/* Options that are right alone, but not together: those of the input. */
static int shape_check(const struct options *o)
{
	if (o->delimiter_option && o->shape_option && o->shape != SHAPE_JSONL)
		return message_usage("--%s: not with --%s", o->delimiter_option,
				     o->shape_option);
	if (o->colsep && o->shape_option && o->shape != SHAPE_CSV)
		return message_usage("--colsep: not with --%s",
				     o->shape_option);
	if (o->header && o->shape != SHAPE_COLSEP && o->shape != SHAPE_CSV &&
	    o->shape != SHAPE_TSV)
		return message_usage("--header: only with --colsep, --csv or "
				     "--tsv");
	if (o->has_items && o->nitems > 0 && o->shape == SHAPE_MSGPACK)
		return message_usage("--msgpack: '%s' is an operand, and only "
				     "files hold such items",
				     o->items[0]);
	return OPTIONS_RUN;
}

/* Those of what is written. */
static int format_check(const struct options *o)
{
	const char *name = o->tag				  ? "tag" :
			   o->bsd_tag				  ? "bsd-tag" :
			   o->zero && o->format == FORMAT_MSGPACK ? "zero" :
								    NULL;

	if (o->format != FORMAT_TEXT && name)
		return message_usage("--%s: not with --format=%s", name,
				     o->format == FORMAT_JSONL ? "jsonl" :
				     o->format == FORMAT_TSV   ? "tsv" :
								 "msgpack");
	return OPTIONS_RUN;
}

/* And the others. */
static int together_check(const struct options *o)
{
	const char *name = o->nice	   ? "nice" :
			   o->pin	   ? "pin" :
			   o->memory_limit ? "memory-limit" :
			   o->timeout_ms || o->timeout_percent ? "timeout" :
			   o->has_kill_after		       ? "kill-after" :
								 NULL;
	int rc;

	if (o->start_method == PRUN_START_INLINE && name)
		return message_usage("--%s: not with --start-method=inline, "
				     "which has no workers",
				     name);
	if ((o->resume || o->retry_failed) && !o->journal)
		return message_usage("--%s: of which --journal?",
				     o->resume ? "resume" : "retry-failed");
	rc = shape_check(o);
	return rc == OPTIONS_RUN ? format_check(o) : rc;
}

int options_parse(struct options *o, const struct command *command, int argc,
		  char **argv)
{
	size_t room = (size_t)argc + 1, most = 1;
	int rc;

	message_topic(command->name);
	*o = (struct options){.command_name = command->name, .delimiter = '\n'};
	/* Of letters there may be several in one argument. */
	for (int i = 1; i < argc; i++)
		most += strlen(argv[i]);
	o->given = calloc(most, sizeof(*o->given));
	o->words = calloc(room, sizeof(*o->words));
	o->items = calloc(room, sizeof(*o->items));
	o->arg_files = calloc(room, sizeof(*o->arg_files));
	if (!o->given || !o->words || !o->items || !o->arg_files) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	rc = arguments_parse(o, command, argc, argv);
	return rc == OPTIONS_RUN ? together_check(o) : rc;
}

void options_release(struct options *o)
{
	free(o->given);
	free(o->words);
	free(o->items);
	free(o->arg_files);
	*o = (struct options){.delimiter = '\n'};
}
