/* SPDX-License-Identifier: MIT */
#ifndef GROUP_H
#define GROUP_H

/*
 * In a worker: the process group of what it runs, which the signals of the
 * terminal and of the pool do not reach by themselves.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "prun.h"

/* Handle them from now on: what stops and continues this process does so to the
 * group, and a late task has it asked to end. What the system does not let this
 * process write is an error. With `own` false there is no group. */
void group_handle(bool own);
/* Another one runs. */
void group_set(pid_t group);
/* There is none, or it is about to be waited for: then its number may soon be
 * another one's. */
void group_forget(void);
/* What it runs for; NULL: nothing just now. */
void group_task(struct prun_task *task);
/* When both are known: the signal that the task is late may have come before,
 * for nobody. */
void group_look(void);

/* A handler that leaves alone who was told to ignore it. */
void group_catch(int sig, void (*handler)(int));

/* A worker that gets this while its task is late asks the group to end. */
int group_late_signal(void);

#endif
