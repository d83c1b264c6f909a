/* SPDX-License-Identifier: MIT */
#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Being told to stop. The first SIGINT, SIGTERM or SIGHUP asks for an orderly
 * end: no more items, what runs is finished. A second one means at once.
 * Whoever ignores one of them (nohup, a shell's background job) goes on doing
 * so.
 */

#include <stdbool.h>

#include "prun.h"

/* Catch them from now on, and wake the pool with each. */
void signals_catch(struct prun_pool *pool);
/* The pool is about to go. */
void signals_forget_pool(void);
/* How many have come; 0, 1, or 2 for more than one. */
int signals_count(void);
/* Whether a SIGUSR1 has come since this was asked last: somebody wants to know
 * how far the run is. */
bool signals_status_wanted(void);
/*
 * While this process writes to a reader who may be slow, nobody looks at the
 * count, and it may be for ever: a second signal then ends it on the spot.
 */
void signals_writing(bool writing);
/* End as the first of them would have ended this process, if one has come. */
void signals_raise(void);
/* End as this signal ends a process that does not catch it. Safe in a handler
 * of a signal. */
_Noreturn void signals_end_by(int sig);
/* In a worker: they are the parent's business, SIGUSR1 too. */
void signals_ignore(void);

#endif
