/* SPDX-License-Identifier: MIT */
#ifndef RUN_H
#define RUN_H

/* `prun map`: a function over every item. */

#include "options.h"

/* Returns the exit code. */
int run_map(const struct options *o);

#endif
