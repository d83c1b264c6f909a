/* SPDX-License-Identifier: MIT */
#ifndef POLLER_H
#define POLLER_H

/*
 * One epoll set with an eventfd to be woken by and a timerfd, so that all an
 * engine waits for is behind one descriptor, also in a foreign loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct poller {
	int epfd;
	int wakefd;
	int timerfd;
	bool woken;	   /* by poller_wake, since it was last cleared */
	bool foreign;	   /* somebody else polls epfd: timers must reach it */
	uint64_t armed_ns; /* of the timerfd; 0: not armed */
};

#define POLLER_INIT \
	{ \
		-1, -1, -1, false, false, 0 \
	}

int poller_init(struct poller *p);
void poller_release(struct poller *p);
/* 0 or -errno. `data` comes back in the event; 0 is the poller's own. */
int poller_add(struct poller *p, int fd, uint32_t events, uint64_t data);
int poller_change(struct poller *p, int fd, uint32_t events, uint64_t data);
void poller_remove(struct poller *p, int fd);
/* Wait once for a copy of somebody's descriptor to be readable: the copy, or
 * -errno; -EPERM for one that is always ready, such as a regular file. */
int poller_watch(struct poller *p, int fd, uint64_t data);
/* Give up the copy, which becomes -1. */
void poller_unwatch(struct poller *p, int *copy);
/* Wait at most until `deadline_ns` (0: poll, UINT64_MAX: for ever). The
 * events of others, 0 at the deadline or when interrupted or woken. */
int poller_wait(struct poller *p, struct epoll_event *events, int max,
		uint64_t deadline_ns);
/* Any thread, async-signal-safe. */
int poller_wake(const struct poller *p);
/* When a foreign loop polls: be readable from `deadline_ns` on. */
void poller_arm(struct poller *p, uint64_t deadline_ns);

uint64_t now_ns(void);

#endif
