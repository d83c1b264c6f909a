/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

/* The command line of `prun map`, parsed and checked. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_mode {
	PROGRESS_NONE = 0,
	PROGRESS_AUTO,
	PROGRESS_BAR,
	PROGRESS_LINE,
};

struct options {
	const char *func;   /* a built-in's name, or ./plugin.so:name */
	const char **items; /* operands, and what follows ::: */
	size_t nitems;
	bool has_items;		/* true after an empty ::: too */
	const char **arg_files; /* "-" is standard input */
	size_t narg_files;
	bool stdin_is_arg_file;
	char delimiter;
	bool has_workers;
	uint32_t workers;   /* 0 with has_workers: one an item */
	uint32_t chunksize; /* 0: auto */
	uint64_t maxtasks;  /* 0: no limit */
	uint64_t total;	    /* 0: not given */
	enum progress_mode progress;
	bool unordered;
	bool zero;
	bool tag;
	bool bsd_tag;
	bool quiet;
	bool special_files;
};

enum {
	OPTIONS_RUN = 0,
	OPTIONS_HELP = -1,
};

/* argv[0] is the sub-command. OPTIONS_RUN, OPTIONS_HELP, or the exit code
 * after a message. */
int options_parse(struct options *o, int argc, char **argv);
void options_release(struct options *o);

#endif
