/* SPDX-License-Identifier: MIT */
#include "calls.h"
#include "fork_fail.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

pid_t __real_fork(void);
pid_t __wrap_fork(void);

static unsigned long fork_tried;
static unsigned long fork_fails;
static void (*fork_hook)(void);

void fork_fail_at(unsigned long n)
{
	fork_tried = 0;
	fork_fails = n;
}

void fork_before(void (*fn)(void))
{
	fork_hook = fn;
}

unsigned long fork_count(void)
{
	return fork_tried;
}

bool fork_failed(void)
{
	return fork_fails && fork_tried >= fork_fails;
}

pid_t __wrap_fork(void)
{
	if (++fork_tried == fork_fails) {
		errno = EAGAIN;
		return -1;
	}
	if (calls_fail_now(EAGAIN))
		return -1;
	if (fork_hook)
		fork_hook();
	return __real_fork();
}
