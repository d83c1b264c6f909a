/* SPDX-License-Identifier: MIT */
#include "forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS_MAX 2
/* For it to kill its children and to leave. */
#define STOP_MS 5000

/* What goes over the socket; forkserver_news without its descriptor. */
#define NEWS_SIZE offsetof(struct forkserver_news, fd)

/* -- Packets with descriptors -- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static int send_packet(int fd, const void *data, size_t size, const int *fds,
		       unsigned count)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};
	union control control;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (count) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do {
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A packet of exactly `size` bytes, and its descriptors: 1; 0: none yet;
 * negative: end of file, an error, or something else. */
static int receive_packet(int fd, void *data, size_t size, int *fds,
			  unsigned *count)
{
	struct iovec iov = {data, size};
	union control control;
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	ssize_t n;

	*count = 0;
	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	c = CMSG_FIRSTHDR(&m);
	if (n > 0 && c && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS) {
		*count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *count * sizeof(int));
	}
	return (size_t)n == size && !(m.msg_flags & MSG_TRUNC) ? 1 : -EPIPE;
}

/* -- The server -- */

struct server {
	int fd;
	int signals; /* signalfd: SIGCHLD */
	int caller;  /* pidfd */
	pid_t *pids; /* by id; 0: none */
	uint32_t count;
	bool kill_leftovers;
	pid_t group; /* of the caller */
	forkserver_child_fn child;
	void *ctx;
	char name[16]; /* of the caller, for its children */
};

/* The place of a child's id, or -1: it is none that was asked for. */
static int id_of(const struct server *s, pid_t pid)
{
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (s->pids[i] == pid)
			return (int)i;
	return -1;
}

/*
 * Kill all children that nobody asked for: a worker that has ended left them,
 * or one of their own kind did. Theirs will come here when they are dead, with
 * another SIGCHLD. False: there are none that can be killed.
 */
static bool kill_leftovers(const struct server *s)
{
	FILE *list = fopen("/proc/thread-self/children", "re");
	bool killed = false;
	pid_t pid;

	if (!list)
		return false;
	while (fscanf(list, "%d", &pid) == 1)
		if (id_of(s, pid) < 0 && kill(pid, SIGKILL) == 0)
			killed = true;
	fclose(list);
	return killed;
}

static void leave(struct server *s) __attribute__((noreturn));

static void leave(struct server *s)
{
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (s->pids[i] > 0)
			kill(s->pids[i], SIGKILL);
	for (i = 0; i < s->count; i++)
		while (s->pids[i] > 0 && waitpid(s->pids[i], NULL, 0) < 0 &&
		       errno == EINTR)
			;
	memset(s->pids, 0, s->count * sizeof(*s->pids));
	while (s->kill_leftovers && kill_leftovers(s))
		while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
			;
	_exit(0);
}

/* A caller that does not read just now is waited for, one that died is not. */
static void tell(struct server *s, const struct forkserver_news *news, int fd)
{
	struct pollfd polls[2] = {{s->fd, POLLOUT, 0}, {s->caller, POLLIN, 0}};
	int rc;

	while ((rc = send_packet(s->fd, news, NEWS_SIZE, &fd, fd >= 0)) ==
	       -EAGAIN) {
		poll(polls, 2, -1);
		if (polls[1].revents)
			leave(s);
	}
	/* Too many descriptors in flight: the child cannot be told of. */
	if (rc < 0)
		leave(s);
}

struct birth {
	const struct server *server;
	int id, memory;
};

static void run_child(int fd, void *arg)
{
	const struct birth *b = arg;

	prctl(PR_SET_NAME, b->server->name);
	if (b->server->kill_leftovers) {
		setpgid(0, b->server->group);
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	b->server->child(fd, b->memory, b->id, b->server->ctx);
}

static void give_birth(struct server *s, int id, int fd, int memory)
{
	struct forkserver_news news = {.kind = FORKSERVER_BORN, .id = id};
	struct birth birth = {s, id, memory};
	struct process p = PROCESS_INIT;

	fd = process_fd_private(fd);
	news.value = fd < 0 ? fd : process_fork(&p, fd, run_child, &birth);
	news.pid = p.pid;
	s->pids[id] = p.pid;
	process_fd_close(&fd);
	close(memory);
	tell(s, &news, p.pidfd);
	process_fd_close(&p.pidfd);
}

/* One request; false: there is none. */
static bool serve(struct server *s)
{
	struct forkserver_news news = {.kind = FORKSERVER_BORN,
				       .value = -EMFILE};
	int fds[FDS_MAX];
	unsigned count, i;
	int32_t id;
	int rc = receive_packet(s->fd, &id, sizeof(id), fds, &count);

	if (rc < 0)
		leave(s);
	if (rc == 0)
		return false;
	if (count == 2 && id >= 0 && (uint32_t)id < s->count) {
		give_birth(s, id, fds[0], fds[1]);
		return true;
	}
	for (i = 0; i < count; i++)
		close(fds[i]);
	if (id < 0 || (uint32_t)id >= s->count)
		return true;
	/* Without room for them here the descriptors are lost on their way. */
	news.id = id;
	tell(s, &news, -1);
	return true;
}

static void reap(struct server *s)
{
	struct forkserver_news news = {.kind = FORKSERVER_DIED};
	struct signalfd_siginfo info;
	int status, id;
	pid_t pid;

	while (read(s->signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		id = id_of(s, pid);
		if (id < 0)
			continue;
		s->pids[id] = 0;
		news.id = id;
		news.pid = pid;
		news.value = status;
		tell(s, &news, -1);
	}
	if (s->kill_leftovers)
		kill_leftovers(s);
}

static void serve_for_ever(struct server *s) __attribute__((noreturn));

static void serve_for_ever(struct server *s)
{
	struct pollfd polls[3] = {{s->fd, POLLIN, 0},
				  {s->signals, POLLIN, 0},
				  {s->caller, POLLIN, 0}};

	for (;;) {
		if (poll(polls, 3, -1) < 0)
			continue;
		if (polls[2].revents)
			leave(s);
		if (polls[1].revents)
			reap(s);
		if (polls[0].revents)
			while (serve(s))
				;
	}
}

/* All signals stay blocked, so that those from the terminal pass it by; its
 * children start without a mask. */
static void server_main(int fd, void *arg)
{
	struct server *s = arg;
	struct forkserver_news hello = {.kind = FORKSERVER_HELLO,
					.pid = getpid()};
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t child;
	int self;

	prctl(PR_GET_NAME, s->name);
	prctl(PR_SET_NAME, "prun-forkserver");
	sigaction(SIGCHLD, &sa, NULL); /* or there is nothing to wait for */
	if (s->kill_leftovers) {
		/* So that no signal to the caller's group takes it along. */
		setpgid(0, 0);
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	s->fd = fd;
	s->caller = process_fd_private(s->caller);
	s->signals = process_fd_private(
		signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (s->caller < 0 || s->signals < 0 || self < 0)
		_exit(127);
	tell(s, &hello, self);
	close(self);
	serve_for_ever(s);
}

/* -- The caller -- */

int forkserver_receive(struct forkserver *f, struct forkserver_news *news)
{
	int fds[FDS_MAX];
	unsigned count, i;
	int rc = receive_packet(f->fd, news, NEWS_SIZE, fds, &count);

	news->fd = count == 1 && rc > 0 ? process_fd_private(fds[0]) : -1;
	for (i = rc > 0 ? 1 : 0; i < count; i++)
		close(fds[i]);
	return rc;
}

/* Its first word, or its end. */
static int await_hello(struct forkserver *f)
{
	struct pollfd poll_for = {.fd = f->fd, .events = POLLIN};
	struct forkserver_news news = {.fd = -1};
	int rc;

	while ((rc = forkserver_receive(f, &news)) == 0)
		poll(&poll_for, 1, -1);
	if (rc < 0 || news.kind != FORKSERVER_HELLO || news.fd < 0)
		return rc < 0 && rc != -EPIPE ? rc : -EAGAIN;
	process_born(&f->process, news.pid, news.fd);
	return 0;
}

/* A pidfd of this process, out of the way of stdio; not private, as the server
 * is to have it. */
static int open_self(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int rc = -errno;

	if (fd >= 0)
		close(fd);
	return high < 0 ? rc : high;
}

int forkserver_start(struct forkserver *f, uint32_t count, bool kill_leftovers,
		     forkserver_child_fn child, void *ctx)
{
	struct server s = {.count = count,
			   .kill_leftovers = kill_leftovers,
			   .group = getpgrp(),
			   .child = child,
			   .ctx = ctx};
	int fds[2], rc;

	rc = process_socketpair(fds, SOCK_SEQPACKET);
	if (rc < 0)
		return rc;
	s.pids = calloc(count, sizeof(*s.pids));
	s.caller = open_self();
	rc = !s.pids ? -ENOMEM : s.caller < 0 ? s.caller : 0;
	if (rc == 0)
		rc = process_detach(fds[1], server_main, &s);
	process_fd_close(&fds[1]);
	if (s.caller >= 0)
		close(s.caller);
	free(s.pids);
	f->fd = fds[0];
	if (rc == 0)
		rc = await_hello(f);
	if (rc < 0)
		process_fd_close(&f->fd);
	return rc;
}

int forkserver_spawn(struct forkserver *f, struct process *p, int id,
		     int memory)
{
	int32_t request = id;
	int fds[2], both[2], rc;

	rc = process_socketpair(fds, SOCK_STREAM);
	if (rc < 0)
		return rc;
	both[0] = fds[1];
	both[1] = memory;
	rc = send_packet(f->fd, &request, sizeof(request), both, 2);
	process_fd_close(&fds[1]);
	if (rc < 0) {
		process_fd_close(&fds[0]);
		return rc;
	}
	*p = (struct process)PROCESS_INIT;
	p->fd = fds[0];
	(void)process_go(p);
	return 0;
}

void forkserver_stop(struct forkserver *f)
{
	if (f->fd < 0)
		return;
	/* A forked copy of the caller may have the socket too. */
	shutdown(f->fd, SHUT_RDWR);
	process_fd_close(&f->fd);
	/* Its workers die with it, should it not do as it is told. */
	if (!process_await(&f->process, STOP_MS))
		process_kill(&f->process, SIGKILL);
	process_await(&f->process, -1);
	process_adopted(&f->process);
	process_release(&f->process);
}
