/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

/* The command line of a sub-command, parsed and checked. What options there
 * are says option_table.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "halt.h"

struct command;
struct option_row;

/* What the input is read as; see records.h. */
enum input_shape {
	SHAPE_LINES = 0,
	SHAPE_COLSEP,
	SHAPE_CSV,
	SHAPE_TSV,
	SHAPE_JSONL,
	SHAPE_MSGPACK,
};

/* What results are written as; see report.h. */
enum output_format {
	FORMAT_TEXT = 0,
	FORMAT_JSONL,
	FORMAT_TSV,
	FORMAT_MSGPACK,
};

/* How a program is given items and gives answers; see framing.h. */
enum program_framing {
	FRAMING_AUTO = 0, /* as the input says */
	FRAMING_LINES,
	FRAMING_NULL,
	FRAMING_JSONL,
	FRAMING_MSGPACK,
};

enum progress_mode {
	PROGRESS_NONE = 0,
	PROGRESS_AUTO,
	PROGRESS_BAR,
	PROGRESS_LINE,
	PROGRESS_JSON,
};

/* An option as it was given; option_table.h. */
struct option_given {
	const struct option_row *row;
	const char *arg; /* NULL: none */
};

/* What is said of files that were checked. */
enum check_report {
	REPORT_ALL = 0,
	REPORT_FAILURES, /* no OK */
	REPORT_WARN,	 /* each bad line too */
	REPORT_STATUS,	 /* as little as can be */
};

struct options {
	const char *command_name;
	struct option_given *given; /* in their order */
	size_t ngiven;

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
	const char *delimiter_option; /* the one that was given, or NULL */
	const char *shape_option;     /* as delimiter_option */
	const char *colsep;	      /* NULL: not given */
	enum input_shape shape;
	char delimiter;
	bool header;
	bool stdin_is_arg_file;
	bool special_files;

	/* Pool. */
	bool has_workers;
	bool pin;
	bool has_start_method;
	uint32_t workers;   /* 0 with has_workers: one an item */
	uint64_t chunksize; /* 0: auto */
	uint64_t maxtasks;  /* 0: no limit */
	int64_t nice;
	uint64_t memory_limit; /* bytes; 0: none */
	unsigned start_method; /* enum prun_start_method */

	/* Items that fail. */
	bool has_kill_after;
	uint64_t timeout_ms;	  /* 0: none */
	uint64_t timeout_percent; /* of the median; 0: none */
	uint64_t kill_after_ms;
	uint64_t retries;
	uint64_t retry_delay_ms;
	struct halt halt;

	/* A command. */
	const char *replace; /* written in place of {}; or NULL */
	uint64_t max_args;   /* items of a command; 0: not given */
	bool many;	     /* as many as fit */
	bool shell;
	bool tty;
	enum program_framing framing;

	/* Going on with a run. */
	const char *journal; /* NULL: none */
	const char *joblog;  /* NULL: none */
	bool resume;
	bool retry_failed;
	bool failed; /* prun log: only these; */
	bool html;   /* a page */

	/* Output. */
	uint64_t total;	   /* 0: not given */
	const char *trace; /* NULL: none */
	enum output_format format;
	enum progress_mode progress;
	bool dry_run;
	bool line_buffer;
	bool ungroup;
	bool unordered;
	bool zero;
	bool tag;
	bool bsd_tag;
	bool quiet;
	unsigned char verbose; /* 1: items as they end; 2: workers too */

	/* Checking. */
	const char *algorithm; /* NULL: what each line says */
	enum check_report report;
	bool strict;
	bool ignore_missing;
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
