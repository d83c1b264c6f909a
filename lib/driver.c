/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void tell_watches(const struct driver *d)
{
	static const uint64_t one = 1;
	const struct driver_watch *w;

	/* A full eventfd is readable, which is all that is wanted. */
	for (w = d->watches; w; w = w->next)
		if (write(w->fd, &one, sizeof(one)) < 0)
			continue;
}

static void *driver_main(void *arg)
{
	struct driver *d = arg;
	struct pollfd poll_for = {.fd = d->fd, .events = POLLIN};

	driver_lock(d);
	while (!d->stop) {
		if (d->round(d->ctx)) {
			d->wake_kept = !d->waiters && !d->watches;
			d->wakes++;
		}
		d->rounds++;
		pthread_cond_broadcast(&d->changed);
		tell_watches(d);
		driver_unlock(d);
		poll(&poll_for, 1, -1);
		driver_lock(d);
	}
	driver_unlock(d);
	return NULL;
}

static void init_lock(struct driver *d)
{
	pthread_mutexattr_t recursive;
	pthread_condattr_t clock;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&d->mutex, &recursive);
	pthread_mutexattr_destroy(&recursive);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &clock);
	pthread_condattr_destroy(&clock);
}

/* No signal of the caller's is handled in this thread. */
static int start_thread(struct driver *d)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&d->thread, NULL, driver_main, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int driver_start(struct driver **out, int fd, bool (*round)(void *ctx),
		 void *ctx)
{
	struct driver *d = calloc(1, sizeof(*d));
	int rc;

	*out = NULL;
	if (!d)
		return -ENOMEM;
	init_lock(d);
	d->fd = fd;
	d->round = round;
	d->ctx = ctx;
	/* It must find itself where the caller will look for it. */
	driver_lock(d);
	*out = d;
	rc = start_thread(d);
	driver_unlock(d);
	if (rc < 0) {
		*out = NULL;
		driver_free(d);
	}
	return rc;
}

void driver_stop(struct driver *d, void (*wake)(void *ctx))
{
	driver_lock(d);
	d->stop = true;
	driver_unlock(d);
	wake(d->ctx);
	pthread_join(d->thread, NULL);
}

void driver_free(struct driver *d)
{
	if (!d)
		return;
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->mutex);
	free(d);
}

void driver_lock(struct driver *d)
{
	pthread_mutex_lock(&d->mutex);
}

void driver_unlock(struct driver *d)
{
	pthread_mutex_unlock(&d->mutex);
}

bool driver_is_self(const struct driver *d)
{
	return pthread_equal(pthread_self(), d->thread);
}

bool driver_wait(struct driver *d, uint64_t deadline_ns)
{
	uint64_t round = d->rounds;
	struct timespec until = {(time_t)(deadline_ns / 1000000000u),
				 (long)(deadline_ns % 1000000000u)};
	int rc = 0;

	d->waiters++;
	while (d->rounds == round && rc == 0)
		rc = deadline_ns == UINT64_MAX ?
			     pthread_cond_wait(&d->changed, &d->mutex) :
			     pthread_cond_timedwait(&d->changed, &d->mutex,
						    &until);
	d->waiters--;
	return d->rounds != round;
}

bool driver_take_wake(struct driver *d)
{
	bool kept = d->wake_kept;

	d->wake_kept = false;
	return kept;
}

void driver_watch(struct driver *d, struct driver_watch *w)
{
	w->next = d->watches;
	d->watches = w;
}

void driver_unwatch(struct driver *d, struct driver_watch *w)
{
	struct driver_watch **at = &d->watches;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}
