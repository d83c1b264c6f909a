/* SPDX-License-Identifier: MIT */
#include "fork_fail.h"

#include <errno.h>
#include <sys/types.h>

static unsigned fail_at, forks;

pid_t __real_fork(void);
pid_t __wrap_fork(void);

void fork_fail_at(unsigned n)
{
	fail_at = n;
	forks = 0;
}

unsigned fork_count(void)
{
	return forks;
}

pid_t __wrap_fork(void)
{
	if (++forks == fail_at) {
		errno = EAGAIN;
		return -1;
	}
	return __real_fork();
}
