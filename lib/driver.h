/* SPDX-License-Identifier: MIT */
#ifndef DRIVER_H
#define DRIVER_H

/*
 * A thread that drives a pool, and the lock that its other threads share with
 * it. The thread holds the lock while it works and lets go of it while it
 * waits for the pool's descriptor; those who wait for something to change are
 * woken after each of its rounds.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct driver_watch {
	struct driver_watch *next;
	int fd; /* an eventfd, written to after each round */
};

struct driver {
	pthread_mutex_t mutex; /* recursive: a source may call back in */
	pthread_cond_t changed;
	pthread_t thread;
	bool stop;
	uint64_t rounds;
	uint64_t wakes; /* rounds that were woken by the caller, */
	bool wake_kept; /* and one while nobody waited */
	unsigned waiters;
	struct driver_watch *watches;
	int fd;			  /* to wait for */
	bool (*round)(void *ctx); /* one round; true: it was woken */
	void *ctx;
};

/* 0 or a negative error; on error *d is NULL. */
int driver_start(struct driver **d, int fd, bool (*round)(void *ctx),
		 void *ctx);
/* `fd` must become readable after it. Waits for the thread to end; the lock
 * must not be held. */
void driver_stop(struct driver *d, void (*wake)(void *ctx));
void driver_free(struct driver *d);
void driver_lock(struct driver *d);
void driver_unlock(struct driver *d);
/* Whether this is its thread. */
bool driver_is_self(const struct driver *d);
/* With the lock held: wait for the end of a round, at most until the deadline
 * (CLOCK_MONOTONIC, UINT64_MAX: for ever). False: the deadline has passed. */
bool driver_wait(struct driver *d, uint64_t deadline_ns);
/* With the lock held: a wake that came before anybody waited, once. */
bool driver_take_wake(struct driver *d);
/* With the lock held. */
void driver_watch(struct driver *d, struct driver_watch *w);
void driver_unwatch(struct driver *d, struct driver_watch *w);

#endif
