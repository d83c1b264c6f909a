/* SPDX-License-Identifier: MIT */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

/* What a built-in function is told beside its items: FUNC,NAME=VALUE,... */

#include "tasks/tasks.h"

/* Set those of `text`, which is what follows the first comma. 0, or an exit
 * code after a message. */
int arguments_set(const struct task *task, const char *text);

#endif
