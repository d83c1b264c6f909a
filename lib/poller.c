/* SPDX-License-Identifier: MIT */
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

/* `data` of the poller's own descriptors. */
#define OWN 0

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int own_fd(int fd)
{
	return process_fd_private(fd < 0 ? -errno : fd);
}

int poller_init(struct poller *p)
{
	static const struct poller none = POLLER_INIT;
	int rc;

	*p = none;
	p->epfd = own_fd(epoll_create1(EPOLL_CLOEXEC));
	p->wakefd = own_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	p->timerfd = own_fd(
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	rc = p->epfd < 0 ? p->epfd : p->wakefd < 0 ? p->wakefd : p->timerfd;
	if (rc >= 0)
		rc = poller_add(p, p->wakefd, EPOLLIN, OWN);
	if (rc >= 0)
		rc = poller_add(p, p->timerfd, EPOLLIN, OWN);
	if (rc < 0)
		poller_release(p);
	return rc;
}

void poller_release(struct poller *p)
{
	process_fd_close(&p->epfd);
	process_fd_close(&p->wakefd);
	process_fd_close(&p->timerfd);
}

static int control(struct poller *p, int op, int fd, uint32_t events,
		   uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(p->epfd, op, fd, &e) < 0 ? -errno : 0;
}

int poller_add(struct poller *p, int fd, uint32_t events, uint64_t data)
{
	return control(p, EPOLL_CTL_ADD, fd, events, data);
}

int poller_change(struct poller *p, int fd, uint32_t events, uint64_t data)
{
	return control(p, EPOLL_CTL_MOD, fd, events, data);
}

void poller_remove(struct poller *p, int fd)
{
	control(p, EPOLL_CTL_DEL, fd, 0, 0);
}

int poller_watch(struct poller *p, int fd, uint64_t data)
{
	int copy = own_fd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	int rc;

	if (copy < 0)
		return copy;
	rc = poller_add(p, copy, EPOLLIN, data);
	if (rc < 0) {
		process_fd_close(&copy);
		return rc;
	}
	return copy;
}

void poller_unwatch(struct poller *p, int *copy)
{
	if (*copy < 0)
		return;
	poller_remove(p, *copy);
	process_fd_close(copy);
}

/* Empty the eventfd and the timerfd, whichever was readable. */
static void serve_own(struct poller *p)
{
	uint64_t count;

	if (read(p->wakefd, &count, sizeof(count)) == sizeof(count))
		p->woken = true;
	if (p->armed_ns &&
	    read(p->timerfd, &count, sizeof(count)) == sizeof(count))
		p->armed_ns = 0;
}

static int timeout_ms(uint64_t deadline_ns)
{
	uint64_t now, ms;

	if (deadline_ns == 0)
		return 0;
	if (deadline_ns == UINT64_MAX)
		return -1;
	now = now_ns();
	if (deadline_ns <= now)
		return 0;
	ms = (deadline_ns - now + 999999) / 1000000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

int poller_wait(struct poller *p, struct epoll_event *events, int max,
		uint64_t deadline_ns)
{
	int n = epoll_wait(p->epfd, events, max, timeout_ms(deadline_ns));
	int i, kept = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (i = 0; i < n; i++) {
		if (events[i].data.u64 == OWN)
			serve_own(p);
		else
			events[kept++] = events[i];
	}
	return kept;
}

int poller_wake(const struct poller *p)
{
	static const uint64_t one = 1;
	int saved = errno;
	int rc = 0;

	/* EAGAIN: it is woken already, 2^64 - 2 times. */
	if (write(p->wakefd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		rc = -errno;
	errno = saved;
	return rc;
}

void poller_arm(struct poller *p, uint64_t deadline_ns)
{
	struct itimerspec t;

	if (deadline_ns == 0)
		deadline_ns = 1; /* at once; 0 would disarm it */
	if (!p->foreign || deadline_ns == p->armed_ns)
		return;
	if (deadline_ns == UINT64_MAX && !p->armed_ns)
		return;
	memset(&t, 0, sizeof(t));
	if (deadline_ns != UINT64_MAX) {
		t.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
		t.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
	}
	timerfd_settime(p->timerfd, TFD_TIMER_ABSTIME, &t, NULL);
	p->armed_ns = deadline_ns == UINT64_MAX ? 0 : deadline_ns;
}
