/* SPDX-License-Identifier: MIT */
/*
 * The fork server by itself: births, deaths and their news, and who dies with
 * whom. A child here answers questions over its socket until end of file. Ends
 * are seen by pidfds; nothing waits by sleeping, the alarm only ends a hang.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include "alloc.h"
#include "fork_fail.h"
#include "forkserver.h"
#include "suite.h"

#define WAIT_MS 20000
#define WATCHDOG_S 60
#define CHILDREN 8
#define FDS 256

static void alarm_setup(void)
{
	alarm(WATCHDOG_S);
}

static void alarm_teardown(void)
{
	alarm(0);
}

static TCase *server_case(Suite *s, const char *name)
{
	TCase *tc = suite_case(s, name);

	tcase_add_checked_fixture(tc, alarm_setup, alarm_teardown);
	return tc;
}

/* -------------------------------------------------------------- the children */

enum question { QUIT, KILL, WHO, SIGNALS, OPEN, SHARE, COUNT };

struct ask {
	int32_t question;
	int32_t argument;
};

struct who {
	pid_t pid, ppid;
	int id, fd;
	bool blocking, context;
	bool three; /* all of stdio is open, stdin on nothing */
};

/* What a signal does: SIG_DFL, SIG_IGN, or a handler. */
struct signals {
	char does[NSIG];
	char blocked[NSIG];
	char pending[NSIG];
};

static int the_context;

static void answer(int fd, const void *data, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = write(fd, (const char *)data + sent, size - sent);

		if (n <= 0)
			_exit(99);
		sent += (size_t)n;
	}
}

static struct signals signals_now(void)
{
	struct signals s;
	struct sigaction sa;
	sigset_t blocked, pending;
	int sig;

	memset(&s, 0, sizeof(s));
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	sigpending(&pending);
	for (sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &sa) == 0)
			s.does[sig] = sa.sa_handler == SIG_DFL ? 'd' :
				      sa.sa_handler == SIG_IGN ? 'i' :
								 'h';
		s.blocked[sig] = sigismember(&blocked, sig) == 1;
		s.pending[sig] = sigismember(&pending, sig) == 1;
	}
	return s;
}

static void answer_signals(int fd)
{
	struct signals s = signals_now();

	answer(fd, &s, sizeof(s));
}

static void answer_open(int fd)
{
	struct suite_fds fds;

	suite_fds_read(&fds);
	answer(fd, &fds, sizeof(fds));
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

static void answer_who(int fd, int id, bool context)
{
	struct who w;

	memset(&w, 0, sizeof(w));
	w.pid = getpid();
	w.ppid = getppid();
	w.id = id;
	w.fd = fd;
	w.blocking = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	w.context = context;
	w.three = is_null(0) && fcntl(1, F_GETFD) >= 0 &&
		  fcntl(2, F_GETFD) >= 0;
	answer(fd, &w, sizeof(w));
}

/* Answers until the end of file, which is exit code 0. */
static void answer_all(int fd, int id, _Atomic int *shared, bool context)
{
	struct ask a;

	while (read(fd, &a, sizeof(a)) == sizeof(a)) {
		switch (a.question) {
		case QUIT:
			_exit(a.argument);
		case KILL:
			kill(getpid(), a.argument);
			break;
		case WHO:
			answer_who(fd, id, context);
			break;
		case SIGNALS:
			answer_signals(fd);
			break;
		case OPEN:
			answer_open(fd);
			break;
		case SHARE:
			*shared = a.argument;
			answer(fd, &a, sizeof(a));
			break;
		default:
			_exit(98);
		}
	}
	_exit(0);
}

/* What the server's children run. */
static void served(int fd, int memory, int id, void *ctx)
{
	_Atomic int *shared = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE,
				   MAP_SHARED, memory, 0);

	close(memory);
	if ((void *)shared == MAP_FAILED)
		_exit(97);
	answer_all(fd, id, shared, ctx == &the_context);
}

/* The same child, forked by the caller itself. */
static void forked(int fd, void *arg)
{
	(void)arg;
	answer_all(fd, 0, NULL, false);
}

static void ask(const struct process *p, enum question question, int argument)
{
	struct ask a = {(int32_t)question, argument};

	ck_assert_int_eq(write(p->fd, &a, sizeof(a)), sizeof(a));
}

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

static struct who who_is(const struct process *p)
{
	struct who w;

	ask(p, WHO, 0);
	hear(p, &w, sizeof(w));
	return w;
}

/* -------------------------------------------------------------- the server */

static struct forkserver started(uint32_t count)
{
	struct forkserver f = FORKSERVER_INIT;

	ck_assert_int_eq(
		forkserver_start(&f, count, false, served, &the_context), 0);
	ck_assert_int_gt(f.fd, 2);
	ck_assert_int_gt(f.process.pid, 0);
	ck_assert_int_gt(f.process.pidfd, 2);
	return f;
}

static int watch(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool ends_within(int pidfd, int timeout_ms)
{
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};
	int n;

	do {
		n = poll(&poller, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

static void await_readable(const struct forkserver *f)
{
	ck_assert_msg(ends_within(f->fd, WAIT_MS), "no news for %d s",
		      WAIT_MS / 1000);
}

static struct forkserver_news next_news(struct forkserver *f)
{
	struct forkserver_news news = {.fd = -1};
	int rc;

	while ((rc = forkserver_receive(f, &news)) == 0)
		await_readable(f);
	ck_assert_int_eq(rc, 1);
	return news;
}

/* It is gone, and says so each time. */
static void expect_no_more(struct forkserver *f)
{
	struct forkserver_news news = {.fd = -1};
	int rc, i;

	for (i = 0; i < 2; i++) {
		while ((rc = forkserver_receive(f, &news)) >= 0) {
			process_fd_close(&news.fd);
			if (rc == 0)
				await_readable(f);
		}
	}
}

static int new_memory(void)
{
	int memory = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(memory, 0);
	ck_assert_int_eq(ftruncate(memory, sizeof(int)), 0);
	return memory;
}

/* Asked for; its news are to come. */
static struct process requested(struct forkserver *f, int id)
{
	struct process p = PROCESS_INIT;
	int memory = new_memory();

	ck_assert_int_eq(forkserver_spawn(f, &p, id, memory), 0);
	close(memory);
	ck_assert_int_gt(p.fd, 2);
	ck_assert_int_eq(p.pid, 0);
	ck_assert_int_eq(p.pidfd, -1);
	return p;
}

static void expect_birth(struct forkserver *f, struct process *p, int id)
{
	struct forkserver_news news = next_news(f);

	ck_assert_int_eq(news.kind, FORKSERVER_BORN);
	ck_assert_int_eq(news.id, id);
	ck_assert_int_eq(news.value, 0);
	ck_assert_int_gt(news.pid, 0);
	ck_assert_int_gt(news.fd, 2);
	process_born(p, news.pid, news.fd);
}

static struct process spawned(struct forkserver *f, int id)
{
	struct process p = requested(f, id);

	expect_birth(f, &p, id);
	return p;
}

static int expect_death(struct forkserver *f, struct process *p, int id)
{
	struct forkserver_news news = next_news(f);

	ck_assert_int_eq(news.kind, FORKSERVER_DIED);
	ck_assert_int_eq(news.id, id);
	ck_assert_int_eq(news.pid, p->pid);
	ck_assert_int_eq(news.fd, -1);
	/* It was waited for: there is nobody left to signal. */
	ck_assert_int_eq(syscall(SYS_pidfd_send_signal, p->pidfd, 0, NULL, 0),
			 -1);
	ck_assert_int_eq(errno, ESRCH);
	process_release(p);
	return news.value;
}

/* A whole life with the server, which so is well. */
static void expect_well(struct forkserver *f, int id)
{
	struct process p = spawned(f, id);
	int status;

	ck_assert_int_eq(who_is(&p).id, id);
	ask(&p, QUIT, 5);
	status = expect_death(f, &p, id);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 5);
}

static void expect_no_child(void)
{
	errno = 0;
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
}

/* Descriptors of another process. */
static unsigned count_open(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* ------------------------------------------------------------ life and news */

START_TEST(start_and_stop)
{
	struct forkserver none = FORKSERVER_INIT;
	struct forkserver f = started(1);
	int pidfd = watch(f.process.pid);

	ck_assert_int_ne(f.process.pid, getpid());
	ck_assert_int_eq(fcntl(f.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(f.process.pidfd, F_GETFD), FD_CLOEXEC);
	ck_assert(!ends_within(f.process.pidfd, 0));
	expect_no_child();
	forkserver_stop(&f);
	ck_assert(ends_within(pidfd, 0));
	ck_assert_int_eq(f.fd, -1);
	ck_assert_int_eq(f.process.pidfd, -1);
	ck_assert_int_eq(f.process.pid, 0);
	forkserver_stop(&f);
	forkserver_stop(&none);
	close(pidfd);
}
END_TEST

START_TEST(a_child_is_born)
{
	struct forkserver f = started(CHILDREN);
	struct process p = PROCESS_INIT;
	int memory = new_memory(), told = 0, status;
	struct ask echo;
	struct who w;

	ck_assert_int_eq(forkserver_spawn(&f, &p, 3, memory), 0);
	/* It may be written to before there are news of it. */
	ask(&p, SHARE, 4711);
	expect_birth(&f, &p, 3);
	hear(&p, &echo, sizeof(echo));
	ck_assert_int_eq(pread(memory, &told, sizeof(told), 0), sizeof(told));
	ck_assert_int_eq(told, 4711);
	w = who_is(&p);
	ck_assert_int_eq(w.pid, p.pid);
	ck_assert_int_eq(w.ppid, f.process.pid);
	ck_assert_int_eq(w.id, 3);
	ck_assert(w.blocking);
	ck_assert(w.context);
	ck_assert(w.three);
	ck_assert_int_eq(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(p.pidfd, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(p.fd, F_GETFL) & O_NONBLOCK);
	expect_no_child();
	/* At the end of file it leaves. */
	process_shutdown(&p);
	status = expect_death(&f, &p, 3);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	forkserver_stop(&f);
	close(memory);
}
END_TEST

START_TEST(news_of_a_death_say_how)
{
	static const int codes[] = {0, 1, 7, 127, 255};
	static const int signals[] = {SIGKILL, SIGTERM, SIGUSR1, SIGINT};
	struct forkserver f = started(2);
	struct process p;
	unsigned i;
	int status;

	for (i = 0; i < 5; i++) {
		p = spawned(&f, 1);
		ask(&p, QUIT, codes[i]);
		status = expect_death(&f, &p, 1);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), codes[i]);
	}
	for (i = 0; i < 4; i++) {
		p = spawned(&f, 1);
		ask(&p, KILL, signals[i]);
		status = expect_death(&f, &p, 1);
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), signals[i]);
	}
	/* Killed from here, by its pidfd. */
	p = spawned(&f, 1);
	process_kill(&p, SIGKILL);
	status = expect_death(&f, &p, 1);
	ck_assert(WIFSIGNALED(status));
	forkserver_stop(&f);
}
END_TEST

/* A signal that was sent before there was a pidfd. */
START_TEST(killed_before_the_news)
{
	struct forkserver f = started(1);
	struct process p = requested(&f, 0);
	int status;

	process_kill(&p, SIGKILL);
	process_kill(&p, SIGTERM);
	expect_birth(&f, &p, 0);
	ck_assert_int_eq(p.pending, 0);
	status = expect_death(&f, &p, 0);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	forkserver_stop(&f);
}
END_TEST

START_TEST(many_at_a_time)
{
	struct forkserver f = started(CHILDREN);
	struct process p[CHILDREN];
	int i, k;

	for (i = 0; i < CHILDREN; i++)
		p[i] = requested(&f, i);
	for (i = 0; i < CHILDREN; i++)
		expect_birth(&f, &p[i], i);
	for (i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(who_is(&p[i]).id, i);
		for (k = 0; k < i; k++)
			ck_assert_int_ne(p[i].pid, p[k].pid);
	}
	/* Whoever dies, it is named. */
	for (i = 0; i < CHILDREN; i++) {
		k = i * 3 % CHILDREN;
		ask(&p[k], QUIT, k);
		ck_assert_int_eq(WEXITSTATUS(expect_death(&f, &p[k], k)), k);
	}
	forkserver_stop(&f);
}
END_TEST

/* The socket of a sibling, or of the server, in a child would hide an end. */
START_TEST(eof_reaches_each_child)
{
	struct forkserver f = started(3), other = started(1);
	struct process p[3];
	int i;

	for (i = 0; i < 3; i++)
		p[i] = spawned(&f, i);
	for (i = 0; i < 3; i++) {
		process_fd_close(&p[i].fd);
		ck_assert_int_eq(WEXITSTATUS(expect_death(&f, &p[i], i)), 0);
	}
	forkserver_stop(&f);
	expect_well(&other, 0);
	forkserver_stop(&other);
}
END_TEST

/* ----------------------------------------------------------- other requests */

START_TEST(unknown_ids)
{
	static const int ids[] = {-1, 2, 3, INT32_MAX, INT32_MIN};
	struct forkserver f = started(2);
	unsigned before, i;
	char c;

	expect_well(&f, 0);
	before = count_open(f.process.pid);
	for (i = 0; i < 5; i++) {
		struct process p = requested(&f, ids[i]);
		struct pollfd poller = {.fd = p.fd, .events = POLLIN};

		/* Nobody has the other end; it got a byte, hence the reset. */
		ck_assert_int_eq(poll(&poller, 1, WAIT_MS), 1);
		ck_assert_int_le(read(p.fd, &c, 1), 0);
		ck_assert_int_ne(errno, EAGAIN);
		process_release(&p);
		expect_well(&f, 1); /* its news are the next ones */
	}
	ck_assert_uint_eq(count_open(f.process.pid), before);
	forkserver_stop(&f);
}
END_TEST

/* A packet as forkserver_spawn does not make it. */
static void send_raw(const struct forkserver *f, const void *data, size_t size,
		     unsigned nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	int fds[3] = {0, 1, 2};

	memset(&control, 0, sizeof(control));
	if (nfds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(f->fd, &m, MSG_NOSIGNAL), (ssize_t)size);
}

/* Without its two descriptors a request bears nobody, whether it is answered
 * or not. */
START_TEST(requests_without_descriptors)
{
	static const int32_t one = 1;
	struct forkserver f = started(2);
	struct forkserver_news news;
	unsigned before, i;

	expect_well(&f, 0);
	before = count_open(f.process.pid);
	for (i = 0; i < 10; i++) {
		struct process p;

		send_raw(&f, &one, sizeof(one), i % 2);
		p = requested(&f, 0);
		do {
			news = next_news(&f);
			ck_assert_int_eq(news.kind, FORKSERVER_BORN);
			ck_assert(news.id == 0 || news.value < 0);
		} while (news.id != 0);
		process_born(&p, news.pid, news.fd);
		process_kill(&p, SIGKILL);
		expect_death(&f, &p, 0);
	}
	ck_assert_uint_eq(count_open(f.process.pid), before);
	forkserver_stop(&f);
}
END_TEST

/* What is no request at all ends the server, and its children with it. */
START_TEST(packets_of_another_size)
{
	static const size_t sizes[] = {0, 1, 3, 5, 64};
	static const int32_t noise[16] = {0};
	struct forkserver f = started(2);
	struct process p = spawned(&f, 1);
	struct forkserver_news news;

	send_raw(&f, noise, sizes[_i], _i ? 2 : 0);
	await_readable(&f);
	ck_assert_int_lt(forkserver_receive(&f, &news), 0);
	ck_assert(ends_within(f.process.pidfd, WAIT_MS));
	ck_assert(ends_within(p.pidfd, 0));
	expect_no_more(&f);
	process_release(&p);
	forkserver_stop(&f);
}
END_TEST

/* --------------------------------------------------------- who dies with whom */

START_TEST(stop_kills_the_children)
{
	struct forkserver f = started(CHILDREN);
	struct process p[CHILDREN];
	int i;

	for (i = 0; i < CHILDREN; i++)
		p[i] = spawned(&f, i);
	/* News that nobody reads any more do not hold it up. */
	ask(&p[0], QUIT, 0);
	ask(&p[1], KILL, SIGSTOP);
	forkserver_stop(&f);
	for (i = 0; i < CHILDREN; i++) {
		ck_assert_msg(ends_within(p[i].pidfd, 0), "child %d lives", i);
		process_release(&p[i]);
	}
}
END_TEST

/* Another fork of the caller's, which knows nothing of this, has copies of all
 * descriptors and lives on. */
static pid_t fork_copy(void)
{
	pid_t pid = fork();

	while (pid == 0)
		pause();
	return pid;
}

START_TEST(stop_beside_a_copy_of_the_caller)
{
	struct forkserver f = started(1);
	struct process p = spawned(&f, 0);
	pid_t copy = fork_copy();

	ck_assert_int_gt(copy, 0);
	alarm(WAIT_MS / 1000);
	forkserver_stop(&f);
	ck_assert(ends_within(p.pidfd, 0));
	kill(copy, SIGKILL);
	ck_assert_int_eq(waitpid(copy, NULL, 0), copy);
	process_release(&p);
}
END_TEST

START_TEST(the_server_is_killed)
{
	struct forkserver f = started(CHILDREN);
	struct process p[CHILDREN], late = PROCESS_INIT;
	int i, memory = new_memory();

	for (i = 0; i < CHILDREN; i++)
		p[i] = spawned(&f, i);
	process_kill(&f.process, SIGKILL);
	for (i = 0; i < CHILDREN; i++)
		ck_assert_msg(ends_within(p[i].pidfd, WAIT_MS),
			      "child %d lives", i);
	ck_assert(ends_within(f.process.pidfd, WAIT_MS));
	expect_no_more(&f);
	ck_assert_int_lt(forkserver_spawn(&f, &late, 0, memory), 0);
	ck_assert_int_eq(late.fd, -1);
	forkserver_stop(&f);
	for (i = 0; i < CHILDREN; i++)
		process_release(&p[i]);
	close(memory);
}
END_TEST

/* ------------------------------------------------------------- dead callers */

/* How a caller is when it ends. */
enum caller { PLAIN, COPIED, UNREAD, UNREAD_COPIED, EXITS, EXECS, CALLERS };

struct family {
	pid_t server, children[2], copy;
};

/* Ask for children that leave at once, and read no news, until the server can
 * say no more and so takes no more requests. */
static unsigned fill_with_news(struct forkserver *f, int first)
{
	unsigned n = 0;
	struct process p = PROCESS_INIT;
	int memory = new_memory();

	while (forkserver_spawn(f, &p, first + (int)n % 400, memory) == 0) {
		process_release(&p);
		n++;
	}
	close(memory);
	return n;
}

static void end_caller(enum caller how)
{
	if (how == EXITS)
		_exit(0);
	if (how == EXECS)
		execl("/bin/cat", "cat", (char *)NULL);
	for (;;)
		pause();
}

/* A caller in a process of its own; says who there is and ends as it should. */
static void be_caller(enum caller how, int out)
{
	struct family all = {.copy = 0};
	struct forkserver f = started(402);
	struct process p[2];
	int i;

	all.server = f.process.pid;
	for (i = 0; i < 2; i++) {
		p[i] = spawned(&f, i);
		all.children[i] = p[i].pid;
	}
	if (how == COPIED || how == UNREAD_COPIED)
		all.copy = fork_copy();
	if (how == UNREAD || how == UNREAD_COPIED)
		fill_with_news(&f, 2);
	answer(out, &all, sizeof(all));
	end_caller(how);
}

START_TEST(the_caller_dies)
{
	struct family all;
	int pidfds[3], fds[2], in[2], i;
	pid_t caller;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	caller = fork();
	if (caller == 0) {
		dup2(in[0], STDIN_FILENO); /* cat waits for the end of it */
		be_caller((enum caller)_i, fds[1]);
	}
	close(fds[1]);
	close(in[0]);
	ck_assert_int_eq(read(fds[0], &all, sizeof(all)), sizeof(all));
	close(fds[0]);
	pidfds[0] = (int)syscall(SYS_pidfd_open, all.server, 0);
	for (i = 0; i < 2; i++)
		pidfds[i + 1] =
			(int)syscall(SYS_pidfd_open, all.children[i], 0);
	if (_i < EXITS) {
		for (i = 0; i < 3; i++) {
			ck_assert_int_ge(pidfds[i], 0);
			ck_assert(!ends_within(pidfds[i], 0));
		}
		kill(caller, SIGKILL);
	}
	/* Those that went before they could be watched are gone, too. */
	for (i = 0; i < 3; i++) {
		if (pidfds[i] < 0)
			continue;
		ck_assert_msg(ends_within(pidfds[i], WAIT_MS), "%s %d lives",
			      i ? "child" : "server", i);
		close(pidfds[i]);
	}
	close(in[1]);
	if (all.copy > 0)
		kill(all.copy, SIGKILL);
	ck_assert_int_eq(waitpid(caller, NULL, 0), caller);
}
END_TEST

/* Only the process counts, not the thread that happened to call. */
static void *start_there(void *arg)
{
	struct forkserver *f = arg;

	return forkserver_start(f, 2, false, served, &the_context) < 0 ? f :
									 NULL;
}

START_TEST(the_thread_that_started_it_ends)
{
	struct forkserver f = FORKSERVER_INIT;
	pthread_t thread;
	void *failed = &f;

	ck_assert_int_eq(pthread_create(&thread, NULL, start_there, &f), 0);
	ck_assert_int_eq(pthread_join(thread, &failed), 0);
	ck_assert_ptr_null(failed);
	expect_well(&f, 1);
	forkserver_stop(&f);
}
END_TEST

/* ------------------------------------------------------- a caller that waits */

/* News are kept for a caller that does not read for a while. */
START_TEST(a_caller_that_reads_late)
{
	struct forkserver f = started(400);
	unsigned asked = fill_with_news(&f, 0), born = 0, died = 0;
	struct forkserver_news news;

	ck_assert_uint_gt(asked, 100);
	while (died < asked) {
		news = next_news(&f);
		born += news.kind == FORKSERVER_BORN && news.fd >= 0;
		died += news.kind == FORKSERVER_DIED;
		process_fd_close(&news.fd);
	}
	ck_assert_uint_eq(born, asked);
	ck_assert_uint_eq(died, asked);
	expect_well(&f, 0);
	forkserver_stop(&f);
}
END_TEST

START_TEST(stop_with_news_unread)
{
	struct forkserver f = started(400);

	fill_with_news(&f, 0);
	forkserver_stop(&f);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
}

/* Calls that are interrupted all the time. */
START_TEST(a_storm_of_signals)
{
	static const struct itimerval often = {{0, 200}, {0, 200}},
				      never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_alarm}, before;
	struct forkserver f;
	int i, k;

	sigaction(SIGVTALRM, &sa, &before);
	for (i = 0; i < 10; i++) {
		setitimer(ITIMER_VIRTUAL, &often, NULL);
		f = started(2);
		for (k = 0; k < 10; k++) {
			struct process p = spawned(&f, k % 2);

			process_kill(&p, SIGKILL);
			expect_death(&f, &p, k % 2);
		}
		forkserver_stop(&f);
		setitimer(ITIMER_VIRTUAL, &never, NULL);
	}
	sigaction(SIGVTALRM, &before, NULL);
}
END_TEST

/* ------------------------------------------------------ the caller's children */

static volatile sig_atomic_t chld_signals;

static void on_chld(int sig)
{
	(void)sig;
	chld_signals++;
}

/* Many births and deaths, none of which is the caller's affair. */
START_TEST(the_caller_is_left_alone)
{
	struct sigaction sa = {.sa_handler = _i ? SIG_IGN : on_chld}, old, now;
	struct forkserver f;
	int i, status;

	sigaction(SIGCHLD, &sa, &old);
	f = started(2);
	expect_no_child();
	chld_signals = 0;
	for (i = 0; i < 10; i++) {
		struct process p = spawned(&f, 0);

		expect_no_child();
		ck_assert_int_eq(waitpid(p.pid, NULL, WNOHANG | __WALL), -1);
		ask(&p, i % 2 ? KILL : QUIT, i % 2 ? SIGKILL : 3);
		status = expect_death(&f, &p, 0);
		ck_assert_int_eq(i % 2 ? WTERMSIG(status) : WEXITSTATUS(status),
				 i % 2 ? SIGKILL : 3);
		expect_no_child();
	}
	forkserver_stop(&f);
	ck_assert_int_eq(chld_signals, 0);
	expect_no_child();
	sigaction(SIGCHLD, &old, &now);
	ck_assert(now.sa_handler == sa.sa_handler);
}
END_TEST

/* A child of the caller's own is not waited for. */
START_TEST(foreign_children_are_left)
{
	pid_t own = fork();
	struct forkserver f;
	int status;

	if (own == 0)
		_exit(9);
	f = started(1);
	expect_well(&f, 0);
	forkserver_stop(&f);
	ck_assert_int_eq(waitpid(-1, &status, 0), own);
	ck_assert_int_eq(WEXITSTATUS(status), 9);
}
END_TEST

/* To such a caller, or to the first process of a container, orphans come: the
 * server is one, and its children when it is killed. */
START_TEST(a_caller_that_takes_orphans)
{
	struct forkserver f;
	struct process p;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	f = started(1);
	p = spawned(&f, 0);
	forkserver_stop(&f);
	process_release(&p);
	expect_no_child();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}
END_TEST

/* ------------------------------------------------------------------- signals */

static void caught(int sig)
{
	(void)sig;
}

static void assert_same_signals(const struct signals *a,
				const struct signals *b)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		ck_assert_msg(a->does[sig] == b->does[sig] &&
				      a->blocked[sig] == b->blocked[sig] &&
				      a->pending[sig] == b->pending[sig],
			      "signal %d: %c%d%d, not %c%d%d", sig,
			      a->does[sig], a->blocked[sig], a->pending[sig],
			      b->does[sig], b->blocked[sig], b->pending[sig]);
}

/* As with plain fork: what is ignored stays so, the rest is as by default. */
START_TEST(signals_are_as_with_fork)
{
	struct signals before, after, by_fork, by_server;
	struct process p = PROCESS_INIT, q;
	struct process_end end;
	struct forkserver f;
	sigset_t block;

	signal(SIGUSR1, caught);
	signal(SIGINT, caught);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	before = signals_now();
	ck_assert_int_eq(process_start(&p, forked, NULL), 0);
	ask(&p, SIGNALS, 0);
	hear(&p, &by_fork, sizeof(by_fork));
	process_kill(&p, SIGKILL);
	process_reap(&p, &end, true);
	process_release(&p);
	f = started(1);
	after = signals_now();
	q = spawned(&f, 0);
	ask(&q, SIGNALS, 0);
	hear(&q, &by_server, sizeof(by_server));
	forkserver_stop(&f);
	process_release(&q);
	assert_same_signals(&before, &after);
	assert_same_signals(&by_server, &by_fork);
	ck_assert_int_eq(by_server.does[SIGUSR1], 'd');
	ck_assert_int_eq(by_server.does[SIGCHLD], 'd');
	ck_assert_int_eq(by_server.does[SIGHUP], 'i');
	ck_assert(!by_server.blocked[SIGTERM] && !by_server.pending[SIGUSR1]);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}
END_TEST

/* A process group as a terminal has it. Its code is 0, or the line that went
 * wrong. */
static int be_group(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP,
				      SIGTSTP};
	struct forkserver f;
	struct process p;
	int i, status;

	if (setpgid(0, 0) < 0)
		return 1;
	for (i = 0; i < 5; i++)
		signal(signals[i], caught);
	f = started(2);
	for (i = 0; i < 5; i++) {
		p = spawned(&f, 0);
		who_is(&p);
		if (kill(0, signals[i]) < 0)
			return 2;
		/* The child is as any other of the group. */
		if (signals[i] == SIGTSTP)
			process_kill(&p, SIGKILL);
		status = expect_death(&f, &p, 0);
		if (!WIFSIGNALED(status) ||
		    (WTERMSIG(status) != signals[i] && signals[i] != SIGTSTP))
			return 3;
		expect_well(&f, 1);
	}
	/* Nor is it hit by one of its own. */
	process_kill(&f.process, SIGTERM);
	expect_well(&f, 1);
	forkserver_stop(&f);
	return 0;
}

START_TEST(signals_of_the_terminal_pass_it_by)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(be_group());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* --------------------------------------------------------------- descriptors */

/* Of the caller's only the public ones, and its own socket. */
START_TEST(children_have_no_private_descriptor)
{
	struct forkserver other = started(1), f = started(3);
	struct process sibling = spawned(&other, 0), elder = spawned(&f, 0);
	struct process p = spawned(&f, 1);
	struct suite_fds open;
	int own = who_is(&p).fd;
	bool seen_own = false;
	size_t i;

	ask(&p, OPEN, 0);
	hear(&p, &open, sizeof(open));
	for (i = 0; i < open.count; i++) {
		seen_own |= open.open[i].fd == own;
		ck_assert_msg(open.open[i].fd == own || open.open[i].fd <= 2 ||
				      suite_fds_have(&suite_fds_before,
						     &open.open[i]),
			      "the child has descriptor %d", open.open[i].fd);
	}
	ck_assert(seen_own);
	forkserver_stop(&f);
	forkserver_stop(&other);
	process_release(&sibling);
	process_release(&elder);
	process_release(&p);
}
END_TEST

START_TEST(no_descriptor_is_leaked)
{
	struct forkserver f = started(2);
	struct process p = spawned(&f, 0);
	unsigned there;
	size_t here = suite_fd_count();
	int i;

	expect_well(&f, 1);
	there = count_open(f.process.pid);
	for (i = 0; i < 100; i++)
		expect_well(&f, 1);
	ck_assert_uint_eq(count_open(f.process.pid), there);
	ck_assert_uint_eq(suite_fd_count(), here);
	/* Its socket, its signals, the caller. */
	ck_assert_uint_eq(there, suite_fds_before.count + 3);
	forkserver_stop(&f);
	process_release(&p);
}
END_TEST

/* A caller that has closed some of the three; which, as bits. Its children have
 * them, lest the next file they open becomes their standard output. */
static int live_without(int closed)
{
	struct forkserver f;
	struct process p;
	int i;

	for (i = 0; i < 3; i++)
		if (closed & 1 << i)
			close(i);
	f = started(2);
	for (i = 0; i < 3; i++) {
		p = spawned(&f, i % 2);
		if (!who_is(&p).three)
			return 2;
		process_kill(&p, SIGKILL);
		expect_death(&f, &p, i % 2);
	}
	forkserver_stop(&f);
	for (i = 0; i < 3; i++)
		closed ^= fcntl(i, F_GETFD) < 0 ? 1 << i : 0;
	return closed ? 1 : 0;
}

START_TEST(a_caller_without_the_three)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(live_without(_i));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* ------------------------------------------------------------------ failures */

START_TEST(no_fork)
{
	struct forkserver f = FORKSERVER_INIT;
	struct signals before = signals_now(), after;
	unsigned long n;

	/* The second one is the server's own, in between. */
	for (n = 1; n <= 2; n++) {
		fork_fail_at(n);
		ck_assert_int_eq(forkserver_start(&f, 1, false, served, NULL),
				 -EAGAIN);
		fork_fail_at(0);
		ck_assert_int_eq(f.fd, -1);
		ck_assert_int_eq(f.process.pidfd, -1);
		suite_teardown(); /* no descriptor, no child */
		after = signals_now();
		assert_same_signals(&before, &after);
	}
	f = started(1);
	expect_well(&f, 0);
	forkserver_stop(&f);
}
END_TEST

/* A child that the server cannot fork. The count is inherited: the server's
 * own fork was the second. */
START_TEST(no_fork_in_the_server)
{
	struct forkserver_news news;
	struct forkserver f;
	struct process p;
	unsigned before;
	char c;

	fork_fail_at(4);
	f = started(2);
	fork_fail_at(0);
	expect_well(&f, 0);
	before = count_open(f.process.pid);
	p = requested(&f, 1);
	news = next_news(&f);
	ck_assert_int_eq(news.kind, FORKSERVER_BORN);
	ck_assert_int_eq(news.id, 1);
	ck_assert_int_eq(news.value, -EAGAIN);
	ck_assert_int_eq(news.pid, 0);
	ck_assert_int_eq(news.fd, -1);
	ck_assert_int_le(read(p.fd, &c, 1), 0);
	process_release(&p);
	ck_assert_uint_eq(count_open(f.process.pid), before);
	expect_well(&f, 1);
	forkserver_stop(&f);
}
END_TEST

/* All descriptors up to a limit taken, but for `room`. */
struct cramped {
	struct rlimit old;
	int fds[FDS], count;
};

static void cramp(struct cramped *c, int room)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &c->old);
	limit = c->old;
	limit.rlim_cur = FDS / 2;
	setrlimit(RLIMIT_NOFILE, &limit);
	c->count = 0;
	while ((c->fds[c->count] = dup(STDIN_FILENO)) >= 0)
		c->count++;
	while (room-- > 0)
		close(c->fds[--c->count]);
}

static void uncramp(struct cramped *c)
{
	while (c->count > 0)
		close(c->fds[--c->count]);
	setrlimit(RLIMIT_NOFILE, &c->old);
}

START_TEST(no_descriptors_to_start)
{
	struct cramped c;
	int room, rc = -EMFILE;

	for (room = 0; rc < 0; room++) {
		struct forkserver f = FORKSERVER_INIT;

		cramp(&c, room);
		rc = forkserver_start(&f, 1, false, served, &the_context);
		uncramp(&c);
		/* Seen by the server, it is an end of file. */
		if (rc < 0)
			ck_assert(rc == -EMFILE || (room > 2 && rc == -EAGAIN));
		else
			forkserver_stop(&f);
		ck_assert_int_eq(f.fd, -1);
		suite_teardown();
		ck_assert_int_lt(room, 10);
	}
	ck_assert_int_gt(room, 3);
}
END_TEST

START_TEST(no_descriptors_to_spawn)
{
	struct forkserver f = started(2);
	struct process p = PROCESS_INIT;
	int room, memory = new_memory();
	struct cramped c;

	for (room = 0; room < 2; room++) {
		cramp(&c, room);
		ck_assert_int_eq(forkserver_spawn(&f, &p, 0, memory), -EMFILE);
		uncramp(&c);
		ck_assert_int_eq(p.fd, -1);
	}
	cramp(&c, 2);
	p = (struct process)PROCESS_INIT;
	ck_assert_int_eq(forkserver_spawn(&f, &p, 0, memory), 0);
	expect_birth(&f, &p, 0); /* there is room for its pidfd */
	uncramp(&c);
	ask(&p, QUIT, 1);
	expect_death(&f, &p, 0);
	expect_well(&f, 1);
	forkserver_stop(&f);
	close(memory);
}
END_TEST

/* The news come, the pidfd does not. */
START_TEST(no_descriptor_for_the_pidfd)
{
	struct forkserver f = started(2);
	struct process p = requested(&f, 0);
	struct forkserver_news news;
	struct cramped c;
	pid_t pid;

	await_readable(&f);
	cramp(&c, 0);
	news = next_news(&f);
	uncramp(&c);
	pid = news.pid;
	ck_assert_int_eq(news.kind, FORKSERVER_BORN);
	ck_assert_int_eq(news.fd, -1);
	ck_assert_int_gt(pid, 0);
	/* It leaves when its socket is closed. */
	process_release(&p);
	news = next_news(&f);
	ck_assert_int_eq(news.kind, FORKSERVER_DIED);
	ck_assert_int_eq(news.pid, pid);
	expect_well(&f, 0);
	forkserver_stop(&f);
}
END_TEST

/* A limit below which the process has so many free numbers. */
static rlim_t limit_with_room(pid_t pid, unsigned room)
{
	char path[64];
	unsigned fd, vacant = 0;

	for (fd = 0;; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
		vacant += faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) <
			  0;
		if (vacant > room)
			return fd;
	}
}

/* One that a server with such a limit cannot grant. */
static struct process requested_in_vain(struct forkserver *f, unsigned room)
{
	pid_t pid = f->process.pid;
	struct rlimit limit, old;
	struct process p;

	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &old), 0);
	limit = (struct rlimit){limit_with_room(pid, room), old.rlim_max};
	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
	p = requested(f, 0);
	/* Its other end is closed: it was looked at. */
	ck_assert(ends_within(p.fd, WAIT_MS));
	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &old, NULL), 0);
	return p;
}

/* Every request is answered, that of a server without room for what comes with
 * it, too. */
START_TEST(no_descriptors_in_the_server)
{
	struct forkserver f = started(2);
	struct forkserver_news news;
	struct process p, q;
	unsigned open;

	expect_well(&f, 0);
	open = count_open(f.process.pid);
	p = requested_in_vain(&f, (unsigned)_i);
	q = requested(&f, 1);
	news = next_news(&f);
	ck_assert_int_eq(news.kind, FORKSERVER_BORN);
	ck_assert_msg(news.id == 0, "it was not answered");
	ck_assert_int_eq(news.value, -EMFILE);
	ck_assert_int_eq(news.fd, -1);
	process_release(&p);
	expect_birth(&f, &q, 1);
	ask(&q, QUIT, 0);
	expect_death(&f, &q, 1);
	ck_assert_uint_eq(count_open(f.process.pid), open);
	forkserver_stop(&f);
}
END_TEST

START_TEST(no_memory)
{
	unsigned long n;
	bool failed = true;

	for (n = 1; failed; n++) {
		struct forkserver f = FORKSERVER_INIT;
		int rc;

		alloc_fail_at(n);
		rc = forkserver_start(&f, 2, false, served, &the_context);
		failed = alloc_failed();
		alloc_fail_at(0);
		/* In the server the count goes on, there it is an end. */
		if (failed)
			ck_assert_int_eq(rc, -ENOMEM);
		else
			ck_assert(rc == 0 || rc == -EAGAIN);
		if (rc == 0)
			forkserver_stop(&f);
		ck_assert_int_eq(f.fd, -1);
		suite_teardown();
	}
	ck_assert_uint_gt(n, 2);
}
END_TEST

/* ---------------------------------------------------------------------- main */

static void add_lives(Suite *s)
{
	TCase *tc = server_case(s, "news");

	tcase_add_test(tc, start_and_stop);
	tcase_add_test(tc, a_child_is_born);
	tcase_add_test(tc, news_of_a_death_say_how);
	tcase_add_test(tc, killed_before_the_news);
	tcase_add_test(tc, many_at_a_time);
	tcase_add_test(tc, eof_reaches_each_child);
	tc = server_case(s, "requests");
	tcase_add_test(tc, unknown_ids);
	tcase_add_test(tc, requests_without_descriptors);
	tcase_add_loop_test(tc, packets_of_another_size, 0, 5);
	tc = server_case(s, "ends");
	tcase_add_test(tc, stop_kills_the_children);
	tcase_add_test(tc, stop_beside_a_copy_of_the_caller);
	tcase_add_test(tc, the_server_is_killed);
	tcase_add_loop_test(tc, the_caller_dies, 0, CALLERS);
	tcase_add_test(tc, the_thread_that_started_it_ends);
	tc = server_case(s, "waiting");
	tcase_add_test(tc, a_caller_that_reads_late);
	tcase_add_test(tc, stop_with_news_unread);
	tcase_add_test(tc, a_storm_of_signals);
}

int main(void)
{
	Suite *s = suite_create("forkserver");
	TCase *tc;

	add_lives(s);
	tc = server_case(s, "children");
	tcase_add_loop_test(tc, the_caller_is_left_alone, 0, 2);
	tcase_add_test(tc, foreign_children_are_left);
	tcase_add_test(tc, a_caller_that_takes_orphans);
	tc = server_case(s, "signals");
	tcase_add_test(tc, signals_are_as_with_fork);
	tcase_add_test(tc, signals_of_the_terminal_pass_it_by);
	tc = server_case(s, "descriptors");
	tcase_add_test(tc, children_have_no_private_descriptor);
	tcase_add_test(tc, no_descriptor_is_leaked);
	tcase_add_loop_test(tc, a_caller_without_the_three, 0, 8);
	tc = server_case(s, "failures");
	tcase_add_test(tc, no_fork);
	tcase_add_test(tc, no_fork_in_the_server);
	tcase_add_test(tc, no_descriptors_to_start);
	tcase_add_test(tc, no_descriptors_to_spawn);
	tcase_add_test(tc, no_descriptor_for_the_pidfd);
	tcase_add_loop_test(tc, no_descriptors_in_the_server, 0, 3);
	tcase_add_test(tc, no_memory);
	return suite_main(s);
}
