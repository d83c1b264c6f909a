/* SPDX-License-Identifier: MIT */
#ifndef FORK_FAIL_H
#define FORK_FAIL_H

/* Make the nth fork() from now on fail with EAGAIN, once; 0: none. Programs
 * are linked with --wrap=fork. */
void fork_fail_at(unsigned n);
/* The forks since fork_fail_at was last called. */
unsigned fork_count(void);

#endif
