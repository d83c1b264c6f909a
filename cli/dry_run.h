/* SPDX-License-Identifier: MIT */
#ifndef DRY_RUN_H
#define DRY_RUN_H

/* --dry-run: a function that stands in for what would run, and gives the
 * command line that would run it for one item. */

#include "options.h"
#include "prun.h"

/* `name` is FUNC, and outlives the pool. */
struct prun_func dry_run_func(const char *name);
/* The same for the program of `prun coproc`. */
struct prun_func dry_run_program(const struct options *o);

#endif
