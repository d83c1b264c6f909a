/* SPDX-License-Identifier: MIT */
#ifndef CALLS_H
#define CALLS_H

/*
 * System calls that take memory or descriptors, and fail on demand: mmap,
 * memfd_create, socketpair, epoll_create1, eventfd, timerfd_create, fork and
 * pthread_create. Link with --wrap for each; as in alloc.h only the calls of
 * the linked objects are seen, and those of a forked process never fail.
 * (fork has its own counter as well, see fork_fail.h.)
 */

#include <stdbool.h>

/* The n-th of them from now fails, once; 0: none does. Restarts the count. */
void calls_fail_at(unsigned long n);
/* The same, and all after it too. */
void calls_fail_from(unsigned long n);
/* Whether the one that should fail has come. */
bool calls_failed(void);
/* For the wrappers of others: whether this call fails. */
bool calls_fail_now(int error);

#endif
