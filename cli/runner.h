/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_H
#define RUNNER_H

/*
 * What a worker of `prun exec` does: a task is a command, which is started,
 * whose output is collected, and which is waited for. What becomes of that is
 * the task's result:
 *
 *	[code, signal, error, output error,
 *	 blocks of stdout, rest of stdout, blocks of stderr, rest of stderr]
 *
 * where blocks are numbers in the spool (uint32_t, as bytes). A command that
 * was not started is a task that has failed.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "prun.h"
#include "spool.h"
#include "template.h"

enum output_kind {
	OUTPUT_GROUPED,	 /* is collected */
	OUTPUT_LINES,	 /* goes out in whole lines, as they come */
	OUTPUT_STRAIGHT, /* is the command's own business */
};

/* What is the same for all commands of a run. */
struct plan {
	const struct template *template;
	char path[PATH_MAX]; /* empty: the template says for each item */
	struct spool *spool;
	enum output_kind kind;
	int input;  /* instead of /dev/null: the terminal; or -1 */
	int output; /* prun's standard output */
	bool own_group;
	bool tag;     /* of OUTPUT_LINES */
	bool records; /* an item is one, with columns */
	char end;
	uint64_t retries;      /* more tries of a command that fails */
	uint64_t memory_limit; /* of a command; 0: none */
};

/* As the functions of struct work; `plan` is theirs. */
int runner_start(const struct plan *plan, void **state, int worker_id);
void runner_end(void *state);
int runner_task(struct prun_task *task);
/* In its place: nothing is started, and the result is a text, the command's
 * line for a shell. */
int runner_dry_task(struct prun_task *task);

/* What between the items of a task, as one text. */
char runner_between(const struct plan *plan);

/* What it has in the spool for a task of this index. */
uint32_t runner_owner(uint64_t index);

/* A worker that gets this while its task is late asks the command to end. */
int runner_late_signal(void);

struct outcome {
	int code, signal;
	int error;	  /* of keeping what it wrote */
	int output_error; /* of writing it */
	struct written {
		const void *blocks;
		size_t blocks_size;
		const char *rest;
		size_t rest_size;
	} streams[2]; /* stdout, stderr */
};

/* Borrows from the result. 0 or an error. */
int runner_outcome(struct outcome *o, const struct prun_result *result);

#endif
