/* SPDX-License-Identifier: MIT */
#ifndef MAP_H
#define MAP_H

/* A function over all items; with `star` each item's columns are its
 * parameters. The exit code. */

#include <stdbool.h>

#include "options.h"

int map_items(const struct options *o, bool star);

#endif
