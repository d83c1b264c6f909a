/* SPDX-License-Identifier: MIT */
#ifndef COMMAND_H
#define COMMAND_H

/*
 * The sub-commands. Each is a line of this list and a file that defines
 * `const struct command command_NAME`, with all that is its own: the operands
 * it takes, the texts of its help, and what it does.
 */

#include "options.h"

/* In the order of `prun help`. */
#define COMMANDS(X) \
	X(MAP, map) \
	X(STARMAP, starmap) \
	X(APPLY, apply) \
	X(EXEC, exec) \
	X(COPROC, coproc) \
	X(CHECK, check) \
	X(LOG, log) \
	X(FUNCS, funcs) \
	X(COMPLETION, completion) \
	X(HELP, help)

enum {
#define COMMAND_PLACE(NAME, name) COMMAND_PLACE_##NAME,
	COMMANDS(COMMAND_PLACE)
#undef COMMAND_PLACE
};

/* For the options' table: which of them accept an option. */
enum {
#define COMMAND_BIT(NAME, name) COMMAND_##NAME = 1 << COMMAND_PLACE_##NAME,
	COMMANDS(COMMAND_BIT)
#undef COMMAND_BIT
};

enum operands_kind {
	/* FUNC [ITEM...], and options among them; what follows ::: are
	 * items. */
	OPERANDS_FUNC,
	/* CMD [ARG...] [::: ITEM...]. The options end at CMD, whose arguments
	 * may look like options. */
	OPERANDS_COMMAND,
	/* Words, and options among them; ::: is a word like any other. */
	OPERANDS_WORDS,
};

struct operands {
	enum operands_kind kind;
	const char *what; /* "function": there must be one; or NULL */
	size_t most;	  /* of OPERANDS_WORDS; 0: any number */
};

struct command {
	const char *name;
	unsigned bit;
	struct operands operands;
	const char *line;     /* what it does, for `prun help` */
	const char *usage[4]; /* its operands, in several ways; up to a NULL */
	const char *about;    /* its help, before and after the options; */
	const char *after;    /* each ends with LF, or is NULL */
	int (*run)(const struct options *o); /* returns the exit code */
};

#define COMMAND_DECLARE(NAME, name) extern const struct command command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);
/* All of them; NULL beyond the last. */
const struct command *command_at(size_t index);

#endif
