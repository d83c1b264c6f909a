/* SPDX-License-Identifier: MIT */

#include "partner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "group.h"

#define READ_SIZE ((size_t)64 << 10)
/* Between the end of its pipes and its own there is little; what goes on longer
 * than that was not about to end. */
#define BURY_MS 5000

/* ------------------------------------------------------------------- signals */

static struct {
	volatile sig_atomic_t out;   /* of the program that runs, or -1 */
	volatile sig_atomic_t child; /* something has become of a child */
} watched = {.out = -1};

static void on_child(int sig)
{
	int before = errno;

	(void)sig;
	watched.child = 1;
	if (watched.out >= 0)
		fcntl(watched.out, F_SETFL, O_NONBLOCK);
	errno = before;
}

void partner_prepare(struct partner *p)
{
	*p = (struct partner){.in = -1, .out = -1};
	group_handle(true);
	group_catch(SIGCHLD, on_child);
}

/* -------------------------------------------------------------------- its life */

static void descriptor_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void partner_forget(struct partner *p)
{
	watched.out = -1;
	descriptor_close(&p->in);
	descriptor_close(&p->out);
	p->pid = 0;
}

int partner_start(struct partner *p, struct spawner *spawner,
		  struct spawn *what)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	pid_t pid;

	*p = (struct partner){.in = -1, .out = -1};
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    fcntl(in[1], F_SETFL, O_NONBLOCK) < 0) {
		pid = -errno;
	} else {
		what->fds[0] = in[0];
		what->fds[1] = out[1];
		what->fds[2] = -1;
		pid = spawn(spawner, what);
	}
	descriptor_close(&in[0]);
	descriptor_close(&out[1]);
	p->in = in[1];
	p->out = out[0];
	if (pid < 0) {
		partner_forget(p);
		return pid;
	}
	p->pid = pid;
	group_set(pid);
	watched.out = p->out;
	/* It may have ended before it was watched. */
	watched.child = 1;
	return 0;
}

/* One that wants the terminal, which it cannot have, would wait for ever. */
static void look_for_stop(struct partner *p)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)p->pid, &info, WSTOPPED | WNOHANG) < 0 ||
	    info.si_pid == 0)
		return;
	if (info.si_status != SIGTTIN && info.si_status != SIGTTOU)
		return;
	p->wanted = info.si_status;
	kill(-p->pid, SIGKILL);
}

/*
 * Look after the children: the program, and what it has left here. Handlers of
 * signals know that it is gone before it is waited for.
 */
static void look(struct partner *p)
{
	siginfo_t info;
	int status = 0;

	watched.child = 0;
	if (p->out >= 0)
		fcntl(p->out, F_SETFL, 0);
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    info.si_pid == 0)
			break;
		if (info.si_pid == p->pid)
			group_forget();
		waitpid(info.si_pid, &status, 0);
		if (info.si_pid != p->pid || p->ended)
			continue;
		p->status = status;
		p->ended = true;
	}
	if (p->pid > 0 && !p->ended)
		look_for_stop(p);
}

bool partner_is_there(struct partner *p)
{
	if (watched.child)
		look(p);
	return p->pid > 0 && !p->ended;
}

static size_t pipe_holds(int fd)
{
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

size_t partner_unread(const struct partner *p)
{
	return pipe_holds(p->out);
}

/* Wait for these events of its pipes, or its end; not beyond `until_ns`. Whether
 * there is something to read of `out`, be it the end. */
static bool await(struct partner *p, short in, short out, uint64_t until_ns)
{
	struct pollfd polls[2] = {{.fd = in ? p->in : -1, .events = in},
				  {.fd = out ? p->out : -1, .events = out}};
	struct timespec left, *timeout = NULL;
	sigset_t child, before;
	uint64_t now = clock_ns();

	if (until_ns != UINT64_MAX) {
		uint64_t ns = until_ns > now ? until_ns - now : 0;

		left.tv_sec = (time_t)(ns / 1000000000u);
		left.tv_nsec = (long)(ns % 1000000000u);
		timeout = &left;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	look(p);
	if (p->ended || ppoll(polls, 2, timeout, &before) < 0)
		polls[1].revents = 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return polls[1].revents != 0;
}

/* -------------------------------------------------------------------- a question */

static bool all_told(const struct iovec question[2])
{
	return question[0].iov_len + question[1].iov_len == 0;
}

/* As much of it as goes. 0, or -errno. */
static int tell(struct partner *p, struct iovec question[2], size_t *told)
{
	while (!all_told(question)) {
		ssize_t n = writev(p->in, question, 2);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		*told += (size_t)n;
		for (int i = 0; i < 2; i++) {
			size_t taken = (size_t)n < question[i].iov_len ?
					       (size_t)n :
					       question[i].iov_len;

			question[i].iov_base =
				(char *)question[i].iov_base + taken;
			question[i].iov_len -= taken;
			n -= (ssize_t)taken;
		}
	}
	return 0;
}

static int room_make(struct answer *a)
{
	size_t room = a->room ? 2 * a->room : READ_SIZE;
	char *data;

	if (a->room - a->size >= READ_SIZE / 2)
		return 0;
	data = realloc(a->data, room);
	if (!data)
		return -ENOMEM;
	a->data = data;
	a->room = room;
	return 0;
}

/* What was read is part of the answer, all of it. */
static enum partner_word answer_take(struct answer *a, size_t size)
{
	ssize_t own = 0;

	if (!a->ended)
		own = a->end(a->self, a->data + a->size, size, &a->ended);
	if (own < 0)
		return PARTNER_NONSENSE;
	a->size += (size_t)own;
	if ((size_t)own < size)
		return PARTNER_TALKS;
	return a->size > ANSWER_MAX ? PARTNER_TOO_LONG : PARTNER_ANSWERED;
}

/* Read what there is, or wait for it: PARTNER_ANSWERED, so far; PARTNER_LOST at
 * its end. */
static enum partner_word hear(struct partner *p, struct answer *a)
{
	ssize_t n;

	if (p->ended && partner_unread(p) == 0)
		return PARTNER_LOST;
	if (room_make(a) < 0)
		return PARTNER_NO_MEMORY;
	n = read(p->out, a->data + a->size, a->room - a->size);
	if (n > 0)
		return answer_take(a, (size_t)n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PARTNER_ANSWERED;
	return PARTNER_LOST;
}

/* Write and read, when not all of it goes at once: the program may answer before
 * it has read all. */
static enum partner_word tell_and_hear(struct partner *p,
				       struct iovec question[2], size_t *told,
				       struct answer *a)
{
	enum partner_word word = PARTNER_ANSWERED;
	int rc = 0;

	while (rc == 0 && word == PARTNER_ANSWERED && !p->ended &&
	       !all_told(question)) {
		if (await(p, POLLOUT, POLLIN, UINT64_MAX))
			word = hear(p, a);
		if (word == PARTNER_ANSWERED && a->ended)
			return PARTNER_HASTY;
		rc = tell(p, question, told);
	}
	return rc < 0 ? PARTNER_LOST : word;
}

enum partner_word partner_ask(struct partner *p, struct iovec question[2],
			      struct answer *a)
{
	enum partner_word word = PARTNER_ANSWERED;
	size_t told = 0;

	a->size = 0;
	a->ended = false;
	if (tell(p, question, &told) < 0)
		word = PARTNER_LOST;
	else if (!all_told(question))
		word = tell_and_hear(p, question, &told, a);
	while (word == PARTNER_ANSWERED && !a->ended) {
		/* The read waits by itself, but for one thing only. */
		if (!watched.child || await(p, 0, POLLIN, UINT64_MAX) ||
		    p->ended)
			word = hear(p, a);
	}
	if (word == PARTNER_LOST && a->size == 0 && pipe_holds(p->in) == told)
		return PARTNER_DEAF;
	if (word != PARTNER_ANSWERED)
		return word;
	if (pipe_holds(p->in) > 0)
		return PARTNER_HASTY;
	p->said++;
	return word;
}

/* ---------------------------------------------------------------------- its end */

void partner_kill(struct partner *p)
{
	if (p->pid == 0)
		return;
	if (!p->ended) {
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL); /* should it have left its group */
	}
	while (!p->ended)
		await(p, 0, 0, UINT64_MAX);
	partner_forget(p);
}

bool partner_bury(struct partner *p)
{
	uint64_t until_ns = clock_ns() + BURY_MS * (uint64_t)1000000;
	bool ended;

	while (!p->ended && clock_ns() < until_ns)
		await(p, 0, 0, until_ns);
	ended = p->ended;
	partner_kill(p);
	return ended;
}

/* Drop what it writes: false at its end. */
static bool drain(struct partner *p, uint64_t *written)
{
	char block[4096];
	ssize_t n;

	if (partner_unread(p) == 0 && p->ended)
		return false;
	n = read(p->out, block, sizeof(block));
	if (n > 0)
		*written += (uint64_t)n;
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* What it had written when it ended. What it has left behind may go on writing
 * for ever. */
static void drain_rest(struct partner *p, uint64_t *written)
{
	uint64_t end = *written + partner_unread(p);

	while (*written < end && drain(p, written))
		;
}

bool partner_finish(struct partner *p, int64_t limit_ms, uint64_t *written)
{
	uint64_t until_ns = UINT64_MAX;
	bool open = true, ended;

	if (p->pid == 0)
		return true;
	if (limit_ms >= 0)
		until_ns = clock_ns() + (uint64_t)limit_ms * 1000000u;
	descriptor_close(&p->in);
	while (!p->ended && clock_ns() < until_ns) {
		if (await(p, 0, open ? POLLIN : 0, until_ns))
			open = drain(p, written);
	}
	if (open)
		drain_rest(p, written);
	ended = p->ended;
	partner_kill(p);
	return ended;
}

bool partner_ended_well(const struct partner *p)
{
	return p->asked ||
	       (WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0);
}

void partner_how(char text[ENDING_TEXT], const struct partner *p)
{
	int sig = WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;

	ending_text(text, sig ? 0 : WEXITSTATUS(p->status),
		    p->wanted ? p->wanted : sig);
}
