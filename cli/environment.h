/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/* What a command finds in its environment: all that prun has, and the numbers
 * of this worker and task. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a name, '=', a number and its NUL. */
#define ENVIRONMENT_TEXT 40

struct environment {
	char **list; /* for exec() */
	char seq[ENVIRONMENT_TEXT];
	char slot[ENVIRONMENT_TEXT];
	char jobs[ENVIRONMENT_TEXT];
	char attempt[ENVIRONMENT_TEXT];
};

/* In a worker; `slot` is its number, from 1. With `per_task` there are those of
 * environment_set() as well. 0 or -ENOMEM. */
int environment_init(struct environment *e, unsigned slot, uint32_t jobs,
		     bool per_task);
void environment_release(struct environment *e);
/* For the next command. */
void environment_set(struct environment *e, uint64_t seq, unsigned attempt);

/* What it takes of the memory that exec() has for arguments, at most. */
size_t environment_bound(void);

#endif
