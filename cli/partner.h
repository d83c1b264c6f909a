/* SPDX-License-Identifier: MIT */
#ifndef PARTNER_H
#define PARTNER_H

/*
 * A program that a worker talks to: it is asked by bytes on its standard input
 * and answers by bytes on its standard output, one question at a time. What is
 * said is not known here, but for where an answer ends.
 *
 * Most questions take one write and one read. The read blocks; that the program
 * has ended, though something that it has started holds its output, is told by
 * SIGCHLD, whose handler makes the descriptor one that does not block. So there
 * is no moment at which that could be missed, and no call for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "ending.h"
#include "spawn.h"

/* The longest answer, with what ends it. */
#define ANSWER_MAX ((size_t)256 << 20)

struct answer {
	char *data;
	size_t size, room;
	/* How many of the next bytes belong to the answer, and whether it ends
	 * with them; or an error when it is none. */
	ssize_t (*end)(void *self, const char *data, size_t size, bool *ended);
	void *self;
	bool ended;
};

enum partner_word {
	PARTNER_ANSWERED,
	/* It has ended, or closed a pipe, and has read no byte of this. */
	PARTNER_DEAF,
	/* The same, having read some; see partner_how(). */
	PARTNER_LOST,
	/* There was more than one answer. */
	PARTNER_TALKS,
	/* It came before all of the question was read: it may be the second one
	 * to a question before. */
	PARTNER_HASTY,
	/* The answer is none, or longer than ANSWER_MAX. */
	PARTNER_NONSENSE,
	PARTNER_TOO_LONG,
	PARTNER_NO_MEMORY,
};

struct partner {
	pid_t pid;   /* 0: there is none */
	int in, out; /* ours, of its standard streams */
	bool ended;  /* and was waited for: */
	int status;
	int wanted;    /* the signal that stopped it, and it was killed for */
	bool asked;    /* somebody has asked it to end */
	uint64_t said; /* answers so far */
};

/* Once, in a worker, before the first. */
void partner_prepare(struct partner *p);

/* 0 or -errno. The standard streams of `what` are filled in here. */
int partner_start(struct partner *p, struct spawner *spawner,
		  struct spawn *what);
/* Is it there to be asked? */
bool partner_is_there(struct partner *p);
/* Bytes that it has written and nobody has asked for. */
size_t partner_unread(const struct partner *p);
/* Ask. `question` is used up. */
enum partner_word partner_ask(struct partner *p, struct iovec question[2],
			      struct answer *answer);

/* No more questions: wait for its end, `limit_ms` at most (-1: for ever), and
 * kill it then: false. What it writes meanwhile is dropped and counted. */
bool partner_finish(struct partner *p, int64_t limit_ms, uint64_t *written);
/* Kill it. */
void partner_kill(struct partner *p);
/* One that can be asked no more: wait for its end, but not long, and see to
 * what is left of it. False: it was there still, and was killed. */
bool partner_bury(struct partner *p);

/* Has it ended as it should? */
bool partner_ended_well(const struct partner *p);
/* How it has ended, in words. */
void partner_how(char text[ENDING_TEXT], const struct partner *p);

#endif
