/* SPDX-License-Identifier: MIT */
#ifndef DIALOGUE_H
#define DIALOGUE_H

/*
 * What a worker of `prun coproc` does: a task is an item that it gives to its
 * program, and the program's answer is the result. The program is started when
 * there is a first item, and anew when the one before has ended or has done
 * something that nobody can trust an answer after.
 */

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "prun.h"

/* What all workers of a run have in common. */
struct dialogue_plan {
	const struct options *options;
	char path[PATH_MAX];
	/* In memory that all share: how often a program has come to a bad end,
	 * or said too much, when there was no item to fail for it. */
	_Atomic uint64_t *mishaps;
};

/* As the functions of struct work. */
int dialogue_start(const struct dialogue_plan *plan, void **state,
		   int worker_id);
void dialogue_end(void *state);
int dialogue_task(struct prun_task *task);

/* In prun: how the program has ended on which a task has failed. False: it has
 * not, or that is not known. */
bool dialogue_ending(int *code, int *signal, const struct prun_result *result);

#endif
