/* SPDX-License-Identifier: MIT */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

/*
 * What commands leave behind is killed by the fork server, which becomes its
 * parent. Should that one be killed, prun does it.
 */

#include <stddef.h>
#include <sys/types.h>

struct leftovers {
	pid_t *known; /* children that were there before */
	size_t count;
};

/* From now on orphans become children of this process. */
void leftovers_adopt(struct leftovers *l);
/* Kill all children that have come since, and theirs. */
void leftovers_kill(struct leftovers *l);
void leftovers_release(struct leftovers *l);

#endif
