/* SPDX-License-Identifier: MIT */
#ifndef TASKS_H
#define TASKS_H

/*
 * The built-in functions of prun: one file a family, each with a table.
 * They are ordinary users of prun.h, and run in workers.
 */

#include <stdbool.h>

#include "prun.h"

/* What a function answers, and so how its line is written. */
enum task_kind {
	TASK_VALUE,  /* any value; also every function of a plugin */
	TASK_DIGEST, /* [hex, bytes read]: HEX  NAME */
	TASK_FILE,   /* [text, bytes read]: TEXT NAME */
};

/* What a function can be told for all its items. */
struct task_argument {
	const char *name;
	const char *values; /* what it may be, for messages */
	/* Before the workers are forked. False: it may not be that. */
	bool (*set)(const char *text);
};

struct task {
	struct prun_func func;
	enum task_kind kind;
	bool opens;	 /* reads the files its items name */
	const char *tag; /* digests: the algorithm in a --bsd-tag line */
	const struct task_argument *arguments; /* up to a NULL name; or NULL */
};

/* The tables of the families; each ends with a NULL name. */
extern const struct task tasks_digest[];
extern const struct task tasks_checksum[];
extern const struct task tasks_count[];
extern const struct task tasks_stat[];
extern const struct task tasks_basic[];

/* NULL when there is no function of that name. */
const struct task *tasks_find(const char *name);
/* All of them in the order of `prun funcs`; NULL beyond the last. */
const struct task *tasks_at(size_t index);

#endif
