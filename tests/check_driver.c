/* SPDX-License-Identifier: MIT */
/* The driver alone: a thread that makes rounds, and those who wait for them. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "suite.h"

#define WATCHDOG_S 100
#define SECOND_NS 1000000000u

/* What the driver is given: it makes a round when `fd` is readable. */
struct engine_room {
	struct driver *driver;
	int fd;
	int stay; /* a round waits until it is readable; -1: none does */
	_Atomic unsigned rounds, entered, left;
	_Atomic bool woken; /* what a round is to say */
	_Atomic bool itself, blocked;
};

static bool all_blocked(void)
{
	static const int some[] = {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGCHLD};
	sigset_t mask;
	size_t i;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		if (sigismember(&mask, some[i]) != 1)
			return false;
	return true;
}

static void await_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

static bool make_round(void *ctx)
{
	struct engine_room *room = ctx;
	eventfd_t n;

	room->entered++;
	if (room->stay >= 0)
		await_readable(room->stay);
	room->itself = driver_is_self(room->driver);
	room->blocked = all_blocked();
	if (eventfd_read(room->fd, &n) == 0)
		room->rounds++;
	room->left++;
	return room->woken;
}

static void ring(void *ctx)
{
	struct engine_room *room = ctx;

	ck_assert_int_eq(eventfd_write(room->fd, 1), 0);
}

static void open_room(struct engine_room *room, int stay)
{
	memset(room, 0, sizeof(*room));
	room->stay = stay;
	room->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(room->fd, 0);
	ck_assert_int_eq(
		driver_start(&room->driver, room->fd, make_round, room), 0);
	ck_assert_ptr_nonnull(room->driver);
}

static void close_room(struct engine_room *room)
{
	driver_stop(room->driver, ring);
	driver_free(room->driver);
	close(room->fd);
}

static uint64_t in_ns(uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec + ns;
}

/* Wait, with the lock held, for as many rounds that were rung for. */
static void await_rounds(struct engine_room *room, unsigned count)
{
	while (room->rounds < count)
		ck_assert(driver_wait(room->driver, UINT64_MAX));
}

START_TEST(a_round_for_each_ring)
{
	struct engine_room room;
	unsigned i;

	open_room(&room, -1);
	driver_lock(room.driver);
	for (i = 1; i <= 100; i++) {
		ring(&room);
		await_rounds(&room, i);
		/* Not one more while the lock is held. */
		ck_assert_uint_eq(room.rounds, i);
	}
	driver_unlock(room.driver);
	ck_assert(room.itself);
	ck_assert(room.blocked);
	ck_assert(!driver_is_self(room.driver));
	close_room(&room);
}
END_TEST

/* The first round comes by itself: there may be work from before. */
START_TEST(the_first_round)
{
	struct engine_room room;

	open_room(&room, -1);
	driver_lock(room.driver);
	while (room.driver->rounds == 0)
		ck_assert(driver_wait(room.driver, UINT64_MAX));
	ck_assert_uint_ge(room.entered, 1);
	driver_unlock(room.driver);
	close_room(&room);
}
END_TEST

START_TEST(waiting_has_an_end)
{
	struct engine_room room;

	open_room(&room, -1);
	driver_lock(room.driver);
	while (room.driver->rounds == 0)
		ck_assert(driver_wait(room.driver, UINT64_MAX));
	ck_assert(!driver_wait(room.driver, 0));
	ck_assert(!driver_wait(room.driver, in_ns(0)));
	ck_assert(!driver_wait(room.driver, in_ns(SECOND_NS / 100)));
	ring(&room);
	ck_assert(driver_wait(room.driver,
			      in_ns((uint64_t)WATCHDOG_S * SECOND_NS)));
	driver_unlock(room.driver);
	close_room(&room);
}
END_TEST

START_TEST(rounds_that_were_woken)
{
	struct engine_room room;
	uint64_t before;

	open_room(&room, -1);
	driver_lock(room.driver);
	ring(&room);
	await_rounds(&room, 1);
	ck_assert_uint_eq(room.driver->wakes, 0);
	room.woken = true;
	ring(&room);
	await_rounds(&room, 2);
	ck_assert_uint_eq(room.driver->wakes, 1);
	before = room.driver->rounds;
	room.woken = false;
	ring(&room);
	await_rounds(&room, 3);
	ck_assert_uint_eq(room.driver->wakes, 1);
	ck_assert_uint_gt(room.driver->rounds, before);
	driver_unlock(room.driver);
	close_room(&room);
}
END_TEST

/* The thread needs it for its rounds, and only for them. */
START_TEST(the_lock_is_recursive)
{
	struct engine_room room;

	open_room(&room, -1);
	driver_lock(room.driver);
	driver_lock(room.driver);
	driver_unlock(room.driver);
	ring(&room);
	ck_assert_uint_eq(room.rounds, 0);
	await_rounds(&room, 1);
	driver_unlock(room.driver);
	close_room(&room);
}
END_TEST

static eventfd_t count_in(int fd)
{
	eventfd_t n = 0;

	return eventfd_read(fd, &n) < 0 ? 0 : n;
}

START_TEST(watches_are_told)
{
	struct driver_watch watches[3];
	struct engine_room room;
	int i;

	open_room(&room, -1);
	driver_lock(room.driver);
	for (i = 0; i < 3; i++) {
		watches[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ck_assert_int_ge(watches[i].fd, 0);
		driver_watch(room.driver, &watches[i]);
	}
	ring(&room);
	await_rounds(&room, 1);
	for (i = 0; i < 3; i++)
		ck_assert_uint_ge(count_in(watches[i].fd), 1);
	/* One from the middle, and one that cannot take more. */
	driver_unwatch(room.driver, &watches[1]);
	ck_assert_int_eq(eventfd_write(watches[2].fd, UINT64_MAX - 1), 0);
	ring(&room);
	await_rounds(&room, 2);
	ck_assert_uint_ge(count_in(watches[0].fd), 1);
	ck_assert_uint_eq(count_in(watches[1].fd), 0);
	ck_assert_uint_eq(count_in(watches[2].fd), UINT64_MAX - 1);
	driver_unwatch(room.driver, &watches[2]);
	driver_unwatch(room.driver, &watches[0]);
	ck_assert_ptr_null(room.driver->watches);
	driver_unlock(room.driver);
	close_room(&room);
	for (i = 0; i < 3; i++)
		close(watches[i].fd);
}
END_TEST

struct waiter {
	struct engine_room *room;
	pthread_t thread;
	uint64_t from; /* the round it saw last */
	bool in_time;
};

static void *wait_once(void *arg)
{
	struct waiter *w = arg;

	driver_lock(w->room->driver);
	w->in_time = w->room->driver->rounds != w->from ||
		     driver_wait(w->room->driver, UINT64_MAX);
	driver_unlock(w->room->driver);
	return NULL;
}

START_TEST(all_waiters_are_woken)
{
	struct engine_room room;
	struct waiter waiters[8];
	uint64_t round;
	int i;

	open_room(&room, -1);
	driver_lock(room.driver);
	ring(&room);
	await_rounds(&room, 1);
	round = room.driver->rounds;
	for (i = 0; i < 8; i++) {
		waiters[i] = (struct waiter){&room, 0, round, false};
		ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL,
						wait_once, &waiters[i]),
				 0);
	}
	driver_unlock(room.driver);
	ring(&room);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(pthread_join(waiters[i].thread, NULL), 0);
		ck_assert(waiters[i].in_time);
	}
	close_room(&room);
}
END_TEST

static void open_then_ring(void *ctx)
{
	struct engine_room *room = ctx;

	ck_assert_int_eq(eventfd_write(room->stay, 1), 0);
	ring(room);
}

/* Asked to stop, it finishes its round, and is gone. */
START_TEST(stop)
{
	struct engine_room room;
	int stay = eventfd(0, EFD_CLOEXEC), i;

	for (i = 0; i < 50; i++) {
		open_room(&room, -1);
		close_room(&room);
	}
	open_room(&room, stay);
	while (room.entered == 0)
		sched_yield();
	/* It holds the lock in its round: to stop it one must wait. */
	open_then_ring(&room);
	driver_stop(room.driver, open_then_ring);
	ck_assert_uint_eq(room.entered, room.left);
	driver_free(room.driver);
	driver_free(NULL);
	close(room.fd);
	close(stay);
}
END_TEST

/* A stack that no machine has room for. */
START_TEST(a_start_that_fails)
{
	struct driver *d = (struct driver *)&d;
	pthread_attr_t attr, before;
	sigset_t was, is;
	int rc, fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(pthread_getattr_default_np(&before), 0);
	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
	ck_assert_int_eq(pthread_setattr_default_np(&attr), 0);
	pthread_sigmask(SIG_BLOCK, NULL, &was);
	rc = driver_start(&d, fd, make_round, NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &is);
	ck_assert_int_eq(pthread_setattr_default_np(&before), 0);
	pthread_attr_destroy(&attr);
	pthread_attr_destroy(&before);
	ck_assert_int_lt(rc, 0); /* -EAGAIN, or -EINVAL under valgrind */
	ck_assert_ptr_null(d);
	ck_assert_int_eq(sigismember(&is, SIGUSR1), sigismember(&was, SIGUSR1));
	close(fd);
}
END_TEST

/* The one who starts it keeps the mask that it had. */
START_TEST(the_callers_mask)
{
	struct engine_room room;
	sigset_t one, is;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &one, NULL);
	open_room(&room, -1);
	pthread_sigmask(SIG_BLOCK, NULL, &is);
	ck_assert_int_eq(sigismember(&is, SIGUSR2), 1);
	ck_assert_int_eq(sigismember(&is, SIGUSR1), 0);
	ck_assert_int_eq(sigismember(&is, SIGINT), 0);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	close_room(&room);
}
END_TEST

static void start_watchdog(void)
{
	alarm(WATCHDOG_S);
}

static void end_watchdog(void)
{
	alarm(0);
}

int main(void)
{
	Suite *s = suite_create("driver");
	TCase *tc = suite_case(s, "driver");

	tcase_add_checked_fixture(tc, start_watchdog, end_watchdog);
	tcase_add_test(tc, a_round_for_each_ring);
	tcase_add_test(tc, the_first_round);
	tcase_add_test(tc, waiting_has_an_end);
	tcase_add_test(tc, rounds_that_were_woken);
	tcase_add_test(tc, the_lock_is_recursive);
	tcase_add_test(tc, watches_are_told);
	tcase_add_test(tc, all_waiters_are_woken);
	tcase_add_test(tc, stop);
	tcase_add_test(tc, a_start_that_fails);
	tcase_add_test(tc, the_callers_mask);
	return suite_main(s);
}
