/* SPDX-License-Identifier: MIT */
#ifndef DRY_RUN_H
#define DRY_RUN_H

/* --dry-run of functions: a function that stands in for the one that FUNC
 * names, and gives the command line that would call it for one item. */

#include "prun.h"

/* `name` is FUNC, and outlives the pool. */
struct prun_func dry_run_func(const char *name);

#endif
