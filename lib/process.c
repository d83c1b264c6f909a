/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The private descriptors of all pools in this process. A list for the whole
 * process, because a fork copies the descriptors of all of it; the mutex is
 * held over fork, so that the child finds the list whole. A forked copy of the
 * caller has the list too, but may close what is in it, as daemons do, and
 * open files of its own in the same places: there each is looked at again.
 */
struct private_fd {
	int fd;
	pid_t owner; /* who entered it */
	dev_t dev;
	ino_t ino;
};

static struct {
	pthread_mutex_t mutex;
	struct private_fd *fds;
	size_t count, capacity;
} private_fds = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct private_fd private_fd(int fd)
{
	struct private_fd p = {.fd = fd, .owner = getpid()};
	struct stat st;

	if (fstat(fd, &st) == 0) {
		p.dev = st.st_dev;
		p.ino = st.st_ino;
	}
	return p;
}

static int private_add(int fd)
{
	struct private_fd one = private_fd(fd);
	int rc = 0;

	pthread_mutex_lock(&private_fds.mutex);
	if (private_fds.count == private_fds.capacity) {
		size_t capacity =
			private_fds.capacity ? private_fds.capacity * 2 : 16;
		struct private_fd *fds =
			realloc(private_fds.fds, capacity * sizeof(*fds));

		if (fds) {
			private_fds.fds = fds;
			private_fds.capacity = capacity;
		} else {
			rc = -ENOMEM;
		}
	}
	if (rc == 0)
		private_fds.fds[private_fds.count++] = one;
	pthread_mutex_unlock(&private_fds.mutex);
	return rc;
}

static void private_remove(int fd)
{
	pid_t self = getpid();
	size_t i;

	pthread_mutex_lock(&private_fds.mutex);
	for (i = 0; i < private_fds.count; i++) {
		if (private_fds.fds[i].fd != fd ||
		    private_fds.fds[i].owner != self)
			continue;
		private_fds.fds[i] = private_fds.fds[--private_fds.count];
		break;
	}
	if (private_fds.count == 0) {
		/* The last pool takes the list with it. */
		free(private_fds.fds);
		private_fds.fds = NULL;
		private_fds.capacity = 0;
	}
	pthread_mutex_unlock(&private_fds.mutex);
}

/* With the mutex held: drop what was inherited and is something else by now. */
static void drop_stale(void)
{
	pid_t self = getpid();
	struct private_fd now;
	size_t i, kept = 0;

	for (i = 0; i < private_fds.count; i++) {
		const struct private_fd *p = &private_fds.fds[i];

		if (p->owner != self) {
			now = private_fd(p->fd);
			if (now.dev != p->dev || now.ino != p->ino)
				continue;
		}
		private_fds.fds[kept++] = *p;
	}
	private_fds.count = kept;
}

int process_fd_private(int fd)
{
	int rc;

	if (fd < 0)
		return fd;
	if (fd <= STDERR_FILENO) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		rc = high < 0 ? -errno : high;
		close(fd);
		if (rc < 0)
			return rc;
		fd = rc;
	}
	rc = private_add(fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void process_fd_close(int *fd)
{
	if (*fd < 0)
		return;
	private_remove(*fd);
	close(*fd);
	*fd = -1;
}

/* -- In the child -- */

void process_follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before the signal was set. */
	if (getppid() != parent)
		_exit(127);
}

static void reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &sa) < 0)
			continue;
		if (sa.sa_handler == SIG_DFL ||
		    (sig != SIGCHLD && sa.sa_handler == SIG_IGN))
			continue;
		memset(&sa, 0, sizeof(sa));
		sa.sa_handler = SIG_DFL;
		sigaction(sig, &sa, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void reset_stdio(void)
{
	int null = open("/dev/null", O_RDWR);
	int fd;

	/* Another thread may have printed between the flush and the fork. */
	__fpurge(stdin);
	__fpurge(stdout);
	__fpurge(stderr);
	if (null < 0)
		return;
	if (null != STDIN_FILENO)
		dup2(null, STDIN_FILENO);
	/* What the caller closed stays out of the reach of the next open. */
	for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

/* Private descriptors of the parent's are closed, all but one. */
static void close_private(int fd)
{
	size_t i;

	for (i = 0; i < private_fds.count; i++)
		if (private_fds.fds[i].fd != fd)
			close(private_fds.fds[i].fd);
	private_fds.fds[0] = private_fd(fd); /* should it have children */
	private_fds.count = 1;
	pthread_mutex_unlock(&private_fds.mutex);
}

static void child_start(int fd)
{
	close_private(fd);
	reset_stdio();
	reset_signals();
}

/*
 * Do nothing, and so do not end, before the parent has a pidfd: where SIGCHLD
 * is ignored a child that has ended is gone, and its pid anybody's.
 */
static void await_go(int fd)
{
	char go;
	ssize_t n;

	do {
		n = recv(fd, &go, sizeof(go), 0);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127);
}

/* -- In the parent -- */

int process_socketpair(int fds[2], int type)
{
	int i;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	for (i = 0; i < 2; i++) {
		fds[i] = process_fd_private(fds[i]);
		if (fds[i] < 0) {
			int rc = fds[i];

			if (i == 0)
				close(fds[1]);
			else
				process_fd_close(&fds[0]);
			return rc;
		}
	}
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		int rc = -errno;

		process_fd_close(&fds[0]);
		process_fd_close(&fds[1]);
		return rc;
	}
	return 0;
}

static int open_pidfd(struct process *p)
{
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	fd = process_fd_private(fd < 0 ? -errno : fd);
	p->pidfd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

/* A fork with stdio flushed before, and with all signals blocked and the list
 * of private descriptors locked: in the child they still are. The pid, 0 in
 * the child, or -errno. */
static pid_t fork_safely(void)
{
	sigset_t all, before;
	pid_t pid;
	int rc;

	fflush(stdout);
	fflush(stderr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&private_fds.mutex);
	drop_stale();
	pid = fork();
	if (pid == 0)
		return 0;
	rc = -errno;
	pthread_mutex_unlock(&private_fds.mutex);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? rc : pid;
}

static pid_t fork_child(int fd, process_main_fn child, void *arg)
{
	pid_t parent = getpid();
	pid_t pid = fork_safely();

	if (pid != 0)
		return pid;
	process_follow_parent(parent);
	child_start(fd);
	await_go(fd);
	child(fd, arg);
	_exit(127);
}

static void reap_pid(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int process_go(const struct process *p)
{
	static const char go = 'g';

	return send(p->fd, &go, sizeof(go), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int process_start(struct process *p, process_main_fn child, void *arg)
{
	int fds[2], rc;
	pid_t pid;

	rc = process_socketpair(fds, SOCK_STREAM);
	if (rc < 0)
		return rc;
	pid = fork_child(fds[1], child, arg);
	process_fd_close(&fds[1]);
	if (pid < 0) {
		process_fd_close(&fds[0]);
		return pid;
	}
	p->pid = pid;
	p->fd = fds[0];
	p->pending = 0;
	rc = open_pidfd(p);
	if (rc == 0) {
		/* When it is dead already, the pidfd says so. */
		(void)process_go(p);
	} else {
		/* At end of file the child leaves by itself; another thread's
		 * child may have a copy of this end. */
		process_shutdown(p);
		process_fd_close(&p->fd);
		reap_pid(pid);
		p->pid = 0;
	}
	return rc;
}

int process_fork(struct process *p, int fd, process_main_fn child, void *arg)
{
	pid_t pid = fork_child(fd, child, arg);
	int rc;

	if (pid < 0)
		return pid;
	p->pid = pid;
	rc = open_pidfd(p);
	if (rc < 0) {
		kill(pid, SIGKILL);
		reap_pid(pid);
		p->pid = 0;
	}
	return rc;
}

int process_detach(int fd, process_main_fn child, void *arg)
{
	pid_t pid = fork_safely(), second;

	if (pid < 0)
		return pid;
	if (pid > 0) {
		/* Nobody else's: it ends at once. Where the caller ignores
		 * SIGCHLD it is gone by itself. */
		reap_pid(pid);
		return 0;
	}
	second = fork();
	if (second != 0)
		_exit(0); /* a failure shows as end of file */
	close_private(fd);
	reset_stdio();
	child(fd, arg);
	_exit(127);
}

void process_shutdown(struct process *p)
{
	if (p->fd >= 0)
		shutdown(p->fd, SHUT_WR);
}

void process_kill(struct process *p, int signal)
{
	if (p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0);
	else if (p->pending != SIGKILL)
		p->pending = signal;
}

void process_born(struct process *p, pid_t pid, int pidfd)
{
	p->pid = pid;
	p->pidfd = pidfd;
	if (p->pending)
		process_kill(p, p->pending);
	p->pending = 0;
}

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Signals that come all the time do not make it longer. */
bool process_await(const struct process *p, int timeout_ms)
{
	struct pollfd poll_for = {.fd = p->pidfd, .events = POLLIN};
	int64_t until = clock_ms() + timeout_ms, left = timeout_ms;
	int n;

	if (p->pidfd < 0)
		return true;
	while ((n = poll(&poll_for, 1, (int)left)) < 0 && errno == EINTR) {
		if (timeout_ms >= 0)
			left = until - clock_ms();
		if (timeout_ms >= 0 && left < 0)
			left = 0;
	}
	return n > 0;
}

void process_adopted(const struct process *p)
{
	siginfo_t info;

	if (p->pidfd >= 0)
		waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG);
}

void process_status(struct process_end *end, int status)
{
	end->known = true;
	end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	end->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int process_reap(struct process *p, struct process_end *end, bool block)
{
	siginfo_t info;
	int rc;

	memset(&info, 0, sizeof(info));
	do {
		rc = waitid(P_PIDFD, (id_t)p->pidfd, &info,
			    WEXITED | (block ? 0 : WNOHANG));
	} while (rc < 0 && errno == EINTR);
	if (rc == 0 && info.si_pid == 0)
		return 0;
	/* ECHILD: the caller ignores SIGCHLD, or waits for all children. */
	end->known = rc == 0;
	end->signal = rc == 0 && info.si_code != CLD_EXITED ? info.si_status :
							      0;
	end->code = rc == 0 && info.si_code == CLD_EXITED ? info.si_status : -1;
	p->pid = 0;
	return 1;
}

void process_release(struct process *p)
{
	process_fd_close(&p->fd);
	process_fd_close(&p->pidfd);
	p->pid = 0;
	p->pending = 0;
}
