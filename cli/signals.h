/* SPDX-License-Identifier: MIT */
#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Being told to stop. The first SIGINT, SIGTERM or SIGHUP asks for an orderly
 * end: no more items, what runs is finished. A second one means at once.
 * Whoever ignores one of them (nohup, a shell's background job) goes on doing
 * so.
 */

#include "prun.h"

/* Catch them from now on, and wake the pool with each. */
void signals_catch(struct prun_pool *pool);
/* The pool is about to go. */
void signals_forget_pool(void);
/* How many have come; 0, 1, or 2 for more than one. */
int signals_count(void);
/* End as the first of them would have ended this process. */
void signals_raise(void);
/* In a worker: they are the parent's business. */
void signals_ignore(void);

#endif
