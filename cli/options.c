/* SPDX-License-Identifier: MIT */

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "number.h"
#include "prun.h"

enum {
	OPERAND = 1, /* what getopt gives for one, the short options' first
			character being '-' */
	OPT_MAXTASKS = 256,
	OPT_UNORDERED,
	OPT_BSD_TAG,
	OPT_TOTAL,
	OPT_SPECIAL_FILES,
	OPT_HELP,
};

static const char short_options[] = "-:0d:a:rj:P:c:kztqp::";

static const struct option long_options[] = {
	{"null", no_argument, NULL, '0'},
	{"delimiter", required_argument, NULL, 'd'},
	{"arg-file", required_argument, NULL, 'a'},
	{"no-run-if-empty", no_argument, NULL, 'r'},
	{"workers", required_argument, NULL, 'j'},
	{"jobs", required_argument, NULL, 'j'},
	{"max-procs", required_argument, NULL, 'j'},
	{"chunksize", required_argument, NULL, 'c'},
	{"maxtasksperchild", required_argument, NULL, OPT_MAXTASKS},
	{"unordered", no_argument, NULL, OPT_UNORDERED},
	{"keep-order", no_argument, NULL, 'k'},
	{"zero", no_argument, NULL, 'z'},
	{"tag", no_argument, NULL, 't'},
	{"bsd-tag", no_argument, NULL, OPT_BSD_TAG},
	{"quiet", no_argument, NULL, 'q'},
	{"progress", optional_argument, NULL, 'p'},
	{"total", required_argument, NULL, OPT_TOTAL},
	{"special-files", no_argument, NULL, OPT_SPECIAL_FILES},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static int chunksize_parse(struct options *o, const char *text)
{
	uint64_t v = 0;
	int rc = 0;

	if (strcmp(text, "auto") != 0)
		rc = number_parse(&v, "--chunksize", text, 1,
				  PRUN_CHUNKSIZE_MAX);
	o->chunksize = (uint32_t)v;
	return rc;
}

static int progress_parse(struct options *o, const char *text)
{
	static const char *const names[] = {
		[PROGRESS_NONE] = "none",
		[PROGRESS_AUTO] = "auto",
		[PROGRESS_BAR] = "bar",
		[PROGRESS_LINE] = "line",
	};

	if (!text)
		text = "auto";
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			o->progress = (enum progress_mode)i;
			return 0;
		}
	}
	return message_usage("map",
			     "--progress: '%s' is not auto, bar, line "
			     "or none",
			     text);
}

static int arg_file_add(struct options *o, const char *name)
{
	bool is_stdin = strcmp(name, "-") == 0;

	if (is_stdin && o->stdin_is_arg_file)
		return message_usage("map", "--arg-file: standard input "
					    "cannot be read twice");
	o->stdin_is_arg_file |= is_stdin;
	o->arg_files[o->narg_files++] = name;
	return 0;
}

static void operand_add(struct options *o, const char *text)
{
	if (!o->func) {
		o->func = text;
		return;
	}
	o->items[o->nitems++] = text;
	o->has_items = true;
}

static int option_apply(struct options *o, int c, const char *arg)
{
	uint64_t v = 0;
	int rc = 0;

	switch (c) {
	case '0':
		o->delimiter = '\0';
		return 0;
	case 'd':
		return number_delimiter(&o->delimiter, arg);
	case 'a':
		return arg_file_add(o, arg);
	case 'r': /* an empty input runs nothing in any case */
		return 0;
	case 'j':
	case 'P':
		o->has_workers = true;
		return number_workers(&o->workers, arg);
	case 'c':
		return chunksize_parse(o, arg);
	case OPT_MAXTASKS:
		rc = number_parse(&v, "--maxtasksperchild", arg, 1, UINT64_MAX);
		o->maxtasks = v;
		return rc;
	case OPT_UNORDERED:
	case 'k':
		o->unordered = c == OPT_UNORDERED;
		return 0;
	case 'z':
		o->zero = true;
		return 0;
	case 't':
		o->tag = true;
		return 0;
	case OPT_BSD_TAG:
		o->bsd_tag = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'p':
		return progress_parse(o, arg);
	case OPT_TOTAL:
		rc = number_parse(&v, "--total", arg, 1, UINT64_MAX);
		o->total = v;
		return rc;
	case OPT_SPECIAL_FILES:
		o->special_files = true;
		return 0;
	case OPT_HELP:
		return OPTIONS_HELP;
	default:
		return OPTIONS_RUN; /* not reached: see arguments_parse */
	}
}

/* A long option whose letter this is. */
static const char *long_name(int value)
{
	for (size_t i = 0; long_options[i].name; i++)
		if (long_options[i].val == value)
			return long_options[i].name;
	return NULL;
}

/* No long option of that name, or several that begin so. */
static int long_fail(const char *argument, size_t len)
{
	char names[512];
	size_t size = 0;

	names[0] = '\0';
	for (size_t i = 0; long_options[i].name; i++)
		if (strncmp(long_options[i].name, argument + 2, len - 2) == 0 &&
		    size < sizeof(names))
			size += (size_t)snprintf(names + size,
						 sizeof(names) - size,
						 " '--%s'",
						 long_options[i].name);
	if (size > 0)
		return message_usage("map",
				     "option '%.*s' is ambiguous; "
				     "possibilities:%s",
				     (int)len, argument, names);
	return message_usage("map", "unrecognized option '%.*s'", (int)len,
			     argument);
}

/* What getopt would say, which would give the argument to the terminal as it
 * is. `argument` is the last one that it took whole. */
static int getopt_fail(int c, const char *argument)
{
	size_t name = strcspn(argument, "=");

	if (c == ':' && strncmp(argument, "--", 2) == 0)
		return message_usage("map", "option '%s' requires an argument",
				     argument);
	if (c == ':')
		return message_usage("map",
				     "option requires an argument -- "
				     "'%c'",
				     optopt);
	if (optopt == 0)
		return long_fail(argument, name);
	/* One that is known can only have an argument too many. */
	if (long_name(optopt))
		return message_usage("map",
				     "option '%.*s' doesn't allow an "
				     "argument",
				     (int)name, argument);
	return message_usage("map", "invalid option -- '%c'", optopt);
}

/*
 * Operands come in their order among the options, so that ::: can end the
 * options where it stands; after -- no argument means anything special.
 */
static int arguments_parse(struct options *o, int argc, char **argv)
{
	static char name[] = "prun"; /* getopt begins its messages with it */
	int c, rc;

	argv[0] = name;
	optind =
		0; /* not 1: that would go on in a cluster that failed before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		if (c == OPERAND && strcmp(optarg, ":::") == 0) {
			o->has_items = true;
			break;
		}
		if (c == OPERAND) {
			operand_add(o, optarg);
			continue;
		}
		if (c == '?' || c == ':')
			return getopt_fail(c, argv[optind - 1]);
		rc = option_apply(o, c, optarg);
		if (rc != 0)
			return rc;
	}
	if (!o->func && o->has_items)
		return message_usage("map", "no function before ':::'");
	while (optind < argc)
		operand_add(o, argv[optind++]);
	if (!o->func)
		return message_usage("map", "no function given");
	return OPTIONS_RUN;
}

int options_parse(struct options *o, int argc, char **argv)
{
	size_t room = (size_t)argc + 1;

	*o = (struct options){.delimiter = '\n'};
	o->items = calloc(room, sizeof(*o->items));
	o->arg_files = calloc(room, sizeof(*o->arg_files));
	if (!o->items || !o->arg_files) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	return arguments_parse(o, argc, argv);
}

void options_release(struct options *o)
{
	free(o->items);
	free(o->arg_files);
	*o = (struct options){.delimiter = '\n'};
}
