/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "alloc.h"
#include "poller.h"
#include "suite.h"

#define MS 1000000ull

static struct poller poller;
static struct epoll_event events[8];
static int fds[2];

static void set_up(void)
{
	ck_assert_int_eq(poller_init(&poller), 0);
	ck_assert_int_eq(pipe(fds), 0);
}

static void tear_down(void)
{
	poller_release(&poller);
	ck_assert_int_eq(poller.epfd, -1);
	poller_release(&poller);
	close(fds[0]);
	close(fds[1]);
}

static void put(void)
{
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
}

static void take(void)
{
	char c;

	ck_assert_int_eq(read(fds[0], &c, 1), 1);
}

static int wait_ms(uint64_t ms)
{
	return poller_wait(&poller, events, 8, now_ns() + ms * MS);
}

static bool foreign_sees(int timeout_ms)
{
	struct pollfd p = {.fd = poller.epfd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

START_TEST(events_of_others)
{
	ck_assert_int_eq(poller_add(&poller, fds[0], EPOLLIN, 77), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	put();
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 1);
	ck_assert_uint_eq(events[0].data.u64, 77);
	ck_assert_uint_eq(events[0].events, EPOLLIN);
	take();
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	ck_assert_int_eq(poller_add(&poller, fds[0], EPOLLIN, 77), -EEXIST);
	ck_assert_int_eq(poller_change(&poller, fds[0], 0, 78), 0);
	put();
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	ck_assert_int_eq(poller_change(&poller, fds[0], EPOLLIN, 79), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 1);
	ck_assert_uint_eq(events[0].data.u64, 79);
	poller_remove(&poller, fds[0]);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	ck_assert_int_eq(poller_change(&poller, fds[0], EPOLLIN, 1), -ENOENT);
	ck_assert_int_eq(poller_add(&poller, -1, EPOLLIN, 1), -EBADF);
}
END_TEST

/* Not before its time, and in time. */
START_TEST(deadlines)
{
	uint64_t before = now_ns();

	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, before - 1), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, before + 3 * MS), 0);
	ck_assert_uint_ge(now_ns(), before + 3 * MS);
	ck_assert_int_eq(wait_ms(1), 0);
	/* A part of a millisecond is waited for, not spun away. */
	before = now_ns();
	ck_assert_int_eq(poller_wait(&poller, events, 8, before + 1000), 0);
	ck_assert_uint_ge(now_ns(), before + 1000);
	/* So far off that an int of milliseconds does not hold it. */
	put();
	ck_assert_int_eq(poller_add(&poller, fds[0], EPOLLIN, 5), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX - 1), 1);
	ck_assert_int_eq(poller_wait(&poller, events, 8,
				     now_ns() + MS * 0x100000000ull),
			 1);
}
END_TEST

START_TEST(woken)
{
	ck_assert(!poller.woken);
	ck_assert_int_eq(poller_wake(&poller), 0);
	ck_assert_int_eq(poller_wake(&poller), 0);
	ck_assert(!poller.woken);
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 0);
	ck_assert(poller.woken);
	poller.woken = false;
	/* Both were one. */
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	ck_assert(!poller.woken);
	/* With an event of another beside it. */
	put();
	ck_assert_int_eq(poller_add(&poller, fds[0], EPOLLIN, 9), 0);
	ck_assert_int_eq(poller_wake(&poller), 0);
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 1);
	ck_assert_uint_eq(events[0].data.u64, 9);
	ck_assert(poller.woken);
}
END_TEST

START_TEST(wake_is_for_handlers)
{
	uint64_t most = UINT64_MAX - 1;

	/* It can be no more awake: that is no error, and errno is left. */
	ck_assert_int_eq(write(poller.wakefd, &most, 8), 8);
	errno = 42;
	ck_assert_int_eq(poller_wake(&poller), 0);
	ck_assert_int_eq(errno, 42);
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 0);
	ck_assert(poller.woken);
}
END_TEST

static void *waker(void *arg)
{
	(void)arg;
	take(); /* blocks until the test is about to wait */
	poller_wake(&poller);
	return NULL;
}

START_TEST(woken_by_a_thread)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, waker, NULL), 0);
	put();
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 0);
	ck_assert(poller.woken);
	pthread_join(thread, NULL);
}
END_TEST

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

START_TEST(interrupted)
{
	struct itimerval soon = {.it_value = {0, 2000},
				 .it_interval = {0, 2000}};
	struct itimerval never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_int_ge(alarms, 1);
	ck_assert(!poller.woken);
	signal(SIGALRM, SIG_DFL);
}
END_TEST

START_TEST(armed_for_a_foreign_loop)
{
	poller_arm(&poller, 1); /* nobody else polls: nothing to do */
	ck_assert_uint_eq(poller.armed_ns, 0);
	ck_assert(!foreign_sees(0));
	poller.foreign = true;
	poller_arm(&poller, UINT64_MAX);
	ck_assert_uint_eq(poller.armed_ns, 0);
	poller_arm(&poller, 0); /* at once */
	ck_assert(foreign_sees(20000));
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 0);
	ck_assert_uint_eq(poller.armed_ns, 0);
	ck_assert(!foreign_sees(0));
	ck_assert(!poller.woken);
	poller_arm(&poller, now_ns() + 2 * MS);
	ck_assert(foreign_sees(20000));
	ck_assert_uint_ge(now_ns(), poller.armed_ns);
	/* What has come is taken back by a later time. */
	poller_arm(&poller, now_ns() + 3600000 * MS);
	ck_assert(!foreign_sees(0));
	poller_arm(&poller, 1);
	ck_assert(foreign_sees(20000));
	poller_arm(&poller, UINT64_MAX);
	ck_assert(!foreign_sees(0));
	ck_assert_uint_eq(poller.armed_ns, 0);
}
END_TEST

START_TEST(watched)
{
	int copy = poller_watch(&poller, fds[0], 31), other;

	ck_assert_int_gt(copy, 2);
	ck_assert_int_ne(copy, fds[0]);
	ck_assert_int_eq(fcntl(copy, F_GETFD), FD_CLOEXEC);
	/* The same once more, as two jobs might. */
	other = poller_watch(&poller, fds[0], 32);
	ck_assert_int_gt(other, 2);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	put();
	ck_assert_int_eq(poller_wait(&poller, events, 8, UINT64_MAX), 2);
	ck_assert_uint_eq(events[0].data.u64 + events[1].data.u64, 63);
	poller_unwatch(&poller, &other);
	ck_assert_int_eq(other, -1);
	poller_unwatch(&poller, &other);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 1);
	/* Though its owner closes it, ours is there. */
	close(fds[0]);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 1);
	poller_unwatch(&poller, &copy);
	ck_assert_int_eq(poller_wait(&poller, events, 8, 0), 0);
	fds[0] = dup(fds[1]);
}
END_TEST

START_TEST(not_to_be_watched)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(poller_watch(&poller, fileno(file), 1), -EPERM);
	ck_assert_int_eq(poller_watch(&poller, -1, 1), -EBADF);
	fclose(file);
}
END_TEST

START_TEST(none_to_be_had)
{
	struct rlimit old, limit;
	int room, rc;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (room = 0;; room++) {
		int many[64], count = 0;

		limit = old;
		limit.rlim_cur = 64;
		setrlimit(RLIMIT_NOFILE, &limit);
		while ((many[count] = dup(0)) >= 0)
			count++;
		for (rc = 0; rc < room; rc++)
			close(many[--count]);
		rc = poller_init(&poller);
		while (count > 0)
			close(many[--count]);
		setrlimit(RLIMIT_NOFILE, &old);
		if (rc == 0)
			break;
		ck_assert_int_eq(rc, -EMFILE);
		suite_teardown();
	}
	ck_assert_int_eq(room, 3);
	poller_release(&poller);
	alloc_fail_at(1);
	rc = poller_init(&poller);
	alloc_fail_at(0);
	ck_assert_int_eq(rc, -ENOMEM);
	suite_teardown();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("poller");
	TCase *tc = suite_case(s, "poller");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, events_of_others);
	tcase_add_test(tc, deadlines);
	tcase_add_test(tc, woken);
	tcase_add_test(tc, wake_is_for_handlers);
	tcase_add_test(tc, woken_by_a_thread);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, armed_for_a_foreign_loop);
	tcase_add_test(tc, watched);
	tcase_add_test(tc, not_to_be_watched);
	tc = suite_case(s, "init");
	tcase_add_test(tc, none_to_be_had);
	return suite_main(s);
}
