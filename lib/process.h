/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_H
#define PROCESS_H

/*
 * Birth and death of a child process. Knows no frame.
 *
 * A child is born with: signals as after an exec (caught ones back to their
 * default, SIGCHLD too; none blocked), stdin /dev/null, stdio buffers empty,
 * every private descriptor of this library closed save its own socket, and
 * SIGKILL waiting for it should the parent's thread die. Its death is seen by
 * its pidfd, never by end-of-file: another process may hold the socket.
 */

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid; /* 0: none */
	int pidfd;
	int fd;	     /* the parent's end of the socket; non-blocking */
	int pending; /* a signal for it before it has a pidfd; 0: none */
};

#define PROCESS_INIT \
	{ \
		0, -1, -1, 0 \
	}

/* How it ended. */
struct process_end {
	bool known; /* false: somebody else waited for it */
	int signal; /* 0: none */
	int code;   /* of exit; -1 when killed or unknown */
};

/* Runs in the child with its end of the socket (blocking); must not return. */
typedef void (*process_main_fn)(int fd, void *arg);

/* 0 or -errno; on error nothing is left. */
int process_start(struct process *p, process_main_fn child, void *arg);
/*
 * The same in pieces, for a process that bears children for another one. A
 * pair of connected sockets of this type, both private, the first one
 * non-blocking; a child with `fd` as its socket, which waits for
 * process_go from the other end; and there, that it was born.
 */
int process_socketpair(int fds[2], int type);
int process_fork(struct process *p, int fd, process_main_fn child, void *arg);
int process_go(const struct process *p);
void process_born(struct process *p, pid_t pid, int pidfd);
/*
 * A process that is no child of this one: forked twice. It keeps its signals
 * blocked and their dispositions, does not wait for a go, and does not die
 * with its parent. That it could not be forked shows as end of file.
 */
int process_detach(int fd, process_main_fn child, void *arg);
/* Wait until its pidfd says that it has ended, at most so long (negative: for
 * ever). False: it has not. */
bool process_await(const struct process *p, int timeout_ms);
/* Reap one that has ended, should it be a child after all: of a caller that
 * takes orphans (PR_SET_CHILD_SUBREAPER). */
void process_adopted(const struct process *p);
/* How it ended, from a status of wait(). */
void process_status(struct process_end *end, int status);
/* To be called again in the child after what clears it: a change of user. */
void process_follow_parent(pid_t parent);
/* Not a byte more will be sent. */
void process_shutdown(struct process *p);
void process_kill(struct process *p, int signal);
/* 1: it has ended and was reaped, *end says how; 0: it lives. With `block`
 * waits for the end. */
int process_reap(struct process *p, struct process_end *end, bool block);
/* Close what is left of a process that was reaped. */
void process_release(struct process *p);

/*
 * Private descriptors: not for children. process_fd_private takes over a new
 * descriptor (or a negative error, which it gives back), moves it above the
 * three of stdio and enters it in the list; process_fd_close closes it.
 */
int process_fd_private(int fd);
void process_fd_close(int *fd);

#endif
