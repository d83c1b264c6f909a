/* SPDX-License-Identifier: MIT */
#ifndef HELP_H
#define HELP_H

/* What `prun help` says. */

#include "command.h"

/* Write the help of a sub-command, or of prun as a whole (NULL) to standard
 * output; the exit code. */
int help_show(const struct command *command);

#endif
