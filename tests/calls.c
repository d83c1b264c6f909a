/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __real_timerfd_create(clockid_t clock, int flags);
int __wrap_timerfd_create(clockid_t clock, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);

static atomic_ulong calls_tried;
static unsigned long calls_fails;
static bool calls_onward;
static pid_t calls_owner;

static void arm(unsigned long n, bool onward)
{
	calls_fails = 0;
	atomic_store(&calls_tried, 0);
	calls_onward = onward;
	calls_owner = getpid();
	calls_fails = n;
}

void calls_fail_at(unsigned long n)
{
	arm(n, false);
}

void calls_fail_from(unsigned long n)
{
	arm(n, true);
}

bool calls_failed(void)
{
	return calls_fails && calls_tried >= calls_fails;
}

bool calls_fail_now(int error)
{
	unsigned long n;

	if (!calls_fails || getpid() != calls_owner)
		return false;
	n = atomic_fetch_add(&calls_tried, 1) + 1;
	if (n < calls_fails || (n > calls_fails && !calls_onward))
		return false;
	errno = error;
	return true;
}

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	return calls_fail_now(ENOMEM) ?
		       MAP_FAILED :
		       __real_mmap(at, size, prot, flags, fd, offset);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	return calls_fail_now(EMFILE) ? -1 : __real_memfd_create(name, flags);
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	return calls_fail_now(EMFILE) ?
		       -1 :
		       __real_socketpair(domain, type, protocol, fds);
}

int __wrap_epoll_create1(int flags)
{
	return calls_fail_now(EMFILE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_eventfd(unsigned count, int flags)
{
	return calls_fail_now(EMFILE) ? -1 : __real_eventfd(count, flags);
}

int __wrap_timerfd_create(clockid_t clock, int flags)
{
	return calls_fail_now(EMFILE) ? -1 :
					__real_timerfd_create(clock, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg)
{
	return calls_fail_now(EAGAIN) ?
		       EAGAIN :
		       __real_pthread_create(thread, attr, fn, arg);
}
