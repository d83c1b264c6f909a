/* SPDX-License-Identifier: MIT */
#ifndef FORK_FAIL_H
#define FORK_FAIL_H

/*
 * Forks that fail on demand. Link with -Wl,--wrap=fork; only calls from the
 * linked objects are seen, the library's among them.
 */

#include <stdbool.h>

/* The n-th fork from now fails with EAGAIN, once; 0: none does. Restarts the
 * count. */
void fork_fail_at(unsigned long n);
/* Call this right before each fork, as another thread might; NULL: nothing. */
void fork_before(void (*fn)(void));
/* Forks tried since the last fork_fail_at(). */
unsigned long fork_count(void);
/* Whether the one that should fail has come. */
bool fork_failed(void);

#endif
