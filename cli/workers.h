/* SPDX-License-Identifier: MIT */
#ifndef WORKERS_H
#define WORKERS_H

/* The pool of a run: how many workers, and what each begins with. */

#include "input.h"
#include "options.h"
#include "run.h"

/* 0, or an exit code after a message. */
int workers_start(struct prun_pool **pool, const struct work *work,
		  const struct options *o, struct input *in);

/* How many there are; for those themselves too. 0: not known yet. */
uint32_t workers_count(void);

#endif
