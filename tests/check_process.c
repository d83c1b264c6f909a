/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "alloc.h"
#include "fork_fail.h"
#include "process.h"
#include "suite.h"

#define FDS 1024
#define WAIT_MS 20000

/* ------------------------------------------------------------------ helpers */

static struct process started(process_main_fn child, void *arg)
{
	struct process p = PROCESS_INIT;

	ck_assert_int_eq(process_start(&p, child, arg), 0);
	ck_assert_int_gt(p.pid, 0);
	ck_assert_int_gt(p.fd, 2);
	ck_assert_int_gt(p.pidfd, 2);
	return p;
}

/* Wait for its end, which must be known. */
static struct process_end finished(struct process *p)
{
	struct process_end end;

	ck_assert_int_eq(process_reap(p, &end, true), 1);
	ck_assert_int_eq(p->pid, 0);
	process_release(p);
	ck_assert_int_eq(p->fd, -1);
	ck_assert_int_eq(p->pidfd, -1);
	return end;
}

static void expect_exit(struct process *p, int code)
{
	struct process_end end = finished(p);

	ck_assert(end.known);
	ck_assert_int_eq(end.signal, 0);
	ck_assert_int_eq(end.code, code);
}

/* What the child says, all `size` bytes of it. */
static void hear(const struct process *p, void *data, size_t size)
{
	struct pollfd poller = {.fd = p->fd, .events = POLLIN};
	size_t got = 0;

	while (got < size) {
		ssize_t n;

		ck_assert_int_eq(poll(&poller, 1, WAIT_MS), 1);
		n = read(p->fd, (char *)data + got, size - got);
		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
}

static void tell(int fd, const void *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size)
		_exit(99);
}

static void exits(int fd, void *arg)
{
	(void)fd;
	_exit(*(const int *)arg);
}

static void waits_for_eof(int fd, void *arg)
{
	char c;

	_exit(read(fd, &c, 1) == 0 ? *(const int *)arg : 98);
}

static void sleeps(int fd, void *arg)
{
	(void)arg;
	tell(fd, "r", 1);
	for (;;)
		pause();
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

/* The exit code of a helper process forked here. */
static int code_of(pid_t pid)
{
	int status;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "killed by signal %d",
		      WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* -------------------------------------------------------------------- birth */

struct birth {
	pid_t pid, ppid;
	bool null_stdin, blocking;
	bool caught_reset, chld_reset, ignored_kept, none_blocked;
};

static bool has_handler(int sig, void (*handler)(int))
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == handler;
}

static bool same_set(const sigset_t *a, const sigset_t *b)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

static void reports_birth(int fd, void *arg)
{
	struct birth b = {.pid = getpid(), .ppid = getppid()};
	sigset_t blocked, none;

	(void)arg;
	b.null_stdin = is_null(STDIN_FILENO);
	b.blocking = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	b.caught_reset = has_handler(SIGUSR1, SIG_DFL) &&
			 has_handler(SIGRTMIN, SIG_DFL);
	b.chld_reset = has_handler(SIGCHLD, SIG_DFL);
	b.ignored_kept = has_handler(SIGPIPE, SIG_IGN) &&
			 has_handler(SIGINT, SIG_IGN);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	sigemptyset(&none);
	b.none_blocked = same_set(&blocked, &none);
	tell(fd, &b, sizeof(b));
	waits_for_eof(fd, &(int){0});
}

static void caught(int sig)
{
	(void)sig;
}

START_TEST(a_clean_birth)
{
	struct process p;
	struct birth b;
	sigset_t block, before, after;

	signal(SIGUSR1, caught);
	signal(SIGRTMIN, caught);
	signal(SIGCHLD, caught);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, NULL);
	sigprocmask(SIG_SETMASK, NULL, &before);
	p = started(reports_birth, NULL);
	sigprocmask(SIG_SETMASK, NULL, &after);
	ck_assert(same_set(&before, &after));
	ck_assert(has_handler(SIGUSR1, caught));
	ck_assert(has_handler(SIGCHLD, caught));
	ck_assert(has_handler(SIGPIPE, SIG_IGN));
	ck_assert(fcntl(p.fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(p.pidfd, F_GETFD), FD_CLOEXEC);
	hear(&p, &b, sizeof(b));
	ck_assert_int_eq(b.pid, p.pid);
	ck_assert_int_eq(b.ppid, getpid());
	ck_assert(b.null_stdin);
	ck_assert(b.blocking);
	ck_assert(b.caught_reset);
	ck_assert(b.chld_reset);
	ck_assert(b.ignored_kept);
	ck_assert(b.none_blocked);
	process_shutdown(&p);
	expect_exit(&p, 0);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGRTMIN, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}
END_TEST

static void find_open(bool open[FDS])
{
	int fd;

	for (fd = 0; fd < FDS; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void reports_open(int fd, void *arg)
{
	bool open[FDS];

	(void)arg;
	find_open(open);
	tell(fd, &fd, sizeof(fd));
	tell(fd, open, sizeof(open));
	_exit(0);
}

START_TEST(no_private_descriptor_is_inherited)
{
	bool before[FDS], in_child[FDS];
	struct process a, b;
	int zero = 0, private, public[2], own, fd;

	ck_assert_int_eq(pipe(public), 0);
	find_open(before);
	private = process_fd_private(dup(public[0]));
	a = started(waits_for_eof, &zero);
	b = started(reports_open, NULL);
	hear(&b, &own, sizeof(own));
	hear(&b, in_child, sizeof(in_child));
	ck_assert(before[public[0]] && in_child[public[0]]);
	ck_assert(in_child[own] && !before[own]);
	for (fd = 0; fd < FDS; fd++)
		if (fd != own && fd > 2)
			ck_assert_msg(before[fd] == in_child[fd],
				      "descriptor %d: %d, then %d", fd,
				      before[fd], in_child[fd]);
	expect_exit(&b, 0);
	process_shutdown(&a);
	expect_exit(&a, 0);
	process_fd_close(&private);
	close(public[0]);
	close(public[1]);
}
END_TEST

/* A sibling that held a copy of the parent's end would keep it from seeing
 * the end of file. */
START_TEST(eof_reaches_the_elder)
{
	struct process elder, younger;
	int three = 3, four = 4;

	elder = started(waits_for_eof, &three);
	younger = started(waits_for_eof, &four);
	process_fd_close(&elder.fd);
	expect_exit(&elder, 3);
	process_fd_close(&younger.fd);
	expect_exit(&younger, 4);
}
END_TEST

/* -------------------------------------------------------------------- stdio */

/* Standard output into a file, for a while. */
struct diverted {
	FILE *file;
	int saved;
};

static void divert(struct diverted *d)
{
	fflush(stdout);
	d->file = tmpfile();
	ck_assert_ptr_nonnull(d->file);
	d->saved = dup(STDOUT_FILENO);
	dup2(fileno(d->file), STDOUT_FILENO);
}

static void expect_diverted(struct diverted *d, const char *text)
{
	char got[256];
	ssize_t n;

	fflush(stdout);
	dup2(d->saved, STDOUT_FILENO);
	close(d->saved);
	n = pread(fileno(d->file), got, sizeof(got) - 1, 0);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, text);
	fclose(d->file);
}

static void prints(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	printf("child\n");
	fflush(stdout);
	_exit(0);
}

static void print_late(void)
{
	printf("late\n");
}

START_TEST(what_was_printed_comes_out_once)
{
	struct diverted d;
	struct process p;

	divert(&d);
	setvbuf(stdout, NULL, _IOFBF, 4096);
	printf("early\n");
	p = started(prints, NULL);
	expect_exit(&p, 0);
	expect_diverted(&d, "early\nchild\n");
	divert(&d);
	/* As another thread might, between the flush and the fork. */
	fork_before(print_late);
	p = started(prints, NULL);
	fork_before(NULL);
	expect_exit(&p, 0);
	expect_diverted(&d, "child\nlate\n");
}
END_TEST

static void reads_stdin(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	_exit(getchar() == EOF ? 0 : 1);
}

START_TEST(buffered_input_stays_with_the_caller)
{
	int saved = dup(STDIN_FILENO), fds[2];
	struct process p;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "xyz", 3), 3);
	dup2(fds[0], STDIN_FILENO);
	ck_assert_int_eq(getchar(), 'x');
	p = started(reads_stdin, NULL);
	expect_exit(&p, 0);
	ck_assert_int_eq(getchar(), 'y');
	ck_assert_int_eq(getchar(), 'z');
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void checks_three(int fd, void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 3; i++)
		if (!is_null(i))
			_exit(10 + i);
	_exit(fd > 2 ? 0 : 20);
}

/* A caller without some of the three; which, as bits. */
static int start_closed(int closed)
{
	struct process p = PROCESS_INIT;
	struct process_end end;
	int i;

	for (i = 0; i < 3; i++) {
		close(i);
		if (!(closed & 1 << i) && open("/dev/null", O_RDWR) != i)
			return 30;
		if (closed & 1 << i && i < 2)
			dup2(9, i); /* a place holder, so `open` goes right */
	}
	for (i = 0; i < 3; i++)
		if (closed & 1 << i)
			close(i);
	if (process_start(&p, checks_three, NULL) < 0)
		return 31;
	if (p.fd <= 2 || p.pidfd <= 2)
		return 32;
	process_reap(&p, &end, true);
	process_release(&p);
	for (i = 0; i < 3; i++)
		closed ^= fcntl(i, F_GETFD) < 0 ? 1 << i : 0;
	if (closed) /* another one than before */
		return 33;
	return end.known && !end.signal ? end.code : 34;
}

START_TEST(caller_without_the_three)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(open("/dev/null", O_RDWR), 9);
		_exit(start_closed(_i));
	}
	ck_assert_int_eq(code_of(pid), 0);
}
END_TEST

/* ------------------------------------------------------------ the parent's end */

/* A parent in between, which says its child's pid and waits to be killed. */
static void in_between(int out)
{
	struct process p = PROCESS_INIT;
	char ready;

	if (process_start(&p, sleeps, NULL) < 0)
		_exit(1);
	/* Heard from: it has asked for its signal. */
	while (read(p.fd, &ready, 1) < 0 && errno == EAGAIN)
		poll(&(struct pollfd){p.fd, POLLIN, 0}, 1, WAIT_MS);
	tell(out, &p.pid, sizeof(p.pid));
	for (;;)
		pause();
}

START_TEST(the_child_dies_with_its_parent)
{
	int fds[2], status = 0;
	pid_t between, child = 0;
	struct pollfd poller = {.events = POLLIN};

	/* Orphans come to us, so that we see how they ended. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe(fds), 0);
	between = fork();
	if (between == 0)
		in_between(fds[1]);
	ck_assert_int_eq(read(fds[0], &child, sizeof(child)), sizeof(child));
	poller.fd = (int)syscall(SYS_pidfd_open, child, 0);
	ck_assert_int_ge(poller.fd, 0);
	ck_assert_int_eq(poll(&poller, 1, 0), 0);
	kill(between, SIGKILL);
	ck_assert_int_eq(waitpid(between, NULL, 0), between);
	ck_assert_int_eq(poll(&poller, 1, WAIT_MS), 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(poller.fd);
	close(fds[0]);
	close(fds[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}
END_TEST

START_TEST(a_parent_gone_already)
{
	pid_t pid = fork();

	if (pid == 0) {
		process_follow_parent(getpid()); /* nobody's parent is itself */
		_exit(0);
	}
	ck_assert_int_eq(code_of(pid), 127);
	pid = fork();
	if (pid == 0) {
		process_follow_parent(getppid());
		_exit(5);
	}
	ck_assert_int_eq(code_of(pid), 5);
}
END_TEST

/* -------------------------------------------------------------------- death */

START_TEST(ends_that_are_known)
{
	struct process_end end;
	struct process p;
	int seven = 7;
	char c;

	p = started(exits, &seven);
	expect_exit(&p, 7);
	p = started(sleeps, NULL);
	hear(&p, &c, 1);
	ck_assert_int_eq(process_reap(&p, &end, false), 0);
	ck_assert_int_gt(p.pid, 0);
	process_kill(&p, SIGTERM);
	end = finished(&p);
	ck_assert(end.known);
	ck_assert_int_eq(end.signal, SIGTERM);
	ck_assert_int_eq(end.code, -1);
	/* Nobody is hit any more. */
	process_kill(&p, SIGKILL);
	process_shutdown(&p);
	process_release(&p);
}
END_TEST

static void await_end(const struct process *p)
{
	struct pollfd poller = {.fd = p->pidfd, .events = POLLIN};

	ck_assert_int_eq(poll(&poller, 1, WAIT_MS), 1);
}

static void expect_unknown(struct process *p, bool block)
{
	struct process_end end;

	ck_assert_int_eq(process_reap(p, &end, block), 1);
	ck_assert(!end.known);
	ck_assert_int_eq(end.signal, 0);
	ck_assert_int_eq(end.code, -1);
	ck_assert_int_eq(p->pid, 0);
	process_release(p);
}

START_TEST(ends_that_are_not)
{
	struct process p;
	struct birth b;
	int seven = 7;

	signal(SIGCHLD, SIG_IGN);
	p = started(reports_birth, NULL);
	hear(&p, &b, sizeof(b));
	ck_assert(b.chld_reset); /* the child can wait for its own */
	process_shutdown(&p);
	expect_unknown(&p, true);
	p = started(waits_for_eof, &seven);
	process_shutdown(&p);
	await_end(&p);
	expect_unknown(&p, false);
	signal(SIGCHLD, SIG_DFL);
	p = started(exits, &seven);
	ck_assert_int_eq(waitpid(-1, NULL, 0), p.pid);
	expect_unknown(&p, false);
}
END_TEST

START_TEST(waits_for_no_foreign_child)
{
	pid_t foreign = fork();
	struct process p;
	int seven = 7;

	if (foreign == 0)
		_exit(9);
	ck_assert_int_gt(foreign, 0);
	p = started(exits, &seven);
	expect_exit(&p, 7);
	ck_assert_int_eq(code_of(foreign), 9);
}
END_TEST

/* Says something after the end of its input. */
static void answers_eof(int fd, void *arg)
{
	char text[8];

	(void)arg;
	if (read(fd, text, sizeof(text)) != 5 || read(fd, text, 1) != 0)
		_exit(1);
	tell(fd, "bye", 3);
	_exit(0);
}

START_TEST(shutdown_leaves_one_way)
{
	struct process p = started(answers_eof, NULL);
	char text[3];

	ck_assert_int_eq(write(p.fd, "hello", 5), 5);
	process_shutdown(&p);
	hear(&p, text, 3);
	ck_assert_mem_eq(text, "bye", 3);
	expect_exit(&p, 0);
}
END_TEST

/* ----------------------------------------------------------------- failures */

START_TEST(no_fork)
{
	struct process p = PROCESS_INIT;
	sigset_t before, after;
	int two = 2;

	sigprocmask(SIG_SETMASK, NULL, &before);
	fork_fail_at(1);
	ck_assert_int_eq(process_start(&p, exits, &two), -EAGAIN);
	ck_assert(fork_failed());
	fork_fail_at(0);
	sigprocmask(SIG_SETMASK, NULL, &after);
	ck_assert(same_set(&before, &after));
	ck_assert_int_eq(p.pid, 0);
	suite_teardown(); /* no descriptor, no child */
	p = started(exits, &two);
	ck_assert_uint_eq(fork_count(), 1);
	expect_exit(&p, 2);
}
END_TEST

/* With room for so many descriptors. */
static int start_cramped(int room)
{
	struct rlimit limit, old;
	struct process p = PROCESS_INIT;
	int fds[FDS], count = 0, rc, two = 2;

	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &limit);
	while ((fds[count] = dup(STDIN_FILENO)) >= 0)
		count++;
	while (room--)
		close(fds[--count]);
	rc = process_start(&p, exits, &two);
	while (count > 0)
		close(fds[--count]);
	setrlimit(RLIMIT_NOFILE, &old);
	if (rc == 0)
		expect_exit(&p, 2);
	return rc;
}

START_TEST(no_descriptors)
{
	ck_assert_int_eq(start_cramped(0), -EMFILE);
	ck_assert_int_eq(start_cramped(1), -EMFILE);
	suite_teardown();
	/* The child's end is closed before the pidfd is opened. */
	ck_assert_int_eq(start_cramped(2), 0);
}
END_TEST

static void allow_no_more(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(no_pidfd)
{
	struct process p = PROCESS_INIT;
	struct rlimit old;
	int rc;

	getrlimit(RLIMIT_NOFILE, &old);
	fork_before(allow_no_more);
	rc = process_start(&p, sleeps, NULL);
	fork_before(NULL);
	setrlimit(RLIMIT_NOFILE, &old);
	ck_assert_int_eq(rc, -EMFILE);
	/* The child is gone and reaped, the teardown sees to it. */
	ck_assert_int_eq(p.pid, 0);
	ck_assert_int_eq(p.fd, -1);
	ck_assert_int_eq(p.pidfd, -1);
}
END_TEST

START_TEST(no_memory)
{
	unsigned long n;

	for (n = 1;; n++) {
		struct process p = PROCESS_INIT;
		int rc, two = 2;
		bool failed;

		alloc_fail_at(n);
		rc = process_start(&p, exits, &two);
		failed = alloc_failed();
		alloc_fail_at(0);
		ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
		if (rc == 0)
			expect_exit(&p, 2);
		suite_teardown();
		if (!failed)
			break;
	}
	ck_assert_uint_gt(n, 1);
}
END_TEST

START_TEST(private_descriptors)
{
	int none = -1, fds[40], fd, rc;
	size_t i;

	process_fd_close(&none);
	ck_assert_int_eq(process_fd_private(-EMFILE), -EMFILE);
	/* More than the list has room for at first; closed in any order. */
	for (i = 0; i < 40; i++) {
		fds[i] = process_fd_private(dup(STDIN_FILENO));
		ck_assert_int_gt(fds[i], 2);
	}
	for (i = 0; i < 40; i++) {
		process_fd_close(&fds[i * 7 % 40]);
		ck_assert_int_eq(fds[i * 7 % 40], -1);
	}
	fd = dup(STDIN_FILENO);
	alloc_fail_at(1);
	rc = process_fd_private(fd);
	alloc_fail_at(0);
	ck_assert_int_eq(rc, -ENOMEM);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* it was taken over */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("process");
	TCase *tc = suite_case(s, "birth");

	tcase_add_test(tc, a_clean_birth);
	tcase_add_test(tc, no_private_descriptor_is_inherited);
	tcase_add_test(tc, eof_reaches_the_elder);
	tcase_add_test(tc, what_was_printed_comes_out_once);
	tcase_add_test(tc, buffered_input_stays_with_the_caller);
	tcase_add_loop_test(tc, caller_without_the_three, 0, 8);
	tcase_add_test(tc, the_child_dies_with_its_parent);
	tcase_add_test(tc, a_parent_gone_already);
	tc = suite_case(s, "death");
	tcase_add_test(tc, ends_that_are_known);
	tcase_add_test(tc, ends_that_are_not);
	tcase_add_test(tc, waits_for_no_foreign_child);
	tcase_add_test(tc, shutdown_leaves_one_way);
	tc = suite_case(s, "failures");
	tcase_add_test(tc, no_fork);
	tcase_add_test(tc, no_descriptors);
	tcase_add_test(tc, no_pidfd);
	tcase_add_test(tc, no_memory);
	tcase_add_test(tc, private_descriptors);
	return suite_main(s);
}
