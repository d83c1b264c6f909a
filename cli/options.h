/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

/* The command line of a sub-command, parsed and checked. What options there
 * are says option_table.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;

enum progress_mode {
	PROGRESS_NONE = 0,
	PROGRESS_AUTO,
	PROGRESS_BAR,
	PROGRESS_LINE,
};

struct options {
	/* The operands; see enum operands_kind. */
	const char *func;   /* a built-in's name, or ./plugin.so:name */
	const char **words; /* CMD and its arguments, or files ...; then NULL */
	size_t nwords;
	const char **items; /* operands, and what follows ::: */
	size_t nitems;
	bool has_items; /* true after an empty ::: too */

	/* Input. */
	const char **arg_files; /* "-" is standard input */
	size_t narg_files;
	bool stdin_is_arg_file;
	char delimiter;
	bool special_files;

	/* Pool. */
	bool has_workers;
	uint32_t workers;   /* 0 with has_workers: one an item */
	uint64_t chunksize; /* 0: auto */
	uint64_t maxtasks;  /* 0: no limit */

	/* A command. */
	const char *replace; /* written in place of {}; or NULL */
	uint64_t max_args;   /* items of a command; 0: not given */
	bool many;	     /* as many as fit */
	bool shell;
	bool tty;

	/* Output. */
	bool line_buffer;
	bool ungroup;
	bool unordered;
	bool zero;
	bool tag;
	bool bsd_tag;
	bool quiet;
	enum progress_mode progress;
	uint64_t total; /* 0: not given */
};

enum {
	OPTIONS_RUN = 0,
	OPTIONS_HELP = -1,
};

/* argv[0] is the sub-command, of which `command` needs name, bit and operands
 * here. OPTIONS_RUN, OPTIONS_HELP, or the exit code after a message; messages
 * speak of this sub-command from now on. */
int options_parse(struct options *o, const struct command *command, int argc,
		  char **argv);
void options_release(struct options *o);

#endif
