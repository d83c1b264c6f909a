/* SPDX-License-Identifier: MIT */
#ifndef FORKSERVER_H
#define FORKSERVER_H

/*
 * The fork server: a small process that gives birth in the caller's stead. It
 * is forked when the pool opens, before the caller has grown, started threads
 * or taken locks, so that each later fork is cheap and safe; and as it is no
 * child of the caller's (nor are the workers), the caller's wait() and SIGCHLD
 * are left alone.
 *
 * It waits in poll for requests, for the death of its children, and for the
 * death of the caller, whose pidfd it has: then, or at end of file, it kills
 * its children, waits for them and leaves. When it is killed itself, its
 * children die with it (PR_SET_PDEATHSIG).
 *
 * Requests and news are packets of a SOCK_SEQPACKET socket:
 *
 *	request  {id}                        and the child's socket, its memory
 *	hello    {kind, 0, pid, 0}           and a pidfd of the server
 *	born     {kind, id, pid, 0 or errno} and a pidfd, when it is 0
 *	died     {kind, id, pid, status}
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process.h"

struct forkserver {
	int fd;			/* -1: none */
	struct process process; /* its pidfd */
};

#define FORKSERVER_INIT \
	{ \
		-1, PROCESS_INIT \
	}

enum forkserver_kind { FORKSERVER_HELLO = 1, FORKSERVER_BORN, FORKSERVER_DIED };

struct forkserver_news {
	int32_t kind;
	int32_t id;
	int32_t pid;
	int32_t value; /* BORN: 0 or a negative error; DIED: wait's status */
	int fd;	       /* HELLO, BORN: a pidfd, private and the receiver's */
};

/* Runs in a child; `memory` is a descriptor to map and close. */
typedef void (*forkserver_child_fn)(int fd, int memory, int id, void *ctx);

/* Start it, for children with ids below `count`, and wait until it is there.
 * With kill_leftovers what its children have started and left behind becomes
 * its own when they end, and is killed. 0 or an error. */
int forkserver_start(struct forkserver *f, uint32_t count, bool kill_leftovers,
		     forkserver_child_fn child, void *ctx);
/* Ask for a child. p->fd is its socket, which may be written to at once; its
 * pid and pidfd come with the news. Does not block; -EAGAIN: ask again. */
int forkserver_spawn(struct forkserver *f, struct process *p, int id,
		     int memory);
/* 1 and news, 0: none yet, negative: it is gone. Does not block. */
int forkserver_receive(struct forkserver *f, struct forkserver_news *news);
/* Make it kill its children and leave, and wait until it has. */
void forkserver_stop(struct forkserver *f);

#endif
