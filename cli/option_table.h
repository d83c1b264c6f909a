/* SPDX-License-Identifier: MIT */
#ifndef OPTION_TABLE_H
#define OPTION_TABLE_H

/*
 * All options of all sub-commands, a row each: what getopt is to know, what
 * help says, and how it is applied. An option that means something else in
 * another sub-command has another row there.
 */

#include <stddef.h>
#include <stdint.h>

#include "options.h"

/* The headings of help, in its order. */
enum option_section {
	SECTION_COMMAND,
	SECTION_INPUT,
	SECTION_POOL,
	SECTION_FAILURES,
	SECTION_JOURNAL,
	SECTION_OUTPUT,
	SECTION_PROGRESS,
	SECTION_CHECK,
	SECTION_FILES,
	SECTION_HELP, /* without a heading */
	SECTIONS,
};

struct option_row;

/* 0; OPTIONS_HELP; or an exit code after a message. `arg` is NULL where there
 * is none. */
typedef int (*option_apply_fn)(struct options *o, const struct option_row *row,
			       const char *arg);

struct option_row {
	const char *name;    /* the long one, without its dashes */
	char letter;	     /* or 0 */
	int argument;	     /* getopt's no_, required_ or optional_argument */
	const char *metavar; /* what help calls it */
	unsigned commands;   /* those that accept it, COMMAND_* together */
	enum option_section section;
	const char *help; /* is broken into lines where it is shown */
	option_apply_fn apply;
	/* For the ready ones of the apply functions: where the value goes,
	 * and its limits. */
	size_t offset;
	uint64_t least, most;
};

/* The rows for the sub-commands of these bits, one after the other: the first
 * one behind `row` (NULL: of all), NULL beyond the last. */
const struct option_row *option_next(const struct option_row *row,
				     unsigned commands);

/* Whether the results are others with it, so that a run with it cannot go on
 * with one without it. */
bool option_changes_results(const struct option_row *row);

/* The heading of a section; NULL for none. */
const char *option_heading(enum option_section section);

#endif
